"""What runs behind the chat page."""
