"""`k8s4r`, the command line for people; it speaks REST only."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("k8s4r")
except PackageNotFoundError:
    __version__ = "0"
