"""Values under keys that outlive a program: in memory, in a file, in the page."""
