"""How news reaches an agent that waits: Redis carries the hint, the rows carry the order."""
