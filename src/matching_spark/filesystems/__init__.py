"""What storage.py speaks to, by places alone: this machine's files, HDFS and who answers for it."""
