"""What must be done: one file per task, each with its runbook, the procedure that is followed when no model leads."""
