"""Nearest neighbours on arrays alone. Knows no file, no post and no Spark."""
