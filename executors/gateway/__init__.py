"""HTTP in and out for agents, and streams for people, outside Django's request cycle."""
