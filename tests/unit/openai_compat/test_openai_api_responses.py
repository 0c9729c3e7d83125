"""Our answers in OpenAI's shapes. (`test_openai_api_types.py` holds them to the official SDK's types.)"""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

import browserllm as bl
from browserllm.errors import ERRORS
from browserllm.openai_compat.failures import error_reply
from browserllm.openai_compat.responses import ChunkWriter, completion_of, embeddings_of, model_of, models_of
from browserllm.types import FinishReason

ENTRY = {"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": [{"token": "Hi", "logprob": -0.25}]}
CALL = bl.ToolCallPart("c1", "weather", '{"city":"Oslo"}', signature="s")


def response(*parts: bl.types.ContentPart, **fields: Any) -> bl.ChatResponse:
    """A response with these parts."""
    given: dict[str, Any] = {"request_id": "chat-1", "backend": "b", "model": "m", "finish_reason": "stop", **fields}
    return bl.ChatResponse(message=bl.Message("assistant", list(parts)), **given)


async def chunks_of(backend: bl.Backend, *, include_usage: bool = False, **options: Any) -> list[dict[str, Any]]:
    """What a stream of the backend is, written."""
    writer = ChunkWriter(include_usage=include_usage)
    return [chunk.to_dict() async for each in backend.stream("Hi", **options) for chunk in writer.write(each)]


def test_a_whole_answer_becomes_a_chat_completion() -> None:
    """Its text, finish reason, usage and model."""
    usage = bl.types.Usage(
        prompt_tokens=5, completion_tokens=3, cached_tokens=2, cache_write_tokens=1, reasoning_tokens=1
    )
    given = completion_of(
        response(
            bl.ReasoningPart("Hm."),
            bl.TextPart("Hi"),
            engine="webllm",
            device="webgpu",
            usage=usage,
            logprobs=[ENTRY],
            warnings=[bl.types.ChatWarning("n", "one")],
            cost_usd=0.0,
        ),
        warnings=[bl.types.ChatWarning("user", "none")],
    )
    created = given.created
    assert created > 1_790_000_000
    assert given.to_dict() == {
        "id": "chat-1",
        "object": "chat.completion",
        "created": created,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Hi", "refusal": None, "reasoning_content": "Hm."},
                "logprobs": {
                    "content": [{**ENTRY, "top_logprobs": [{"token": "Hi", "logprob": -0.25, "bytes": None}]}],
                    "refusal": None,
                },
            }
        ],
        "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 3,
            "total_tokens": 8,
            "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
        "system_fingerprint": "webllm-webgpu",
        "browserllm": {
            "backend": "b",
            "engine": "webllm",
            "device": "webgpu",
            "finish_reason": "stop",
            "cost_usd": 0.0,
            "timings": {
                "queue_ms": None,
                "first_token_ms": None,
                "decode_ms": None,
                "tokens_per_s": None,
                "total_ms": None,
            },
            "warnings": [{"parameter": "user", "message": "none"}, {"parameter": "n", "message": "one"}],
        },
    }


def test_the_content_of_calls_without_text_is_null() -> None:
    """The signature is kept."""
    message = completion_of(response(CALL, finish_reason="tool_calls")).choices[0].message
    assert message.to_dict() == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
                "browserllm": {"signature": "s"},
            }
        ],
    }
    assert completion_of(response(bl.TextPart("Let me look."), CALL)).choices[0].message.content == "Let me look."
    assert completion_of(response()).choices[0].message.content == ""


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
        ("cancelled", "length"),
        ("error", "length"),
    ],
)
def test_the_finish_reason_is_one_of_openais(ours: FinishReason, theirs: str) -> None:
    """Ours is next to it."""
    given = completion_of(response(bl.TextPart("x"), finish_reason=ours))
    assert given.choices[0].finish_reason == theirs
    assert given.browserllm is not None
    assert given.browserllm.finish_reason == ours


async def test_a_stream_of_text_becomes_chunks() -> None:
    """The role, the text, the finish reason with all details, and the usage on request."""
    backend = bl.ScriptedBackend([["Hel", bl.types.ReasoningDelta(reasoning="hm"), "lo"]], model="m")
    first, *middle, last = await chunks_of(backend)
    assert {name: first[name] for name in ("object", "model", "browserllm")} == {
        "object": "chat.completion.chunk",
        "model": "m",
        "browserllm": {"backend": "scripted"},
    }
    assert first["choices"] == [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]
    assert [chunk["choices"][0]["delta"] for chunk in middle] == [
        {"content": "Hel"},
        {"reasoning_content": "hm"},
        {"content": "lo"},
    ]
    assert last["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert last["browserllm"]["finish_reason"] == "stop"
    everything = await chunks_of(backend, include_usage=True)
    assert everything[-1]["choices"] == []
    assert everything[-1]["usage"]["completion_tokens"] == 3
    assert len({chunk["id"] for chunk in everything}) == 1
    assert len({chunk["created"] for chunk in everything}) == 1


async def test_a_stream_of_calls_becomes_chunks() -> None:
    """A call begins with its id, type and name, and each has its index."""
    backend = bl.ScriptedBackend([["Let me look.", CALL, bl.ToolCallPart("c2", "time")]])
    chunks = await chunks_of(backend)
    assert [chunk["choices"][0]["delta"].get("tool_calls") for chunk in chunks][2:4] == [
        [
            {
                "index": 0,
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
                "browserllm": {"signature": "s"},
            }
        ],
        [{"index": 1, "id": "c2", "type": "function", "function": {"name": "time", "arguments": "{}"}}],
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    more = bl.types.ToolCallDelta(sequence=3, index=1, arguments="x", signature="s")
    (chunk,) = ChunkWriter().write(more)
    assert chunk.choices[0].delta.to_dict() == {
        "tool_calls": [{"index": 1, "function": {"arguments": "x"}, "browserllm": {"signature": "s"}}]
    }


async def test_logprobs_are_on_the_chunk_of_their_text() -> None:
    """With their entries unchanged."""
    (chunk,) = ChunkWriter().write(bl.types.TextDelta(sequence=1, text="Hi", logprobs=[ENTRY]))
    assert chunk.choices[0].logprobs is not None
    assert chunk.choices[0].logprobs.content is not None
    assert chunk.choices[0].logprobs.content[0].token == "Hi"
    for wrong in ([7], [{}], [{"token": "x", "logprob": 0, "top_logprobs": [5]}]):
        with pytest.raises(bl.errors.ProtocolError, match="logprobs"):
            ChunkWriter().write(bl.types.TextDelta(sequence=1, logprobs=wrong))


def test_a_restart_invalidates_the_earlier_chunks() -> None:
    """It has the next backend's model, and the backend that failed."""
    hop = bl.types.Hop(reason="it broke", backend="a")
    (chunk,) = ChunkWriter().write(bl.types.ChatRestart(sequence=3, hop=hop, backend="b", model="n"))
    assert chunk.browserllm is not None
    assert (chunk.model, chunk.browserllm.backend, chunk.browserllm.restart) == ("n", "b", hop)
    assert ChunkWriter().write(bl.types.ReasoningDelta(sequence=1, signature="s")) == []
    assert ChunkWriter().write(bl.types.ChatChunk(sequence=1)) == []


def test_objects_have_the_methods_of_the_sdks_models() -> None:
    """They become dicts and JSON, with empty fields or without."""
    given = completion_of(response(bl.TextPart("Hi")))
    full = given.model_dump()
    assert full["service_tier"] is None
    assert full["choices"][0]["message"]["tool_calls"] is None
    assert json.loads(given.model_dump_json()) == full
    assert (
        json.loads(given.model_dump_json(indent=2, exclude_unset=True))
        == given.to_dict()
        == json.loads(given.to_json())
    )
    assert "\n  " in given.to_json()
    assert "\n" not in given.to_json(indent=None)
    lean = given.model_dump(mode="json", exclude_none=True)
    assert "service_tier" not in lean
    assert "refusal" not in lean["choices"][0]["message"]
    assert lean["choices"][0]["message"]["content"] == "Hi"


def test_a_parsed_value_is_written_as_plain_data() -> None:
    """With its own `model_dump` if it has one; a value that cannot be written is an error."""

    class Model:
        def model_dump(self, mode: str) -> dict[str, str]:
            return {"mode": mode}

    given = completion_of(response(bl.TextPart("Hi")))
    given.choices[0].message.parsed = Model()
    assert given.to_dict()["choices"][0]["message"]["parsed"] == {"mode": "json"}
    assert given.model_dump()["choices"][0]["message"]["parsed"] == {"mode": "json"}
    given.choices[0].message.parsed = object()
    with pytest.raises(NotImplementedError, match="'object' cannot be written"):
        given.to_dict()


def test_a_list_of_models_has_each_models_state() -> None:
    """The list can be iterated."""
    infos = [bl.types.ModelInfo(id="a", name="A", context_window=8, downloaded=True), bl.types.ModelInfo(id="b")]
    assert model_of(infos[0]).to_dict() == {
        "id": "a",
        "object": "model",
        "created": 0,
        "owned_by": "browserllm",
        "browserllm": {"name": "A", "context_window": 8, "downloaded": True},
    }
    listed = models_of(infos)
    assert [model.id for model in listed] == ["a", "b"]
    assert listed.to_dict()["object"] == "list"


def test_vectors_are_numbers_or_bytes() -> None:
    """The bytes are those of 32-bit floats."""
    given = bl.types.Embeddings(model="m", vectors=[[1.0, -0.5], [0.25, 0.0]], usage=bl.types.Usage(prompt_tokens=4))
    answer = embeddings_of(given)
    assert [each.embedding for each in answer.data] == given.vectors
    assert [each.index for each in answer.data] == [0, 1]
    assert answer.usage.to_dict() == {"prompt_tokens": 4, "total_tokens": 4}
    packed = embeddings_of(given, encoding_format="base64").data[0].embedding
    assert isinstance(packed, str)
    assert list(struct.unpack("<2f", base64.b64decode(packed))) == [1.0, -0.5]


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_has_a_status_and_a_body(code: str) -> None:
    """After a temporary failure clients ask again; not after a mistake of the caller's."""
    error = ERRORS[code]("it says why", data={"parameter": "x"})
    status, body, headers = error_reply(error)
    assert 400 <= status < 600
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert (body["error"]["message"], body["error"]["param"], headers) == ("it says why", "x", {})
    mine = isinstance(error, (bl.InvalidRequest, bl.errors.Unsupported, bl.errors.ModelNotFound, bl.ContextExceeded))
    assert (status < 429) == (mine or code in {"authentication", "content_filtered", "model_not_downloaded"})


PRIVATE = bl.Unavailable("the request is private", reason="private")
RULED_OUT = bl.Unavailable("the policy does not ask it", reason="policy")
DOWN = bl.Unavailable("the server fails", reason="server_error")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (bl.RateLimited("slow down"), 429, "rate_limit_exceeded"),
        (bl.RateLimited("the credit is used up", data={"reason": "quota"}), 429, "insufficient_quota"),
        (PRIVATE, 403, "unavailable"),
        (RULED_OUT, 403, "unavailable"),
        (bl.AllBackendsFailed("none", causes=[PRIVATE, RULED_OUT]), 403, "all_backends_failed"),
        (bl.AllBackendsFailed("none", causes=[PRIVATE, DOWN]), 503, "all_backends_failed"),
        (bl.Unavailable("it has failed often", reason="circuit_open"), 503, "unavailable"),
        (DOWN, 503, "unavailable"),
    ],
)
def test_a_failure_that_a_retry_cannot_mend_does_not_look_like_one_that_passes(
    error: bl.BrowserLLMError, status: int, code: str
) -> None:
    """The official SDKs ask again after 503; a program tells a quota from a rate limit by the code."""
    reply = error_reply(error)
    assert (reply.status, reply.body["error"]["code"]) == (status, code)


def test_the_message_of_a_foreign_error_is_hidden() -> None:
    """It could contain anything; a rate limit says how long to wait."""
    assert error_reply(RuntimeError("/home/me/secret"))[:2] == (
        500,
        {
            "error": {
                "message": "internal error: RuntimeError",
                "type": "server_error",
                "param": None,
                "code": "internal",
            }
        },
    )
    reply = error_reply(bl.RateLimited("slow down", data={"retry_after_s": 2.5}))
    assert (reply.status, reply.headers) == (429, {"retry-after": "2.5"})
