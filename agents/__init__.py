"""WHO works: agents, their sessions and slots, and the program that runs on their machines."""
