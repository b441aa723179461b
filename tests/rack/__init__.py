"""The torture rack: what `tests/torture.py` does to the package, one part per file."""
