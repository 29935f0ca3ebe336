"""What runs on a machine of the fleet: `k8s4r-agent`, without Django.

Two processes, joined by one socketpair: `runner` owns the work and never touches the network,
`link` talks to the server and may die at any time.
"""
