"""Provider metadata is sent back unchanged, and only to the model of the vendor that sent it."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.backends.cloud.history import NO_SIGNATURE
from unit.backends.cloud.wire_formats import body_of, message_of, read

MODEL = "anthropic/claude-sonnet-5-5:beta"
CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
ASKED = bl.Message("user", "Weather?")
RESULT = bl.Message("tool", [bl.ToolResultPart("c1", "rain")])

# openrouter.ai/docs/guides/best-practices/reasoning-tokens: one of each type, and what else was met.
DETAILS: dict[str, list[dict[str, Any]]] = {
    "one without an index": [{"type": "reasoning.encrypted", "data": "S"}],
    "claude": [
        {
            "type": "reasoning.text",
            "text": "Hm.",
            "signature": "Et8BCmUIDxgC",
            "format": "anthropic-claude-v1",
            "index": 0,
        },
        {"type": "reasoning.encrypted", "data": "EmwKAhgB", "format": "anthropic-claude-v1", "index": 1},
        {"type": "reasoning.text", "text": "", "signature": "EqQBCkYI", "format": "anthropic-claude-v1", "index": 2},
    ],
    "gpt": [
        {"type": "reasoning.summary", "summary": "**Look**", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.summary", "summary": "**Again**", "format": "openai-responses-v1", "index": 2},
        {"type": "reasoning.encrypted", "data": "gAAB", "id": "rs_2", "format": "openai-responses-v1", "index": 2},
    ],
    "gemini": [
        {"type": "reasoning.text", "text": "Hm.", "format": "google-gemini-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "CiQB", "id": "c1", "format": "google-gemini-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "CiQC", "id": "c2", "format": "google-gemini-v1", "index": 0},
    ],
    "nothing known": [{"type": "reasoning.new", "deep": {"a": [1, None]}, "id": None, "signature": None, "index": 0}],
}


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One event of a stream."""
    return {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def events(*data: Any) -> bytes:
    """Server-sent events."""
    texts = (each if isinstance(each, str) else json.dumps(each) for each in data)
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def router(model: str = MODEL, **options: Any) -> bl.OpenAI:
    """OpenRouter."""
    return bl.OpenAI(model, preset="openrouter", api_key="k", **options)


def google(model: str = "gemini-3.8-flash") -> bl.OpenAI:
    """Gemini under OpenAI's API."""
    return bl.OpenAI(model, base_url="https://generativelanguage.googleapis.com/v1beta/openai", api_key="k")


async def answered(llm: bl.backends.cloud.CloudBackend, *deltas: dict[str, Any], whole: bool = False) -> bl.Message:
    """The message that comes of deltas, or of a whole answer."""
    if whole:
        choice = {"index": 0, "message": {"role": "assistant", **deltas[0]}, "finish_reason": "stop"}
        given, _ = read(llm, events({"model": "m", "choices": [choice]}, "[DONE]"))
    else:
        given, _ = read(llm, events(*map(chunk, deltas), chunk({}, "stop"), "[DONE]"))
    message = await message_of(given)
    # As a saved session or a store has it.
    return msgspec.json.decode(msgspec.json.encode(message), type=bl.Message)


def sent(llm: bl.backends.cloud.CloudBackend, message: bl.Message, **options: Any) -> dict[str, Any]:
    """The assistant's message as it goes back in the same turn."""
    chat = [ASKED, message, RESULT] if message.tool_calls else [ASKED, message, bl.Message("user", "And?")]
    return body_of(llm, chat, **options)[0]["messages"][1]


def in_pieces(details: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    """The deltas in which objects may come: their texts cut anywhere, each piece with what says whose it is."""
    pieces: list[dict[str, Any]] = []
    for each in details:
        texts = [(key, each[key]) for key in ("text", "summary", "data", "signature") if isinstance(each.get(key), str)]
        whose = {key: value for key, value in each.items() if key not in dict(texts)}
        for key, text in texts:
            cuts = sorted(chance.choices(range(len(text) + 1), k=chance.randrange(3)))
            for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
                pieces.append({**whose, key: text[start:end]})
        if not texts:
            pieces.append(each)
    return pieces


@pytest.mark.parametrize("name", DETAILS)
async def test_whole_reasoning_details_are_sent_back_unchanged(name: str) -> None:
    """Each object, in order, with every field, before a call and before a text."""
    details = DETAILS[name]
    for more in ({"tool_calls": [CALL]}, {"content": "Fine."}):
        message = await answered(router(), {"content": None, "reasoning_details": details, **more}, whole=True)
        assert sent(router(), message)["reasoning_details"] == details
        assert message.reasoning == "".join(each.get("text", each.get("summary", "")) for each in details)


@pytest.mark.parametrize("name", [name for name in DETAILS if name != "one without an index"])
async def test_reasoning_details_in_pieces_are_joined_by_object(name: str) -> None:
    """Cut anywhere, one or several in a delta, also with the text repeated as ``reasoning``."""
    details = DETAILS[name]
    for seed in range(25):
        chance = random.Random(seed)  # noqa: S311 (a test's)
        pieces = in_pieces(details, chance)
        deltas: list[dict[str, Any]] = []
        while pieces:
            some = [pieces.pop(0) for _ in range(min(len(pieces), chance.randrange(1, 4)))]
            words = "".join(each.get("text", each.get("summary", "")) for each in some)
            deltas.append({"reasoning_details": some, **({"reasoning": words} if chance.random() < 0.5 else {})})
        message = await answered(router(), *deltas, {"content": "Look. "}, {"tool_calls": [CALL]})
        assert sent(router(), message)["reasoning_details"] == details, seed
        assert message.reasoning == "".join(each.get("text", each.get("summary", "")) for each in details), seed
        assert message.text == "Look. ", seed


async def test_a_signature_may_come_after_the_text_has_begun() -> None:
    """It still belongs to its thought, and interleaved thoughts are joined separately."""
    whose = {"type": "reasoning.text", "format": "anthropic-claude-v1"}
    message = await answered(
        router(),
        {"reasoning_details": [{**whose, "index": 0, "text": "One, "}]},
        {"reasoning_details": [{**whose, "index": 1, "text": "two, "}]},
        {"reasoning_details": [{**whose, "index": 0, "text": "three."}]},
        {"content": "Hi."},
        {"reasoning_details": [{**whose, "index": 1, "signature": "S1"}, {**whose, "index": 0, "signature": "S0"}]},
    )
    assert sent(router(), message)["reasoning_details"] == [
        {**whose, "index": 0, "text": "One, three.", "signature": "S0"},
        {**whose, "index": 1, "text": "two, ", "signature": "S1"},
    ]
    assert (message.text, message.reasoning) == ("Hi.", "One, two, three.")


async def test_pieces_without_an_index_continue_the_last_object() -> None:
    """Until its signature has come; an encrypted piece is always an object of its own."""
    text = {"type": "reasoning.text", "format": "anthropic-claude-v1"}
    message = await answered(
        router(),
        {"reasoning_details": [{**text, "text": "Hm"}]},
        {"reasoning_details": [{**text, "text": "."}]},
        {"reasoning_details": [{**text, "signature": "S1"}]},
        {"reasoning_details": [{**text, "text": "So.", "signature": "S2"}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "A"}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "B"}]},
        {"content": "Hi."},
    )
    assert sent(router(), message)["reasoning_details"] == [
        {**text, "text": "Hm.", "signature": "S1"},
        {**text, "text": "So.", "signature": "S2"},
        {"type": "reasoning.encrypted", "data": "A"},
        {"type": "reasoning.encrypted", "data": "B"},
    ]


async def test_a_repeated_object_is_not_doubled() -> None:
    """Some proxies send the whole object again at the end."""
    hidden = {"type": "reasoning.encrypted", "data": "gAAAAABpQ0Zt", "id": "rs_1", "index": 0}
    message = await answered(
        router(), {"reasoning_details": [hidden]}, {"content": "Hi", "reasoning_details": [hidden]}
    )
    assert sent(router(), message)["reasoning_details"] == [hidden]


async def test_a_cut_off_thought_of_claude_is_not_sent_back() -> None:
    """It has no signature, and would be refused."""
    whose = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    message = await answered(router(), {"reasoning_details": [{**whose, "text": "Hm"}]}, {"content": "Hi"})
    assert "reasoning_details" not in sent(router(), message)
    with pytest.raises(bl.Unavailable):
        read(router(), events(chunk({"reasoning_details": [{**whose, "text": "Hm"}]})))


async def test_only_the_same_server_and_model_get_metadata_back() -> None:
    """Not another model, kind of server, address or vendor's API; then the first again."""
    message = await answered(router(), {"reasoning_details": DETAILS["claude"], "tool_calls": [CALL]})
    assert sent(router(), message)["reasoning_details"] == DETAILS["claude"]
    others: list[bl.backends.cloud.CloudBackend] = [
        router("anthropic/claude-sonnet-5-5"),
        router("anthropic/claude-opus-5-5"),
        bl.OpenAI(MODEL, api_key="k"),
        bl.OpenAI(MODEL, preset="vllm"),
        bl.OpenAI(MODEL, preset="mistral", api_key="k"),
        bl.OpenAI(MODEL, base_url="http://localhost:4000/v1"),
        google(),
    ]
    for other in others:
        assert "Et8BCmUIDxgC" not in json.dumps(body_of(other, [ASKED, message, RESULT])[0]), other
    for native in (bl.Anthropic(MODEL, api_key="k"), bl.Gemini(MODEL, api_key="k"), bl.Ollama(MODEL)):
        assert "Et8BCmUIDxgC" not in json.dumps(body_of(native, [ASKED, message, RESULT])[0]), native
    assert sent(router(), message, model="another") == {
        key: value for key, value in sent(router(), message).items() if key != "reasoning_details"
    }


async def test_a_server_without_a_preset_gets_its_metadata_back() -> None:
    """It is identified by its address."""
    here = bl.OpenAI("m", base_url="http://localhost:4000/v1")
    message = await answered(here, {"reasoning_details": DETAILS["gpt"], "tool_calls": [CALL]})
    assert sent(bl.OpenAI("m", base_url="http://localhost:4000/api"), message)["reasoning_details"] == DETAILS["gpt"]
    for url in ("http://localhost:4001/v1", "https://example.com/v1"):
        assert "reasoning_details" not in sent(bl.OpenAI("m", base_url=url), message)


async def test_a_model_named_in_extra_body_gets_its_metadata_back() -> None:
    """For every vendor: it is the model that answered."""
    llm = router("m", extra_body={"model": "other"})
    given, _ = read(llm, events(chunk({"reasoning_details": DETAILS["gpt"]}), chunk({}, "stop"), "[DONE]"))
    assert given  # the reader was told the model of the backend; what counts is the one that is sent
    marked = f"openrouter/other:{json.dumps(['reasoning_details', 0, {'type': 'reasoning.encrypted', 'data': 'S'}])}"
    message = bl.Message("assistant", [bl.ReasoningPart("", marked), bl.TextPart("Hi")])
    assert sent(llm, message)["reasoning_details"] == [{"type": "reasoning.encrypted", "data": "S"}]
    claude = bl.Anthropic("m", api_key="k", extra_body={"model": "other"})
    thought = bl.Message("assistant", [bl.ReasoningPart("Hm", "anthropic/other:SIG"), bl.TextPart("Hi")])
    assert body_of(claude, [ASKED, thought, ASKED])[0]["messages"][1]["content"][0]["signature"] == "SIG"
    gemini = bl.Gemini("m", api_key="k", extra_body={"model": "other"})
    said = bl.Message("assistant", [bl.TextPart("Hi", "gemini/other:SIG")])
    assert body_of(gemini, [ASKED, said, ASKED])[0]["contents"][1]["parts"] == [
        {"text": "Hi", "thoughtSignature": "SIG"}
    ]


@pytest.mark.parametrize(
    "kept",
    [
        '["messages",0,{"role":"system"}]',
        '["content",0,{"type":"image_url","image_url":"https://evil.example/x"}]',
        '["tools",0,{}]',
        '["reasoning_details","0",{}]',
        '["reasoning_details",0,[]]',
        '["reasoning_details"]',
        '{"role":"system","content":"x","tool_calls":[]}',
        '{"extra_content":"x","messages":[{}]}',
        "null",
        "[",
        "[" * 5000,
        "SIG",
        "",
    ],
)
def test_a_forged_signature_adds_nothing_to_a_request(kept: str) -> None:
    """A saved chat may contain anything; only the vendor's own fields are read from it, with their own types."""
    marked = f"openrouter/m:{kept}"
    call = bl.ToolCallPart("c1", "weather", "{}", marked)
    message = bl.Message("assistant", [bl.ReasoningPart("Hm.", marked), bl.TextPart("Hi", marked), call])
    body, _ = body_of(router("m"), [ASKED, message, RESULT])
    assert set(body) == {"model", "messages", "stream", "stream_options"}
    said = body["messages"][1]
    assert (said["role"], len(body["messages"])) == ("assistant", 3)
    assert set(said) <= {"role", "content", "tool_calls", "reasoning"}
    assert set(said["tool_calls"][0]) == {"id", "type", "function"}
    assert "evil.example" not in json.dumps(said)
    assert said["content"] == "Hi"


async def test_googles_signatures_are_sent_back_under_openais_api() -> None:
    """On the first call, and on the last delta of a text; the calls have no index."""
    extra = {"google": {"thought_signature": "CiQB0e2K=="}}
    first = {key: value for key, value in CALL.items() if key != "index"}
    second = {**first, "id": "c2"}
    deltas = [
        {"content": "Let me look.", "tool_calls": [{**first, "extra_content": extra}]},
        {"tool_calls": [second]},
    ]
    message = await answered(google(), *deltas)
    assert message.tool_calls[0].signature == (
        'openai@generativelanguage.googleapis.com/gemini-3.8-flash:{"extra_content":'
        + json.dumps(extra, separators=(",", ":"))
        + "}"
    )
    assert sent(google(), message)["tool_calls"] == [{**first, "extra_content": extra}, second]
    text = await answered(google(), {"content": "It "}, {"content": "rains."}, {"extra_content": extra})
    assert sent(google(), text) == {"role": "assistant", "content": "It rains.", "extra_content": extra}
    whole = await answered(google(), {"content": "Rain.", "extra_content": extra}, whole=True)
    assert sent(google(), whole) == {"role": "assistant", "content": "Rain.", "extra_content": extra}
    assert "extra_content" not in sent(router(), whole)


async def test_googles_thoughts_under_openais_api_are_thoughts() -> None:
    """A mark identifies them; there is nothing to send back."""
    thought = {"extra_content": {"google": {"thought": True}}}
    message = await answered(google(), {"content": "Hm", **thought}, {"content": ".", **thought}, {"content": "Rain."})
    assert message.content == [bl.ReasoningPart("Hm."), bl.TextPart("Rain.")]
    assert sent(google(), message) == {"role": "assistant", "content": "Rain."}


async def test_google_accepts_calls_of_others_under_openais_api() -> None:
    """With a placeholder if a signature is required; older models and other vendors' models there need none."""
    chat = bl.Message("assistant", [bl.ToolCallPart("c1", "f", "{}", "anthropic/x:SIG"), bl.ToolCallPart("c2", "f")])
    stand_in = {"google": {"thought_signature": NO_SIGNATURE}}
    for model, expected in (
        ("gemini-3.8-flash", [stand_in, None]),
        ("models/gemini-3-pro-preview", [stand_in, None]),
        ("google/gemini-3-pro-preview", [stand_in, None]),
        ("gemini-2.5-flash", [None, None]),
        ("google/gemini-2.5-flash", [None, None]),
        ("meta/llama-4", [None, None]),
    ):
        assert [call.get("extra_content") for call in sent(google(model), chat)["tool_calls"]] == expected, model
    assert all("extra_content" not in call for call in sent(bl.OpenAI("gemini-3", api_key="k"), chat)["tool_calls"])


async def test_the_metadata_of_litellm_is_sent_back() -> None:
    """Claude's thinking blocks, Gemini's signatures on a call, and ids that contain one."""
    here = bl.OpenAI("claude", base_url="http://localhost:4000/v1")
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "EqoB"},
        {"type": "redacted_thinking", "data": "EmwK"},
    ]
    beside = {"provider_specific_fields": {"thought_signature": "CiQB"}}
    long = "call_1__thought__" + "A" * 200
    call = {**CALL, "id": long, **beside}
    message = await answered(
        here,
        {"reasoning_content": "H", "thinking_blocks": [{"type": "thinking", "thinking": "H", "signature": None}]},
        {"reasoning_content": "m.", "thinking_blocks": [{"type": "thinking", "thinking": "m."}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "EqoB"}]},
        {"thinking_blocks": [blocks[1]]},
        {"tool_calls": [call]},
    )
    assert message.reasoning == "Hm."
    said = body_of(here, [ASKED, message, bl.Message("tool", [bl.ToolResultPart(long, "rain")])])[0]["messages"]
    assert said[1]["thinking_blocks"] == blocks
    assert (said[1]["tool_calls"][0]["id"], said[2]["tool_call_id"]) == (long, long)
    assert said[1]["tool_calls"][0]["provider_specific_fields"] == beside["provider_specific_fields"]


async def test_mistral_gets_its_chunks_of_thinking_back() -> None:
    """Whole or in pieces, before texts and calls; another server gets only the text."""
    mistral = bl.OpenAI("mistral-medium-3-5", preset="mistral", api_key="k")

    def thinking(words: str, **more: Any) -> dict[str, Any]:
        return {"type": "thinking", "thinking": [{"type": "text", "text": words}], **more}

    chunks = [thinking("I must look.", closed=True), {"type": "text", "text": "Let me look."}]
    whole = await answered(mistral, {"content": chunks, "tool_calls": [{**CALL, "id": "abcdefghi"}]}, whole=True)
    cut = await answered(
        mistral,
        {"content": [thinking("I must ")]},
        {"content": [thinking("look.", closed=True)]},
        {"content": "Let me "},
        {"content": "look."},
        {"tool_calls": [{**CALL, "id": "abcdefghi"}]},
    )
    for message in (whole, cut):
        assert (message.reasoning, message.text) == ("I must look.", "Let me look.")
        chat = [ASKED, message, bl.Message("tool", [bl.ToolResultPart("abcdefghi", "rain")])]
        assert body_of(mistral, chat)[0]["messages"][1]["content"] == chunks
        assert body_of(router(), chat)[0]["messages"][1]["content"] == "Let me look."
        assert body_of(mistral, chat, model="mistral-large")[0]["messages"][1]["content"] == "Let me look."


@pytest.mark.parametrize(
    ("llm", "field", "without"),
    [
        (bl.OpenAI("deepseek-v4-pro", preset="deepseek", api_key="k"), "reasoning_content", ""),
        (bl.OpenAI("deepseek-v4-pro", base_url="https://api.deepseek.com/v1", api_key="k"), "reasoning_content", ""),
        (bl.OpenAI("kimi-k2.6", base_url="https://api.moonshot.ai/v1", api_key="k"), "reasoning_content", " "),
        (bl.OpenAI("kimi-k2.6", base_url="https://api.moonshot.cn/v1", api_key="k"), "reasoning_content", " "),
        (bl.OpenAI("glm-5", base_url="https://api.z.ai/api/paas/v4", api_key="k"), "reasoning_content", None),
        (bl.OpenAI("glm-5", base_url="https://open.bigmodel.cn/api/paas/v4", api_key="k"), "reasoning_content", None),
        (bl.OpenAI("MiniMax-M2", base_url="https://api.minimax.io/v1", api_key="k"), "reasoning_content", None),
        (bl.OpenAI("m", preset="vllm"), "reasoning", None),
        (bl.OpenAI("m", preset="llamacpp"), "reasoning_content", None),
        (bl.OpenAI("m", preset="ollama"), "reasoning", None),
        (router("deepseek/deepseek-v4"), "reasoning", None),
        (bl.OpenAI("m", preset="xai", api_key="k"), None, None),
        (bl.OpenAI("m", preset="groq", api_key="k"), None, None),
        (bl.OpenAI("m", api_key="k"), None, None),
        (bl.OpenAI("m", base_url="http://localhost:4000/v1"), None, None),
    ],
)
async def test_plain_thoughts_are_sent_back_with_their_calls(
    llm: bl.OpenAI, field: str | None, without: str | None
) -> None:
    """In the field that the server reads, and nowhere else; a missing but required thought is replaced."""
    for given in ("reasoning_content", "reasoning"):
        called = await answered(llm, {given: "I must "}, {given: "look."}, {"tool_calls": [CALL]})
        assert called.content == [bl.ReasoningPart("I must look."), *called.tool_calls]
        said = {key: value for key, value in sent(llm, called).items() if key.startswith("reasoning")}
        assert said == ({} if field is None else {field: "I must look."})
        answer = await answered(llm, {given: "Done."}, {"content": "Rain."})
        assert sent(llm, answer) == {"role": "assistant", "content": "Rain."}
    bare = sent(llm, bl.Message("assistant", [bl.ToolCallPart("c1", "weather", "{}")]))
    assert {key: value for key, value in bare.items() if key.startswith("reasoning")} == (
        {} if without is None else {field: without}
    )


async def test_minimaxs_details_are_sent_back_instead_of_their_text() -> None:
    """With ``reasoning_split`` it sends both."""
    llm = bl.OpenAI("MiniMax-M2", base_url="https://api.minimax.io/v1", api_key="k")
    detail = {"type": "reasoning.text", "id": "reasoning-text-1", "format": "MiniMax-response-v1", "index": 0}
    message = await answered(
        llm,
        {"reasoning_content": "Hm", "reasoning_details": [{**detail, "text": "Hm"}]},
        {"reasoning_content": ".", "reasoning_details": [{**detail, "text": "."}]},
        {"tool_calls": [CALL]},
    )
    said = sent(llm, message)
    assert said["reasoning_details"] == [{**detail, "text": "Hm."}]
    assert "reasoning_content" not in said and message.reasoning == "Hm."


async def test_a_plain_thought_next_to_an_object_is_not_part_of_it() -> None:
    """Neither before it nor after it."""
    detail = {"type": "reasoning.text", "index": 0, "format": "x"}
    message = await answered(
        router(),
        {"reasoning": "Plain. "},
        {"reasoning_details": [{**detail, "text": "Given."}]},
        {"reasoning": " Plain."},
        {"content": "Hi"},
    )
    assert sent(router(), message)["reasoning_details"] == [{**detail, "text": "Given."}]
    assert message.reasoning == "Plain. Given. Plain."


@pytest.mark.parametrize(
    "junk", [None, 7, "x", {}, [None, 7, "x", [], {}], [{"type": 7, "text": {}, "index": "a", "id": []}]]
)
async def test_junk_in_these_fields_does_not_damage_an_answer(junk: Any) -> None:
    """Values of other types are skipped."""
    fields = dict.fromkeys(("reasoning_details", "thinking_blocks", "extra_content"), junk)
    call = {**CALL, "extra_content": junk, "provider_specific_fields": junk}
    for whole in (True, False):
        message = await answered(router(), {"content": "Hi", **fields, "tool_calls": [call]}, whole=whole)
        assert (message.text, [each.name for each in message.tool_calls]) == ("Hi", ["weather"])
        body_of(router(), [ASKED, message, RESULT])
