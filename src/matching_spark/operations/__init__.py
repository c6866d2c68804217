"""What the project does, as functions from settings to a report: search, its output, the demo's
tour. Prints nothing.
"""
