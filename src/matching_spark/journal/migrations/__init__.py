"""How the journal's tables became what they are; database.upgrade runs them."""
