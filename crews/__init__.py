"""Who does what together: one file per crew, each with a `crew`; `run.py NAME` runs `crews/NAME.py`."""
