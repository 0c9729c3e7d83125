"""OpenAI's wire format, and the many servers that speak it."""
