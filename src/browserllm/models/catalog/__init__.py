"""The known models and their artifacts."""
