"""The words of lost and found: posts, their columns, results. Knows nothing else."""
