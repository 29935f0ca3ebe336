"""REST for people and integrations: agents."""
