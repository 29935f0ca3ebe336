"""Does the agent keep its side of the protocol? The real processes against a scripted server."""
