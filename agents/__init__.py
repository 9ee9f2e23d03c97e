"""Who does the work: one file per role. Each is an `Agent`: name, role, goal, backstory and tools."""
