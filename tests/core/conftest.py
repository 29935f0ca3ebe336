"""How properties are tried: the same examples each time, and no limit by the clock."""

from hypothesis import settings

settings.register_profile("core", deadline=None, derandomize=True)
settings.load_profile("core")
