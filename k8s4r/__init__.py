"""Wiring and the shared kernel: settings, routes, time, access, audit and the parts around them."""
