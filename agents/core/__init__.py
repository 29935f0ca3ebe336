"""The rules about agents: their states, their liveness and their tokens. Pure."""
