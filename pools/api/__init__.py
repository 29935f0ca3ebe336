"""REST for people and integrations: pools."""
