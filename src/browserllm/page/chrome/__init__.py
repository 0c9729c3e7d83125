"""A browser of our own: found, launched with a profile, and ended with everything it started."""
