"""The version of the package, read by the build and by ``browserllm --version``."""

__version__ = "0.2.0"
