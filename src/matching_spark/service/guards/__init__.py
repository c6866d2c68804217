"""Who asks, whether they meant it, how much they may: around every route, before it."""
