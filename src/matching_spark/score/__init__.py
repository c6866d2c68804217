"""The evidence of a pair and its weights: a calibrated probability and why.

Knows no Spark and no file but its own.
"""
