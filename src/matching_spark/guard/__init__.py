"""What is kept from others: secrets, folders of one's own, settings that others have written."""
