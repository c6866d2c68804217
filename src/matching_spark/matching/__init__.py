"""All lost posts against all found ones: the pairs, what was decided of them, who was told.

Knows no command.
"""
