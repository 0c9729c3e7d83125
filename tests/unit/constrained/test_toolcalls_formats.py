"""Each family's tool format, from its published chat template or its makers' documentation.

Qwen3's and Llama 3.2's templates were rendered with the messages of these tests, without the parts that the engines'
templates cannot express (Llama's "Environment: ipython", and the quotes around its results). The texts have no role
markers, which the engines' templates add.
"""

from __future__ import annotations

from typing import Any

import pytest

from browserllm.backends.draft import Draft
from browserllm.backends.page_messages import wire_messages
from browserllm.backends.request import build_request
from browserllm.constrained.tool_calls import ToolCallParser, ToolUse, format_for
from browserllm.constrained.tool_calls.formats import FORMATS
from browserllm.models import Catalog
from browserllm.types import ImagePart, Message, TextPart, Tool, ToolCallDelta, ToolCallPart, ToolResultPart

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "Weather in a city", SCHEMA)
DECLARED = (
    '{"type": "function", "function": {"name": "weather", "description": "Weather in a city", "parameters": '
    '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}'
)
BARE = DECLARED.removeprefix('{"type": "function", "function": ').removesuffix("}")
HERMES = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function "
    f"signatures within <tools></tools> XML tags:\n<tools>\n{DECLARED}\n</tools>\n\nFor each function call, return a "
    "json object with function name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)
HISTORY = [
    Message("system", "Be brief."),
    Message("user", "Weather?"),
    Message("assistant", [TextPart("Let me look."), ToolCallPart("call12345", "weather", '{"city": "Oslo"}')]),
    Message("tool", [ToolResultPart("call12345", "sunny")]),
]


def rendered(family: str, messages: list[Message] | None = None, **options: Any) -> list[tuple[str, str]]:
    """Return the messages that an engine gets, as role and text."""
    request = build_request(messages or HISTORY, {"tools": [WEATHER], **options})
    written = wire_messages(ToolUse(request).messages(request.messages, family), Draft(request, "local", "chat-1"))
    return [(message["role"], message["content"]) for message in written]


def test_qwen_and_hermes() -> None:
    """Tools in the system message, calls in tags, results as user messages; only Qwen2.5 has a default system text."""
    assert rendered("Qwen3", HISTORY[1:2]) == [("system", HERMES), ("user", "Weather?")]
    introduced = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
    assert rendered("Qwen2.5", HISTORY[1:2])[0] == ("system", f"{introduced}\n\n{HERMES}")
    assert rendered("Qwen3") == [
        ("system", f"Be brief.\n\n{HERMES}"),
        ("user", "Weather?"),
        ("assistant", 'Let me look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>'),
        ("user", "<tool_response>\nsunny\n</tool_response>"),
    ]


def test_the_pocket_model() -> None:
    """Like Qwen, with its own default system message and a role for results."""
    pocket = "You are Pocket, a small and friendly language model that runs in the browser."
    assert rendered("Pocket", HISTORY[1:]) == [
        ("system", f"{pocket}\n\n{HERMES}"),
        ("user", "Weather?"),
        ("assistant", 'Let me look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>'),
        ("tool", "sunny"),
    ]


def test_llama() -> None:
    """Tools before the first user message, indented; a call is JSON with "parameters", results have the tool role."""
    system, user, assistant, tool = rendered("Llama 3.2")
    assert system == ("system", "Be brief.")
    assert user[1].startswith("Given the following functions, please respond with a JSON for a function call ")
    assert '{\n    "type": "function",\n    "function": {\n        "name": "weather",\n' in user[1]
    assert user[1].endswith("}\n\nWeather?")
    assert assistant == ("assistant", 'Let me look.\n{"name": "weather", "parameters": {"city": "Oslo"}}')
    assert tool == ("tool", "sunny")


def test_mistral() -> None:
    """Markers around tools, calls and results; other vendors' ids become ids of nine characters."""
    assert rendered("Mistral") == [
        ("system", f"Be brief.\n\n[AVAILABLE_TOOLS] [{DECLARED}][/AVAILABLE_TOOLS]"),
        ("user", "Weather?"),
        (
            "assistant",
            'Let me look.\n[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Oslo"}, "id": "call12345"}]',
        ),
        ("user", '[TOOL_RESULTS] {"content": "sunny", "call_id": "call12345"}[/TOOL_RESULTS]'),
    ]
    long = [HISTORY[1], Message("assistant", [ToolCallPart("call_0123456789", "weather")])]
    result = Message("tool", [ToolResultPart("call_0123456789", "x")])
    (_, _, call, answer) = rendered("Mistral", [*long, result])
    identity = call[1].partition('"id": "')[2][:9]
    assert identity.isalnum()
    assert f'"call_id": "{identity}"' in answer[1]


def test_ministral() -> None:
    """The name between markers, then the arguments; the template marks results itself."""
    assert rendered("Ministral 3")[2:] == [
        ("assistant", 'Let me look.\n[TOOL_CALLS]weather[ARGS]{"city": "Oslo"}'),
        ("tool", "sunny"),
    ]


def test_phi() -> None:
    """Tools between markers at the end of the system message, calls as a list between markers."""
    system, _, assistant, _ = rendered("Phi 4")
    assert system == ("system", f"Be brief.\n\n<|tool|>[{BARE}]<|/tool|>")
    expected = 'Let me look.\n<|tool_call|>[{"name": "weather", "arguments": {"city": "Oslo"}}]<|/tool_call|>'
    assert assistant == ("assistant", expected)


def test_gemma() -> None:
    """Without a system role or call format: its makers ask for JSON in the first user message."""
    system, user, assistant, _ = rendered("Gemma 3")
    assert system == ("system", "Be brief.")
    assert BARE in user[1]
    assert user[1].endswith("\n\nWeather?")
    assert assistant[1].endswith('\n{"name": "weather", "parameters": {"city": "Oslo"}}')


def test_results_of_one_turn_become_one_message_that_the_users_text_joins() -> None:
    """So user and assistant alternate, as templates require."""
    two = Message("tool", [ToolResultPart("1", "a"), ToolResultPart("2", "b", is_error=True)])
    messages = [*HISTORY[:3], two, Message("tool", [ToolResultPart("3", "c")]), Message("user", "And?")]
    expected = "\n".join(f"<tool_response>\n{text}\n</tool_response>" for text in ("a", "Error: b", "c")) + "\n\nAnd?"
    assert rendered("Qwen3", messages)[3:] == [("user", expected)]


def test_a_history_with_calls_is_rendered_without_tools_too() -> None:
    """The history stays the same when the tools are gone."""
    assert rendered("Qwen3", tools=[]) == [("system", "Be brief."), *rendered("Qwen3")[1:]]
    assert rendered("Qwen3", tool_choice="none") == rendered("Qwen3", tools=[])


def test_images_in_user_messages_keep_their_position() -> None:
    """Tools before the first user message become a text part before its parts."""
    request = build_request(
        [Message("user", [ImagePart(url="https://x.test/a.png"), TextPart("What is it?")])], {"tools": [WEATHER]}
    )
    (message,) = ToolUse(request).messages(request.messages, "Llama 3.2")
    assert [type(part) for part in message.content] == [TextPart, ImagePart, TextPart]


def test_several_system_messages_become_one_with_the_tools_at_its_end() -> None:
    """Every engine takes a single system message."""
    messages = [Message("system", "a"), Message("system", "b"), Message("user", "c")]
    assert rendered("Qwen3", messages) == [("system", f"a\n\nb\n\n{HERMES}"), ("user", "c")]


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_familys_rendered_calls_are_parsed_back(name: str) -> None:
    """The parser returns the calls unchanged, alone and after text."""
    form = FORMATS[name]  # type: ignore[index]
    tools = [WEATHER, Tool("add")]
    calls = [ToolCallPart("call12345", "weather", '{"city": "Oslo, \\"N\\""}'), ToolCallPart("call12346", "add", "{}")]
    # A call without a marker must be the whole answer: after text it may be an example.
    for text in ("", "\n") if form.is_unmarked else ("", "Let me look.", "Let me\nlook:\n\n"):
        written = form.render_turn(text, calls)
        parser = ToolCallParser(tools, form)
        pieces = [piece for char in written for piece in parser.feed(char)] + parser.finish()
        found = ["", ""]
        for piece in pieces:
            if isinstance(piece, ToolCallDelta):
                found[piece.index] += (f"{piece.name} " if piece.name else "") + piece.arguments
        assert found == [f"{call.name} {call.arguments}" for call in calls]
        assert "".join(piece for piece in pieces if isinstance(piece, str)) == text.rstrip()


def test_every_model_of_the_catalog_has_a_tool_format() -> None:
    """Families without a published format use that of Hermes and Qwen."""
    forms = {card.family: format_for(card.family).name for card in Catalog() if card.type == "chat"}
    assert forms["Pocket"] == "pocket"
    assert forms["Llama 3.2"] == forms["Llama 3.1"] == "llama"
    assert (forms["Qwen3"], forms["Qwen2"], forms["Hermes 3"]) == ("hermes",) * 3
    assert (forms["Llama 3"], forms["Llama 2"], forms["SmolLM2"]) == ("other",) * 3
    assert (forms["Qwen2.5"], forms["Qwen3.5"]) == ("qwen2.5", "qwen3.5")
    assert all(FORMATS[name].describe is FORMATS["hermes"].describe for name in ("other", "qwen3.5"))
    assert (forms["Mistral"], forms["Ministral 3"], forms["Phi 4"], forms["Gemma 3"]) == (
        "mistral",
        "ministral",
        "phi",
        "gemma",
    )
