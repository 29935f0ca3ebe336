"""What does the gateway refuse that nobody else has to? A body that does not come."""

from k8s4r.core.errors import DomainError


class TooSlow(DomainError):
    """The body did not arrive in time."""

    code, status, title = "too_slow", 408, "The body took too long"
