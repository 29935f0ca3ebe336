"""The operators' pages on top of the admin."""
