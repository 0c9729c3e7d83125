"""`browserllm models`, with a scripted page in the browser's place."""

from __future__ import annotations

import io
import json
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

import browserllm as bl
from browserllm.cli import main as cli
from browserllm.cli import models as cli_models
from browserllm.cli import waiting
from browserllm.cli.progress import describe_progress
from browserllm.page.device import AdapterInfo
from browserllm.page.host import FileProgress, Progress
from browserllm.testing.files import ScriptedFile, ScriptedFiles
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import HANG

FOLDER = "https://hub.test/tiny/"


def card(name: str = "tiny", url: str = FOLDER, **options: Any) -> bl.models.ModelCard:
    """A model for the CPU that is not in the catalog yet."""
    artifact = bl.models.Artifact(
        engine="transformersjs", device="wasm", url=url, dtype="q8", id=f"{name}-q8", download_bytes=2_000_000
    )
    return bl.models.ModelCard(
        id=name, artifacts=[artifact], parameters=2_500_000, purposes=["chat"], license="MIT", **options
    )


def web(folder: str = FOLDER, size: int = 2_000_000, steps: Any = ()) -> dict[str, str | int | ScriptedFile]:
    """The files of that model."""
    files: dict[str, str | int | ScriptedFile] = {
        folder + name: "{}" for name in ("config.json", "tokenizer.json", "tokenizer_config.json")
    }
    files[f"{folder}onnx/model_quantized.onnx"] = ScriptedFile(size, steps=steps)
    return files


class Browser:
    """Takes the place of `connect`: each time a new page over the same storage, as a browser with its profile has."""

    def __init__(self, files: ScriptedFiles, **options: Any) -> None:
        self.files = files
        self.host_options = options
        self.profiles: list[Any] = []
        self.hosts: list[ScriptedHost] = []

    def __call__(self, **options: Any) -> Browser:
        self.profiles.append(options["profile"])
        return self

    async def __aenter__(self) -> ScriptedHost:
        self.hosts.append(ScriptedHost(files=self.files, **self.host_options))
        return self.hosts[-1]

    async def __aexit__(self, *_: object) -> None:
        await self.hosts[-1].close()


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Browser]:
    """Make the commands find these models, files and this device."""

    def use(
        *cards: bl.models.ModelCard, files: dict[str, Any] | None = None, quota_bytes: int = 10**9, **options: Any
    ) -> Browser:
        known = cards or (card(),)
        made = Browser(ScriptedFiles(web() if files is None else files, quota_bytes=quota_bytes), **options)
        monkeypatch.setattr(cli_models, "connect", made)
        monkeypatch.setattr(cli_models, "Catalog", lambda: bl.models.Catalog(known))
        return made

    return use


def invoke(*arguments: str, **options: Any) -> Result:
    """Run ``browserllm models``."""
    return CliRunner().invoke(cli.cli, ["models", *arguments], **options)


def test_the_plain_list_needs_no_browser(browser: Callable[..., Browser]) -> None:
    """Every model with its parameters, its download (marked when computed) and what it is good for."""
    made = browser()
    result = invoke("list")
    assert result.exit_code == 0, result.output
    line = next(line for line in result.stdout.splitlines() if line.startswith("tiny"))
    assert line.split() == ["tiny", "2.5", "M", "~2.0", "MB", "chat"]
    assert "models list --fits" in result.stdout
    assert made.hosts == []
    names = [model["id"] for model in json.loads(invoke("list", "--json").stdout)["models"]]
    assert names == [model.id for model in bl.models.Catalog([card()])]


def test_a_purpose_narrows_the_list(browser: Callable[..., Browser]) -> None:
    """A word that no model has is wrong usage, and the error has those that there are."""
    browser()
    models = json.loads(invoke("list", "--purpose", "code", "--json").stdout)["models"]
    assert models and all("code" in model["purposes"] for model in models)
    result = invoke("list", "--purpose", "poetry")
    assert result.exit_code == 2
    assert "'poetry'" in result.stderr and "multilingual" in result.stderr


def test_the_list_with_fits_has_only_models_that_can_run(browser: Callable[..., Browser]) -> None:
    """It asks a browser; without WebGPU only models for the CPU are left."""
    made = browser(facts=device_facts(webgpu=False))
    result = invoke("list", "--fits", "--profile", "p")
    assert result.exit_code == 0, result.output
    assert "transformersjs on wasm" in result.stdout
    assert "webllm" not in result.stdout
    assert made.profiles == ["p"]
    entries = json.loads(invoke("list", "--fits", "--json").stdout)["models"]
    assert {entry["card"]["id"] for entry in entries} >= {"tiny", "pocket"}
    assert all(entry["fit"]["fits"] for entry in entries)


def test_models_that_fit_are_listed_as_they_are_of_use(browser: Callable[..., Browser]) -> None:
    """What is here first, then those that answer at a useful speed, each time the smallest download first."""
    browser(facts=device_facts(adapter=AdapterInfo(vendor="google", fallback=True)), quota_bytes=10**11)
    rows = [
        (line.split()[0], "slow" in line)
        for line in invoke("list", "--fits").stdout.splitlines()[2:-2]
        if line and not line.startswith(" ")
    ]
    entries = json.loads(invoke("list", "--fits", "--json").stdout)["models"]
    sizes = {entry["card"]["id"]: entry["fit"]["artifact"].get("download_bytes", 0) for entry in entries}
    assert rows[0] == ("pocket", False)
    assert [slow for _, slow in rows] == sorted(slow for _, slow in rows)
    for speed in (False, True):
        listed = [sizes[name] for name, slow in rows[1:] if slow is speed]
        assert len(listed) > 2
        assert listed == sorted(listed)


def test_the_count_of_fitting_models_names_the_filter(browser: Callable[..., Browser]) -> None:
    """The last line of a filtered list says what was counted: it is not the number of all models that fit."""
    browser()
    invoke("pull", "tiny")
    fits = json.loads(invoke("list", "--fits", "--purpose", "code", "--json").stdout)["models"]
    assert len(fits) > 1
    for arguments, said in (
        (["--downloaded"], "2 downloaded models fit this device."),
        (["--downloaded", "--purpose", "chat"], "1 downloaded model for chat fits this device."),
        (["--purpose", "code"], f"{len(fits)} models for code fit this device."),
    ):
        assert said in invoke("list", "--fits", *arguments).stdout


def test_a_purpose_filters_the_downloaded_models(browser: Callable[..., Browser]) -> None:
    """A model of another purpose is not listed although its files are here."""
    browser()
    invoke("pull", "tiny")
    assert "tiny-q8" in invoke("list", "--downloaded", "--purpose", "chat").stdout
    assert "tiny" not in invoke("list", "--downloaded", "--purpose", "code").stdout


def test_downloaded_models_are_read_from_the_default_profile(browser: Callable[..., Browser]) -> None:
    """A temporary profile, which a second process gets, would have no models."""
    made = browser()
    invoke("list", "--downloaded")
    invoke("list", "--fits")
    assert made.profiles == [cli_models.default_folder(), None]


@pytest.mark.parametrize("arguments", [["list"], ["list", "--fits"], ["list", "--downloaded"]])
def test_a_narrow_terminal_gets_lines_and_no_cut_cells(browser: Callable[..., Browser], arguments: list[str]) -> None:
    """Every value is whole, under the name of its model."""
    browser()
    invoke("pull", "tiny")
    wide = invoke(*arguments).stdout
    narrow = invoke(*arguments, env={"COLUMNS": "24", "TTY_COMPATIBLE": "1", "NO_COLOR": "1", "TERM": "xterm"}).stdout
    narrow = re.sub(r"\x1b\[\d*m", "", narrow)
    assert max(map(len, narrow.splitlines())) <= 24
    words = " ".join(narrow.replace("·", "").split())
    row = next(line for line in wide.splitlines() if line.startswith("tiny")).split("  ")
    for cell in filter(None, map(str.strip, row)):
        assert cell in words


def test_a_pull_without_a_terminal_says_what_it_waits_for(
    browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step of more than a second is logged once; with --json standard error stays empty."""
    monkeypatch.setattr(waiting, "SAY_AFTER_S", 0)
    browser()
    result = invoke("pull", "tiny")
    assert result.exit_code == 0, result.output
    said = result.stderr.splitlines()
    assert said[0] == "Looking for the files of tiny …"
    assert len(said) == len(set(said)) and "" not in said
    assert invoke("pull", "tiny", "--json").stderr == ""


def test_pull_then_list_then_info_then_rm(browser: Callable[..., Browser]) -> None:
    """What was fetched is listed with its size, known to info, not fetched twice, and gone after rm."""
    made = browser()
    result = invoke("pull", "tiny")
    assert result.exit_code == 0, result.output
    assert result.stdout == "tiny is on this device: 2.0 MB, 2.0 MB downloaded.\n"
    assert "browserllm run --model tiny" in result.stderr
    assert made.profiles == [cli_models.default_folder()]
    assert invoke("pull", "tiny").stdout == "tiny is on this device: 2.0 MB, nothing was missing.\n"
    listed = invoke("list", "--downloaded")
    assert listed.exit_code == 0, listed.output
    assert any(line.split()[:4] == ["tiny-q8", "2.0", "MB", "complete"] for line in listed.stdout.splitlines())
    assert "Models take 2.0 MB" in listed.stdout
    info = invoke("info", "tiny")
    assert info.exit_code == 0, info.output
    for said in ("2.5 M parameters", "MIT", "fits this device", "On this device: tiny-q8, 2.0 MB, complete", FOLDER):
        assert said in info.stdout
    removed = invoke("rm", "tiny", "--yes")
    assert removed.exit_code == 0, removed.output
    assert removed.stdout == "Deleted tiny: 2.0 MB freed.\n"
    assert (made.files.entries, made.files.journal) == ({}, {})
    assert "Not on this device" in invoke("info", "tiny-q8").stdout


def test_deleting_the_copy_of_a_built_in_model_says_that_it_stays(browser: Callable[..., Browser]) -> None:
    """What is freed is the browser's copy; together with others the two are told apart."""
    browser()
    kept = bl.models.StoredModel(key="pocket", model="pocket", engine="webllm", device="webgpu", size_bytes=1_900_000)
    other = bl.models.StoredModel(key="tiny", model="tiny", engine="webllm", device="webgpu", size_bytes=2_000_000)
    assert cli_models._deleted_text([kept], 1_900_000) == (
        "Cleared the browser's copy of pocket (built in; it stays usable): 1.9 MB freed."
    )
    assert cli_models._deleted_text([other, kept], 3_900_000) == (
        "Deleted tiny. Cleared the browser's copy of pocket (built in; it stays usable): 3.9 MB freed."
    )


def test_what_is_slow_is_marked(browser: Callable[..., Browser]) -> None:
    """On a software adapter most models fit, and few answer at a useful speed; the empty column is left out."""
    browser(facts=device_facts(adapter=AdapterInfo(vendor="google", fallback=True)), quota_bytes=10**11)
    rows = {line.split()[0]: line for line in invoke("list", "--fits", "--purpose", "code").stdout.splitlines() if line}
    assert rows["Qwen2.5-Coder-7B-Instruct"].endswith("slow")
    assert not rows["Qwen2.5-Coder-0.5B-Instruct"].endswith("slow")
    assert "Downloaded" not in rows["Model"]
    assert re.search(r"fit this device, \d+ of them slow\.", invoke("list", "--fits").stdout)
    info = invoke("info", "Qwen2.5-Coder-7B-Instruct").stdout
    assert "slow: 7.6 billion parameters on a WebGPU adapter that runs in software" in info
    assert "slow" not in invoke("info", "pocket").stdout


def test_a_list_for_a_pipe_has_no_blanks_at_the_ends_of_its_lines(browser: Callable[..., Browser]) -> None:
    """Programs read it, and people paste it."""
    browser()
    for arguments in (["list"], ["list", "--fits"], ["list", "--downloaded"]):
        assert [line for line in invoke(*arguments).stdout.splitlines() if line != line.rstrip()] == []


def test_info_hides_what_is_of_no_use(browser: Callable[..., Browser]) -> None:
    """The address of a built-in build, and "low-end" among what a model is good for."""
    browser()
    text = invoke("info", "pocket").stdout
    assert "models/pocket" not in text and "low-end" not in text
    assert "Good for tools" in text
    assert "Cloud fallback: " in invoke("info", "Qwen3-0.6B").stdout


def test_info_says_why_a_build_does_not_fit(browser: Callable[..., Browser]) -> None:
    """Each build with its reason; the same as JSON."""
    browser(facts=device_facts())
    text = invoke("info", "Qwen3-0.6B").stdout
    assert "needs shader-f16" in text
    answer = json.loads(invoke("info", "Qwen3-0.6B-q4f16_1-MLC", "--json").stdout)
    assert answer["model"]["id"] == "Qwen3-0.6B"
    assert answer["fit"]["fits"] is False
    assert len(answer["builds"]) == 1 and answer["stored"] == []


def test_an_unknown_name_is_an_error_with_its_neighbours(browser: Callable[..., Browser]) -> None:
    """In every command that takes one, as text and as JSON."""
    browser()
    for arguments in (["info", "tinny"], ["pull", "tinny"], ["rm", "tinny", "--yes"]):
        result = invoke(*arguments)
        assert result.exit_code == 2
        assert "'tinny'" in result.stderr and "tiny" in result.stderr
    error = json.loads(invoke("pull", "tinny", "--json").stdout.splitlines()[-1])["error"]
    assert error["code"] == "model_not_found"


def test_pull_as_json_is_a_line_for_each_update(browser: Callable[..., Browser]) -> None:
    """The last one is the result."""
    browser(files=web(steps=[500_000, 500_000]))
    result = invoke("pull", "tiny", "--json")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) >= 2
    assert all("progress" in line for line in lines[:-1])
    assert lines[-1]["result"]["model"] == "tiny"
    assert sum(file["size_bytes"] for file in lines[-1]["result"]["files"]) == 2_000_006


def test_ctrl_c_keeps_the_downloaded_bytes(browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is 130, the page has stopped, and the next pull continues."""
    made = browser(files=web(steps=[700_000, HANG]))
    show = cli_models.DownloadBars.show

    def interrupt(bars: Any, progress: Progress) -> None:
        show(bars, progress)
        if (progress.loaded_bytes or 0) >= 700_000:
            signal.raise_signal(signal.SIGINT)

    # The first update is sent at once, the next one 250 ms later: the clock of the speed must not wait.
    monkeypatch.setattr("browserllm.models.downloads.progress.UPDATE_EVERY_S", 0)
    monkeypatch.setattr(cli_models.DownloadBars, "show", interrupt)
    result = invoke("pull", "tiny")
    assert result.exit_code == 130
    assert "Stopped; 700 kB downloaded so far are kept." in result.stderr
    assert "To resume: browserllm models pull tiny" in result.stderr
    assert [part["loaded_bytes"] for part in made.files.partials.values()] == [700_000]
    monkeypatch.setattr(cli_models.DownloadBars, "show", show)
    made.files.web[f"{FOLDER}onnx/model_quantized.onnx"].steps.clear()
    assert invoke("pull", "tiny").stdout == "tiny is on this device: 2.0 MB, 1.3 MB downloaded.\n"


@pytest.mark.parametrize(
    ("kept", "said"),
    [(None, "the browser did not report how much is kept"), (0, "nothing was downloaded yet"), (5, "5 bytes")],
)
def test_ctrl_c_says_what_the_browser_keeps(
    kept: int | None, said: str, browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figure is the browser's own; without one there is no claim."""
    browser(files=web(steps=[700_000, HANG]))

    async def kept_bytes(download: Any) -> int:
        if kept is None:
            raise bl.Unavailable("the page is gone", reason="closed")
        return kept

    monkeypatch.setattr("browserllm.models.downloads.progress.UPDATE_EVERY_S", 0)
    monkeypatch.setattr(cli_models.Download, "kept_bytes", kept_bytes)
    once = iter([signal.SIGINT])  # a second one would interrupt the test itself
    monkeypatch.setattr(cli_models.DownloadBars, "show", lambda *_: [signal.raise_signal(each) for each in once])
    result = invoke("pull", "tiny")
    assert result.exit_code == 130
    assert said in result.stderr


def test_a_full_disk_asks_before_deleting_models(
    browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a terminal the command names the models and asks; otherwise it is an error."""
    other = "https://hub.test/other/"
    files = web() | web(other)
    made = browser(card(), card("other", other), files=files, quota_bytes=5_000_000)
    assert invoke("pull", "other").exit_code == 0
    refused = invoke("pull", "tiny")
    assert refused.exit_code == 1
    assert "not enough space for model 'tiny'" in refused.stderr and "delete other" in refused.stderr
    monkeypatch.setattr(cli_models, "_can_ask", lambda: True)
    assert invoke("pull", "tiny", input="n\n").exit_code == 1
    agreed = invoke("pull", "tiny", input="y\n")
    assert agreed.exit_code == 0, agreed.output
    assert list(made.files.journal) == ["tiny-q8"]


def test_rm_asks_and_says_what_it_frees(browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch) -> None:
    """No means no; without a terminal, --yes is required."""
    made = browser()
    invoke("pull", "tiny")
    alone = invoke("rm", "tiny")
    assert alone.exit_code == 2
    assert "--yes" in alone.stderr
    monkeypatch.setattr(cli_models, "_can_ask", lambda: True)
    declined = invoke("rm", "tiny", input="n\n")
    assert declined.exit_code == 1
    assert "tiny-q8: 2.0 MB, complete" in declined.stderr and "Deleting frees 2.0 MB." in declined.stderr
    assert made.files.journal
    assert invoke("rm", "tiny", input="y\n").stdout == "Deleted tiny: 2.0 MB freed.\n"
    missing = invoke("rm", "tiny", "--yes")
    assert missing.exit_code == 1
    assert "not on this device" in missing.stderr
    assert invoke("rm", "--all", input="").stdout == "There is nothing to delete.\n"


def test_rm_all_and_orphans(browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch) -> None:
    """Orphans are listed with the way to delete them; --all leaves nothing; both as JSON too."""
    made = browser()
    invoke("pull", "tiny")
    made.files.store("webllm/model", "https://else.test/x", 3_000_000)
    assert (
        "1 file (3.0 MB) belongs to no model: browserllm models rm --orphans" in invoke("list", "--downloaded").stdout
    )
    monkeypatch.setattr(cli_models, "_can_ask", lambda: True)
    assert "1 file that belongs to no model" in invoke("rm", "--orphans", input="n\n").stderr
    assert invoke("rm", "--orphans", "--yes").stdout == "Deleted the files that belonged to no model: 3.0 MB freed.\n"
    assert list(made.files.journal) == ["tiny-q8"]
    everything = json.loads(invoke("rm", "--all", "--yes", "--json").stdout)
    assert everything == {"deleted": ["tiny-q8"], "freed_bytes": 2_000_006}
    assert made.files.entries == {}


@pytest.mark.parametrize(
    "arguments", [["rm"], ["rm", "tiny", "--all"], ["pull"], ["info"], ["pull", "x", "--device", "y"]]
)
def test_wrong_usage_exits_with_2(browser: Callable[..., Browser], arguments: list[str]) -> None:
    """As every command does."""
    browser()
    assert invoke(*arguments).exit_code == 2


def test_an_incomplete_model_is_listed_as_incomplete(browser: Callable[..., Browser]) -> None:
    """After a stopped download, and after the browser deleted files."""
    other = "https://hub.test/other/"
    made = browser(
        card(), card("other", other), files=web(steps=[700_000, bl.errors.Stalled("nothing came")]) | web(other)
    )
    assert invoke("pull", "tiny").exit_code == 1
    invoke("pull", "other")
    del made.files.entries["transformers-cache", f"{other}config.json"]
    text = invoke("list", "--downloaded").stdout
    assert "the browser deleted 1 of its files" in text and "incomplete; pull resumes it" in text
    assert "the browser deleted 1 of its files" in invoke("info", "other").stdout
    assert "incomplete; pull resumes it" in invoke("info", "tiny").stdout


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress("loading"), ""),
        (Progress("loading", 0.5), "50%"),
        (Progress("compiling", 0.5), "compiling 50%"),
        (Progress("ready", 1.0), ""),
        (Progress("warming_up"), "warming up"),
        (Progress("downloading", None, loaded_bytes=5_000_000), "5.0 MB"),
        (
            Progress(
                "downloading", 0.25, loaded_bytes=10**8, total_bytes=4 * 10**8, bytes_per_s=3e6, seconds_left=100.0
            ),
            "100 MB of 400 MB  25%  3.0 MB/s  1 min 40 s left",
        ),
        (
            Progress("downloading", 0.0, loaded_bytes=2, total_bytes=12 * 10**9, bytes_per_s=20.0, seconds_left=1e6),
            "2 bytes of 12.0 GB  0%  20 bytes/s",
        ),
        (Progress("verifying", 1.0, loaded_bytes=10**6, total_bytes=10**6), "1.0 MB of 1.0 MB  100%  verifying"),
    ],
)
def test_progress_is_one_line(progress: Progress, line: str) -> None:
    """Bytes, percent, speed and time left, as far as they are known."""
    assert describe_progress(progress) == line


def test_a_file_that_is_retried_is_shown_as_such() -> None:
    """Each active file has a line; a waiting one shows its next attempt; a finished one disappears."""
    console = Console(width=80, file=io.StringIO())
    bars = cli_models.DownloadBars("tiny", as_json=False, console=console)
    retrying = FileProgress("https://hub.test/a.bin", "retrying", 5_000, 10_000, 2, 3000.0)
    verifying = FileProgress("https://hub.test/b.bin", "verifying", 10_000, 10_000)
    with bars:
        bars.show(Progress("downloading", 0.5, loaded_bytes=15_000, total_bytes=20_000, files=[retrying, verifying]))
        shown = bars.text()
        done = [FileProgress(file.url, "done", 10_000, 10_000) for file in (retrying, verifying)]
        bars.show(Progress("downloading", 1.0, loaded_bytes=20_000, total_bytes=20_000, files=done))
        left = bars.text()
    assert "15 kB of 20 kB  50%" in shown
    assert "a.bin" in shown and "5 kB of 10 kB  attempt 2 in 3 s" in shown
    assert "b.bin" in shown and "10 kB of 10 kB  verifying" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "a.bin" not in left and "20 kB of 20 kB" in left


def test_the_last_use_is_shown_in_days(browser: Callable[..., Browser]) -> None:
    """Or hours, minutes, just now."""
    made = browser()
    invoke("pull", "tiny")
    record = made.files.journal["tiny-q8"]
    for seconds, said in (
        (2 * 86_400 + 5, "2 days ago"),
        (3_700, "1 hour ago"),
        (200, "3 minutes ago"),
        (1, "just now"),
        (-86_400, "just now"),  # the clock was wrong then, or is now
    ):
        record["last_used_ms"] = (time.time() - seconds) * 1000
        assert said in invoke("list", "--downloaded").stdout
