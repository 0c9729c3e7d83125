"""Turn a JSON Schema into a grammar for an engine, and name the keywords that the grammar cannot enforce."""
