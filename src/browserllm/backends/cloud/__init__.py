"""Backends in the cloud: one wire format a file, over one HTTP seam that works in a process and in a page."""
