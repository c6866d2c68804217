"""What is answered at which address: pages of a person and of the office, the API."""
