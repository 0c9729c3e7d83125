"""What all clouds have in common: addresses, keys, privacy, costs. Nothing here needs a network."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

import browserllm as bl
from browserllm._internal.http.client import HttpClient, HttpRequest, HttpResponse
from browserllm.backends.cloud.failures import ErrorSource, VendorError, failure, retry_after
from browserllm.backends.cloud.prices import cost_of, estimate_usage

STREAM = (
    b'data: {"model":"gpt-6-luna-2026-09-22","choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":1000000,"completion_tokens":1000000,"total_tokens":2000000,'
    b'"prompt_tokens_details":{"cached_tokens":500000}}}\n\ndata: [DONE]\n\n'
)


class Response(HttpResponse):
    """An answer of given bytes."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.headers = {"content-type": "text/event-stream"}
        self.body = body

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        yield self.body

    async def aclose(self) -> None:
        pass


class Client(HttpClient):
    """A seam that keeps what it is given, and answers with the same bytes always."""

    def __init__(self, body: bytes = STREAM, status: int = 200) -> None:
        self.requests: list[HttpRequest] = []
        self.closed = 0
        self._answer = (status, body)

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return Response(*self._answer)

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs the tests may have keys."""
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY"):
        monkeypatch.delenv(name, raising=False)


# Addresses


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("openai", "not a web address"),
        ("ftp://api.openai.com", "not a web address"),
        ("https://", "not a web address"),
        ("https://[::1", "not a valid address"),
        ("https://example.com:99999/", "not a valid address"),
        ("http://api.openai.com/v1", "allow_http"),
        ("http://192.168.1.5:8000/v1", "allow_http"),
        ("http://localhost.example.com/v1", "allow_http"),
        ("http://127.0.0.1.example.com/v1", "allow_http"),
        ("https://user:secret-word@example.com/v1", "user, a query"),
        ("https://example.com/v1?key=secret-word", "user, a query"),
        ("https://example.com/v1#secret-word", "user, a query"),
    ],
)
def test_a_wrong_address_is_refused(base_url: str, said: str) -> None:
    """The error says what is wrong, and does not show possible secrets."""
    with pytest.raises(bl.InvalidRequest, match=said) as caught:
        bl.OpenAI("m", base_url=base_url)
    assert caught.value.data["parameter"] == "base_url"
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:1/v1", "http://localhost/v1/", "http://[::1]:8080/v1", "http://LOCALHOST:5/v1"]
)
def test_a_server_on_this_machine_may_use_http(base_url: str) -> None:
    """Only there may a backend declare that nothing leaves the device."""
    llm = bl.OpenAI("m", base_url=base_url, leaves_device=False)
    assert (llm.base_url, llm.needs_network) == (base_url.rstrip("/"), False)
    assert bl.OpenAI("m", base_url=base_url).leaves_device


def test_a_server_elsewhere_leaves_the_device() -> None:
    """Whatever the caller declares."""
    with pytest.raises(bl.InvalidRequest, match="leaves_device=False"):
        bl.OpenAI("m", leaves_device=False)
    with pytest.raises(bl.InvalidRequest, match="leaves_device=False"):
        bl.OpenAI("m", base_url="http://10.0.0.1/v1", allow_http=True, leaves_device=False)
    assert bl.OpenAI("m", base_url="http://10.0.0.1/v1", allow_http=True).needs_network


def test_other_wrong_arguments_are_refused() -> None:
    """An empty model name, a body that is not JSON, a timeout of zero."""
    with pytest.raises(bl.InvalidRequest, match="model=''"):
        bl.OpenAI("")
    with pytest.raises(bl.InvalidRequest, match="extra_body"):
        bl.OpenAI("m", extra_body={"x": object()})
    for timeouts in (
        bl.backends.cloud.Timeouts(connect_s=0),
        bl.backends.cloud.Timeouts(silence_s=-1),
        bl.backends.cloud.Timeouts(silence_s=float("nan")),
    ):
        with pytest.raises(bl.InvalidRequest, match="timeouts"):
            bl.OpenAI("m", timeouts=timeouts)


# Keys


async def key_sent(llm: bl.OpenAI, client: Client) -> str | None:
    """The key that a request carries."""
    await llm.complete("Hi")
    header = client.requests[-1].headers.get("authorization")
    return None if header is None else "".join(header)


async def test_the_key_of_the_environment_goes_to_the_vendor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read when it is needed, and a server of another address does not get it."""
    client = Client()
    llm = bl.OpenAI("m", client=client)
    with pytest.raises(bl.AuthenticationError, match="OPENAI_API_KEY"):
        await llm.complete("Hi")
    assert client.requests == []
    monkeypatch.setenv("OPENAI_API_KEY", " sk-env\n")
    assert await key_sent(llm, client) == "Bearer sk-env"
    assert await key_sent(bl.OpenAI("m", client=client, base_url="https://eu.api.openai.com/v1"), client) is not None
    assert await key_sent(bl.OpenAI("m", client=client, api_key="sk-mine"), client) == "Bearer sk-mine"
    for base_url in ("https://api.openai.com.example/v1", "https://notapi.openai.com/v1", "http://127.0.0.1:9/v1"):
        assert await key_sent(bl.OpenAI("m", client=client, base_url=base_url), client) is None
    with pytest.raises(bl.AuthenticationError, match="GROQ_API_KEY"):
        await bl.OpenAI("m", client=client, preset="groq").complete("Hi")


async def test_headers_and_body_can_be_extended() -> None:
    """The caller's headers can replace a key, and win; so does the caller's body."""
    client = Client()
    llm = bl.OpenAI("m", client=client, headers={"Authorization": "Token t"}, extra_body={"store": False, "seed": 9})
    await llm.complete("Hi", seed=1)
    assert "".join(client.requests[0].headers["authorization"]) == "Token t"
    assert b'"store":false' in (client.requests[0].body or b"") and b'"seed":9' in (client.requests[0].body or b"")
    await llm.close()
    assert client.closed == 1


# Privacy


async def test_a_private_request_is_not_sent() -> None:
    """By no method; a server on this device accepts it."""
    client = Client()
    llm = bl.OpenAI("m", client=client, api_key="k", base_url="http://127.0.0.1:1/v1")
    request = bl.ChatRequest(messages=[bl.Message("user", "secret")], private=True)
    with pytest.raises(bl.Unavailable, match="nothing was sent") as caught:
        await llm.complete(request)
    assert (caught.value.reason, client.requests) == ("private", [])
    facts = await llm.facts(request)
    assert (facts.available, facts.leaves_device, client.requests) == (False, True, [])
    local = bl.OpenAI("m", client=client, base_url="http://127.0.0.1:1/v1", leaves_device=False)
    assert (await local.complete(request)).cost_usd == 0.0
    facts = await local.facts(request)
    assert (facts.available, facts.leaves_device, facts.needs_network, facts.cost_usd) == (True, False, False, 0.0)


# Facts and costs


async def test_facts_need_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model, whether it is known, whether there is a key, and the estimated cost."""
    client = Client(b'{"data":[{"id":"gpt-6-sol"},{"id":"mine"}]}')
    llm = bl.OpenAI("gpt-6-luna", client=client)
    ask = bl.ChatRequest(messages=[bl.Message("user", "Hi")], max_tokens=1_000_000)
    facts = await llm.facts(ask)
    assert (facts.model, facts.knows_model, facts.available) == ("gpt-6-luna", True, False)
    assert "OPENAI_API_KEY" in facts.reason
    assert (await bl.OpenAI("gpt-6-luna", headers={"Authorization": "Token t"}).facts(ask)).available
    monkeypatch.setenv("OPENAI_API_KEY", "é")
    facts = await llm.facts(ask)
    assert not facts.available and "copy it again" in facts.reason
    llm = bl.OpenAI("gpt-6-luna", client=client, api_key="k")
    facts = await llm.facts(ask)
    assert facts.available and facts.cost_usd == pytest.approx(0.5, rel=0.001)
    assert client.requests == []
    named = [bl.ChatRequest(messages=ask.messages, model=model) for model in ("gpt-6-sol", "mine", "other")]
    assert [(await llm.facts(each)).knows_model for each in named] == [True, None, None]
    await llm.list_models()
    assert [(await llm.facts(each)).knows_model for each in named] == [True, True, False]


async def test_the_cost_of_an_answer_follows_from_its_usage() -> None:
    """By the table for the vendor's own address, by the caller's prices anywhere, else unknown."""
    table = {"mine": bl.backends.cloud.Price(input=4, cached_input=2, output=1)}
    for options, expected in (
        ({"model": "gpt-6-luna"}, 0.5 * 0.10 + 0.5 * 0.01 + 0.50),
        # An alias costs what the model behind it does.
        ({"model": "an-alias"}, 0.5 * 0.10 + 0.5 * 0.01 + 0.50),
        ({"model": "gpt-6-luna", "base_url": "https://proxy.example/v1"}, None),
        ({"model": "mine", "base_url": "https://proxy.example/v1", "prices": table}, 0.5 * 4 + 0.5 * 2 + 1),
        ({"model": "gpt-6-luna", "prices": table}, None),
        ({"model": "gpt-6-luna", "preset": "openrouter"}, None),
        ({"model": "grok-4.6", "preset": "xai"}, 0.5 * 2 + 0.5 * 0.5 + 6),
        ({"model": "grok-4.6", "preset": "xai", "base_url": "https://proxy.example/v1"}, None),
    ):
        llm = bl.OpenAI(**options, api_key="k", client=Client())  # type: ignore[arg-type]
        cost = (await llm.complete("Hi")).cost_usd
        assert cost == (None if expected is None else pytest.approx(expected)), options


async def test_an_estimate_names_its_assumptions() -> None:
    """Four bytes a token, a thousand tokens an image, five hundred for an answer without a limit."""
    llm = bl.OpenAI("gpt-6-luna-2026-09-22", api_key="k")
    assert await llm.estimate_cost("x" * 4000) == pytest.approx((1004 * 0.10 + 500 * 0.50) / 1e6)
    assert await llm.estimate_cost("Hi", model="unknown") is None
    with pytest.raises(bl.InvalidRequest):
        await llm.estimate_cost("Hi", max_tokens=0)
    media = bl.Message("user", [bl.TextPart("éé"), bl.ImagePart(data=b"x"), bl.AudioPart(data=b"x")])
    assert estimate_usage(bl.ChatRequest(messages=[media])).prompt_tokens == 4 + 1 + 2000
    calls = bl.Message("assistant", [bl.ToolCallPart("a", "name", "{}12")])
    assert estimate_usage(bl.ChatRequest(messages=[calls], max_tokens=7)) == bl.types.Usage(
        prompt_tokens=4 + 2, completion_tokens=7
    )


def test_each_kind_of_token_has_its_price() -> None:
    """A kind without its own price costs as much as other input."""
    usage = bl.types.Usage(prompt_tokens=10, completion_tokens=1, cached_tokens=3, cache_write_tokens=2)
    assert cost_of(usage, bl.backends.cloud.Price(input=100, output=7)) == pytest.approx((10 * 100 + 7) / 1e6)
    price = bl.backends.cloud.Price(input=100, cached_input=10, cache_write=125, output=7)
    assert cost_of(usage, price) == pytest.approx((5 * 100 + 3 * 10 + 2 * 125 + 7) / 1e6)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[", b'{"data":7}', b'{"data":[{"id":"\xff"}]}', b"[" * 100_000])
async def test_an_invalid_list_of_models_is_an_error(body: bytes) -> None:
    """The error shows its beginning, and `health` reports it."""
    llm = bl.OpenAI("m", api_key="k", client=Client(body))
    with pytest.raises(bl.errors.ProtocolError, match="no list of models") as caught:
        await llm.list_models()
    assert len(str(caught.value)) < 500
    assert not (await llm.health()).ok


# Failures


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:00 GMT", "date": "Sat, 21 Nov 2026 10:00:30 GMT"}, 0.0),
        ({"retry-after": "Sat, 21 Nov 1970 10:00:00 GMT"}, 0.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        (
            {
                "x-ratelimit-remaining-requests": "7",
                "x-ratelimit-reset-requests": "1d",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "1h2m59.5s20ms",
            },
            3779.52,
        ),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "soon"}, None),
        ({"x-ratelimit-remaining-tokens": "0"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1m2.5s"}, 62.5),
        ({"retry-after": "7, 9"}, 9.0),
        ({"retry-after-ms": "-5", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "9" * 20, "retry-after": "9"}, 9.0),
        ({"retry-after": "soon", "x-ratelimit-reset": "5"}, 5.0),
        # What is a time since 1970, in seconds or milliseconds, and not a wait of decades.
        ({"retry-after": "1795255230", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"x-ratelimit-reset": "1795255230", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"x-ratelimit-reset": "1795255230000", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"x-ratelimit-reset": "1795255200", "date": "Sat, 21 Nov 2026 10:00:30 GMT"}, 0.0),
        ({"retry-after": "2026-11-21T10:00:30Z", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Saturday, 21-Nov-26 10:00:30 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-21T10:00:30Z",
                "anthropic-ratelimit-tokens-remaining": "9",
                "anthropic-ratelimit-tokens-reset": "2026-11-21T11:00:30Z",
                "date": "Sat, 21 Nov 2026 10:00:00 GMT",
            },
            30.0,
        ),
        ({"x-ratelimit-remaining-tokens-minute": "0", "x-ratelimit-reset-tokens-minute": "11.38"}, 11.38),
        ({"x-ratelimit-reset-requests": "250ms"}, 0.25),
        ({"ratelimit-reset": "30", "ratelimit-remaining": "0"}, 30.0),
        ({"ratelimit": "limit=100, remaining=0, reset=30"}, 30.0),
        ({"ratelimit": '"default";r=0;t=30'}, 30.0),
        ({"ratelimit": '"default";r=5;t=30'}, None),
        ({"ratelimitbysize-reset": "45"}, 45.0),
        # More than a month is a mistake.
        ({"retry-after": "9999999"}, None),
        ({"retry-after": "Sat, 21 Nov 2099 10:00:00 GMT"}, None),
        ({"x-ratelimit-reset": "-1"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
def test_the_time_to_wait_is_read_in_every_form(headers: dict[str, str], expected: float | None) -> None:
    """Seconds, milliseconds, a date by the server's clock; other values are ignored."""
    assert retry_after(headers) == (None if expected is None else pytest.approx(expected))


def test_a_vendors_message_is_quoted_in_short() -> None:
    """On one line, with the status, the request's id and what to do."""
    place = ErrorSource(backend="openai", model="m", key_name="OPENAI_API_KEY", provider_request_id="req_1")
    error = failure(VendorError(message="no\n\n" * 1000, code="odd"), place, status=400)
    assert isinstance(error, bl.InvalidRequest)
    assert str(error).startswith("'openai' answered 400 for model 'm' (odd): no no no")
    assert "[request req_1]" in str(error) and len(str(error)) < 700 and "\n" not in str(error)
    assert error.data["provider_request_id"] == "req_1"


@pytest.mark.parametrize("status", [400, 404, 418, 429, 500, 503, 529, 599, 302, 200, 201])
async def test_every_status_becomes_a_typed_error(status: int) -> None:
    """Undocumented ones, too; with a success the body decides whether it is an error."""
    bodies: Sequence[Any] = (
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"error":null}',
        b'{"error":{"message":7}}',
        b"\xff",
        b'"\xff"',
        b"[" * 60_000,
    )
    for body in bodies:
        llm = bl.OpenAI("m", api_key="k", client=Client(body, status))
        with pytest.raises(bl.BrowserLLMError, match=f"answered {status}" if status >= 300 else "openai|stream|page"):
            await llm.complete("Hi")
