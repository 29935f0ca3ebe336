"""REST, through the whole request cycle."""
