"""What the public may see of a found thing, and search by; nothing here knows a request."""
