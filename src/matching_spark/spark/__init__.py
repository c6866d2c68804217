"""Spark itself: sessions, its failures in our words, a development cluster. Knows no table."""
