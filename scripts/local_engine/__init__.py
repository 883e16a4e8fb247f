"""Give this repository's scripts a real engine, registry and emulation on any machine.

Python's standard library only: it runs before anything is installed.

    errors < folders, processes < apt < unpack < busybox < tools < registry
    errors < folders, processes < emulation, bridge, leftovers, docker_client, users
    all of these < private_engine, found_engine < cli
"""
