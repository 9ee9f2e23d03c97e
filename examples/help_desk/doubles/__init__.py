"""What stands for them in the sandbox."""
