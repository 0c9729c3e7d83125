"""Whatever answers a chat: the base, the local models, the clouds, and what stands around or before them."""
