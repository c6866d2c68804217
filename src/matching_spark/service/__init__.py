"""The service: pages and an HTTP API over operations, for people who lost something and offices

It knows HTTP and what the public may see; how posts are compared, stored and journalled it asks of
the storeys below.
"""
