"""WHO may: people, projects and tokens."""
