"""Labelled pairs: how good the scores are, and the weights learnt from them.

Knows no table of Spark's.
"""
