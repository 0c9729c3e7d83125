"""What all rooms use and no program outside: the clock, HTTP, threads, limits on what others send."""
