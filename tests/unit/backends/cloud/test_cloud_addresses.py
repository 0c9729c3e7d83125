"""Addresses as people have them, and the vendors' own variables of the environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.presets import PRESETS
from unit.backends.cloud.test_cloud_base import Client

VARIABLES = [
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"),
    *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"),
    *("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "OLLAMA_HOST", "OLLAMA_API_KEY"),
    *(variable for preset in PRESETS.values() for variable in preset.key_variables),
]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs the tests may have some of them."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def openai(**options: Any) -> bl.OpenAI:
    return bl.OpenAI("m", **options)


def ollama_preset(**options: Any) -> bl.OpenAI:
    return bl.OpenAI("m", preset="ollama", **options)


def anthropic(**options: Any) -> bl.Anthropic:
    return bl.Anthropic("m", **options)


def gemini(**options: Any) -> bl.Gemini:
    return bl.Gemini("m", **options)


def ollama(**options: Any) -> bl.Ollama:
    return bl.Ollama("m", **options)


OPENAI_CHAT, OLLAMA_CHAT = "/chat/completions", "/api/chat"
GEMINI_CHAT = "/models/m:streamGenerateContent?alt=sse"

# What is given, and where chats go then.
ADDRESSES: list[tuple[Any, str, str]] = [
    (openai, "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
    (openai, "https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
    (openai, "api.openai.com", "https://api.openai.com/v1/chat/completions"),
    (openai, "api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
    (openai, "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
    (openai, "https://api.openai.com/v1/responses", "https://api.openai.com/v1/chat/completions"),
    (openai, "HTTPS://api.openai.com/v1//", "https://api.openai.com/v1/chat/completions"),
    (openai, "  https://api.openai.com/v1\r\n", "https://api.openai.com/v1/chat/completions"),
    (openai, "localhost:8000", "http://localhost:8000/v1/chat/completions"),
    (openai, "0.0.0.0:8000/v1", "http://127.0.0.1:8000/v1/chat/completions"),
    (openai, "http://0.0.0.0:8000", "http://127.0.0.1:8000/v1/chat/completions"),
    (openai, "http://[::]:8000", "http://[::1]:8000/v1/chat/completions"),
    (openai, "[::1]:8000", "http://[::1]:8000/v1/chat/completions"),
    (openai, ":8000", "http://127.0.0.1:8000/v1/chat/completions"),
    # A path is taken as it is: proxies live anywhere.
    (openai, "https://proxy.example/llm", "https://proxy.example/llm/chat/completions"),
    (openai, "https://proxy.example/llm/v4/", "https://proxy.example/llm/v4/chat/completions"),
    (openai, "https://proxy.example", "https://proxy.example/v1/chat/completions"),
    (openai, "https://proxy.example/chat/completions", "https://proxy.example/chat/completions"),
    # Hosts whose own path is known.
    (openai, "https://openrouter.ai", "https://openrouter.ai/api/v1/chat/completions"),
    (openai, "https://api.groq.com/", "https://api.groq.com/openai/v1/chat/completions"),
    (openai, "https://api.deepseek.com", "https://api.deepseek.com/chat/completions"),
    (openai, "https://api.mistral.ai", "https://api.mistral.ai/v1/chat/completions"),
    (
        openai,
        "https://generativelanguage.googleapis.com",
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
    ),
    (
        openai,
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
    ),
    (openai, "https://me.openai.azure.com", "https://me.openai.azure.com/openai/v1/chat/completions"),
    (
        openai,
        "https://me.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21",
        "https://me.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
    ),
    (
        openai,
        "https://me.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2025-01-01-preview",
        "https://me.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2025-01-01-preview",
    ),
    (
        openai,
        "https://me.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
        "https://me.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
    ),
    (ollama_preset, "http://localhost:11434", "http://localhost:11434/v1/chat/completions"),
    (ollama_preset, "localhost", "http://localhost:11434/v1/chat/completions"),
    (ollama_preset, "http://localhost:11434/api", "http://localhost:11434/v1/chat/completions"),
    (ollama_preset, "http://localhost:11434/api/chat", "http://localhost:11434/v1/chat/completions"),
    (ollama_preset, "https://h.example/proxy/v1/", "https://h.example/proxy/v1/chat/completions"),
    (ollama_preset, "https://h.example/proxy/api/generate", "https://h.example/proxy/v1/chat/completions"),
    (anthropic, "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
    (anthropic, "https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
    (anthropic, "https://api.anthropic.com/v1/", "https://api.anthropic.com/v1/messages"),
    (anthropic, "api.anthropic.com", "https://api.anthropic.com/v1/messages"),
    (anthropic, "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/messages"),
    (anthropic, "https://api.deepseek.com/anthropic", "https://api.deepseek.com/anthropic/v1/messages"),
    (anthropic, "https://gateway.example/v1/me/anthropic", "https://gateway.example/v1/me/anthropic/v1/messages"),
    (anthropic, "https://gateway.example/claude/messages", "https://gateway.example/claude/messages"),
    (anthropic, "http://localhost:4000", "http://localhost:4000/v1/messages"),
    (
        gemini,
        "https://generativelanguage.googleapis.com",
        f"https://generativelanguage.googleapis.com/v1beta{GEMINI_CHAT}",
    ),
    (
        gemini,
        "generativelanguage.googleapis.com/v1beta/",
        f"https://generativelanguage.googleapis.com/v1beta{GEMINI_CHAT}",
    ),
    (
        gemini,
        "https://generativelanguage.googleapis.com/v1",
        f"https://generativelanguage.googleapis.com/v1{GEMINI_CHAT}",
    ),
    (
        gemini,
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        f"https://generativelanguage.googleapis.com/v1beta{GEMINI_CHAT}",
    ),
    (
        gemini,
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-3:generateContent",
        f"https://generativelanguage.googleapis.com/v1beta{GEMINI_CHAT}",
    ),
    (
        gemini,
        "https://generativelanguage.googleapis.com/v1beta/models",
        f"https://generativelanguage.googleapis.com/v1beta{GEMINI_CHAT}",
    ),
    (gemini, "https://proxy.example/models", f"https://proxy.example/models/v1beta{GEMINI_CHAT}"),
    (gemini, "https://proxy.example/google", f"https://proxy.example/google/v1beta{GEMINI_CHAT}"),
    (gemini, "http://127.0.0.1:9000/v1alpha", f"http://127.0.0.1:9000/v1alpha{GEMINI_CHAT}"),
    (ollama, "http://localhost:11434", "http://localhost:11434/api/chat"),
    (ollama, "localhost", "http://localhost:11434/api/chat"),
    (ollama, "localhost:1234", "http://localhost:1234/api/chat"),
    (ollama, "127.0.0.1", "http://127.0.0.1:11434/api/chat"),
    (ollama, "0.0.0.0/", "http://127.0.0.1:11434/api/chat"),
    (ollama, ":1234", "http://127.0.0.1:1234/api/chat"),
    (ollama, "[::]:1234", "http://[::1]:1234/api/chat"),
    (ollama, "http://localhost:11434/api", "http://localhost:11434/api/chat"),
    (ollama, "http://localhost:11434/api/chat/", "http://localhost:11434/api/chat"),
    (ollama, "http://localhost:11434/api/generate", "http://localhost:11434/api/chat"),
    (ollama, "http://localhost:11434/v1", "http://localhost:11434/api/chat"),
    (ollama, "http://localhost:11434/v1/chat/completions", "http://localhost:11434/api/chat"),
    (ollama, "https://ollama.com", "https://ollama.com/api/chat"),
    (ollama, "ollama.com", "https://ollama.com/api/chat"),
    (ollama, "https://gpu.example/ollama/", "https://gpu.example/ollama/api/chat"),
]


async def sent_to(llm: bl.backends.cloud.CloudBackend, client: Client) -> str:
    """Where a chat goes."""
    with_error = None
    try:
        await llm.complete("Hi")
    except bl.BrowserLLMError as error:
        with_error = error
    assert client.requests, with_error
    return client.requests[-1].url


@pytest.mark.parametrize(("made", "given", "expected"), ADDRESSES)
async def test_an_address_is_accepted_as_people_write_it(made: Any, given: str, expected: str) -> None:
    """With and without scheme, version, slash and endpoint."""
    client = Client()
    llm = made(base_url=given, api_key="sk-12345678", client=client)
    assert await sent_to(llm, client) == expected
    # What came out of it is taken again, and is the same, unless an endpoint said that nothing is missing before it.
    if "?" not in given and not given.endswith(("example/chat/completions", "claude/messages")):
        assert made(base_url=llm.base_url).base_url == llm.base_url


@pytest.mark.parametrize(("made", "given", "expected"), ADDRESSES)
async def test_blanks_slashes_and_an_upper_case_scheme_change_nothing(made: Any, given: str, expected: str) -> None:
    """As they come from files and shells."""
    given = given.strip()
    before, mark, query = given.partition("?")
    for spelled in (
        f" {given}\n",
        f"\t{before}/{mark}{query} ",
        f"{before}//{mark}{query}",
        given.replace("https://", "HTTPS://").replace("http://", "Http://"),
    ):
        client = Client()
        llm = made(base_url=spelled, api_key="sk-12345678", client=client)
        assert await sent_to(llm, client) == expected, spelled


@pytest.mark.parametrize("made", [openai, ollama_preset, anthropic, gemini, ollama])
@pytest.mark.parametrize(
    "given",
    [
        *(
            "ftp://h.example",
            "https://",
            "https:",
            "http",
            "//h.example/v1",
            "h.example:port",
            "h example",
            "h.example\\v1",
        ),
        *("https://h.example/v1?key=secret-word", "https://h.example/v1?api-version=1&key=secret-word"),
        *("https://h.example/v1?api-version=", "https://me:secret-word@h.example", "me:secret-word@h.example"),
        *("h.example?secret-word", "h.example#secret-word", "https://h.example?api-version=secret-word#x"),
        *("0.0.0.1:80:80", "http://192.168.1.5:1/v1", "http://0.0.0.0.example.com", "http://localhost.example.com"),
    ],
)
def test_a_text_that_is_not_an_address_is_refused(made: Any, given: str) -> None:
    """Completing never makes an odd address valid, and the error does not show possible secrets."""
    with pytest.raises(bl.InvalidRequest) as caught:
        made(base_url=given)
    assert caught.value.data["parameter"] == "base_url" and "secret-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "leaves"),
    [
        ("0.0.0.0:11434", False),
        ("localhost", False),
        ("http://[::]:11434/", False),
        (":11434", False),
        ("https://gpu.example", True),
        ("https://0.0.0.0.example", True),
        ("ollama.com", True),
    ],
)
@pytest.mark.parametrize("variable", [False, True])
def test_the_final_address_decides_whether_requests_leave_the_device(
    given: str, leaves: bool, variable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the argument and for OLLAMA_HOST."""
    if variable:
        monkeypatch.setenv("OLLAMA_HOST", given)
    llm = bl.Ollama("m") if variable else bl.Ollama("m", base_url=given)
    assert (llm.leaves_device, llm.may_leave()) == (leaves, leaves)
    if leaves:
        with pytest.raises(bl.InvalidRequest, match="leaves_device=False"):
            bl.Ollama("m", base_url=given, leaves_device=False)


def test_an_ollama_on_another_machine_needs_https_or_allow_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable; with allow_http it is http at Ollama's port, and leaves the device."""
    monkeypatch.setenv("OLLAMA_HOST", "192.168.1.5")
    with pytest.raises(bl.InvalidRequest, match=r"OLLAMA_HOST='http://192.168.1.5:11434' is http.*allow_http"):
        bl.Ollama("m")
    llm = bl.Ollama("m", allow_http=True)
    assert (llm.base_url, llm.leaves_device, llm.may_leave()) == ("http://192.168.1.5:11434", True, True)


# The environment

KEY = "sk-of-the-environment-1234"


def key_in(headers: dict[str, str]) -> str:
    """The key that a request carries, or nothing."""
    return "".join(headers.get("authorization", "") or headers.get("x-goog-api-key", "")).removeprefix("Bearer ")


VENDORS: list[tuple[Any, str, str]] = [
    (openai, "OPENAI_BASE_URL", "OPENAI_API_KEY"),
    (anthropic, "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
    (anthropic, "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"),
    (gemini, "GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY"),
    (gemini, "GOOGLE_GEMINI_BASE_URL", "GOOGLE_API_KEY"),
    (ollama, "OLLAMA_HOST", "OLLAMA_API_KEY"),
]


@pytest.mark.parametrize(("made", "url_variable", "key_variable"), VENDORS)
async def test_the_address_of_the_environment_goes_with_its_key(
    made: Any, url_variable: str, key_variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the vendors' own libraries. An address that the caller gives does not get it."""
    monkeypatch.setenv(key_variable, f" {KEY}\n")
    monkeypatch.setenv(url_variable, " https://proxy.example/\n")
    client = Client()
    llm = made(client=client)
    assert (await sent_to(llm, client)).startswith("https://proxy.example/")
    assert key_in(client.requests[-1].headers) == KEY
    # The same address, given by the caller: his word is about another one each time.
    client = Client()
    assert (await sent_to(made(client=client, base_url="https://other.example"), client)).startswith("https://other.")
    assert key_in(client.requests[-1].headers) == ""
    client = Client()
    await sent_to(made(client=client, base_url="https://proxy.example", api_key="sk-mine-12345"), client)
    assert key_in(client.requests[-1].headers) == "sk-mine-12345"
    # An address that is changed later is not the environment's.
    client = Client()
    llm = made(client=client)
    llm.base_url = "https://evil.example"
    await sent_to(llm, client)
    assert key_in(client.requests[-1].headers) == ""
    assert KEY not in repr(vars(llm))


@pytest.mark.parametrize(("made", "url_variable", "key_variable"), VENDORS)
@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_variable_is_not_set(
    made: Any, url_variable: str, key_variable: str, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is an empty argument."""
    plain = made().base_url
    monkeypatch.setenv(url_variable, empty)
    monkeypatch.setenv(key_variable, empty)
    assert made().base_url == made(base_url=empty).base_url == made(base_url=None).base_url == plain
    monkeypatch.setenv(url_variable, "https://proxy.example")
    assert made(base_url=empty).base_url.startswith("https://proxy.example")


@pytest.mark.parametrize(("made", "url_variable", "key_variable"), VENDORS)
def test_a_wrong_address_of_the_environment_is_refused_by_its_name(
    made: Any, url_variable: str, key_variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what may be a secret in it."""
    for wrong in (
        "http://api.example.com/v1",
        "ftp://x",
        "https://me:secret-word@x.example",
        "https://x.example?secret-word",
    ):
        monkeypatch.setenv(url_variable, wrong)
        with pytest.raises(bl.InvalidRequest, match=url_variable) as caught:
            made()
        assert "secret-word" not in str(caught.value)


async def test_the_first_key_that_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one is skipped."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", " ")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-12345678")
    client = Client()
    await sent_to(bl.Anthropic("m", client=client), client)
    assert key_in(client.requests[-1].headers) == "token-12345678"
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    await sent_to(bl.Anthropic("m", client=client), client)
    assert key_in(client.requests[-1].headers) == KEY


async def test_ollamas_key_does_not_go_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """OLLAMA_HOST can also be a local server's address, and the key is for the cloud."""
    monkeypatch.setenv("OLLAMA_API_KEY", KEY)
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:11434")
    client = Client()
    assert await sent_to(bl.Ollama("m", client=client), client) == "http://127.0.0.1:11434/api/chat"
    assert key_in(client.requests[-1].headers) == ""


async def test_a_preset_has_its_own_variables_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI's URL is not used for Groq, and its organization is sent only to OpenAI."""
    monkeypatch.setenv("OPENAI_BASE_URL", "https://proxy.example/v1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    monkeypatch.setenv("OLLAMA_HOST", "localhost:1234")
    for name, preset in PRESETS.items():
        llm = bl.OpenAI("m", preset=name, api_key=KEY)  # type: ignore[arg-type]
        expected = {"openai": "https://proxy.example/v1", "ollama": "http://localhost:1234/v1"}
        assert llm.base_url == expected.get(name, preset.base_url)
    for options, named in (
        ({}, True),
        ({"base_url": "https://api.openai.com"}, True),
        ({"base_url": "https://other.example"}, False),
        ({"preset": "groq"}, False),
    ):
        client = Client()
        await sent_to(openai(client=client, api_key=KEY, **options), client)
        headers = client.requests[-1].headers
        told = (headers.get("openai-organization"), headers.get("openai-project"))
        assert told == (("org-1", "proj-1") if named else (None, None)), options
    client = Client()
    await sent_to(openai(client=client, api_key=KEY, headers={"OpenAI-Organization": "org-2"}), client)
    assert "".join(client.requests[-1].headers["openai-organization"]) == "org-2"


async def test_azure_gets_its_key_in_its_own_header() -> None:
    """If the address has a version in its query."""
    client = Client()
    base_url = "https://me.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21"
    await sent_to(openai(client=client, api_key=KEY, base_url=base_url), client)
    headers = client.requests[-1].headers
    assert ("".join(headers["api-key"]), "authorization" in headers) == (KEY, False)
    await sent_to(openai(client=client, api_key=KEY, base_url="https://me.openai.azure.com"), client)
    assert key_in(client.requests[-1].headers) == KEY


def spellings() -> Iterator[str]:
    """This device's address in every spelling that is taken."""
    for host in ("localhost", "127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0", "[::]"):  # noqa: S104
        for scheme in ("", "http://", "HTTP://", "https://"):
            for port in (":1234", ":65535"):
                for path in ("", "/", "/v1", "/v1beta/", "/api/chat", "/v1/messages"):
                    for blank in ("", " ", "\n"):
                        yield f"{blank}{scheme}{host}{port}{path}{blank}"


@pytest.mark.parametrize("made", [openai, ollama_preset, anthropic, gemini, ollama])
def test_every_spelling_of_this_device_is_recognised(made: Any) -> None:
    """leaves_device=False is accepted for each of them."""
    for given in spellings():
        assert not made(base_url=given, leaves_device=False).may_leave(), given
