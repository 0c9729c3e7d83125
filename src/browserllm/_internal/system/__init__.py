"""Operating system features that a page does not have: forks, private files, listening sockets."""
