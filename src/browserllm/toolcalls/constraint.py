"""What makes a call well-formed, for an engine that constrains what a model writes: XGrammar's structural tags.

WebLLM takes them as a ``response_format`` for every model (https://xgrammar.mlc.ai/docs/, as of 0.2.86 of WebLLM):
``triggered_tags`` lets text be until a trigger is written, ``tags_with_separator`` is tags and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..request import ToolChoice
from ..types import Tool
from .formats import ToolFormat

Format = dict[str, Any]


def tool_constraint(form: ToolFormat, tools: Sequence[Tool], choice: ToolChoice) -> dict[str, Any]:
    """Return the ``response_format`` in which every call is of one of ``tools`` and has arguments of its schema.

    ``auto`` lets the model say what it likes beside and instead of calls, ``required`` is one call or more and nothing
    else, and ``named`` exactly one.
    """
    if choice.mode == "named":
        (tool,) = (tool for tool in tools if tool.name == choice.name)
        inner = _tag(form, tool)
        whole = {**inner, "begin": form.begin + inner["begin"], "end": inner["end"] + form.end}
        return _response_format(whole)
    tags = [_tag(form, tool) for tool in tools]
    if form.begin:
        # The calls of a turn are one list, which is one tag.
        listed = {"type": "tag", "begin": form.begin, "content": _in_a_row(form, tags), "end": form.end}
        return _response_format(_among_text(form, [listed]) if choice.mode == "auto" else listed)
    return _response_format(_among_text(form, tags) if choice.mode == "auto" else _in_a_row(form, tags))


def _tag(form: ToolFormat, tool: Tool) -> Format:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return {
        "type": "tag",
        "begin": f"{form.before_call}{tool.name}{form.between}",
        "content": {"type": "json_schema", "json_schema": parameters},
        "end": form.after_call,
    }


def _in_a_row(form: ToolFormat, tags: list[Format]) -> Format:
    return {
        "type": "tags_with_separator",
        "tags": tags,
        "separator": form.separator or "\n",  # XGrammar takes no empty one; the parser does not mind it
        "at_least_one": True,
        "stop_after_first": not form.several,
    }


def _among_text(form: ToolFormat, tags: list[Format]) -> Format:
    return {
        "type": "triggered_tags",
        "triggers": [form.trigger],
        "tags": tags,
        "stop_after_first": not form.several,
    }


def _response_format(form: Format) -> dict[str, Any]:
    return {"type": "structural_tag", "structural_tag": {"type": "structural_tag", "format": form}}
