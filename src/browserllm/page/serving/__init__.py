"""The site over HTTP on loopback, and what a page may ask of this process."""
