"""The HTTP client, in a process and in a page."""
