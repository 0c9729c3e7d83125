"""The connection to a page: its host, the protocol, what the page says of its device, and the ways to reach one."""
