"""Downloads from bad servers, in both worlds: a complete and verified model, or the named error and a sound cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from download_scenarios import OPTIONS, SCENARIOS, SIZE, Scenario
from drivers import Driver, InPage, Launched, Outcome
from fault_server import Fault, FaultServer
from in_page import open_python
from served_models import ServedFile, noise_model


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """One server for the table; every scenario has a folder of its own."""
    with FaultServer() as server:
        yield server


@pytest.fixture(scope="module", params=["cpython", "pyodide"])
def driver(
    request: pytest.FixtureRequest,
    start_browser: Callable[..., BrowserContext],
    site_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Driver]:
    """One browser a world: launched by CPython, or with Python in its page."""
    if request.param == "pyodide":
        context = start_browser(webgpu=False)
        yield InPage(open_python(context, site_url))
        context.close()
        return
    launched = Launched(tmp_path_factory.mktemp("profile"), webgpu="off")
    yield launched
    launched.close()


def serve_scenario(server: FaultServer, folder: str, scenario: Scenario) -> tuple[list[ServedFile], ServedFile]:
    """Serve the scenario's model; all its files, and the shard that is served badly."""
    links = [fault for fault in scenario.faults if fault.redirect]
    others = [fault for fault in scenario.faults if not fault.redirect]
    files = noise_model(server, folder, faults=others)
    shard = next(file for file in files if file.url.endswith("params_shard_0.bin"))
    if links:
        path = shard.url.removeprefix(server.origin)
        server.add(path + ".signed", shard.content, Fault(needs_token=True), *others)
        server.add(
            path, shard.content, *(replace(link, redirect=f"{server.other_origin}{path}.signed") for link in links)
        )
    return files, shard


def download(driver: Driver, orders: list[dict[str, Any]], **options: Any) -> Outcome:
    """Order a download with the table's little patience."""
    return driver.call("download", {"files": orders, **OPTIONS, **options})


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_bad_server(driver: Driver, server: FaultServer, scenario: Scenario) -> None:
    """The model is complete and verified, or the error says what was wrong; no wrong byte ever lies in a cache."""
    folder = f"/{type(driver).__name__}/{scenario.name}"
    files, shard = serve_scenario(server, folder, scenario)
    orders = [file.order(scenario.promise) | (scenario.manifest if file is shard else {}) for file in files]
    outcome = download(driver, orders, **scenario.options)
    assert driver.wrong_entries(files) == []
    again = server.sent_bytes(shard.url) - SIZE
    if scenario.again is not None:
        assert again <= scenario.again, [vars(each) for each in server.requests_for(shard.url)]
    if scenario.code is not None:
        assert (outcome.code, outcome.data.get("url")) == (scenario.code, shard.url), outcome
        assert outcome.data.get("reason") == scenario.reason or scenario.reason is None, outcome
        assert shard.url in driver.missing_entries(files)
        server.heal(folder)
        outcome = download(driver, [file.order() for file in files])
        assert driver.wrong_entries(files) == []
    assert outcome.code is None, outcome
    assert driver.missing_entries(files) == []
    told = {file["url"]: file for file in outcome.result["files"]}
    verified = "hash" if scenario.code is not None else scenario.verified or scenario.promise
    assert told[shard.url]["verified"] == verified
    assert told[shard.url]["size_bytes"] == SIZE
    if scenario.waits_s:
        first, second = server.requests_for(shard.url)[:2]
        assert second.at_s - first.at_s >= scenario.waits_s
    stored = driver.call("stored", {}).result
    sizes = {entry["url"]: entry["size_bytes"] for entry in stored["entries"]}
    assert {file.url: file.content.size for file in files} == {file.url: sizes.get(file.url) for file in files}
    assert [partial["url"] for partial in stored["partials"] if folder in partial["url"]] == []


def test_the_table_is_as_large_as_promised() -> None:
    """At least 25 scenarios, each with a name of its own."""
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS) >= 25


def test_a_stored_file_is_not_fetched_again(driver: Driver, server: FaultServer) -> None:
    """A second download sends no request and says so; so does one that checks the hashes."""
    folder = f"/{type(driver).__name__}/stored"
    files = noise_model(server, folder)
    orders = [file.order() for file in files]
    assert download(driver, orders).code is None
    sent = server.sent_bytes(folder)
    for options in ({}, {"verify_stored": True}):
        outcome = download(driver, orders, **options)
        assert {file["verified"] for file in outcome.result["files"]} == {"stored"}
        assert outcome.result["fetched_bytes"] == 0
    assert server.sent_bytes(folder) == sent


def test_a_spoilt_entry_is_found_and_fetched_again(driver: Driver, server: FaultServer) -> None:
    """A file that another program spoilt in the cache, size unchanged, is found by its hash and replaced."""
    folder = f"/{type(driver).__name__}/spoilt"
    files = noise_model(server, folder, faults=[Fault(corrupt_at=77, times=1)])
    shard = next(file for file in files if file.url.endswith("params_shard_0.bin"))
    # Only its size is known, so the damage cannot be detected.
    assert download(driver, [shard.order("size")]).code is None
    assert driver.wrong_entries(files) == [shard.url]
    outcome = download(driver, [file.order() for file in files], verify_stored=True)
    assert outcome.code is None, outcome
    assert driver.wrong_entries(files) == driver.missing_entries(files) == []


def test_a_download_from_a_server_that_does_not_answer(driver: Driver) -> None:
    """A server that is gone is an error that names the address and says that the network failed."""
    with FaultServer() as server:
        files = noise_model(server, f"/{type(driver).__name__}/gone")
        server.stop()
        outcome = download(driver, [file.order() for file in files], retries=1)
        assert (outcome.code, outcome.data["reason"]) == ("download_interrupted", "network"), outcome
        assert outcome.data["url"] in {file.url for file in files}
        assert len(driver.missing_entries(files)) == len(files)
