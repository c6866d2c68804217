"""A table as it was written when `make` last ran, kept: what is written today must read it."""
