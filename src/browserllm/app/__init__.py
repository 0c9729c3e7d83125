"""The Python side of the chat page."""
