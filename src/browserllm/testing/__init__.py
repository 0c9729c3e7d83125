"""Test doubles that ship with the library: a backend, a host and a file system that follow a script."""
