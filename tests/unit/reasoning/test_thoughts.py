"""Text between thinking markers is reasoning: it is not part of the answer's text, calls or values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.models.catalog.catalog import POCKET
from browserllm.reasoning import (
    ALL_MARKERS,
    Markers,
    StartsAs,
    ThoughtReader,
    ThoughtSplitter,
    template_opens,
    thinking_for,
)
from browserllm.testing.host import ScriptedHost
from unit.backends.cloud.wire_formats import read

CALL = '<tool_call>\n{"name": "delete_file", "arguments": {"path": "a.txt"}}\n</tool_call>'
BARE = '{"name": "delete_file", "arguments": {"path": "a.txt"}}'
FUNCTION = "<function=delete_file><parameter=path>a.txt</parameter></function>"
TOOL = bl.Tool("delete_file", "", {"type": "object", "properties": {"path": {"type": "string"}}})


def split(pieces: list[str], *, starts_as: StartsAs = "text", cut: bool = False) -> tuple[str, str]:
    """Return the text and the thoughts of an answer."""
    splitter = ThoughtSplitter(starts_as=starts_as)
    found = [piece for text in pieces for piece in splitter.feed(text)]
    found += splitter.finish(cut=cut)
    text = "".join(piece for kind, piece in found if kind != "thought")
    return text, "".join(piece for kind, piece in found if kind == "thought")


def cuts(text: str) -> Iterator[list[str]]:
    """Yield a text whole, in characters, and cut in two at every position."""
    yield [text]
    yield list(text)
    yield from ([text[:at], text[at:]] for at in range(1, len(text)))


ANSWERS = [
    ("Hello!", "Hello!", ""),
    ("\n\n  Hello \n", "\n\n  Hello \n", ""),
    ("<think>Hm.</think>Hello!", "Hello!", "Hm."),
    ("\n <think>\n\nHm. \n ok\n\n</think>\n\n  Hello!\n", "Hello!\n", "Hm. \n ok"),
    ("<THINK>Hm.</Think>Hello!", "Hello!", "Hm."),
    ("<think></think>Hello!", "Hello!", ""),
    ("<think>\n\n</think>\n\nHello!", "Hello!", ""),
    ("<think>\nHm", "", "Hm"),
    ("<think>", "", ""),
    # Small models mix up closing markers, repeat opening ones, and close what the template has already closed.
    ("<think>Hm.</thinking>Hello!", "Hello!", "Hm."),
    ("<think>\n<think>\nHm.</think>Hello!", "Hello!", "Hm."),
    ("<think>Hm.</think>\n</think>\n\nHello!", "Hello!", "Hm."),
    ("\n</think>\n\nHello!", "Hello!", ""),
    # Several thoughts with text between them.
    ("<think>a</think><think>b</think>c", "c", "a\n\nb"),
    ("<think>a</think>One.\n<think>b</think>\n\nTwo.", "One.\nTwo.", "a\n\nb"),
    ("One.\n\n  <think>a</think>\n\nTwo.", "One.\n\nTwo.", "a"),
    ("One.<think>\na</think>\n\nTwo.", "One.\n\nTwo.", "a"),
    # Mentions are text.
    ("Use <think> and </think> here.\nOk?", "Use <think> and </think> here.\nOk?", ""),
    ("`<think>` opens, `</think>` ends it.", "`<think>` opens, `</think>` ends it.", ""),
    ("See:\n```xml\n<think>\na\n</think>\n```\nDone.", "See:\n```xml\n<think>\na\n</think>\n```\nDone.", ""),
    ("~~~\n<think>a</think>\n~~~\n<think>b</think>c", "~~~\n<think>a</think>\n~~~\nc", "b"),
    ("````\n```\n<think>a</think>\n````\n<think>b</think>c", "````\n```\n<think>a</think>\n````\nc", "b"),
    ("``` x ```\n<think>b</think>c", "``` x ```\nc", "b"),
    ("It ends with <think>", "It ends with <think>", ""),
    ("a <b> <thin", "a <b> <thin", ""),
    ("<thinker>x</thinker>", "<thinker>x</thinker>", ""),
    # Mentions inside a thought, and nested thoughts.
    ("<think>The tag `</think>` ends it.</think>So!", "So!", "The tag `</think>` ends it."),
    ('<think>The tag "<think>" begins it.</think>So!', "So!", 'The tag "<think>" begins it.'),
    ("<think>What is <think> for?</think>So!", "So!", "What is <think> for?"),
    ("<think>a <think>b</think> c</think>d", "d", "a <think>b</think> c"),
    ("<think>a\n<think>b</think>\nc\n</think>d", "d", "a\n<think>b</think>\nc"),
    ("<think>[THINK]a[/THINK]</think>b", "b", "[THINK]a[/THINK]"),
    # Families with framing around their answers.
    ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b<|END_RESPONSE|>", "b", "a"),
    (
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>analysis<|message|>b<|end|>"
        "<|start|>assistant<|channel|>final<|message|>c<|return|>",
        "c",
        "a\n\nb",
    ),
    ("<|channel>thought\na\n<channel|>b", "b", "a"),
    ("<|channel>thought\n<channel|>b", "b", ""),
]


@pytest.mark.parametrize(("answer", "text", "thought"), ANSWERS)
def test_an_answer_splits_into_text_and_thoughts_however_it_is_cut(answer: str, text: str, thought: str) -> None:
    """A leading marker opens a thought; a mention stays text; whitespace around thoughts is dropped."""
    for pieces in cuts(answer):
        assert split(pieces) == (text, thought), pieces


@pytest.mark.parametrize("markers", ALL_MARKERS, ids=lambda markers: markers.opening)
def test_every_familys_markers_are_recognized(markers: Markers) -> None:
    """In upper and lower case, whole and cut, with each closing marker, and without one."""
    for opening, closing in ((markers.opening, end) for end in markers.closings):
        for answer in (f"{opening}\nHm.\n{closing}\n\nHello!", f"{opening.upper()}Hm.{closing.upper()}Hello!"):
            for pieces in cuts(answer):
                assert split(pieces) == ("Hello!", "Hm."), pieces
        for pieces in cuts(f"{opening}\nHm. <"):
            assert split(pieces, cut=True) == ("", "Hm. <"), pieces


@pytest.mark.parametrize(
    ("answer", "cut", "known", "unsure"),
    [
        ("Hm.\n</think>\n\nHello!", False, ("Hello!", "Hm."), ("Hello!", "Hm.")),
        ("Hm.[/THINK]Hello!", False, ("Hello!", "Hm."), ("Hello!", "Hm.")),
        ("</think>Hello!", False, ("Hello!", ""), ("Hello!", "")),
        ("<think>Hm.</think>Hello!", False, ("Hello!", "Hm."), ("Hello!", "Hm.")),
        ("Hm.", False, ("", "Hm."), ("Hm.", "")),
        ("Hm. ", True, ("", "Hm."), ("", "Hm.")),
        ("Hi `</think>` ho", False, ("", "Hi `</think>` ho"), ("Hi `</think>` ho", "")),
        ("Hi\n<think>Hm.</think>ho", False, ("ho", "Hi\n<think>Hm."), ("Hi\nho", "Hm.")),
    ],
)
def test_a_thought_that_the_prompt_opened_ends_with_its_marker(
    answer: str, cut: bool, known: tuple[str, str], unsure: tuple[str, str]
) -> None:
    """If the prompt may have opened it, nothing is emitted until a marker or the end of the answer decides."""
    for pieces in cuts(answer):
        assert split(pieces, starts_as="thought", cut=cut) == known, pieces
        assert split(pieces, starts_as="unsure", cut=cut) == unsure, pieces


def test_logprobs_stay_with_their_text() -> None:
    """Those of a thought, its markers and the whitespace after it are dropped; every other entry comes once."""
    tokens = ["<", "think", ">", "Hm", "</", "think", ">", "\n\n", "Hel", "lo", " <", "b", ">"]
    entries = [{"token": token, "logprob": -0.5} for token in tokens]
    for size in range(1, len(tokens) + 1):
        reader = ThoughtReader()
        deltas: list[Any] = []
        for at in range(0, len(tokens), size):
            deltas += reader.feed("".join(tokens[at : at + size]), entries[at : at + size])
        deltas += reader.finish()
        texts = [delta for delta in deltas if isinstance(delta, bl.types.TextDelta)]
        assert "".join(delta.text for delta in texts) == "Hello <b>"
        assert [entry["token"] for delta in texts for entry in delta.logprobs or ()] == tokens[8:], size
        assert "".join(delta.reasoning for delta in deltas if isinstance(delta, bl.types.ReasoningDelta)) == "Hm"


# Local models


async def test_a_local_models_thought_streams_as_reasoning_not_as_text() -> None:
    """The deltas keep their order, and the thought's tokens count as reasoning tokens."""
    host = ScriptedHost([["<thi", "nk>\nHm", ", ok.\n", "</think>\n", "\nHel", "lo!"]])
    stream = bl.LocalBackend(host).stream("hi")
    chunks = [chunk async for chunk in stream][1:-1]
    assert [(type(chunk).__name__, chunk.text or getattr(chunk, "reasoning", "")) for chunk in chunks] == [
        ("ReasoningDelta", "Hm"),
        ("ReasoningDelta", ", ok."),
        ("TextDelta", "Hel"),
        ("TextDelta", "lo!"),
    ]
    response = stream.response
    assert (response.text, response.reasoning, response.finish_reason) == ("Hello!", "Hm, ok.", "stop")
    assert (response.usage.completion_tokens, response.usage.reasoning_tokens) == (6, 2)


async def test_an_answer_cut_off_in_a_thought_is_all_reasoning() -> None:
    """The finish reason stays ``length``."""
    host = ScriptedHost([["<think>", "Hm", ", well"]])
    response = await bl.LocalBackend(host).complete("hi", max_tokens=2)
    assert (response.text, response.reasoning, response.finish_reason) == ("", "Hm", "length")


def local(host: ScriptedHost, family: str) -> bl.LocalBackend:
    """Return a backend for a local model of a family."""
    card = msgspec.structs.replace(POCKET, id="model", family=family)
    return bl.LocalBackend(host, "model", catalog=bl.models.Catalog([card]))


@pytest.mark.parametrize(
    ("family", "prompt_end", "text", "thought"),
    [
        ("", "<|im_start|>assistant\n<think>\n", "Hello!", "Hm."),
        ("", "assistant\n<think>\n\n</think>\n\n", "Hm.</think>Hello!", ""),
        ("Qwen3", "assistant\n<Think> ", "Hello!", "Hm."),
        ("Qwen3.5", "assistant\n<think>", "Hello!", "Hm."),
        ("Qwen3.5", None, "Hello!", "Hm."),
        ("DeepSeek R1", None, "Hello!", "Hm."),
        ("DeepSeek R1", "<Assistant>", "Hm.</think>Hello!", ""),
        ("Ministral 3", "[/INST][THINK]", "Hello!", "Hm."),
    ],
)
async def test_the_page_says_whether_the_template_opened_the_thought(
    family: str, prompt_end: str | None, text: str, thought: str
) -> None:
    """If the page does not say, the answer is held back for families whose template may open the thought."""
    for pieces in cuts("Hm.</think>Hello!"):
        answer = await local(ScriptedHost([pieces], prompt_end=prompt_end), family).complete("hi")
        assert (answer.text, answer.reasoning) == (text, thought)


@pytest.mark.parametrize("options", [{"response_format": {"type": "json_object"}}, {"tool_choice": "required"}])
async def test_a_constrained_answer_does_not_start_in_a_thought(options: dict[str, Any]) -> None:
    """The engine constrains it from the first token, even if the template has just opened a thought."""
    host = ScriptedHost('{"a": 1}' if "response_format" in options else CALL, prompt_end="<think>\n")
    response = await bl.LocalBackend(host).complete(
        "hi", tools=[] if "response_format" in options else [TOOL], **options
    )
    assert response.reasoning == ""
    assert response.text == '{"a": 1}' or response.message.tool_calls


# Calls


def calls_of(response: bl.ChatResponse) -> list[tuple[str, str]]:
    return [(call.name, call.arguments) for call in response.message.tool_calls]


@pytest.mark.parametrize("call", [CALL, BARE, FUNCTION, f"```json\n{BARE}\n```"])
@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ("<think>I could say\n{}\nbut no.</think>I leave it.", 0),
        ("<think>\n{}", 0),
        ("<think>\n{}\n</think>\n\n{}", 1),
        ("{}\n<think>\n{}\n</think>\n{}", 2),
        ("<think>a <think>b</think>\n{}\n</think>", 0),
        ("Sure.<think>\n{}\n</think>", 0),
    ],
)
async def test_no_call_in_a_thought_runs(answer: str, count: int, call: str) -> None:
    """Only calls outside thoughts are found, however the answer is cut; other families' call formats are text."""
    count = count if call == CALL else 0
    text = answer.replace("{}", call)
    for size in (1, 7, len(text)):
        host = ScriptedHost([[text[at : at + size] for at in range(0, len(text), size)]])
        response = await bl.LocalBackend(host).complete("hi", tools=[TOOL])
        assert len(calls_of(response)) == count, text
        assert all(json.loads(arguments) == {"path": "a.txt"} for _, arguments in calls_of(response))


async def test_a_session_does_not_run_a_call_in_a_thought() -> None:
    """Only the call after the thought runs."""
    gone: list[str] = []

    def delete_file(path: str) -> str:
        gone.append(path)
        return "gone"

    host = ScriptedHost(
        [[f"<think>\n{CALL.replace('a.txt', 'b.txt')}\n</think>\n\n{CALL}"], ["<think>Ok.</think>Done."]]
    )
    reply = await bl.Session(bl.LocalBackend(host), tools=[delete_file]).send("x")
    assert gone == ["a.txt"]
    assert (reply.text, reply.reasoning) == ("Done.", "Ok.")


@pytest.mark.parametrize("call", [CALL, FUNCTION])
async def test_no_call_within_a_mention_of_a_marker_runs(call: str) -> None:
    """In the middle of a line or in a code fence it is all text; a call after it is a call."""
    line = call.replace("\n", "")
    for text in (
        f"Sure! <think>maybe {line}</think> no.",
        f"```\n<think>\n{call}\n</think>\n```\nThat is it.",
        f"Sure! <think>maybe\n\n{call}\n\n or\n{BARE}\n</Think> no.",
        f"**<think>**\n{call}\n**</think>**\nNo.",
    ):
        response = await bl.LocalBackend(ScriptedHost([list(text)])).complete("hi", tools=[TOOL])
        assert (response.text, calls_of(response)) == (text, [])
    for text, count in (
        (f"I use <think> here.\n{call}", 1),
        (f"I use `<think>` so: {line}", 0),
        (f"I use <think> here.\n<think>\n{call}</think>\n{call}", 1),
        (f"I use <think> here: <think>{line}</think>\n{call}", 1),
    ):
        found = calls_of(await bl.LocalBackend(ScriptedHost([list(text)])).complete("hi", tools=[TOOL]))
        assert len(found) == (count if call == CALL else 0)


@pytest.mark.parametrize("value", ["<think>a</think>b", "x\n<think>\na\n</think>\nb", "`</think>`", "```\n<think>\n"])
async def test_markers_in_the_arguments_of_a_call_stay_in_the_arguments(value: str) -> None:
    """A file that a tool writes may contain any text."""
    asked = bl.Tool("write", "", {"type": "object", "properties": {"text": {"type": "string"}}})
    arguments = json.dumps({"text": value})
    for text in (
        f'<tool_call>\n{{"name": "write", "arguments": {arguments}}}\n</tool_call>\n<think>Hm.</think>Done.',
        f'<tool_call>{{"arguments": {arguments}, "name": "write"}}</tool_call>\n<think>Hm.</think>Done.',
        f"<tool_call><function=write><parameter=text>\n{value}\n</parameter></function></tool_call><think>Hm.</think>Done.",
    ):
        for pieces in ([text], list(text)):
            response = await bl.LocalBackend(ScriptedHost([pieces])).complete("hi", tools=[asked])
            ((_, given),) = calls_of(response)
            assert json.loads(given) == {"text": value}
            assert (response.text.strip(), response.reasoning) == ("Done.", "Hm.")


# Objects


@pytest.mark.parametrize("mode", ["constrained", "fenced"])
@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("opening", ["<think>", "[THINK]", "<Reasoning>", "<|channel>thought"])
async def test_a_thought_before_an_object_is_not_part_of_it(mode: Any, local: bool, opening: str) -> None:
    """Whole and streamed, on backends that separate thoughts and on those that do not."""
    closing = {"[THINK]": "[/THINK]", "<|channel>thought": "<channel|>"}.get(opening, f"</{opening[1:]}")
    text = f'{opening}\n{{"n": 1}} or\n```json\n{{"n": 2}}\n```\n{closing}\n\n{{"n": 3}}'
    for pieces in ([text], list(text)):
        answers: list[Any] = [pieces]
        backend = bl.LocalBackend(ScriptedHost(answers)) if local else bl.ScriptedBackend(answers)
        stream = bl.stream_generate(backend, "x", output=dict[str, int], mode=mode if local else "fenced", repairs=0)
        values = [value async for value in stream]
        assert (await stream.finish()).output == {"n": 3}
        assert all(value in ({}, {"n": 3}) for value in values)
        assert await bl.generate(backend, "x", output=dict[str, int], mode="fenced", repairs=0) == {"n": 3}


async def test_an_object_inside_a_thought_does_not_count() -> None:
    """The answer itself never began, so the output is invalid."""
    with pytest.raises(bl.InvalidOutput):
        await bl.generate(bl.ScriptedBackend(['<think>{"n": 1}']), "x", output=dict[str, int], mode="fenced", repairs=0)


# Thoughts in the history


async def test_a_session_does_not_send_thoughts_again() -> None:
    """They stay in the history; the model sees only the answers."""
    host = ScriptedHost([["<think>Hm.</think>Hello!"], ["ok"]])
    session = bl.Session(bl.LocalBackend(host))
    assert (await session.send("hi")).reasoning == "Hm."
    await session.send("again")
    sent = [args for op, args in host.requests if op == "chat"][-1]["messages"]
    assert [message["content"] for message in sent if message["role"] == "assistant"] == ["Hello!"]
    assert session.messages[1].reasoning == "Hm."


@pytest.mark.parametrize(
    ("family", "written"),
    [
        ("Qwen3", "<think>\nHm.\n</think>\n\n"),
        ("Qwen3.5", "<think>\nHm.\n</think>\n\n"),
        ("Gemma 4", "<|channel>thought\nHm.<channel|>"),
        ("Ministral 3", "[THINK]Hm.[/THINK]"),
        ("DeepSeek R1", ""),
        ("Pocket", ""),
        ("", ""),
    ],
)
def test_a_family_decides_whether_thoughts_are_sent_back_within_a_turn(family: str, written: str) -> None:
    """They are written as its template writes them."""
    assert thinking_for(family).render("\nHm.\n") == written
    assert thinking_for(family).render(" ") == ""


async def test_the_thoughts_of_a_turn_are_sent_back_for_families_that_want_them() -> None:
    """Within one turn they go back verbatim, so that the KV cache stays valid; in the next turn they are dropped."""

    def delete_file(path: str) -> str:
        return "gone"

    said = f"<think>\nHm.\n</think>\n\n{CALL}"
    host = ScriptedHost([[said], ["<think>\nGood.\n</think>\n\nDone."], ["ok"]])
    session = bl.Session(local(host, "Qwen3"), tools=[delete_file])
    await session.send("x")
    await session.send("y")
    second, third = [args["messages"] for op, args in host.requests if op == "chat"][-2:]
    assert [message["content"] for message in second if message["role"] == "assistant"] == [said]
    assert [message["content"] for message in third if message["role"] == "assistant"] == [CALL, "Done."]


# Servers


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    return (
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"
    )


def answer_of(llm: bl.backends.cloud.CloudBackend, *chunks: bytes) -> tuple[str, str]:
    deltas, _ = read(llm, *chunks)
    texts = (delta if isinstance(delta, str) else getattr(delta, "text", "") for delta in deltas)
    return "".join(texts), "".join(delta.reasoning for delta in deltas if isinstance(delta, bl.types.ReasoningDelta))


SERVERS = [
    bl.OpenAI("m", base_url="http://127.0.0.1:1/v1"),
    bl.OpenAI("m", preset="vllm"),
    bl.OpenAI("m", preset="groq", api_key="k"),
    bl.OpenAI("m", preset="openrouter", api_key="k"),
]


@pytest.mark.parametrize("llm", SERVERS, ids=lambda llm: llm.vendor)
def test_thoughts_that_a_server_leaves_in_the_text_are_reasoning(llm: bl.OpenAI) -> None:
    """In pieces, whole, beside a field of their own, and without a closing marker."""
    for pieces in cuts("<think>\nHm.\n</think>\n\nHello <b>!"):
        streamed = [chunk(content=piece) for piece in pieces]
        assert answer_of(llm, *streamed, chunk("stop"), b"data: [DONE]\n\n") == ("Hello <b>!", "Hm."), pieces
    assert answer_of(llm, chunk(content="<think>Hm"), chunk("length"), b"data: [DONE]\n\n") == ("", "Hm")
    assert answer_of(
        llm, chunk(reasoning_content="Hm."), chunk(content="</think>\n\nHello!"), chunk("stop"), b"data: [DONE]\n\n"
    ) == ("Hello!", "Hm.")


def test_text_from_openai_itself_is_left_unchanged() -> None:
    """Its models never put thoughts into the text."""
    llm = bl.OpenAI("gpt-6-luna", api_key="k")
    assert answer_of(llm, chunk("stop", content="<think>a</think>b"), b"data: [DONE]\n\n") == ("<think>a</think>b", "")


@pytest.mark.parametrize(
    ("model", "opens"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", True),
        ("deepseek-r1:7b", True),
        ("Qwen/QwQ-32B", True),
        ("Qwen/Qwen3-4B-Thinking-2507", True),
        ("olmo-3:7b-think", True),
        ("MiniMaxAI/MiniMax-M2", True),
        ("qwen3:8b", False),
        ("rethinking-7b", False),
        ("gpt-oss-20b", False),
    ],
)
def test_a_model_whose_template_opens_the_thought_is_recognized_by_name(model: str, opens: bool) -> None:
    """If the server passes the text on unparsed, everything before a lone closing marker is the thought."""
    assert template_opens(model) == opens
    llm = bl.OpenAI(model, preset="vllm")
    end = (chunk("stop"), b"data: [DONE]\n\n")
    for pieces in cuts("Hm.\n</think>\n\nHi"):
        expected = ("Hi", "Hm.") if opens else ("Hm.\n</think>\n\nHi", "")
        assert answer_of(llm, *(chunk(content=piece) for piece in pieces), *end) == expected
    # If the server separates thoughts itself, or the model did not think, the text is the answer.
    assert answer_of(llm, chunk(reasoning="Hm."), chunk(content="Hi"), *end) == ("Hi", "Hm.")
    assert answer_of(llm, chunk(content="Hi"), *end) == ("Hi", "")


def test_ollama_may_leave_thoughts_in_the_text() -> None:
    """This happens if its template does not handle them and the request does not ask for thinking."""
    llm = bl.Ollama("qwen3:8b")
    for pieces in cuts("<think>\nHm.\n</think>\n\nHello!"):
        lines = [json.dumps({"message": {"content": piece}}).encode() + b"\n" for piece in pieces]
        assert answer_of(llm, *lines, b'{"done": true, "done_reason": "stop"}\n') == ("Hello!", "Hm.")


async def test_the_openai_client_returns_thoughts_in_their_own_field() -> None:
    """Both whole and streamed."""
    host = ScriptedHost([["<think>", "Hm.</thi", "nk>Hel", "lo!"]])
    async with bl.AsyncClient(bl.LocalBackend(host)) as client:
        asked: Any = {"model": "pocket", "messages": [{"role": "user", "content": "x"}]}
        whole = await client.chat.completions.create(**asked)
        message = whole.choices[0].message
        assert (message.content, message.reasoning_content) == ("Hello!", "Hm.")
        deltas = [piece.choices[0].delta async for piece in await client.chat.completions.create(**asked, stream=True)]
        assert "".join(delta.content or "" for delta in deltas) == "Hello!"
        assert "".join(delta.reasoning_content or "" for delta in deltas) == "Hm."
