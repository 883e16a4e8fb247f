"""Give this repository's scripts a real engine, registry and emulation on any machine.

Python's standard library only: it runs before anything is installed.

    errors < folders < processes < apt < tools < busybox
    errors < folders < processes < registry, emulation, leftovers < private_engine, found_engine < cli
"""
