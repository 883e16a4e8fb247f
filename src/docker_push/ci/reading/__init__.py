"""The files of a CI as jobs: ``github`` and ``gitlab`` know their CI, ``commands`` what the scripts in them run."""
