"""A private request to a server on this machine: what it sees of one that it could be told to pass on is nothing.

A server on a real socket plays Ollama, vLLM, llama.cpp and gateways, in every wire format, and writes down all that it
gets. Options that may name another model or place are made up: every word that such options have, in every spelling, at
every depth, in the body and as a header.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import browserllm as bl
from browserllm._internal.http.client import HttpRequest, HttpResponse
from browserllm._internal.http.sockets import SocketClient
from browserllm.backends.cloud.local_only import KNOWN, SHAPES, forwarding_risk, is_ollama_cloud_model
from vendor_server import Reply, VendorServer, answer, events, stream

SECRET = "the-word-of-my-diary"
REQUEST = bl.ChatRequest(messages=[bl.Message("user", SECRET)], private=True)

HELLO: dict[Any, Reply] = {
    bl.OpenAI: stream(events({"choices": [{"delta": {"content": "ok"}, "finish_reason": "stop"}]}), events("[DONE]")),
    bl.Ollama: Reply(
        (b'{"model":"m","message":{"role":"assistant","content":"ok"},"done":true,"done_reason":"stop"}\n',),
        headers={"content-type": "application/x-ndjson"},
    ),
    bl.Anthropic: stream(
        events({"type": "message_start", "message": {"id": "1", "model": "m", "usage": {"input_tokens": 1}}}),
        events({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        events({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ok"}}),
        events({"type": "content_block_stop", "index": 0}),
        events({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
        events({"type": "message_stop"}),
    ),
    bl.Gemini: stream(
        events({"candidates": [{"content": {"parts": [{"text": "ok"}], "role": "model"}, "finishReason": "STOP"}]})
    ),
}
KINDS = list(HELLO)
NOT_FOUND = answer({"error": "not found"}, status=404)

WORDS = """
model models model_id model_name modelName fallback fallbacks fallback_models route routes router routing provider
providers order only allow_fallbacks engine engine_id deployment deployment_id base_url baseUrl api_base api_key
custom_llm_provider endpoint url uri host hosts upstream upstreams proxy target target_url backend backends region
gateway cloud remote remote_host remote_model forward redirect webhook callback callbacks success_callback plugins
transforms preset presets draft_model draft speculative adapter lora lora_request assistant agent agents tools
functions mcp_servers web_search web_search_options extra_body extra_headers litellm_params mock_response metadata
messages prompt input contents system systemInstruction previous_response_id conversation conversation_id file_ids
cachedContent container context_management store background service_tier prediction tags num_retries cache
""".split()  # noqa: SIM905
ELSEWHERE = ["gpt-oss:120b-cloud", "gpt-6-sol", "openai/gpt-6-sol", "http://evil.example/v1", "https://evil.example"]
CLOUD_NAMES = [
    *("x:cloud", "x:7b-cloud", "x:cloud-q4", "x:cloud@sha256:1", "x-cloud", "X:CLOUD", " x:cloud ", "x:Cloud-Q4_K_M"),
    *(
        "x:7b@cloud",
        "lib/x:cloud",
        "host.example/lib/x:cloud",
        "x:q4-cloud-q8",
        "x:cloudq4",
        "x:\uff43loud",
        "x:120b_cloud",
        "x.cloud",
    ),
    *("x@sha256:1:cloud", "x:cloud\n", "x:\tcloud", "cloud", "x/cloud", "x:cloud/", "gpt-oss-cloud@sha256:12"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[VendorServer]:
    """What writes everything down."""
    with VendorServer() as server:
        yield server


def respelled(word: str, how: int) -> str:
    """A name as a server that does not look closely would take it, too."""
    return [
        word,
        word.upper(),
        word.title(),
        word.capitalize(),
        word.replace("_", "-"),
        word.replace("_", ""),
        "".join(part.capitalize() for part in word.split("_")),
        f" {word}",
        f"{word} ",
        f"x_{word}",
        f"{word}\u0000",
        word.replace("s", "\u017f").replace("k", "\u212a"),
        f"{word}[]",
        f"$.{word}",
        word[:1] + "\u200b" + word[1:],
    ][how]


values = st.sampled_from(
    [*ELSEWHERE, True, 1, None, [*ELSEWHERE], {"model": ELSEWHERE[0]}, [{"url": ELSEWHERE[3]}], {}]
)
spelled = st.builds(respelled, st.sampled_from(WORDS), st.integers(0, 14)).filter(
    lambda name: name not in KNOWN | SHAPES
)


def nested(name: str, value: Any, depth: list[str]) -> dict[str, Any]:
    """An option in the objects and lists of others."""
    body: dict[str, Any] = {name: value}
    for outer in depth:
        body = {outer: body} if outer != "samplers" else {outer: [body]}
    return body


inner = st.lists(
    st.sampled_from(["options", "chat_template_kwargs", "thinking", "stream_options", "samplers", "generationConfig"]),
    max_size=3,
)
bodies = st.builds(nested, spelled, values, inner)
# At the top, "model" is checked like the request's model; anywhere else some server may interpret it.
bodies |= st.builds(lambda depth: nested("model", "m", depth), inner.filter(bool))
# Nor is it part of a schema, but as the name of a property.
bodies |= st.builds(
    lambda shape, name, depth: {shape: nested(name, ELSEWHERE[0], depth)},
    st.sampled_from(sorted(SHAPES)),
    st.sampled_from(["model", "Model", "models", "fallback_models", "provider", "base_url", "MO_DEL"]),
    st.lists(st.sampled_from(["json_schema", "schema", "items", "anyOf"]), max_size=3),
)
bodies |= st.builds(lambda name: {"model": name}, st.sampled_from(CLOUD_NAMES))
bodies |= st.builds(lambda value: {"model": value}, st.sampled_from([["m"], {"m": 1}, 3, None, True]))
headers = st.builds(
    lambda before, word: f"{before}{word.replace('_', '-')}",
    st.sampled_from(["", "x-", "X-LiteLLM-", "helicone-", "x-portkey-", "openai-"]),
    st.sampled_from([word for word in WORDS if word not in ("api_key",)]),
)
harmless = st.dictionaries(
    st.sampled_from(sorted(KNOWN - {"model", "stream", "stream_options", "n", "type"} | SHAPES)),
    st.sampled_from([1, 0.5, True, {}, [], "a text"]),
    max_size=4,
)


def backend_at(server: VendorServer, kind: Any, name: str, **options: Any) -> Any:
    """A backend whose program says that its server keeps everything."""
    ending = "/v1" if kind is bl.OpenAI else ""
    return kind(options.pop("model", "m"), base_url=f"{server.url}/{name}{ending}", leaves_device=False, **options)


async def ask(backend: Any, wrap: int, request: bl.ChatRequest = REQUEST) -> bl.ChatResponse:
    """Ask directly, through middleware, through a router, and as a session does."""
    ways: list[Any] = [
        lambda: backend.complete(request),
        lambda: bl.Retry(bl.Logging(backend)).complete(request),
        lambda: bl.Router([bl.ResponseCache(backend)], bl.CloudFirst()).complete(request),
        lambda: bl.Session(backend, model=request.model, private=True).send(SECRET),
        lambda: bl.generate(backend, SECRET, output=str, private=True, model=request.model),
    ]
    try:
        return await ways[wrap % len(ways)]()
    finally:
        await backend.close()


def seen_of(server: VendorServer, name: str) -> list[str]:
    """The requests that had anything of the prompt in them."""
    return [
        each.path
        for each in server.asked(name)
        if SECRET.encode() in each.body or SECRET in f"{each.path}{each.headers}"
    ]


def fresh(server: VendorServer, kind: Any, **said: Reply) -> str:
    """A fresh server of a kind; ``said`` is what it answers when asked about models."""
    server.requests.clear()
    show = said.get("show", answer({"details": {"family": "llama"}}) if kind is bl.Ollama else NOT_FOUND)
    replies = [show, HELLO[kind]] if kind is bl.Ollama else [show, said.get("models", NOT_FOUND), HELLO[kind]]
    server.add("spy", *replies)
    return "spy"


FEW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(st.sampled_from(KINDS), bodies, harmless, st.integers(0, 4))
def test_no_option_in_the_body_that_may_name_another_model_or_place_gets_a_private_request_out(
    server: VendorServer, kind: Any, body: dict[str, Any], more: dict[str, Any], wrap: int
) -> None:
    """Whatever other options there are, and for every kind of backend; nothing is sent at all."""
    backend = backend_at(server, kind, fresh(server, kind), extra_body={**more, **body})
    with pytest.raises(bl.BrowserLLMError, match="private"):
        asyncio.run(ask(backend, wrap))
    assert seen_of(server, "spy") == []


def test_a_schema_may_have_properties_of_any_name() -> None:
    """What a program asks for is often a model, a provider or a host."""
    schema = {"type": "object", "properties": {"model": {"type": "string"}, "host": {"enum": ["url"]}}}
    for extra in ({"format": schema}, {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}):
        assert forwarding_risk(extra, ()) == ""
    assert "'format.model'" in forwarding_risk({"format": {"model": "x"}}, ())
    assert forwarding_risk({}, ["X-Api-Key", "authorization", "api-key", "x-goog-api-key", "User-Agent"]) == ""
    for header in ("x-model-key", "x-route-token", "host", "x-llm", "X-Provider-Api-Key"):
        assert repr(header) in forwarding_risk({}, [header])


@pytest.mark.parametrize("before", ["", "x-", "X-LiteLLM-", "cf-aig-", "helicone-", "x-portkey-", "x-my-"])
@pytest.mark.parametrize("word", ["auth", "authorization", "api-key", "key", "token", "cookie", "access-token"])
def test_a_key_goes_in_a_header_that_the_formats_themselves_have_and_in_no_gateways(before: str, word: str) -> None:
    """The header that the backend's own class has its key in is one, too, unless it is a gateway's."""
    header = f"{before}{word}"
    usual = header in {"authorization", "api-key", "x-api-key"}
    assert (forwarding_risk({}, [header]) == "") is usual
    is_gateways = header.lower().startswith(("x-litellm-", "cf-aig-", "helicone-", "x-portkey-"))
    assert (forwarding_risk({}, [header], [header.upper()]) == "") is (usual or not is_gateways)


@pytest.mark.parametrize("shape", sorted(SHAPES - {"logit_bias"}))
@pytest.mark.parametrize(
    "name", ["m\u043edel", "litellm_params", "api_address", "gateway", "plugins", "x", "reroutes", "mode1", "lora", ""]
)
def test_a_schema_has_only_known_names_at_its_first_level(shape: str, name: str) -> None:
    """And in the object around it; names below that are the program's."""
    for inner in ({name: "gpt-6"}, {"type": "json_schema", "json_schema": {name: 1}}, [{"schema": {name: {}}}]):
        assert name in forwarding_risk({shape: inner}, ())
        assert forwarding_risk({"options": {shape: inner}}, ())
    schema = {"type": "object", "properties": {name: {"type": "string"}}, "$defs": {name: {}}, "required": [name]}
    assert forwarding_risk({shape: schema}, ()) == ""


@pytest.mark.parametrize(
    "reference", ["http://evil.example/a", "HTTPS://evil.example", "//evil", "file:///a", "a.json"]
)
def test_a_schema_refers_to_nothing_that_a_server_would_fetch(reference: str) -> None:
    """Wherever in it, in extra_body and in the request itself; what is said is no schema."""
    bad: dict[str, Any] = {"properties": {"a": {"items": [{"$ref": reference}]}}}
    good = {"properties": {"$ref": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}}
    for name in ("format", "guided_json", "responseSchema"):
        assert "$ref" in forwarding_risk({name: bad}, ())
        assert forwarding_risk({name: good}, ()) == ""

    client = Notes()
    backend = bl.OpenAI("m", base_url="http://127.0.0.1:9", leaves_device=False, client=client)
    tool = bl.Tool("t", "", bad)
    for fields in (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": bad}}},
        {"tools": [tool]},
    ):
        with pytest.raises(bl.Unavailable, match="which the server would fetch"):
            asyncio.run(backend.complete(msgspec.structs.replace(REQUEST, **fields)))
    assert client.urls == []


@FEW
@given(st.sampled_from(KINDS), headers, st.integers(0, 4))
def test_no_header_that_may_name_another_model_or_place_gets_a_private_request_out(
    server: VendorServer, kind: Any, header: str, wrap: int
) -> None:
    """Gateways are told by headers where a request is to go."""
    backend = backend_at(server, kind, fresh(server, kind), headers={header: "https://evil.example"})
    with pytest.raises(bl.BrowserLLMError, match="private"):
        asyncio.run(ask(backend, wrap))
    assert seen_of(server, "spy") == []


@FEW
@given(st.sampled_from(KINDS), st.sampled_from(CLOUD_NAMES), st.sampled_from(["own", "asked"]), st.integers(0, 4))
def test_no_model_of_ollamas_cloud_gets_a_private_request(
    server: VendorServer, kind: Any, model: str, place: str, wrap: int
) -> None:
    """By its name, wherever that comes from, in any format: Ollama speaks OpenAI's and Anthropic's too."""
    assert is_ollama_cloud_model(model)
    name = fresh(server, kind)
    backend = backend_at(server, kind, name, model=model if place == "own" else "m")
    request = REQUEST if place == "own" else msgspec.structs.replace(REQUEST, model=model)
    if place == "asked" and wrap == 2:
        # A router has a backend answer with its own model instead, and says so: that one runs here.
        assert "m" in asyncio.run(ask(backend, wrap, request)).warnings[0].message
        assert not any(model.encode() in each.body for each in server.asked(name))
        return
    with pytest.raises(bl.BrowserLLMError, match="private"):
        asyncio.run(ask(backend, wrap, request))
    assert seen_of(server, "spy") == []


OWNERS = ["openai", "OpenAI", "anthropic", "google", "openrouter", "azure", "bedrock"]
TELLING = st.one_of(
    st.builds(
        lambda field: {"show": answer({field: "https://ollama.com:443"})},
        st.sampled_from(["remote_host", "remote_model"]),
    ),
    st.builds(
        lambda owner, listed: {"models": answer({listed: [{"id": "other"}, {"id": "m", "owned_by": owner}]})},
        st.sampled_from(OWNERS),
        st.sampled_from(["data", "models"]),
    ),
    st.builds(
        lambda field: {"models": answer([{"id": "m", field: {"prompt": "0.1"}}])},
        st.sampled_from(["pricing", "litellm_params", "api_base", "remote_host"]),
    ),
    st.builds(
        lambda header: {"models": answer({"data": []}, **{header: "1"})},
        st.sampled_from(["x_litellm_version", "X_Portkey_Trace", "cf_aig_step", "helicone_id"]),
    ),
)


@FEW
@given(st.sampled_from(KINDS), TELLING, st.integers(0, 4))
def test_a_server_that_forwards_a_model_does_not_get_the_prompt(
    server: VendorServer, kind: Any, said: dict[str, Reply], wrap: int
) -> None:
    """It is asked first, each time, with only the model's name."""
    if kind is bl.Ollama and "show" not in said:
        return
    backend = backend_at(server, kind, fresh(server, kind, **said))
    with pytest.raises(bl.BrowserLLMError, match="private"):
        asyncio.run(ask(backend, wrap))
    assert seen_of(server, "spy") == [] and len(server.asked("spy")) > 0


@FEW
@given(
    st.sampled_from(KINDS), harmless, st.sampled_from([{}, {"X-Api-Key": "abcdefghij"}, {"Authorization": "Bearer 1"}])
)
def test_options_that_only_tune_an_answer_are_sent_with_a_private_request(
    server: VendorServer, kind: Any, more: dict[str, Any], headers: dict[str, str]
) -> None:
    """A server on this machine gets all of them: the spy sees what is sent."""
    backend = backend_at(server, kind, fresh(server, kind), extra_body=more, headers=headers)
    assert asyncio.run(ask(backend, 0)).text == "ok"
    assert len(seen_of(server, "spy")) == 1


class Notes(SocketClient):
    """A client that notes which addresses are asked for, and never connects."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.urls.append(request.url)
        raise bl.Unavailable("no server is there", reason="unreachable")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_false_declaration_does_not_count(kind: Any) -> None:
    """Of a changed address or extra body, or of a class: the final request is checked."""
    client = Notes()

    class Lies(kind):  # type: ignore[misc]
        def keeps_on_device(self, model: str) -> bool:
            return True

        def may_leave(self) -> bool:
            return False

    for made in (kind, Lies):
        backend = made("m", base_url="http://127.0.0.1:9", leaves_device=False, client=client)
        backend.base_url = "https://evil.example"
        with pytest.raises(bl.Unavailable, match="nothing was sent"):
            await backend.complete(REQUEST)
        away = made("m", base_url="https://evil.example", api_key="abcdefghij", client=client)
        away.leaves_device = False
        with pytest.raises(bl.Unavailable, match="nothing was sent"):
            await away.complete(REQUEST)
        later = made("m", base_url="http://127.0.0.1:9", leaves_device=False, client=client)
        later.extra_body["Model"] = "x"
        with pytest.raises(bl.Unavailable, match="nothing was sent"):
            await later.complete(REQUEST)
    assert client.urls == []
