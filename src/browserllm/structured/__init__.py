"""Objects of a type out of what a model answers."""
