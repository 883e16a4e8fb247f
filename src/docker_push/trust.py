"""What a run of a stranger's change may not do: no credentials, no remote contexts, no other registry."""
