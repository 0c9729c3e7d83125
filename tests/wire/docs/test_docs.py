"""The documentation: what it shows, runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm._internal.http.client import HttpClient, HttpRequest, HttpResponse
from browserllm._internal.http.platform import open_client
from browserllm.backends.cloud.presets import PRESETS
from openai_exchanges import EXCHANGES
from vendor_server import VendorServer

DOCS = Path(__file__).parents[3] / "docs"
MODELS = (DOCS / "models.md").read_text(encoding="utf-8")
CLOUD = (DOCS / "cloud.md").read_text(encoding="utf-8")
MIDDLEWARE = (DOCS / "middleware.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", MODELS, re.DOTALL))
def test_the_code_about_models_runs(code: str) -> None:
    """Each block by itself, as a reader would paste it."""
    scope: dict[str, Any] = {}
    exec(compile(code, "models.md", "exec"), scope)  # noqa: S102 (our own documentation)
    assert scope["bl"] is bl


def test_the_numbers_about_models_are_those_of_the_catalog() -> None:
    """A refreshed catalog has other counts: then the page must say so."""
    cards = list(bl.models.Catalog())
    builds = [a for card in cards for a in card.artifacts if a.engine == "webllm" and not a.bundled]
    of_webllm = [card for card in cards if any(a in builds for a in card.artifacts)]
    of_both = [
        card for card in cards if card.id != "pocket" and any(a.engine == "transformersjs" for a in card.artifacts)
    ]
    said = f"knows {len(cards)} models: the built-in `pocket`, every model in the list of the pinned web-llm "
    assert said in MODELS.replace("\n", " ")
    assert f"({len(builds)} builds of {len(of_webllm)} models)" in MODELS
    assert len(of_both) == 14
    assert "for fourteen models" in MODELS.replace("\n", " ")
    sizes = [build.download_bytes // 1_000_000 for build in bl.models.Catalog().get("all-MiniLM-L6-v2").artifacts]
    searched = (DOCS.parent / "examples" / "embeddings_search" / "README.md").read_text(encoding="utf-8")
    assert f"(all-MiniLM-L6-v2, {min(sizes)} to {max(sizes)} MB" in searched


class Rerouted(HttpClient):
    """The client of this process, with every vendor at one address."""

    def __init__(self, url: str) -> None:
        self._client = open_client()
        self._url = url

    async def send(self, request: HttpRequest) -> HttpResponse:
        path = request.url.partition("://")[2].partition("/")[2]
        return await self._client.send(msgspec.structs.replace(request, url=f"{self._url}/{path}"))

    async def close(self) -> None:
        await self._client.close()


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", CLOUD, re.DOTALL))
def test_the_code_about_clouds_runs(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each block by itself, with a key in the environment and a scripted server in the place of every vendor."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-docs")
    with VendorServer({"v1": EXCHANGES["hello"]}) as server:
        monkeypatch.setattr("browserllm.backends.cloud.base.open_client", lambda: Rerouted(server.url))
        scope: dict[str, Any] = {}
        exec(compile(code, "cloud.md", "exec"), scope)  # noqa: S102 (our own documentation)
    assert scope["bl"] is bl
    printed = capsys.readouterr().out
    assert printed.count("Grüße, Welt 👋!") == code.count("print(") == len(server.asked("v1"))


def test_the_page_about_clouds_has_the_presets_there_are() -> None:
    """Each with its address, its key and what it does not take."""
    rows = {row.split("`")[1]: row for row in CLOUD.splitlines() if row.startswith("| `") and "| `http" in row}
    assert list(rows) == list(PRESETS)
    for name, preset in PRESETS.items():
        known = [f"`{preset.base_url}`", *(f"`{each}`" for each in (*preset.key_variables, *preset.refuses))]
        assert all(each in rows[name] for each in known), name
        assert rows[name].count("`") // 2 == 1 + len(known), name
        assert ("names" in rows[name]) == (not preset.names), name


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", MIDDLEWARE, re.DOTALL))
def test_the_code_about_middleware_runs(code: str) -> None:
    """Each block by itself; what it asserts holds."""
    scope: dict[str, Any] = {}
    exec(compile(code, "middleware.md", "exec"), scope)  # noqa: S102 (our own documentation)
    assert "assert " in code
    assert scope["bl"] is bl


def test_the_page_about_middleware_has_all_there_is() -> None:
    """Every middleware, every kind of finding and every metric is named."""
    from browserllm.backends import middleware

    classes = [
        each
        for each in vars(middleware).values()
        if isinstance(each, type) and issubclass(each, bl.backends.Middleware)
    ]
    assert len(classes) == 7
    assert all(f"| `{each.__name__}` |" in MIDDLEWARE for each in classes)
    sources = Path(middleware.__file__).parent
    kinds = re.findall(r', "([A-Z_]+)"\)', (sources / "detectors.py").read_text(encoding="utf-8"))
    names = re.findall(
        r'"((?:gen_ai|browserllm)\.(?:client|model)\.[a-z_.]+)"',
        "".join(file.read_text(encoding="utf-8") for file in sources.glob("telemetry*.py")),
    )
    assert (len(set(kinds)), len(set(names))) == (9, 10)
    assert all(f"`{each}`" in MIDDLEWARE for each in {"TERM", *kinds, *names})
