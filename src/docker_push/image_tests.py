"""An image's ``test`` commands, run in the very bytes that were staged, before any tag moves."""
