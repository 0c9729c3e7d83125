"""What only a process has: forks, files of one user alone, sockets to listen on."""
