"""Posts as the service finds, reads and writes them: the table with the journal's tail over it."""
