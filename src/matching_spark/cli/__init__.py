"""The command line: a command reads its flags, calls operations and draws a table.

Only here is typer known.
"""
