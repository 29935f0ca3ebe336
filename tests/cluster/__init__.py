"""A real Kubernetes for tests: its control plane, a node of ours, and how both are reached."""
