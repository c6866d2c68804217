"""The tables of a warehouse on Iceberg: read without a JVM, written by Spark, kept in order.

Knows nothing of sources or searches.
"""
