"""WHAT runs: tasks, their attempts, and everything that moves them."""
