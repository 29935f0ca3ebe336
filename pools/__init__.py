"""WHERE work may run, and how much: pools and their members."""
