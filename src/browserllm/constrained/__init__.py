"""What a model may write: grammars made from schemas, and tool calls in each family's form."""
