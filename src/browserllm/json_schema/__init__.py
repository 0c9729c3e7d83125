"""JSON and what it may be: schemas of types, what fits them, what an engine can be held to, JSON as models write it."""
