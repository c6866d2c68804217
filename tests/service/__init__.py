"""The service: its desk, its guards, its pages."""
