"""Writes about pools and their members."""
