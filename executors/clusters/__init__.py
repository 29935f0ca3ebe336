"""Clusters, brought in line with their rows: rounds, and who watches for a reason to begin one."""
