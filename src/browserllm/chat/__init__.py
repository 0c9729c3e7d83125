"""Conversations over any Backend: tools that run, structured answers, sessions."""
