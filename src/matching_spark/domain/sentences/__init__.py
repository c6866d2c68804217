"""Facts that a sentence says: what was lost, its colour, where and when, by plain rules."""
