"""Writes about agents: registration, sessions, heartbeats, and what people wish of them."""
