"""Who does it."""
