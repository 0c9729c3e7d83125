"""Private helpers that every package uses: the clock, HTTP, threads, limits on untrusted input."""
