"""What must be done."""
