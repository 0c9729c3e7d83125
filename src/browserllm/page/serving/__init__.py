"""Serves the site and shared folders to a page, over HTTP on loopback."""
