"""WHAT happened: append-only events, written by the database itself."""
