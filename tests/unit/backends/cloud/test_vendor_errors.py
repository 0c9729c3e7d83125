"""What vendors say when they do not answer: words, class and wait survive, however the error is wrapped."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

import browserllm as bl
from browserllm._internal.http.client import HttpResponse
from browserllm.backends.cloud.error_bodies import MAX_LEVELS
from browserllm.backends.cloud.failures import MAX_QUOTE, ErrorSource, failure, quote, read_error, read_error_body
from unit.backends.cloud.vendor_errors import CASES, Case

PLACE = ErrorSource(backend="some", model="m", key_name="SOME_API_KEY")


class Body(HttpResponse):
    """An answer of these bytes."""

    def __init__(self, body: bytes) -> None:
        self.status, self.headers, self.body = 400, {}, body

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        yield self.body

    async def aclose(self) -> None:
        pass


async def decoded(body: Any) -> Any:
    """A body as it is read from an answer."""
    return await read_error_body(Body(body if isinstance(body, bytes) else as_text(body).encode()))


def as_text(body: Any) -> str:
    """A body as it is sent: text as it is, anything else as JSON."""
    return body if isinstance(body, str) else json.dumps(body)


def check(case: Case, body: Any, how: str) -> None:
    """Assert that a body is what the case says."""
    error = failure(read_error(body), PLACE, status=case.status)
    where = f"{case.name}, {how}: {error} {error.data}"
    assert type(error).__name__ == case.kind, where
    assert case.says in str(error), where
    wait_s = error.data.get("retry_after_s")
    assert wait_s == (None if case.wait_s is None else pytest.approx(case.wait_s)), where
    for name, value in case.data:
        assert error.data.get(name) == value, where
    assert case.kind != "RateLimited" or ("reason" in error.data) == (("reason", "quota") in case.data), where


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_vendors_error_keeps_its_message_class_and_wait(case: Case) -> None:
    """Real bodies of thirty vendors and servers."""
    check(case, await decoded(case.body), "as it is")


Wrap = Callable[[Any], Any]

WRAPS: dict[str, Wrap] = {
    "a list": lambda body: [body],
    "a list in a list": lambda body: [[body]],
    "an error": lambda body: {"error": body},
    "an error with an empty neighbour": lambda body: {"error": body, "message": "", "detail": None, "choices": None},
    "an error in a text": lambda body: {"error": as_text(body)},
    "a message": lambda body: {"message": as_text(body)},
    "a detail": lambda body: {"detail": body},
    "a detail in a text": lambda body: {"detail": as_text(body)},
    "errors": lambda body: {"success": False, "errors": [body]},
    "a response": lambda body: {"response": {"error": body}},
    "an unknown name": lambda body: {"result": {"outcome": body if isinstance(body, dict) else {"error": body}}},
    "raw": lambda body: {"error": {"message": "Provider returned error", "metadata": {"raw": as_text(body)}}},
    "raw in raw in raw": lambda body: WRAPS["raw"](WRAPS["raw"](WRAPS["raw"](body))),
    "text": as_text,
    "text in text in text": lambda body: json.dumps(json.dumps(as_text(body))),
    "blanks": lambda body: f"\ufeff \r\n\t {as_text(body)}\n\n",
    "an event": lambda body: f"data: {json.dumps({'error': body})}\n\n",
    "an event with a name": lambda body: (
        f"event: error\r\ndata: {json.dumps({'error': body})}\r\n\r\ndata: [DONE]\r\n\r\n"
    ),
    "an event after a comment": lambda body: f": keep-alive\n\ndata:{json.dumps([body])}\n\n",
    "a field `error` of an event": lambda body: f"error: {json.dumps({'error': body})}\n\ndata: [DONE]\n\n",
    "words before it": lambda body: {
        "error": {"message": f"SomeProxyError: upstream said - {json.dumps({'error': body})}"}
    },
    "words around it": lambda body: f"[proxy] upstream said ({json.dumps({'detail': body})}), sorry",
    "unknown names": lambda body: {"outcome": {"exception": as_text(body)}, "ok": False},
    "a body in a text": lambda body: {"isBase64Encoded": False, "body": json.dumps({"error": body})},
    "a line after it": lambda body: json.dumps({"error": body}) + '\n{"done": true}\n',
}


@pytest.mark.parametrize("case", [case for case in CASES if case.body], ids=lambda case: case.name)
async def test_an_error_is_the_same_in_every_wrapping(case: Case) -> None:
    """In lists, strings, raw bodies, events of a stream, and each of these in each other."""
    for name, wrap in WRAPS.items():
        check(case, await decoded(wrap(case.body)), name)
    dice = random.Random(case.name)  # noqa: S311
    for _ in range(25):
        first, second = dice.choices(list(WRAPS), k=2)
        if (first, second) == ("unknown names", "a body in a text"):
            continue  # such a body may be the caller's own request
        check(case, await decoded(WRAPS[second](WRAPS[first](case.body))), f"{first} in {second}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_error_in_a_stream_has_the_same_class(case: Case) -> None:
    """There it has no status: its codes and its text decide."""
    error = read_error(case.body)
    if not error.meaning or case.status in {401, 402, 403, 429}:
        return
    assert type(failure(error, PLACE)).__name__ == case.kind
    assert type(failure(error, PLACE, status=200)).__name__ == case.kind


@pytest.mark.parametrize(
    "words",
    [
        "Incorrect API key provided: sk-...",
        "Invalid API key",
        "invalid x-api-key",
        "Invalid API-key provided.",
        "API key not valid. Please pass a valid API key.",
        "API Key not found. Please pass a valid API key.",
        "API key expired. Please renew the API key.",
        "Your API key was reported as leaked. Please use another API key.",
        "Missing API key",
        "No API key provided",
        "You didn't provide an API key. You need to provide your API key in an Authorization header",
        "Invalid authentication credentials",
        "Request had invalid authentication credentials. Expected OAuth 2 access token",
        "Unauthorized",
        "Authentication failed",
        "The api_key is invalid",
        "Could not validate credentials",
        "invalid access token or token expired",
        "login fail: Please carry the API secret key",
        "Bad credentials",
        "litellm.AuthenticationError: something",
        "无效的令牌",
    ],
)
@pytest.mark.parametrize("status", [None, 200, 400, 401, 403, 404, 422, 500, 502])
def test_a_bad_key_is_recognised_under_every_status(words: str, status: int | None) -> None:
    """Vendors use 400, 403, 404, 500 and 200 as well."""
    for body in ({"error": {"message": words, "type": "invalid_request_error"}}, {"detail": words}, words):
        assert isinstance(failure(read_error(body), PLACE, status=status), bl.AuthenticationError), body


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("User location is not supported for the API use.", bl.Unavailable),
        ("Invalid value for 'content': expected a string", bl.InvalidRequest),
        ("Unknown parameter: 'api_keys'.", bl.InvalidRequest),
        ("Invalid token <|im_start|> in the prompt", bl.InvalidRequest),
        ("Unexpected token } in JSON at position 5", bl.InvalidRequest),
        ("This model does not support tools", bl.InvalidRequest),
        ("This model does not support image input", bl.InvalidRequest),
        ("'temperature' is not supported with this model", bl.InvalidRequest),
        ("Unsupported value: 'reasoning_effort' does not support 'none' with this model.", bl.InvalidRequest),
        ("max_tokens must be at least 1", bl.InvalidRequest),
        ("max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens", bl.InvalidRequest),
        ("Invalid schema for response_format 'x': In context=(), 'required' is required", bl.InvalidRequest),
        ("tool_choice is invalid: the model was given no tools", bl.InvalidRequest),
        ("messages.1.content.0: tool_use ids were found without tool_result blocks", bl.InvalidRequest),
        ("Duplicate value for 'tool_call_id' of 'call_1'", bl.InvalidRequest),
        ("Image URL not found", bl.InvalidRequest),
    ],
)
def test_a_wrong_request_is_not_mistaken_for_another_error(words: str, kind: type[Exception]) -> None:
    """Although its text resembles that of a bad key, a missing model or an overflow."""
    error = failure(read_error({"error": {"message": words, "type": "invalid_request_error"}}), PLACE, status=400)
    assert type(error) is kind, error


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Error code: 400 - {'error': {'message': 'no such thing'}}", bl.InvalidRequest),
        ("upstream: HTTP 503", bl.Unavailable),
        ("status_code=429", bl.RateLimited),
        ("BadRequest: Error code: 422 - no", bl.InvalidRequest),
        ("could not fetch the image at that address: HTTP 404", bl.Unavailable),
        ("I have 400 problems", bl.Unavailable),
        ("Unsupported value: 'temperature' does not support 0.2 with this model.", bl.InvalidRequest),
        ("Unknown parameter: 'foo'", bl.InvalidRequest),
        ("Extra inputs are not permitted", bl.InvalidRequest),
        ("something went wrong", bl.Unavailable),
    ],
)
def test_without_status_and_code_the_text_identifies_a_wrong_request(words: str, kind: type[Exception]) -> None:
    """An error in a stream has neither; a second attempt would not help."""
    for body in (words, {"detail": words}, {"error": words}, [{"error": {"message": words}}]):
        assert type(failure(read_error(body), PLACE)) is kind, body


async def test_sentences_under_unknown_names_are_quoted() -> None:
    """Only in certain errors, and never the caller's own data."""
    for body, said in (
        ({"exception": "The disk is full"}, True),
        ({"error": True, "info": "The disk is full"}, True),
        ({"a": [{"b": {"c": "The disk is full"}}]}, True),
        ({"exception": "故障"}, True),
        ({"request": {"text": "The disk is full"}}, False),
        ({"messages": [{"content": "The disk is full"}]}, False),
        ({"prompt": "The disk is full"}, False),
        ({"body": "The disk is full"}, False),
        ({"body": '{"text": "The disk is full"}'}, False),
        ({"message": "No.", "note": "The disk is full"}, False),
    ):
        error = str(failure(read_error(await decoded(body)), PLACE, status=500))
        assert ("The disk is full" in error or "故障" in error) is said, (body, error)


@pytest.mark.parametrize(
    ("words", "wait_s"),
    [
        ("Please try again in 20s.", 20),
        ("Please try again in 1m30s.", 90),
        ("Please try again in 250ms.", 0.25),
        ("Please try again in 6m0s. Visit https://example.com/2", 360),
        ("Please try again in 1h2m3.5s", 3723.5),
        ("Please retry in 34.074824224s.", 34.074824224),
        ("Please retry after 26 seconds.", 26),
        ("Please wait 49 seconds before retrying.", 49),
        ("Try again in 5 minutes", 300),
        ("try again in 2 hours and 10 minutes", 7800),
        ("Rate limited; wait for 1 second", 1),
        ("Your limit resets in 3 days", 259200),
        ("retry after 850.5µs", 0.0008505),
        ("Please try again in -5s.", None),
        ("Please try again in 99999999999d.", None),
        ("Please try again in 999999999999999s.", None),
        ("Please try again later.", None),
        ("Please try again in a moment; 3 models are busy", None),
        ("You used 20s of 30s", None),
    ],
)
def test_a_wait_in_a_sentence_is_read(words: str, wait_s: float | None) -> None:
    """In all units that vendors use; negative and absurd values are ignored."""
    for body in ({"error": {"message": f"Rate limit reached. {words}"}}, f"Rate limit reached. {words}"):
        error = failure(read_error(body), PLACE, status=429)
        assert isinstance(error, bl.RateLimited)
        assert error.retry_after_s == (None if wait_s is None else pytest.approx(wait_s)), words


@pytest.mark.parametrize(
    ("fields", "wait_s"),
    [
        ({"retryDelay": "34.07s"}, 34.07),
        ({"retryDelay": {"seconds": 34, "nanos": 70_000_000}}, 34.07),
        ({"retry_after": 12}, 12),
        ({"retry_after": "12"}, 12),
        ({"retry_after": "1m2.5s"}, 62.5),
        ({"retry_after_ms": 1500}, 1.5),
        ({"retryAfterSeconds": 7}, 7),
        ({"retry_after": -1}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": 1e11}, None),
        ({"retry_after": None}, None),
        ({"retry_after": True}, None),
        ({"retry_after": float("nan")}, None),
        ({"retryDelay": {"seconds": -3}}, None),
        ({"retryDelay": "x" * 10_000}, None),
    ],
)
def test_a_wait_in_a_field_is_read(fields: dict[str, Any], wait_s: float | None) -> None:
    """Next to the message, in details, and deeper."""
    bodies = [
        {"error": {"message": "slow down", **fields}},
        {"error": {"message": "slow down", "details": [{"@type": "x"}, fields]}},
        [{"error": {"message": "slow down", "metadata": fields}}],
        {"error": {"message": "slow down", "metadata": {"raw": {"error": fields}}}},
    ]
    for body in bodies:
        error = failure(read_error(body), PLACE, status=429)
        assert error.data.get("retry_after_s") == (None if wait_s is None else pytest.approx(wait_s)), body


def test_messages_are_bounded_and_on_one_line() -> None:
    """However long they are, wherever they are."""
    long = "word\n" * 100_000
    for wrap in WRAPS.values():
        error = failure(read_error(wrap({"message": long})), PLACE, status=400)
        assert len(str(error)) < MAX_QUOTE + 200 and "\n" not in str(error)
    assert quote(long).endswith("…")


def test_the_callers_own_input_is_not_quoted() -> None:
    """FastAPI's errors include the input, which is the conversation."""
    body = {
        "detail": [
            {"loc": ["body", "x"], "msg": "no", "input": {"message": "my secret"}, "ctx": {"error": "my secret"}}
        ]
    }
    error = failure(read_error(body), PLACE, status=422)
    assert "body.x: no" in str(error) and "my secret" not in str(error)


def test_an_oversized_error_body_is_still_an_error() -> None:
    """Lists in lists, JSON in JSON strings, ten thousand fields, and texts that only look like JSON."""
    deep: Any = "no"
    texts = "no"
    for _ in range(MAX_LEVELS * 3):
        deep = [{"error": deep}]
        texts = json.dumps({"error": texts}) if len(texts) < 1_000_000 else texts
    bodies: list[Any] = [
        deep,
        texts,
        {f"field{index}": {"message": f"m{index}"} for index in range(10_000)},
        [{"error": {"message": "no"}}] * 10_000,
        {"error": {"message": "{" * 60_000}},
        {"error": {"message": "[" * 60_000}},
        "{" * 60_000,
        '{"a":' * 60_000,
        "<" * 60_000,
        "<!--" * 15_000,
        "<script>" * 8_000,
        "data: " * 10_000,
        "data: {\n" * 10_000,
        {"error": {"code": 10**300, "message": "no"}},
        {"error": {"code": "9" * 10_000, "message": "no"}},
        {"error": {"message": 7}},
        {"error": float("inf")},
        {"error": True},
        {"error": [None, [], {}, ""]},
        {"": {"": {"": ""}}},
        None,
        7,
        [],
        "\x00\ud800",
    ]
    for body in bodies:
        error = failure(read_error(body), PLACE, status=400)
        assert isinstance(error, bl.BrowserLLMError) and len(str(error)) < MAX_QUOTE + 200


def test_an_empty_error_body_is_explained_by_its_status() -> None:
    """An error with an unknown status shows the number."""
    assert "503 for model 'm': Service Unavailable" in str(failure(read_error(""), PLACE, status=503))
    assert "answered 599 for model 'm';" in str(failure(read_error({}), PLACE, status=599))
