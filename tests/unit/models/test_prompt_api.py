"""The browser's own model: what Python says of it before a page runs it (see tests/page and tests/browser for that)."""

from __future__ import annotations

import msgspec
import pytest

import browserllm as bl
from browserllm.models.custom import add_custom
from browserllm.testing.host import ScriptedHost, device_facts

ENGINES = ["webllm", "transformersjs", "prompt-api"]


def host_with(availability: str | None, *, webgpu: bool = True, engines: list[str] = ENGINES) -> ScriptedHost:
    """A page whose browser says this of its own model."""
    reported = {} if availability is None else {"prompt-api": availability}
    facts = msgspec.structs.replace(device_facts(webgpu=webgpu), engines=reported)
    return ScriptedHost(["Hello from the browser."], facts=facts, engines=engines)


async def test_the_browsers_model_answers_without_our_files() -> None:
    """No file, no journal, no space: the storage list does not count it."""
    host = host_with("available", webgpu=False)
    llm = bl.LocalBackend(host, "browser")
    response = await llm.complete("Hi")
    assert (response.text, response.engine, response.device) == ("Hello from the browser.", "prompt-api", "browser")
    assert {op for op, _ in host.requests} <= {"probe", "status", "load", "chat"}
    assert (await llm.models.storage()).models == []
    (entry,) = [entry for entry in await llm.models.list() if entry.card.id == "browser"]
    assert (entry.downloaded, entry.size_bytes, entry.fit.fits, entry.fit.warnings) == (True, 0, True, [])


@pytest.mark.parametrize("availability", ["downloadable", "downloading"])
async def test_a_download_by_the_browser_is_a_warning(availability: str) -> None:
    """The browser reports no size; a load that may not download is refused, and so is a pull."""
    manager = bl.ModelManager(host_with(availability))
    judged = await manager.fit("browser")
    assert (judged.fits, [warning.code for warning in judged.warnings]) == (True, ["browser_downloads"])
    readiness = await manager.readiness("browser")
    assert (readiness.downloaded, readiness.fetch_bytes, readiness.obstacle) == (False, None, "")
    with pytest.raises(bl.errors.ModelNotDownloaded, match="load it with download=True, and the browser downloads"):
        await manager.load("browser", download=False)
    with pytest.raises(bl.errors.Unsupported, match="only the browser can download"):
        await manager.download("browser")


async def test_after_a_load_the_model_is_available() -> None:
    """The browser is asked again then."""
    host = host_with("downloadable")
    manager = bl.ModelManager(host)
    await manager.fit("browser")
    host.engine.facts = msgspec.structs.replace(host.engine.facts, engines={"prompt-api": "available"})
    await manager.load("browser")
    await manager.unload("browser")
    assert (await manager.readiness("browser", download=False)).downloaded is True


async def test_a_device_that_the_browser_refuses_is_named() -> None:
    """The browser's own word, before anything is loaded."""
    with pytest.raises(bl.Unavailable, match=r"LanguageModel\.availability\(\) says 'unavailable'") as caught:
        await bl.ModelManager(host_with("unavailable")).load("browser")
    assert caught.value.reason == "missing_feature"


async def test_a_browser_without_the_api_is_named_as_the_reason() -> None:
    """Most browsers lack it: the error has the true reason, and what to do."""
    manager = bl.ModelManager(host_with(None, engines=ENGINES[:2]))
    with pytest.raises(
        bl.Unavailable, match="this browser offers no model of its own: its window has no LanguageModel"
    ):
        await manager.load("browser")
    assert "browser" not in [entry.card.id for entry in await manager.list(fits=True)]


async def test_the_browsers_model_is_never_recommended() -> None:
    """Its size and quality are unknown."""
    manager = bl.ModelManager(host_with("available"))
    assert "browser" not in [pick.model for pick in await manager.recommend("chat", 100)]


async def test_no_folder_is_recognised_as_the_browsers_model() -> None:
    """Its files are the browser's."""
    with pytest.raises(bl.InvalidRequest, match="Choose one of: webllm, transformersjs"):
        await add_custom(ScriptedHost(), "https://models.test/x/", engine="prompt-api")


async def test_tools_are_described_in_the_prompt_with_a_warning() -> None:
    """The API has no field for tools, and the arguments are not constrained."""
    weather = bl.Tool("weather", "Tell the weather.", {"type": "object"})
    host = host_with("available")
    response = await bl.LocalBackend(host, "browser").complete("Hi", tools=[weather])
    assert [warning.message for warning in response.warnings] == [
        "engine 'prompt-api' cannot constrain a model by the tools' schemas; check the arguments"
    ]
    chat = host.requests[-1][1]
    assert "weather" in chat["messages"][0]["content"] and "response_format" not in chat


async def test_a_schema_is_sent_to_the_browser_unchanged() -> None:
    """It accepts JSON schemas, and none of our grammars."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    host = host_with("available")
    await bl.LocalBackend(host, "browser").complete("Hi", response_format=wanted)
    assert host.requests[-1][1]["response_format"] == wanted
