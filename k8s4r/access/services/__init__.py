"""Writes about people, projects and tokens."""
