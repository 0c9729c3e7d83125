"""What of a JSON Schema a model can be held to, as a grammar for an engine, and the names of what is left out."""
