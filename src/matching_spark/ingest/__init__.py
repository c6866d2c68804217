"""What sources bring becomes rows: photos and words embedded in tasks, staged, merged."""
