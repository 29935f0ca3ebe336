"""Clusters: the only place that speaks Kubernetes, and a cluster in memory beside it."""
