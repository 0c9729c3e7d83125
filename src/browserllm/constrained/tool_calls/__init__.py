"""Tool calls of models that have no field for them: how to ask, how to make a call well-formed, how to read one."""

from .formats import ToolFormat, format_for
from .parser import ToolCallParser
from .prompt import ToolUse

__all__ = ["ToolCallParser", "ToolFormat", "ToolUse", "format_for"]
