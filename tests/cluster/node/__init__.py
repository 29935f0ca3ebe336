"""A Kubernetes node that runs each container's command as a local process.

It stands in for the kubelet and the container runtime. Images are not pulled, users and resource
limits are not applied; files, namespaces of processes and mounts, logs, exit codes, grace periods
and tokens are real.
"""
