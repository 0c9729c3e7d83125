"""Constrain calls to be well-formed with XGrammar's structural tags.

Both engines take them as a ``response_format`` for every model (https://xgrammar.mlc.ai/docs/, as of 0.1.27):
``triggered_tags`` allows any text until a trigger is written, ``tags_with_separator`` allows only tags. In formats
whose calls have no marker, the whole answer is either a call or a text that does not begin like one.
"""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps
from typing import Any, NamedTuple

from ...errors import InvalidRequest
from ...types import Tool
from ..grammars.grammar import grammar_of_schema
from ..grammars.reduce import reduce_schema
from ..grammars.response_format import describe_unconstrained
from .choice import ToolChoice
from .formats import ToolFormat

Format = dict[str, Any]

_PLAIN = {"type", "title", "description", "properties", "required", "$schema"}
"""The keywords of a tool's schema that allow only the declared arguments."""


class ToolConstraint(NamedTuple):
    """The ``response_format`` for calls, and a sentence for each tool whose schema is not fully enforced."""

    response_format: dict[str, Any]
    unconstrained: list[str]


def tool_constraint(form: ToolFormat, tools: Sequence[Tool], choice: ToolChoice) -> ToolConstraint:
    """Return a ``response_format`` that allows only calls of ``tools`` with arguments that fit their schemas.

    ``auto`` also allows text, ``required`` allows only calls and at least one, ``named`` exactly one call. Raises
    `InvalidRequest` for ``parameters`` that are not a valid schema.
    """
    if choice.mode == "named":
        tools = [tool for tool in tools if tool.name == choice.name]
    loose: list[str] = []
    tags = [_tag(form, tool, loose) for tool in tools]
    return ToolConstraint(_response_format(_structural_format(form, tags, choice)), loose)


def _structural_format(form: ToolFormat, tags: list[Format], choice: ToolChoice) -> Format:
    if choice.mode == "named":
        (inner,) = tags
        return {**inner, "begin": form.begin + inner["begin"], "end": inner["end"] + form.end}
    if form.begin:
        # All calls of a turn form one list, which is one tag.
        listed = {"type": "tag", "begin": form.begin, "content": _in_a_row(form, tags), "end": form.end}
        return _among_text(form, [listed]) if choice.mode == "auto" else listed
    if choice.mode != "auto":
        return _in_a_row(form, tags)
    return _instead_of_text(form, tags) if form.is_unmarked else _among_text(form, tags)


def _tag(form: ToolFormat, tool: Tool, loose: list[str]) -> Format:
    try:
        reduced = reduce_schema(_arguments(tool))
    except InvalidRequest as error:
        raise InvalidRequest(f"the parameters of tool {tool.name!r}: {error}", parameter="tools") from None
    lost = describe_unconstrained(reduced.dropped)
    if lost:
        loose.append(f"calls of {tool.name!r} are not constrained by {lost}; check their arguments")
    return {
        "type": "tag",
        "begin": f"{form.before_call}{tool.name}{form.between}",
        "content": {"type": "grammar", "grammar": grammar_of_schema(reduced.schema)},
        "end": form.after_call,
    }


def _arguments(tool: Tool) -> dict[str, Any]:
    """Return the schema of a tool's arguments, which are always an object."""
    schema: dict[str, Any] = {"type": "object", **tool.parameters}
    return schema if set(schema) - _PLAIN else {**schema, "additionalProperties": False}


def _in_a_row(form: ToolFormat, tags: list[Format]) -> Format:
    return {
        "type": "tags_with_separator",
        "tags": tags,
        "separator": form.separator or "\n",  # XGrammar rejects an empty one; the parser accepts both
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


def _instead_of_text(form: ToolFormat, tags: list[Format]) -> Format:
    blanks: Format = {"type": "grammar", "grammar": r"root ::= [ \t\r\n]*"}
    text: Format = {"type": "grammar", "grammar": _text_that_is_no(form.trigger)}
    return {"type": "sequence", "elements": [blanks, {"type": "or", "elements": [*tags, text]}]}


def _text_that_is_no(trigger: str) -> str:
    """Return a grammar of texts that begin with neither whitespace nor the trigger of a call, a plain text."""
    rules = ["root ::= step0", r'any ::= "" | [^\u0000] any']
    for index, char in enumerate(trigger):
        others = rf"[^{char} \t\r\n]" if index == 0 else f"[^{char}]"
        more = f" | {dumps(char)} step{index + 1}" if index + 1 < len(trigger) else ""
        rules.append(f'step{index} ::= "" | {others} any{more}')
    return "\n".join(rules)


def _response_format(form: Format) -> dict[str, Any]:
    return {"type": "structural_tag", "structural_tag": {"type": "structural_tag", "format": form}}
