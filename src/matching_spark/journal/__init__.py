"""The service's journal: every write is one typed event in SQLite, answered after its commit.

events are what can be written, sealing keeps what is personal, tables and migrations are how it
lies on the disk, database opens that, store appends, reads and forgets.
"""
