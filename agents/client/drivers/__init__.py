"""How an order becomes work on this machine."""
