"""Who does what together."""
