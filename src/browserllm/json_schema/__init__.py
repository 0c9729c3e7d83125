"""JSON Schema: schemas of Python types, validation, and JSON as models write it (repaired, partial, coerced)."""
