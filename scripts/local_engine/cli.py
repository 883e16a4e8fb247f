"""Read the command line of scripts/engine and print what it answers."""

from __future__ import annotations

import argparse
import json
import os
import sys

from local_engine import private_engine
from local_engine.errors import EngineError
from local_engine.folders import folders_of
def main() -> int:
    f=folders_of(sys.argv[2], os.environ)
    if sys.argv[1]=='up':
        for k,v in private_engine.up(f, os.environ).items(): print(f"{k}={v}")
    else:
        private_engine.down(f)
    return 0
