"""OpenAI's shapes over any Backend: reading requests, writing responses, and a client for code that knows them."""
