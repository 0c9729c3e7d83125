"""The cache's key: an answer is given for nothing but the request, and the backend, that it was the answer to."""

from __future__ import annotations

import copy
import hashlib
import random
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

import browserllm as bl
from browserllm._internal.http.client import Timeouts
from browserllm._internal.identity import identity_of, own_identity
from browserllm.backends.base import Backend, Middleware
from browserllm.backends.cloud.base import CloudBackend
from browserllm.backends.cloud.options import CloudOptions
from browserllm.backends.cloud.presets import PRESETS
from browserllm.backends.middleware.cache import NOT_IN_THE_KEY, SALT_BYTES
from browserllm.backends.router import policies
from browserllm.stores.memory import MemoryStore
from browserllm.testing.backend import ScriptedBackend
from browserllm.testing.host import ScriptedHost
from browserllm.testing.script import Clock

SALT = b"s" * SALT_BYTES
ASKED = bl.ChatRequest(messages=[bl.Message("user", "hi")], temperature=0, model="m")
SECRET = "sk-" + "a-key-of-a-test"


async def key_of(backend: Backend, request: bl.ChatRequest = ASKED, salt: bytes = SALT) -> str:
    return await bl.ResponseCache(backend)._key(request, salt)


# The request

CHANGES: dict[str, list[Any]] = {
    "messages": [
        [bl.Message("user", "ho")],
        [bl.Message("user", "hi", "ada")],
        [bl.Message("assistant", "hi"), bl.Message("user", "hi")],
        [bl.Message("system", "hi"), bl.Message("user", "hi")],
        [bl.Message("user", [bl.TextPart("hi")])],
        [bl.Message("user", [bl.ImagePart(data=b"\x00\x01", media_type="image/png")])],
        [bl.Message("user", [bl.ImagePart(data=b"\x00\x02", media_type="image/png")])],
        [bl.Message("user", [bl.ImagePart(data=b"\x00\x02", media_type="image/webp")])],
        [bl.Message("user", [bl.ImagePart(url="https://example.org/a.png")])],
        [bl.Message("user", [bl.AudioPart(data=b"\x00\x02", media_type="audio/wav")])],
        [bl.Message("assistant", [bl.ReasoningPart("hi")]), bl.Message("user", "hi")],
        [bl.Message("assistant", [bl.ReasoningPart("hi", "signed")]), bl.Message("user", "hi")],
        [bl.Message("assistant", [bl.ToolCallPart("1", "look", "{}")]), bl.Message("user", "hi")],
        [bl.Message("assistant", [bl.ToolCallPart("2", "look", "{}")]), bl.Message("user", "hi")],
        [bl.Message("tool", [bl.ToolResultPart("1", "x")]), bl.Message("user", "hi")],
        [bl.Message("tool", [bl.ToolResultPart("1", "x", is_error=True)]), bl.Message("user", "hi")],
    ],
    "model": ["n", None],
    "temperature": [0.5, None],
    "top_p": [0.5],
    "top_k": [3],
    "max_tokens": [5, 6],
    "stop": [["x"], ["x", "y"], ["xy"]],
    "seed": [0, 1],
    "frequency_penalty": [0.0, 1.0],
    "presence_penalty": [0.0, 1.0],
    "logit_bias": [{1: 1.0}, {1: 2.0}, {2: 1.0}],
    "logprobs": [True],
    "top_logprobs": [0, 3],
    "n": [2],
    "response_format": [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}],
    "tools": [
        [bl.Tool("look")],
        [bl.Tool("look", "well")],
        [bl.Tool("look", "well", {"type": "object"})],
        [bl.Tool("look", "well", {"type": "object", "required": ["x"]})],
        [bl.Tool("look"), bl.Tool("find")],
        [bl.Tool("find"), bl.Tool("look")],
    ],
    "tool_choice": ["none", {"name": "look"}],
    "thinking": [True, False, "low", "high"],
    "metadata": [{"a": 1}, {"session": "x"}],
    "deadline_s": [3.0],
    "private": [True],
    "unsupported": ["error"],
}


async def test_every_field_of_a_request_is_in_the_key_or_listed_as_an_exception() -> None:
    """It fails for a new field without a value here, and for one that is missing in the key."""
    assert set(CHANGES) == set(bl.ChatRequest.__struct_fields__)
    assert set(CHANGES) >= NOT_IN_THE_KEY
    backend = bl.OpenAI("gpt", api_key=SECRET)
    keys = [await key_of(backend)]
    for field, values in CHANGES.items():
        found = [await key_of(backend, replace(ASKED, **{field: value})) for value in values]
        if field in NOT_IN_THE_KEY:
            assert set(found) == {keys[0]}, field
        else:
            keys += found
    assert len(keys) == len(set(keys))


async def test_equivalent_prompts_share_an_answer() -> None:
    """Text as a string, as a message and as a part."""
    inner = bl.ScriptedBackend("ho")
    cached = bl.ResponseCache(inner)
    for prompt in ("hi", bl.Message("user", "hi"), bl.Message("user", [bl.TextPart("hi")])):
        assert (await cached.complete(prompt, temperature=0)).text == "ho"
    assert len(inner.requests) == 1


async def test_a_new_field_is_in_the_key_automatically() -> None:
    """The key is built from the struct's own list of fields."""

    class Newer(bl.ChatRequest, frozen=True, kw_only=True):
        novelty: int = 0

    one, other = (Newer(messages=ASKED.messages, novelty=number) for number in (1, 2))
    backend = ScriptedBackend()
    assert await key_of(backend, one) != await key_of(backend, other)


# The backend

KINDS: list[type[CloudBackend]] = [bl.OpenAI, bl.Anthropic, bl.Gemini, bl.Ollama]
SHAPES_NOTHING: dict[str, Any] = {
    "timeouts": Timeouts(connect_s=1, silence_s=1),
    "prices": {},
    "leaves_device": True,
    "allow_http": True,
    "clock": Clock(),
}
"""Options that only time, measure or permit."""


class Client:
    """A custom HTTP client."""

    async def send(self, request: Any) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("kind", KINDS)
async def test_every_option_of_a_cloud_is_in_the_key_or_listed_as_an_exception(kind: type[CloudBackend]) -> None:
    """Answers are not shared between servers, API keys or extra bodies."""
    here = {"base_url": "https://a.example/v1", "api_key": SECRET}
    shapes: dict[str, list[Any]] = {
        "model": ["other"],
        "api_key": [SECRET + "2", None],
        "base_url": ["https://b.example/v1", "https://a.example/v2", "https://a.example:444/v1", "http://127.0.0.1:1"],
        "name": ["other"],
        "headers": [{"organization": "a"}, {"organization": "b"}, {"project": "a"}],
        "extra_body": [{"a": 1}, {"a": {"b": 1}}, {"a": {"b": 2}}],
        "client": [Client(), Client()],
    }
    if kind is bl.OpenAI:
        shapes["preset"] = [preset for preset in PRESETS if preset != "openai"]
    if kind is bl.Ollama:
        shapes["num_ctx"] = [1, 2]
    assert set(CloudOptions.__annotations__) == {*shapes, *SHAPES_NOTHING} - {"model", "preset", "num_ctx"}

    async def key(**options: Any) -> str:
        return await key_of(kind(**{"model": "gpt", **here, **options}))

    keys = [await key()]
    for option, values in shapes.items():
        keys += [await key(**{option: value}) for value in values]
    assert len(keys) == len(set(keys))
    for option, value in SHAPES_NOTHING.items():
        assert await key(**{option: value}) == keys[0], option


async def test_an_api_key_from_the_environment_and_a_changed_attribute_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read for each request."""
    backend = bl.OpenAI("gpt")
    keys: set[str] = set()
    for value in ("one-key-of-a-test", "two-keys-of-a-test"):
        monkeypatch.setenv("OPENAI_API_KEY", value)
        keys.add(await key_of(backend))
    backend.extra_body["user"] = "ada"
    keys.add(await key_of(backend))
    backend.model = "other"
    keys.add(await key_of(backend))
    assert len(keys) == 4


async def test_the_user_of_a_request_counts_if_it_is_sent() -> None:
    """Anthropic gets it."""
    backend = bl.Anthropic("claude", api_key=SECRET)
    users = [await key_of(backend, replace(ASKED, metadata={"user_id": user})) for user in ("ada", "bob")]
    assert len({*users, await key_of(backend)}) == 3


def subclasses(kind: type[Any]) -> Iterable[type[Any]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def test_every_built_in_backend_and_policy_declares_its_identity() -> None:
    """In its own class, since an inherited identity does not count."""
    abstract = {"CloudBackend", "Middleware", "PrivacyKeeper"}
    found = [
        kind for base in (Backend, policies.Policy) for kind in subclasses(base) if "browserllm." in kind.__module__
    ]
    assert len(found) > 20
    assert {kind.__name__ for kind in found if "identity" not in vars(kind)} - abstract == {"Custom"}


async def test_backends_without_an_identity_share_no_answers() -> None:
    """A custom class, whatever it inherits from; a copy; a patched method; a middleware."""

    class Own(ScriptedBackend):
        pass

    class Louder(Middleware):
        pass

    own = Own("x")
    patched, plain = ScriptedBackend("x"), ScriptedBackend("x")
    patched.generate = Own("y").generate  # type: ignore[method-assign]
    backends = [own, Own("x"), copy.copy(own), copy.deepcopy(own), Louder(plain), Louder(plain), patched, plain]
    keys = [await key_of(backend) for backend in backends]
    assert len(set(keys)) == len(keys)
    assert keys == [await key_of(backend) for backend in backends], "each is itself as long as it lasts"
    assert await key_of(own, replace(ASKED, metadata={"a": 1})) != keys[0], "it may read any metadata"
    assert await key_of(own, replace(ASKED, metadata={"cache": "use"})) == keys[0]


async def test_an_identity_is_not_an_address_in_memory() -> None:
    """A new object at the address of a deleted one differs; an object without attributes differs each time."""
    seen = {own_identity(type("Thing", (), {})()) for _ in range(500)}
    assert len(seen) == 500
    assert own_identity(len) != own_identity(len)


async def test_wrappers_include_the_identity_of_their_backends() -> None:
    """Through nested middleware and routers, A and B stay apart, and equal ones are equal."""

    def around(url: str, **redaction: Any) -> Backend:
        cloud = bl.OpenAI("gpt", base_url=url, api_key=SECRET)
        inner = bl.Retry(bl.TimeLimits(bl.Redaction(cloud, **redaction), total_s=9))
        inner = bl.Budget(inner, per_day=bl.Allowance(usd=1))
        router = bl.Router([bl.Router([inner, ScriptedBackend("x", name="local")])])
        # What Telemetry needs is not in the page.
        return bl.ResponseCache(bl.Logging(bl.Telemetry(router) if find_spec("opentelemetry") else router))

    a, b = "https://a.example", "https://b.example"
    same = await key_of(around(a))
    assert same == await key_of(around(a))
    changed: list[dict[str, Any]] = [
        {"restore_tools": ["x"]},
        {"restore_urls": True},
        {"terms": ["ada"]},
        {"terms": ["bob"]},
        {"always": True},
        {"media": "pass"},
        {"detectors": []},
    ]
    keys = [same, await key_of(around(b)), *[await key_of(around(a, **options)) for options in changed]]
    assert len(set(keys)) == len(keys)


async def test_the_options_of_a_router_count() -> None:
    """Policies with their options, backends in order, translations; a custom function equals only itself."""
    one, two = ScriptedBackend("x", name="one"), ScriptedBackend("y", name="two")

    def router(*backends: Backend, **options: Any) -> bl.Router:
        return bl.Router(backends or [one, two], **options)

    def custom() -> policies.Policy:
        return policies.Custom(lambda request, candidates: candidates)

    others = [
        router(one),
        router(two, one),
        router(policy=bl.CloudFirst()),
        router(policy=bl.LocalOnly()),
        router(policy=bl.LocalFirst(max_queue=1)),
        router(policy=bl.Explicit("one")),
        router(policy=bl.Explicit("two")),
        router(policy=bl.backends.router.ByCapability()),
        router(policy=bl.backends.router.ByCapability(bl.CloudFirst())),
        router(policy=custom()),
        router(policy=custom()),
        router(translations={"m": {"one": "a"}}),
        router(translations={"m": {"one": "b"}}),
        router(on_interrupted="restart"),
        router(fallback="parallel"),
    ]
    keys = [await key_of(each) for each in (router(), *others)]
    assert len(set(keys)) == len(keys)
    assert await key_of(router()) == keys[0]
    explicit = router(policy=bl.Explicit())
    named = [await key_of(explicit, replace(ASKED, metadata={"backends": name})) for name in ("one", "two")]
    assert len(set(named)) == 2


async def test_a_request_that_names_its_backend_gets_that_backends_answer() -> None:
    """Although the name is in the metadata, which otherwise does not count."""
    backends = [ScriptedBackend(f"I am {name}", name=name) for name in ("one", "two")]
    cache = bl.ResponseCache(bl.Router(backends, bl.Explicit()))
    for name in ("one", "two", "one"):
        response = await cache.complete("hi", temperature=0, metadata={"backends": name})
        assert response.text == f"I am {name}"


async def test_local_models_differ_by_choice_and_cards() -> None:
    """Model, engine, device, and cards that a program added to the catalog."""
    card = bl.models.Catalog().get("pocket")

    def local(*args: Any, cards: Any = (), **options: Any) -> Backend:
        return bl.LocalBackend(ScriptedHost(), *args, catalog=bl.models.Catalog(cards), **options)

    others = [
        local("pocket"),
        local(engine="webllm"),
        local(device="wasm"),
        local(cards=[replace(card, id="mine")]),
        local(cards=[replace(card, id="mine", context_window=7)]),
    ]
    keys = [await key_of(each) for each in (local(), *others)]
    assert len(set(keys)) == len(keys)
    assert await key_of(local()) == keys[0]


async def test_an_identity_that_is_not_json_is_an_error() -> None:
    """It must not be a key that fits every request."""

    class Wrong(ScriptedBackend):
        def identity(self, request: Any, hashed: Any) -> Any:
            return object()

    with pytest.raises(bl.InvalidRequest, match=r"identity of 'wrong'.*cannot be written"):
        await bl.ResponseCache(Wrong(name="wrong")).complete("hi", temperature=0)


# What the store learns


async def test_no_store_learns_a_secret_or_a_prompt() -> None:
    """Neither in its keys nor in an identity; the salt prevents guessing weak API keys from a plain hash."""
    weak = "1234"
    backend = bl.OpenAI("gpt", base_url="https://a.example", api_key=weak, headers={"x-org": SECRET})
    identity = identity_of(backend, ASKED, lambda text: hashlib.sha256(text.encode()).hexdigest())
    told = msgspec.json.encode(identity).decode()
    assert weak not in told.replace(hashlib.sha256(weak.encode()).hexdigest(), "")
    assert SECRET not in told and hashlib.sha256(SECRET.encode()).hexdigest() in told
    store = MemoryStore()
    await bl.ResponseCache(ScriptedBackend("an answer"), store=store).complete("a prompt", temperature=0)
    assert not any(b"a prompt" in key.encode() + value for key, value in await store.items())
    one, other = [await key_of(backend, salt=bytes([number]) * SALT_BYTES) for number in (1, 2)]
    assert one != other


async def test_each_store_has_its_own_salt_which_programs_share() -> None:
    """Two programs with one store find each other's answers; two stores have no common key."""
    stores = [MemoryStore(), MemoryStore()]
    for store in stores:
        for text in ("first", "second"):
            cache = bl.ResponseCache(ScriptedBackend(["one", "two"]), store=store)
            assert (await cache.complete(text, temperature=0)).text == "one"
            again = bl.ResponseCache(ScriptedBackend(["one", "two"]), store=store)
            assert [hop.code for hop in (await again.complete(text, temperature=0)).route] == ["cached"]
    salts = [await store.get("cache/salt") for store in stores]
    assert salts[0] != salts[1] and all(salt is not None and len(salt) == SALT_BYTES for salt in salts)
    names = [{key for key, _ in await store.items("cache/answer/")} for store in stores]
    assert not names[0] & names[1] and len(names[0]) == 2
    await cache.clear()
    assert await stores[1].items() == []


async def test_a_salt_that_another_program_stored_first_costs_only_an_entry() -> None:
    """Both use the stored one."""

    class Raced(MemoryStore):
        async def put(self, key: str, value: bytes) -> None:
            await super().put(key, b"t" * SALT_BYTES if key == "cache/salt" else value)

    store = Raced()
    cache = bl.ResponseCache(ScriptedBackend(["one", "two", "three"]), store=store)
    texts = [(await cache.complete("hi", temperature=0)).text for _ in range(3)]
    assert texts == ["one", "two", "two"]


# What is private


class Disk(MemoryStore):
    """A store that is more than memory."""


@pytest.mark.parametrize(
    ("store", "options", "kept"),
    [(Disk(), {}, False), (Disk(), {"keep_private": True}, True), (MemoryStore(), {}, True), (None, {}, True)],
)
async def test_private_answers_are_kept_only_in_memory_by_default(
    store: MemoryStore | None, options: dict[str, Any], kept: bool
) -> None:
    """A file would keep them in plain text; the answers of other requests are kept anywhere."""
    inner = ScriptedBackend(["one", "two", "three", "four"])
    cache = bl.ResponseCache(inner, store=store, **options)
    for metadata in ({}, {"cache": "refresh"}):
        await cache.complete("secret", temperature=0, private=True, metadata=metadata)
    assert bool(await cache._store.items("cache/answer/")) is kept
    asked = len(inner.requests)
    await cache.complete("secret", temperature=0, private=True)
    assert (len(inner.requests) == asked) is kept
    await cache.complete("other", temperature=0)
    assert await cache._store.items("cache/answer/")


# What is damaged


async def test_a_damaged_store_loses_answers_without_errors() -> None:
    """Any damaged value is a miss, and is replaced: cut, flipped, swapped, nested or absurd."""
    generator = random.Random(11)  # noqa: S311 (damages, not secrets)
    damages: list[Any] = [
        lambda value: value[: generator.randrange(len(value))],
        lambda value: bytes([value[0] ^ 1 << generator.randrange(8)]) + value[1:],
        lambda value: value + b"}",
        lambda value: b"[" * 100_000,
        lambda value: b"\xff\xfe",
        lambda value: b"null",
        lambda value: b'{"size_bytes":-5,"made_s":0,"used_s":0}',
        lambda value: b'{"size_bytes":5,"made_s":0,"used_s":1e400}',
        lambda value: b'{"size_bytes":99999999999999999999999,"made_s":0,"used_s":0}',
        lambda value: value.replace(b'"stop"', b'"cancelled"').replace(b'"size_bytes":', b'"size_bytes":1'),
    ]
    for damage in damages:
        store = MemoryStore()
        await bl.ResponseCache(ScriptedBackend(["one", "two"]), store=store).complete("hi", temperature=0)
        for key, value in await store.items():
            broken, damaged = MemoryStore(), damage(value)
            if damaged == value:
                continue
            for each, kept in await store.items():
                await broken.put(each, damaged if each == key else kept)
            inner = ScriptedBackend(["one", "two"])
            cache = bl.ResponseCache(inner, store=broken)
            for prompt in ("ho", "hi", "hi"):
                response = await cache.complete(prompt, temperature=0)
            assert len(inner.requests) == 2, (key, damaged)
            assert [hop.code for hop in response.route] == ["cached"]


async def test_an_entry_from_the_future_does_not_outlive_the_others() -> None:
    """A wrong clock recorded its last use."""
    store = MemoryStore()
    cache = bl.ResponseCache(ScriptedBackend("x"), store=store, max_entries=2, now=lambda: 1000.0)
    await store.put("cache/about/old", b'{"size_bytes":1,"made_s":0,"used_s":9e15}')
    await store.put("cache/about/older", b'{"size_bytes":9007199254740992,"made_s":0,"used_s":0}')
    for prompt in ("a", "b", "c"):
        await cache.complete(prompt, temperature=0)
    assert "cache/about/old" not in dict(await store.items())
