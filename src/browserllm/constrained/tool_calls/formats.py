"""How each model family describes tools, writes calls and takes results, taken from the chat templates.

The engines' templates take only text messages, so the tools become part of a message, calls become assistant text, and
results become messages. Some details cannot be expressed this way: Mistral's tools are in the system message instead of
before the last turn, Llama's results have no quotes, and Qwen3.5 and Gemma 4 are asked for JSON instead of their own
formats. Calls are rendered exactly as the family's models write them: WebLLM compares the history with the model's
output, and reuses its KV cache if they are equal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from ...types import Tool, ToolCallPart, ToolResultPart

FormatName = Literal["pocket", "hermes", "qwen2.5", "qwen3.5", "llama", "mistral", "ministral", "phi", "gemma", "other"]


class Opening(NamedTuple):
    """What begins calls: the ``text`` before them and the ``end`` after them.

    ``place`` is where they may begin: the start of the ``answer``, the start of a ``line``, or also after a
    ``sentence``, for markers that templates write directly after the text. With ``known``, only calls of offered tools
    count; otherwise calls of unknown tools count too, and the model gets an error. A ``whole`` opening is a code
    fence, which contains calls only if it is the rest of the answer.
    """

    text: str
    end: str = ""
    place: Literal["answer", "line", "sentence"] = "line"
    known: bool = False
    whole: bool = False


class ToolFormat(NamedTuple):
    """The tool format of one family.

    ``describe`` writes the tools, and ``place`` is where: in the system message, or before the first user message. A
    call is ``before_call``, its name, ``between``, its arguments, ``after_call``. All calls of a turn have ``begin``
    before them, ``separator`` between them and ``end`` after them; ``trigger`` is the text that starts a call.
    ``result_role`` is the role of results, ``result`` the text before and after one; adjacent results become one
    message if the role is ``user``. ``default_system`` is the template's own text if there is no system message.
    ``several``: a turn may contain several calls.

    ``openings`` are what begins calls in an answer. ``bare`` are the first characters of an answer that is calls
    without an opening: ``{`` for an object, ``[`` for a list.
    """

    name: FormatName
    describe: Callable[[Sequence[Tool]], str]
    before_call: str
    between: str
    after_call: str
    trigger: str
    openings: tuple[Opening, ...]
    bare: str = ""
    begin: str = ""
    separator: str = "\n"
    end: str = ""
    place: Literal["system", "user"] = "system"
    result_role: Literal["tool", "user"] = "user"
    result: tuple[str, str] = ("<tool_response>\n", "\n</tool_response>")
    default_system: str = ""
    several: bool = True
    has_ids: bool = False

    @property
    def is_unmarked(self) -> bool:
        """Whether calls have no marker, so that only a whole answer can be a call."""
        return self.trigger == self.before_call and self.trigger.startswith("{")

    def render_call(self, call: ToolCallPart) -> str:
        """Write one call as the model does."""
        identity = f', "id": "{short_id(call.id)}"' if self.has_ids else ""
        after = identity + self.after_call
        return f"{self.before_call}{call.name}{self.between}{call.arguments.strip() or '{}'}{after}"

    def render_calls(self, calls: Sequence[ToolCallPart]) -> str:
        """Write all calls of a turn."""
        return self.begin + self.separator.join(map(self.render_call, calls)) + self.end

    def render_turn(self, text: str, calls: Sequence[ToolCallPart]) -> str:
        """Write an assistant's turn."""
        gap = "\n" if text and calls and not text.endswith("\n") else ""
        return text + gap + (self.render_calls(calls) if calls else "")

    def render_result(self, result: ToolResultPart) -> str:
        """Write one result. The formats have no field for errors, so the text says it."""
        content = f"Error: {result.content}" if result.is_error else result.content
        if self.has_ids:
            content = json.dumps({"content": content, "call_id": short_id(result.id)}, ensure_ascii=False)
        return self.result[0] + content + self.result[1]


def short_id(call_id: str) -> str:
    """Return a call's id in Mistral's form: nine letters or digits."""
    fits = len(call_id) == 9 and call_id.isalnum() and call_id.isascii()
    return call_id if fits else hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:9]


def _function(tool: Tool) -> dict[str, Any]:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return {"name": tool.name, "description": tool.description, "parameters": parameters}


def _declared(tool: Tool, **layout: Any) -> str:
    return json.dumps({"type": "function", "function": _function(tool)}, ensure_ascii=False, **layout)


def _hermes(tools: Sequence[Tool]) -> str:
    lines = "".join(f"\n{_declared(tool)}" for tool in tools)
    return (
        "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
        f"You are provided with function signatures within <tools></tools> XML tags:\n<tools>{lines}\n</tools>\n\n"
        "For each function call, return a json object with function name and arguments within <tool_call></tool_call> "
        'XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
    )


def _llama(tools: Sequence[Tool]) -> str:
    return (
        "Given the following functions, please respond with a JSON for a function call with its proper arguments that "
        'best answers the given prompt.\n\nRespond in the format {"name": function name, "parameters": dictionary of '
        "argument name and its value}.Do not use variables.\n\n"
        + "".join(f"{_declared(tool, indent=4)}\n\n" for tool in tools)
    )


def _mistral(tools: Sequence[Tool]) -> str:
    return f"[AVAILABLE_TOOLS] [{', '.join(map(_declared, tools))}][/AVAILABLE_TOOLS]"


def _ministral(tools: Sequence[Tool]) -> str:
    return f"[AVAILABLE_TOOLS][{', '.join(map(_declared, tools))}][/AVAILABLE_TOOLS]"


def _phi(tools: Sequence[Tool]) -> str:
    functions = json.dumps([_function(tool) for tool in tools], ensure_ascii=False)
    return f"<|tool|>{functions}<|/tool|>"


def _gemma(tools: Sequence[Tool]) -> str:
    functions = json.dumps([_function(tool) for tool in tools], ensure_ascii=False)
    return (
        "You have access to functions. If you decide to invoke any of the function(s), you MUST put it in the format "
        'of\n{"name": function name, "parameters": dictionary of argument name and its value}\n\n'
        f"You SHOULD NOT include any other text in the response if you call a function\n{functions}\n\n"
    )


_TAG = ('<tool_call>\n{"name": "', '", "arguments": ', "}\n</tool_call>", "<tool_call>")
_BARE = ('{"name": "', '", "parameters": ', "}", '{"name": "')
_POCKET = "You are Pocket, a small and friendly language model that runs in the browser."
_QWEN = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."

_TOOL_CALL = (Opening("<tool_call>", "</tool_call>"),)
# Qwen3.5 and Qwen3-Coder were trained to write XML within the tags, and sometimes leave out the outer tags.
_FUNCTION = Opening("<function=", "</function>", known=True)
_LLAMA = (Opening("<|python_tag|>", known=True), _FUNCTION._replace(place="answer"))
# Asked for JSON, Gemma writes it in a code fence anyway; the other fence is from its makers' examples.
_GEMMA = (
    Opening("```json", "```", place="answer", known=True, whole=True),
    Opening("```tool_code", "```", known=True, whole=True),
)
# Its template writes the marker directly after the text. Transformers.js leaves markers out of the text.
_MISTRAL = (Opening("[TOOL_CALLS]", place="sentence"),)
_PHI = (Opening("<|tool_call|>", "<|/tool_call|>"),)
# Unknown models are asked in the format of Hermes, and may use another family's markers. JSON alone never counts: it
# may be an answer.
_OTHER = (
    *_TOOL_CALL,
    Opening("<function_call>", "</function_call>", known=True),
    Opening("<|tool_call|>", "<|/tool_call|>", known=True),
    Opening("<|tool_call_start|>", "<|tool_call_end|>", known=True),
    Opening("<|python_tag|>", known=True),
    Opening("[TOOL_CALLS]", known=True),
)

FORMATS: dict[FormatName, ToolFormat] = {
    # Its template writes the result tags itself.
    "pocket": ToolFormat(
        "pocket", _hermes, *_TAG, _TOOL_CALL, result_role="tool", result=("", ""), default_system=_POCKET
    ),
    "hermes": ToolFormat("hermes", _hermes, *_TAG, _TOOL_CALL),
    "qwen2.5": ToolFormat("qwen2.5", _hermes, *_TAG, _TOOL_CALL, default_system=_QWEN),
    "qwen3.5": ToolFormat("qwen3.5", _hermes, *_TAG, (*_TOOL_CALL, _FUNCTION)),
    "llama": ToolFormat(
        "llama",
        _llama,
        *_BARE,
        _LLAMA,
        bare="{[",
        place="user",
        result_role="tool",
        result=("", ""),
        several=False,
    ),
    "mistral": ToolFormat(
        "mistral",
        _mistral,
        *('{"name": "', '", "arguments": ', "}", "[TOOL_CALLS]"),
        _MISTRAL,
        bare="[",
        begin="[TOOL_CALLS] [",
        separator=", ",
        end="]",
        result=("[TOOL_RESULTS] ", "[/TOOL_RESULTS]"),
        has_ids=True,
    ),
    "ministral": ToolFormat(
        "ministral",
        _ministral,
        *("[TOOL_CALLS]", "[ARGS]", "", "[TOOL_CALLS]"),
        _MISTRAL,
        separator="",
        result_role="tool",
        result=("", ""),
    ),
    "phi": ToolFormat(
        "phi",
        _phi,
        *('{"name": "', '", "arguments": ', "}", "<|tool_call|>"),
        _PHI,
        begin="<|tool_call|>[",
        separator=", ",
        end="]<|/tool_call|>",
    ),
    "gemma": ToolFormat("gemma", _gemma, *_BARE, _GEMMA, bare="{[", place="user", several=False),
    "other": ToolFormat("other", _hermes, *_TAG, _OTHER),
}

# By the prefix of the family's name, longer prefixes first; every other model uses the format of Hermes.
_FAMILIES: tuple[tuple[str, FormatName], ...] = (
    ("Pocket", "pocket"),
    ("Qwen2.5", "qwen2.5"),
    ("Qwen3.5", "qwen3.5"),
    ("Qwen3 Coder", "qwen3.5"),
    ("Qwen3-Coder", "qwen3.5"),
    ("Qwen", "hermes"),
    ("Hermes", "hermes"),
    ("Llama 3.", "llama"),
    ("Ministral", "ministral"),
    ("Mistral", "mistral"),
    ("Phi 4", "phi"),
    ("Gemma", "gemma"),
)


def format_for(family: str) -> ToolFormat:
    """Return the tool format of a family (`ModelCard.family`); unknown families use the format of Hermes and Qwen."""
    for start, name in _FAMILIES:
        if family.startswith(start):
            return FORMATS[name]
    return FORMATS["other"]
