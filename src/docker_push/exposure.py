"""Secrets where everybody can read them: build arguments that look like one, and what was published."""
