"""The office's pages: signing in, found things, its search, pairs that are reviewed."""
