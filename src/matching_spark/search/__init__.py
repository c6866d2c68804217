"""One search: what its tasks are handed, what a task does with a shard, how the best are decided.

Knows no command.
"""
