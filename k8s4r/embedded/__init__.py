"""PostgreSQL and Redis from what the machine has, and the supervisor behind ``k8s4r up``."""
