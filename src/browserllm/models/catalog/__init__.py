"""What models there are, and in which artifacts."""
