"""What can go wrong while parts of the embedded platform start?"""


class EmbeddedError(Exception):
    """A part cannot run here; the message says why and what to do about it."""


class NotInstalled(EmbeddedError):
    """A program that we need is on this machine in no form that we can use."""


class DidNotStart(EmbeddedError):
    """A part ended, or did not answer in time, before it was ready."""


class Interrupted(EmbeddedError):
    """The user wants it to stop before it was up."""
