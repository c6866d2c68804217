"""Data files as arrays: read, cached on this host, sorted by cells. Knows no table and no Spark."""
