"""Writes about tasks and attempts; `transitions` is the only writer of their states."""
