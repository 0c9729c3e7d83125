"""Tool calls as text, for models without native calls: describe the tools, constrain calls, and parse them."""

from .formats import ToolFormat, format_for
from .parser import ToolCallParser
from .prompt import ToolUse

__all__ = ["ToolCallParser", "ToolFormat", "ToolUse", "format_for"]
