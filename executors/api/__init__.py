"""REST for people and integrations: tasks."""
