"""Redaction: what detectors find never leaves, and the answer reads as if it had."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.middleware import DETECTORS, Span
from browserllm.backends.middleware.placeholders import merge
from browserllm.backends.stream import Delta
from browserllm.testing.backend import ScriptedBackend

# Put together here, so that no scanner takes this file for a leak.
GITHUB = "ghp_" + "a1B2" * 9
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0." + "c2lnbmF0dXJl"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n" + "-----END RSA PRIVATE KEY-----"


def found(text: str) -> list[tuple[str, str]]:
    """Return what the detectors find, with its kind."""
    spans = merge(span for detector in DETECTORS for span in detector(text))
    return [(text[span.start : span.end], span.kind) for span in spans]


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("write to ada.lovelace+x@mail.example.org.", "ada.lovelace+x@mail.example.org", "EMAIL"),
        ("<jörg@müller.example>", "jörg@müller.example", "EMAIL"),
        ("请" * 100 + "发到ada@example.org谢谢", "ada@example.org", "EMAIL"),
        ("电话+4915123456789或", "+4915123456789", "PHONE"),
        ("地址10.0.0.1和", "10.0.0.1", "IP"),
        ("地址2001:db8::1和", "2001:db8::1", "IP"),
        ("почта: иван@пример.рф", "иван@пример.рф", "EMAIL"),
        ("call +49 (0)151 234-56789 now", "+49 (0)151 234-56789", "PHONE"),
        ("0044 20 7946 0958", "0044 20 7946 0958", "PHONE"),
        ("card 4111 1111 1111 1111 12/27", "4111 1111 1111 1111", "CARD"),
        ("4111-1111-1111-1111", "4111-1111-1111-1111", "CARD"),
        ("378282246310005", "378282246310005", "CARD"),
        ("order 12 5555 5555 5555 4444 3", "5555 5555 5555 4444", "CARD"),
        ("to DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00", "IBAN"),
        ("GB82WEST12345698765432", "GB82WEST12345698765432", "IBAN"),
        ("no9386011117947", "no9386011117947", "IBAN"),
        ("ping 192.168.0.254.", "192.168.0.254", "IP"),
        ("at 2001:db8::8a2e:370:7334, port", "2001:db8::8a2e:370:7334", "IP"),
        ("fe80::1: up", "fe80::1", "IP"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1", "IP"),
        (f"token={GITHUB}", GITHUB, "SECRET"),
        (f"id {AWS};", AWS, "SECRET"),
        ("sk-ant-" + "api03-" + "x" * 20, "sk-ant-api03-" + "x" * 20, "SECRET"),
        ('"password": "correct-horse"', "correct-horse", "SECRET"),
        ("API_KEY = 'abcdefgh12'", "abcdefgh12", "SECRET"),
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi", "SECRET"),
        (f"got {JWT} back", JWT, "JWT"),
        (f"key:\n{KEY}\nend", KEY, "PRIVATE_KEY"),
        ("-----BEGIN PRIVATE KEY-----\nMII", "-----BEGIN PRIVATE KEY-----\nMII", "PRIVATE_KEY"),
        ("postgres://ada:s3cr3t@db/x", "ada:s3cr3t", "LOGIN"),
    ],
)
def test_a_value_with_a_recognizable_form_is_found_exactly(text: str, value: str, kind: str) -> None:
    """The value, not the text around it."""
    assert found(text) == [(value, kind)]


@pytest.mark.parametrize(
    "text",
    [
        "ada at example dot org, @ada, a@b",
        "4111 1111 1111 1112",  # the check digit is wrong
        "1234567890123456789012345678901234567890",
        "DE88370400440532013000",  # so are the check digits
        "AB12 3456 7890 1234 5678",  # no such country
        "version 1.2.3.4.5, 999.1.1.1, 12:30:45, std::vector, a::b",
        "call 555 0199, +49, 2026-11-21, +1234",
        "sk-short, password: short, eyJhbGciOi",
        "eyJub3QiOiJhand0In0.aaaaaaaaaa.bbbbbb",  # no algorithm: no token
        "https://example.org/a:b@c",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_a_lookalike_stays(text: str) -> None:
    """With a wrong checksum or length, or an ordinary word."""
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "a." * 100_000, "4 " * 30_000, "1" * 200_000, "a@" * 100_000, ":" * 200_000, "eyJ" * 70_000,
     "://" * 70_000, "-----BEGIN PRIVATE KEY-----" * 5_000, "+1" * 100_000, "DE89 " * 40_000, "password=" * 20_000,
     "1.1." * 50_000, "bearer " * 30_000],
)  # fmt: skip
async def test_the_search_is_fast_for_every_text(text: str) -> None:
    """Quadratic patterns would take minutes here, and exceed the time limit of every test."""
    found(text)


def asked(inner: ScriptedBackend, number: int = -1) -> str:
    """Return everything that was sent to a backend, as text."""
    import msgspec

    return msgspec.json.encode(inner.requests[number]).decode()


async def test_the_backend_gets_placeholders_and_the_caller_values() -> None:
    """The backend sees placeholders everywhere; the answer, its reasoning and its tool calls have the values."""
    arguments = json.dumps({"to": "<EMAIL_1>", "body": "Your number: <PHONE_1>"})
    inner = ScriptedBackend(
        [
            [
                bl.types.ReasoningDelta(reasoning="I ask <EMAIL_1>"),
                "Writing to <EMAIL_1>, ",
                "or <EMAIL_2>?",
                bl.ToolCallPart("1", "send", arguments),
            ]
        ],
        leaves_device=True,
    )
    stream = bl.Redaction(inner, restore_tools=["send"]).stream(
        [
            {"role": "system", "content": "You serve ada@example.org."},
            {"role": "user", "content": [bl.TextPart("ada@example.org or bob@example.org, +4915123456789?")]},
            {"role": "assistant", "content": [bl.ToolCallPart("0", "find", '{"who": "bob@example.org", "n": 1}')]},
            {
                "role": "tool",
                "content": [bl.ToolResultPart("0", '{"card": 4111111111111111, "by": "ada@example.org"}')],
            },
        ],
        stop=["bob@example.org"],
        metadata={"for": "ada@example.org"},
    )
    response = await stream.finish()
    assert "example.org" not in asked(inner)
    request = inner.requests[0]
    assert request.messages[1].text == "<EMAIL_1> or <EMAIL_2>, <PHONE_1>?"
    assert request.messages[2].tool_calls[0].arguments == '{"who": "<EMAIL_2>", "n": 1}'
    assert request.messages[3].content == [bl.ToolResultPart("0", '{"card": "<CARD_1>", "by": "<EMAIL_1>"}')]
    assert (request.stop, request.metadata) == (["<EMAIL_2>"], {"for": "<EMAIL_1>"})
    assert response.text == "Writing to ada@example.org, or bob@example.org?"
    assert response.reasoning == "I ask ada@example.org"
    assert json.loads(response.message.tool_calls[0].arguments) == {
        "to": "ada@example.org",
        "body": "Your number: +4915123456789",
    }
    (warning,) = response.warnings
    assert warning.message == "replaced with placeholders before sending: 1 CARD, 2 EMAIL, 1 PHONE"


async def test_a_conversation_keeps_its_placeholders() -> None:
    """The history with its restored answer is sent as the model saw it, followed by the new turn."""
    inner = ScriptedBackend([["Dear <EMAIL_1>"], ["ok"]], leaves_device=True)
    redaction = bl.Redaction(inner)
    history = [bl.Message("user", "I am ada@example.org")]
    history.append((await redaction.complete(history)).message)
    history.append(bl.Message("user", "and bob@example.org"))
    await redaction.complete(history)
    assert [message.text for message in inner.requests[1].messages] == [
        "I am <EMAIL_1>",
        "Dear <EMAIL_1>",
        "and <EMAIL_2>",
    ]


async def test_a_value_found_once_is_replaced_everywhere() -> None:
    """Also where no detector finds it; but a word is not replaced inside other words."""
    inner = ScriptedBackend("ok", leaves_device=True)
    secret = "x1-secret-y2"
    await bl.Redaction(inner, terms=["ada"]).complete(
        [bl.Message("user", f"as {secret}s go, Canada"), bl.Message("user", f"ada has password: {secret}")]
    )
    assert [message.text for message in inner.requests[0].messages] == [
        "as <SECRET_1>s go, Canada",
        "<TERM_1> has password: <SECRET_1>",
    ]


async def test_signed_reasoning_is_sent_as_the_model_wrote_it() -> None:
    """A change would be refused: values become the placeholders that it had seen, and its own text stays."""
    inner = ScriptedBackend("ok", leaves_device=True)
    thought = "Mail ada@example.org, not root@localhost.example"
    await bl.Redaction(inner).complete(
        [
            bl.Message("user", "I am ada@example.org"),
            bl.Message(
                "assistant", [bl.ReasoningPart(thought, "signed"), bl.ReasoningPart(thought), bl.TextPart("Hi")]
            ),
            bl.Message("user", "go on"),
        ]
    )
    parts = inner.requests[0].messages[1].content
    assert parts[0] == bl.ReasoningPart("Mail <EMAIL_1>, not root@localhost.example", "signed")
    assert parts[1] == bl.ReasoningPart("Mail <EMAIL_1>, not <EMAIL_2>")


async def test_signed_reasoning_is_complete_before_its_signature() -> None:
    """Nothing is held back beyond the end of a part."""
    pieces = [
        bl.types.ReasoningDelta(reasoning="a <"),
        bl.types.ReasoningDelta(reasoning="E", signature="s"),
    ]
    inner = ScriptedBackend([[*pieces, bl.types.ReasoningDelta(reasoning="next")]], leaves_device=True)
    response = await bl.Redaction(inner).complete("ada@example.org")
    assert response.message.content == [bl.ReasoningPart("a <E", "s"), bl.ReasoningPart("next")]


async def test_text_that_looks_like_a_placeholder_is_not_one() -> None:
    """Also with JSON escapes: a repeated text comes back as it was."""
    said = "<EMAIL_1> is no address, <EMAIL_3> is"
    inner = ScriptedBackend([[said]], leaves_device=True)
    escaped = bl.Message("tool", [bl.ToolResultPart("0", '{"x": "\\u003cEMAIL_2\\u003e"}')])
    response = await bl.Redaction(inner).complete([bl.Message("user", "<EMAIL_1> ada@example.org"), escaped])
    assert inner.requests[0].messages[0].text == "<EMAIL_1> <EMAIL_3>"
    assert response.text == "<EMAIL_1> is no address, ada@example.org is"


@pytest.mark.parametrize(
    "placeholder", ["<PRIVATE_KEY_1>", "\\u003cPRIVATE_KEY_1\\u003e", "\\u003CPRIVATE_KEY_1\\u003E"]
)
async def test_tool_calls_stay_json_whatever_the_value_contains(placeholder: str) -> None:
    """Line ends and quotes are escaped; placeholders are found in either spelling."""
    key = KEY.replace("MIIEow", 'MII"Eow\\')
    inner = ScriptedBackend([[bl.ToolCallPart("1", "use", '{"key": "' + placeholder + '"}')]], leaves_device=True)
    response = await bl.Redaction(inner, restore_tools=["use"]).complete(f"use {key}")
    assert json.loads(response.message.tool_calls[0].arguments) == {"key": key}


async def test_structured_answers_stay_json() -> None:
    """Values are escaped in an answer that must be JSON."""
    inner = ScriptedBackend([['{"key": "<PRIVATE_KEY_1>"}']], leaves_device=True)
    response = await bl.Redaction(inner).complete(f"use {KEY}", response_format={"type": "json_object"})
    assert json.loads(response.text) == {"key": KEY}


async def test_tool_calls_in_pieces_are_restored_separately() -> None:
    """Two parallel calls, cut at every character."""
    arguments = ['{"a": "<EMAIL_1>"}', '{"b": "<EMAIL_2> <"}']

    class Interleaved(ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Any) -> Any:
            for index in range(2):
                yield bl.types.ToolCallDelta(index=index, id=str(index), name="use", arguments="")
            for position in range(max(map(len, arguments))):
                for index, text in enumerate(arguments):
                    yield bl.types.ToolCallDelta(index=index, arguments=text[position : position + 1])

    redaction = bl.Redaction(Interleaved(leaves_device=True), restore_tools=["use"])
    response = await redaction.complete("a@example.org b@example.org")
    assert [json.loads(call.arguments) for call in response.message.tool_calls] == [
        {"a": "a@example.org"},
        {"b": "b@example.org <"},
    ]


@pytest.mark.parametrize("depth", [300, 600, 900, 100_000])
async def test_arguments_that_are_nested_too_deep_are_redacted_as_text(depth: int) -> None:
    """Without a crash or a leak."""
    inner = ScriptedBackend("ok", leaves_device=True)
    call = bl.ToolCallPart("1", "a", "[" * depth + '"ada@example.org"' + "]" * depth)
    await bl.Redaction(inner).complete([bl.Message("user", "x"), bl.Message("assistant", [call])])
    assert inner.requests[0].messages[1].tool_calls[0].arguments == call.arguments.replace(
        "ada@example.org", "<EMAIL_1>"
    )


async def test_text_with_logprobs_is_restored_too() -> None:
    """The text is held back as long as necessary; the logprobs come at once, and keep the placeholders."""
    pieces = [bl.types.TextDelta(text=text, logprobs=[{"token": text}]) for text in ("to <EM", "AIL_1>", ", ")]

    class WithLogprobs(ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Any) -> Any:
            for piece in pieces:
                yield piece

    stream = bl.Redaction(WithLogprobs(leaves_device=True)).stream("ada@example.org", logprobs=True)
    chunks = [chunk async for chunk in stream if isinstance(chunk, bl.types.TextDelta)]
    assert [(chunk.text, len(chunk.logprobs or [])) for chunk in chunks] == [
        ("to ", 1),
        ("", 1),
        ("ada@example.org, ", 1),
    ]
    assert [entry["token"] for entry in stream.response.logprobs] == ["to <EM", "AIL_1>", ", "]


async def test_held_back_text_is_delivered_if_the_answer_breaks_off() -> None:
    """It was received; the failure follows it."""
    inner = ScriptedBackend([["so <EMAIL", bl.errors.Stalled("silent")]], leaves_device=True)
    stream = bl.Redaction(inner).stream("ada@example.org")
    with pytest.raises(bl.errors.Stalled):
        await stream.finish()
    assert stream.response.text == "so <EMAIL"


async def test_a_restart_drops_held_back_text() -> None:
    """The rest of the false start is not part of the new answer."""
    one = ScriptedBackend([["false <EMAIL", bl.errors.Stalled("silent")]], name="one", leaves_device=True)
    two = ScriptedBackend([["to <EMAIL_1>"]], name="two", leaves_device=True)
    redaction = bl.Redaction(bl.Router([one, two], on_interrupted="restart"))
    assert (await redaction.complete("ada@example.org")).text == "to ada@example.org"


async def test_requests_that_stay_on_the_device_are_redacted_only_with_always() -> None:
    """A local model may see everything."""
    inner = ScriptedBackend("ok")
    await bl.Redaction(inner).complete("ada@example.org")
    await bl.Redaction(inner, always=True).complete("ada@example.org")
    assert [request.messages[0].text for request in inner.requests] == ["ada@example.org", "<EMAIL_1>"]


async def test_no_inner_layer_sees_the_original() -> None:
    """Neither in the request nor in its draft."""
    seen: list[str] = []

    class Curious(ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Any) -> Any:
            seen.append(draft.request.messages[0].text)
            yield "ok"

    await bl.Redaction(Curious(leaves_device=True)).complete("ada@example.org")
    assert seen == ["<EMAIL_1>"]


async def test_custom_terms_and_detectors() -> None:
    """Terms are whole words in any case, optionally with a kind; a detector is any function."""

    def names(text: str) -> Iterator[Span]:
        if "Ada" in text:
            yield Span(text.index("Ada"), text.index("Ada") + 3, "PERSON")

    inner = ScriptedBackend("ok", leaves_device=True)
    own = bl.Redaction(inner, terms={"Falcon": "PROJECT", "New York": "PLACE"}, detectors=[*DETECTORS, names])
    await own.complete("Ada flies FALCON to new york; falconry is a sport", metadata={"n": 3})
    assert inner.requests[0].messages[0].text == "<PERSON_1> flies <PROJECT_1> to <PLACE_1>; falconry is a sport"
    await bl.Redaction(inner, terms=["a.c"], detectors=[]).complete("abc a.c ada@example.org")
    assert inner.requests[1].messages[0].text == "abc <TERM_1> ada@example.org"
    await bl.Redaction(inner, terms=["北京", "Ada"]).complete("我住在北京市, Adaさん")
    assert inner.requests[2].messages[0].text == "我住在<TERM_1>市, <TERM_2>さん"


@pytest.mark.parametrize("span", [(0, 99, "X"), (-1, 2, "X"), (2, 2, "X"), (0, 1, "lower"), (0, 1, "")])
async def test_nothing_is_sent_after_a_wrong_finding(span: tuple[int, int, str]) -> None:
    """A span outside of the text, an empty one, or a kind that is not valid: better an error than a leak."""

    def wrong(text: str) -> Iterable[Span]:
        return [Span(*span)]

    inner = ScriptedBackend("ok", leaves_device=True)
    with pytest.raises(bl.InvalidRequest, match="a detector found"):
        await bl.Redaction(inner, detectors=[wrong]).complete("some text")
    assert inner.requests == []


def test_findings_that_overlap_become_one() -> None:
    """Nothing between them leaks, and the longest gives the kind."""
    spans = [Span(0, 5, "A"), Span(3, 12, "B"), Span(11, 13, "C"), Span(13, 14, "D"), Span(0, 2, "E")]
    assert merge(spans) == [Span(0, 13, "B"), Span(13, 14, "D")]


@pytest.mark.parametrize(
    "part", [bl.ImagePart(url="https://example.org/x.png"), bl.AudioPart(data=b"x", media_type="a/b")]
)
async def test_images_and_audio_cause_a_warning_or_an_error(part: Any) -> None:
    """They are not searched."""
    prompt = bl.Message("user", [bl.TextPart("look"), part])
    inner = ScriptedBackend("ok", leaves_device=True)
    response = await bl.Redaction(inner).complete(prompt)
    assert "not searched" in response.warnings[0].message
    assert (await bl.Redaction(inner, media="pass").complete(prompt)).warnings == []
    with pytest.raises(bl.errors.Unsupported, match="nothing was sent"):
        await bl.Redaction(inner, media="refuse").complete(prompt)
    assert len(inner.requests) == 2


async def test_a_name_with_a_finding_is_left_out() -> None:
    """Providers do not accept placeholders as names."""
    inner = ScriptedBackend("ok", leaves_device=True)
    await bl.Redaction(inner, terms=["ada"]).complete(bl.Message("user", "hi", "ada"))
    await bl.Redaction(inner, terms=["ada"]).complete(bl.Message("user", "hi", "bob"))
    assert [request.messages[0].name for request in inner.requests] == [None, "bob"]


async def test_tool_arguments_that_are_not_json_are_redacted_as_text() -> None:
    """Malformed arguments do not leak either; without findings they keep every space."""
    inner = ScriptedBackend("ok", leaves_device=True)
    calls = [bl.ToolCallPart("1", "a", '{"to": "ada@example.org'), bl.ToolCallPart("2", "b", '{ "n" :  1.0 }')]
    await bl.Redaction(inner).complete(
        [bl.Message("user", "x"), bl.Message("assistant", calls), bl.Message("user", "y")]
    )
    sent = inner.requests[0].messages[1].tool_calls
    assert [call.arguments for call in sent] == ['{"to": "<EMAIL_1>', '{ "n" :  1.0 }']


class Signs(bl.Backend):
    """Signs the last part of its text, and records its requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[bl.ChatRequest] = []

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        self.requests.append(request)
        yield "Yes, <EMA"
        yield bl.types.TextDelta(text="IL_1>!", signature="s")


async def test_a_signed_text_is_sent_as_the_model_wrote_it_or_unsigned() -> None:
    """It is searched like any other text; if that changes what the model wrote, its signature is dropped."""
    llm = Signs()
    guarded = bl.Redaction(llm, always=True)
    asked = bl.Message("user", "Is it ada@example.com?")
    message = (await guarded.complete([asked])).message
    # What the cut went through is whole, in the part that ends it.
    assert message.content == [bl.TextPart("Yes, "), bl.TextPart("ada@example.com!", "s")]
    await guarded.complete([asked, message, bl.Message("user", "And?")])
    assert llm.requests[1].messages[1].content == [bl.TextPart("Yes, "), bl.TextPart("<EMAIL_1>!", "s")]
    forged = bl.Message("assistant", [bl.TextPart("eve@example.com", "s")])
    await guarded.complete([asked, forged, bl.Message("user", "And?")])
    assert llm.requests[2].messages[1].parts == [bl.TextPart("<EMAIL_2>")]
