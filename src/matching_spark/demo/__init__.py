"""The demo: a small world of lost and found things, and the tour through it."""
