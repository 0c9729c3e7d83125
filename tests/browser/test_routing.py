"""Local first, the cloud when it must: routers over real engines and a cloud on loopback, in both worlds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

import routing_scenarios
from drivers import Launched
from in_page import open_python
from openai_exchanges import ERRORS, EXCHANGES
from vendor_server import VendorServer, answer
from worlds import InPage, Outside, World

TEXT = "Grüße, Welt 👋!"
BROKEN = answer(ERRORS["server"][1], ERRORS["server"][0])


def ask(world: World, router: str, **options: Any) -> dict[str, Any]:
    """Ask a router."""
    return world.call("ask", router, **options)


def go_offline(world: World, offline: bool) -> None:
    """Take the network away (or give it back), and wait until the page has told."""
    world.set_offline(offline)
    world.call("until_online", not offline)


@pytest.fixture(scope="module")
def server() -> Iterator[VendorServer]:
    """A cloud that answers, one that is broken, and one that gets well after two failures."""
    with VendorServer(EXCHANGES, cors=True) as running:
        yield running


@pytest.fixture(scope="module", params=["pyodide", "cpython"])
def world(
    request: pytest.FixtureRequest,
    start_browser: Callable[..., BrowserContext],
    site_url: str,
    server: VendorServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """Both without WebGPU, so that the CPU answers what is local."""
    if request.param == "pyodide":
        context = start_browser(webgpu=False)
        world: World = InPage(open_python(context, site_url), site_url, routing_scenarios)
        world.call("begin", server.url)
        yield world
        context.close()
        return
    driver = Launched(tmp_path_factory.mktemp("profile"), webgpu="off")
    world = Outside(driver, routing_scenarios)
    world.call("begin", server.url)
    yield world
    driver.close()


@pytest.fixture(autouse=True)
def online_again(world: World) -> Iterator[None]:
    """Whatever a test did to the network is over after it."""
    yield
    go_offline(world, False)


def test_the_cloud_answers_what_this_device_cannot(world: World) -> None:
    """No WebGPU for one model, a gigabyte to fetch for the other: the cloud answers, and the route says why."""
    reply = ask(world, "nothing here")
    assert (reply["backend"], reply["text"], reply["engine"]) == ("hello", TEXT, None)
    reasons = {name: (code, reason) for name, code, reason in reply["hops"]}
    assert set(reasons) == {"far-gpu", "far"}
    code, reason = reasons["far-gpu"]
    assert code == "unavailable"
    assert "WebGPU" in reason
    code, reason = reasons["far"]
    assert code == "model_not_downloaded"
    assert "download of 1.0 GB" in reason


def test_offline_the_device_answers_and_online_the_cloud_again(world: World, server: VendorServer) -> None:
    """The cloud is not even asked while there is no network, and the first request after that is its."""
    assert ask(world, "cloud first")["backend"] == "hello"
    world.call("load", "pocket")  # its files are the site's, which is away, too, as soon as the browser is offline
    asked = len(server.requests)
    go_offline(world, True)
    reply = ask(world, "cloud first")
    assert (reply["backend"], reply["engine"], reply["cost"]) == ("pocket", "transformersjs", 0.0)
    assert reply["text"]
    assert reply["hops"] == [["hello", "unavailable", "the device is offline"]]
    assert len(server.requests) == asked
    go_offline(world, False)
    reply = ask(world, "cloud first")
    assert (reply["backend"], reply["text"], reply["hops"]) == ("hello", TEXT, [])


def test_offline_with_nothing_here_is_one_error_with_every_cause(world: World, server: VendorServer) -> None:
    """Each cause is an error of its own, in the router's order."""
    asked = len(server.requests)
    go_offline(world, True)
    failure = ask(world, "nothing here")
    assert failure["code"] == "all_backends_failed"
    assert failure["data"]["backends"] == ["far-gpu", "far", "hello"]
    webgpu, download, network = failure["causes"]
    assert webgpu["kind"] == "Unavailable"
    assert "WebGPU" in webgpu["message"]
    assert "not downloaded, and this device is offline" in download["message"]
    assert (network["kind"], network["data"]["reason"]) == ("Unavailable", "offline")
    for name, reason in (("far-gpu", "WebGPU"), ("far", "this device is offline"), ("hello", "the device is offline")):
        assert reason in failure["message"].partition(f"{name!r}: ")[2].partition(";")[0]
    assert len(server.requests) == asked


def test_a_breaker_opens_and_closes_again(world: World, server: VendorServer) -> None:
    """After two failures the cloud is skipped; after the cool-down one request reaches it and closes the breaker."""
    server.add("flaky", BROKEN, BROKEN, EXCHANGES["hello"])  # type: ignore[arg-type]
    before = len(server.asked("flaky"))
    for tried in (1, 2):
        reply = ask(world, "flaky cloud")
        assert (reply["backend"], [hop[:2] for hop in reply["hops"]]) == ("pocket", [["flaky", "unavailable"]])
        assert len(server.asked("flaky")) == before + tried
    reply = ask(world, "flaky cloud")
    assert reply["backend"] == "pocket"
    assert "circuit breaker" in reply["hops"][0][2]
    assert len(server.asked("flaky")) == before + 2
    world.call("cool_down")
    for answered in (3, 4):
        assert ask(world, "flaky cloud")["backend"] == "flaky"
        assert len(server.asked("flaky")) == before + answered


def test_the_first_answer_is_the_clouds_and_the_next_one_local(world: World) -> None:
    """The load continues in the background, and no request waits for it."""
    world.call("unload")
    assert ask(world, "warming up")["backend"] == "hello"
    world.call("until_loaded", "pocket")
    assert ask(world, "warming up")["backend"] == "pocket"


def test_a_private_request_reaches_no_cloud(world: World, server: VendorServer) -> None:
    """With clouds alone it is an error that says why; with a device it is the device's."""
    asked = len(server.requests)
    failure = ask(world, "clouds alone", private=True)
    assert failure["code"] == "all_backends_failed"
    assert [cause["data"]["reason"] for cause in failure["causes"]] == ["private", "private"]
    reply = ask(world, "cloud first", private=True)
    assert reply["backend"] == "pocket"
    assert "private" in reply["hops"][0][2]
    assert len(server.requests) == asked
