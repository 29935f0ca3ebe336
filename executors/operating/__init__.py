"""How do operators see and hear what goes on? Counts for scrapers, messages for people."""
