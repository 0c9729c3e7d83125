"""Constrain what a model writes: grammars made from schemas, and tool calls in each family's format."""
