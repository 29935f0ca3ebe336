"""Targets and messages over REST."""
