"""Tools that come with browserllm. Each function returns a tool for ``tools=[...]``."""

from .calculator import calculator as calculator
from .clock import clock as clock
from .fetch import web_fetch as web_fetch
from .storage import storage as storage
from .todo import todo_list as todo_list

__all__ = ["calculator", "clock", "storage", "todo_list", "web_fetch"]
