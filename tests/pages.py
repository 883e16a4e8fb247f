"""The pages of the documentation, and the blocks of code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    folders = [ROOT / "docs", ROOT / "examples"]
    return [*sorted(ROOT.glob("*.md")), *sorted(page for folder in folders for page in folder.rglob("*.md"))]


def blocks(*languages: str) -> list[Block]:
    return [
        Block(str(page.relative_to(ROOT)), text.count("\n", 0, match.start()) + 1, match["language"], match["text"])
        for page in pages()
        for text in (page.read_text("utf-8"),)
        for match in _FENCE.finditer(text)
        if match["language"] in languages
    ]
