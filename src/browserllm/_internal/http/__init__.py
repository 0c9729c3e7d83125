"""The one HTTP seam, in a process and in a page."""
