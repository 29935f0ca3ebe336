"""The protocol between the server and an agent: messages as values, shared by both sides."""
