"""The command line, with a scripted page in the browser's place."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import browserllm as bl
from browserllm.cli import app as app_module
from browserllm.cli import doctor as doctor_module
from browserllm.cli import main as cli_module
from browserllm.page.device import AdapterInfo, DeviceFacts, StorageFacts
from browserllm.page.serving import static
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import HANG


class Connect:
    """Takes the place of `connect`: gives the host that the test made, and remembers the options."""

    def __init__(self, host: Callable[[], ScriptedHost] | bl.BrowserLLMError) -> None:
        self.host = host
        self.options: dict[str, Any] = {}
        self.opened: ScriptedHost | None = None

    def __call__(self, **options: Any) -> Connect:
        self.options = options
        return self

    async def __aenter__(self) -> ScriptedHost:
        if isinstance(self.host, bl.BrowserLLMError):
            raise self.host
        self.opened = self.host()
        return self.opened

    async def __aexit__(self, *_: object) -> None:
        if self.opened is not None:
            await self.opened.close()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Connect]:
    """Make every command connect to this scripted host."""

    def use(host: Callable[[], ScriptedHost] | bl.BrowserLLMError = ScriptedHost) -> Connect:
        connect = Connect(host)
        monkeypatch.setattr(cli_module, "connect", connect)
        return connect

    return use


def invoke(*arguments: str, **options: Any) -> Result:
    """Run the command."""
    return CliRunner().invoke(cli_module.cli, arguments, **options)


def test_version_and_help() -> None:
    """Every command is in the help; the version is the package's."""
    assert bl.__version__ in invoke("--version").output
    text = invoke("--help").output
    commands = re.findall(r"^  ([a-z]+) {2,}\S", text.partition("Commands:")[2], re.MULTILINE)
    assert commands == ["run", "chat", "app", "serve", "models", "doctor", "build"]
    assert invoke().output == text
    for command in commands:
        assert invoke(command, "--help").exit_code == 0


@pytest.mark.parametrize("arguments", [[], ["models"]])
def test_the_help_is_whole_at_80_columns(arguments: list[str]) -> None:
    """No command's line is cut; `run`, with which one begins, comes first."""
    text = invoke(*arguments, "--help", env={"COLUMNS": "80"}).output
    assert "..." not in text.partition("Commands:")[2]
    if not arguments:
        assert text.partition("Commands:")[2].split()[0] == "run"


def test_a_prompt_without_quotes_is_told_to_have_some() -> None:
    """The shell makes several arguments of it."""
    result = invoke("run", "why", "is", "the", "sky", "blue")
    assert result.exit_code == 2
    assert "put the prompt in quotes" in result.stderr


@pytest.mark.parametrize(("reason", "said"), [("network", "hub.test did not answer"), ("offline", "is offline")])
def test_a_model_that_cannot_be_fetched_is_named_as_the_catalog_does(
    page: Callable[..., Connect], reason: str, said: str
) -> None:
    """With the server that did not answer, and without an address of a file."""
    data = {"reason": reason, "url": "https://hub.test/qwen/config.json"}
    page(bl.errors.DownloadInterrupted("no answer from the server (https://hub.test/qwen/config.json)", data=data))
    result = invoke("run", "hi", "--model", "qwen3-0.6b")
    assert result.exit_code == 1
    assert "cannot download Qwen3-0.6B: " in result.stderr and said in result.stderr
    assert "config.json" not in result.stderr


def test_run_streams_the_answer_and_says_where_it_ran(page: Callable[..., Connect]) -> None:
    """The answer is on standard output; engine, device and speed are on standard error."""
    page(lambda: ScriptedHost("It is blue."))
    result = invoke("run", "Why is the sky blue?")
    assert result.exit_code == 0, result.output
    assert result.stdout == "It is blue.\n"
    assert "webllm · webgpu/scripted paper · first token 0 ms" in result.stderr


def test_run_reports_why_the_answer_was_cut(page: Callable[..., Connect]) -> None:
    """By the option, or by the model's window; a whole answer is not reported as cut."""

    def cut() -> ScriptedHost:
        host = ScriptedHost("one two three")
        host.engine.finish_reason = "length"
        return host

    page(cut)
    assert "the answer was cut off at --max-tokens 3" in invoke("run", "hi", "--max-tokens", "3").stderr
    assert "because the model's context window is full" in invoke("run", "hi", "--max-tokens", "300").stderr
    assert "because the model's context window is full" in invoke("run", "hi").stderr
    page()
    assert "cut off" not in invoke("run", "hi").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "hi", "--temperature", "3"], "--temperature"),
        (["run", "", "--json"], "PROMPT is empty"),
        (["run"], "PROMPT"),
        (["models", "rm", "pocket"], "--yes"),
        (["models", "list", "--purpose", "poetry"], "Choose one of: "),
        (["doctor", "--nope"], "--nope"),
    ],
)
def test_a_usage_error_is_json_with_the_json_option(arguments: list[str], said: str) -> None:
    """On standard output, as any other error, with the exit code of wrong usage; without --json it is text."""
    result = invoke(*arguments, "--json")
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert (error["code"], said in error["message"]) == ("invalid_request", True)
    assert result.stderr == ""
    if "--json" not in arguments:
        plain = invoke(*arguments)
        assert (plain.exit_code, plain.stdout) == (2, "")
        assert "Usage:" in plain.stderr


@pytest.mark.parametrize("json", [True, False])
def test_a_notice_is_printed_once(page: Callable[..., Connect], monkeypatch: pytest.MonkeyPatch, json: bool) -> None:
    """The library logs it for programs, too: Python would print that where a program has set no logging up."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])

    def host() -> ScriptedHost:
        scripted = ScriptedHost()
        scripted.notices.append("a temporary profile")
        logging.getLogger("browserllm").warning("%s", "a temporary profile")
        return scripted

    page(host)
    assert invoke("run", "hi", *["--json"][: int(json)]).stderr.count("a temporary profile") == 1


def test_the_error_for_a_port_in_use_names_the_option(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error of the library names an argument; the command's names its option."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = invoke("app", "--no-open", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "--port: cannot listen" in result.stderr


def test_ctrl_c_while_the_command_is_imported_prints_nothing() -> None:
    """The first moments are imports, in which a user may have changed his mind already."""
    program = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'browserllm.cli.main':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "from browserllm.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_run_passes_its_options_on(page: Callable[..., Connect]) -> None:
    """What the command line says reaches the browser and the request."""
    connect = page()
    result = invoke(
        *("run", "hi", "--system", "be brief", "--max-tokens", "7", "--temperature", "0.5", "--seed", "3"),
        *("--engine", "transformersjs", "--device", "wasm", "--browser", "b", "--profile", "p", "--webgpu", "off"),
        *("--visible", "--timeout", "100"),
    )
    assert result.exit_code == 0, result.output
    assert connect.options == {"browser": "b", "profile": "p", "visible": True, "webgpu": "off"}
    assert connect.opened is not None
    args = connect.opened.requests[-1][1]
    assert [message["content"] for message in args["messages"]] == ["be brief", "hi"]
    assert (args["max_tokens"], args["temperature"], args["seed"]) == (7, 0.5, 3)
    assert "transformersjs · wasm" in result.stderr


def test_run_reads_standard_input(page: Callable[..., Connect]) -> None:
    """With - as PROMPT."""
    connect = page()
    assert invoke("run", "-", input="from a pipe").exit_code == 0
    assert connect.opened is not None
    assert connect.opened.requests[-1][1]["messages"] == [{"role": "user", "content": "from a pipe"}]


@pytest.mark.parametrize("given", [b"\xff", b"h\xffi", b"\x89PNG\r\n\x1a\n\x00", "naïve".encode("latin-1")])
def test_a_prompt_that_is_not_text_is_refused_before_a_browser_starts(given: bytes) -> None:
    """A file of another kind or in another encoding: the message is ours, not Python's."""
    command = [sys.executable, "-m", "browserllm", "run", "-"]
    done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert b"must be valid UTF-8 text" in done.stderr
    assert b"codec" not in done.stderr


def test_run_reports_skipped_engines(page: Callable[..., Connect]) -> None:
    """The steps and their reasons, warnings and notices are on standard error."""

    def host() -> ScriptedHost:
        scripted = ScriptedHost(
            facts=device_facts(webgpu=False), warnings=[{"parameter": "seed", "message": "not [here]"}]
        )
        scripted.notices.append("a temporary profile")
        return scripted

    page(host)
    stderr = invoke("run", "hi").stderr
    assert "passed over webllm on webgpu: WebGPU found no adapter" in stderr
    assert "seed: not [here]" in stderr
    assert "a temporary profile" in stderr


def test_run_as_json_is_one_object(page: Callable[..., Connect]) -> None:
    """Text and the whole response, and nothing else on standard output."""
    page(lambda: ScriptedHost("It is blue."))
    answer = json.loads(invoke("run", "hi", "--json").stdout)
    assert (answer["text"], answer["engine"], answer["adapter"]) == ("It is blue.", "webllm", "scripted paper")
    assert answer["usage"]["completion_tokens"] == 3
    assert answer["route"] == []


def test_a_model_cannot_control_the_terminal(page: Callable[..., Connect]) -> None:
    """Escape sequences are removed, line ends and tabs stay; rich's own markup is text."""
    page(lambda: ScriptedHost([["a\x1b[31m\x07\n\tb", "[bold]c"]]))
    assert invoke("run", "hi").stdout == "a[31m\n\tb[bold]c\n"


def test_an_error_is_one_message(page: Callable[..., Connect]) -> None:
    """With its remedy on standard error, exit code 1, and no traceback."""
    page(bl.Unavailable("no browser [here]: install one", reason="no_browser"))
    result = invoke("run", "hi")
    assert result.exit_code == 1
    assert result.stderr.strip() == "Error: no browser [here]: install one"
    assert result.stdout == ""


def test_an_error_as_json(page: Callable[..., Connect]) -> None:
    """The same, for programs."""
    page(bl.Unavailable("no browser", reason="no_browser"))
    result = invoke("run", "hi", "--json")
    assert result.exit_code == 1
    expected = {"code": "unavailable", "message": "no browser", "data": {"reason": "no_browser"}}
    assert json.loads(result.stdout) == {"error": expected}


def test_a_bug_is_one_message_too(page: Callable[..., Connect], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the way to its traceback; --debug shows it."""
    page()
    monkeypatch.setattr(cli_module, "LocalBackend", lambda *a, **k: 1 / 0)
    result = invoke("run", "hi")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    assert "--debug" in result.stderr
    assert isinstance(invoke("run", "hi", "--debug").exception, ZeroDivisionError)


@pytest.mark.parametrize("error", [OSError(5, "disk on fire"), BrokenPipeError(32, "gone")])
def test_errors_of_the_system(page: Callable[..., Connect], monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """A broken disk is an error; a reader that has enough is not."""
    page()

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli_module, "LocalBackend", fail)
    result = invoke("run", "hi")
    assert result.exit_code == 1
    assert ("disk on fire" in result.stderr) == (error.errno == 5)


IN_PYTHON = re.compile(r"\w\(|\b\w+=|\bCatalog\b|\bErrno\b|Error: \w+Error\b")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "hi", "--model", "nosuch"], "`browserllm models list` lists all models"),
        (["run", "hi", "--model", "pockt"], "did you mean 'pocket'?"),
        (["models", "info", "nosuch"], "unknown model 'nosuch'"),
        (["models", "pull", "llama"], "choose one of them"),
        (["models", "info", "https://x.test/a b"], "unknown model"),
        (["run", "hi", "--browser", "/no/such"], "--browser: the browser '/no/such' is not an executable program"),
        (["run", "hi", "--profile", ""], "--profile: the profile '' is not a folder"),
        (
            ["run", "hi", "--profile", "/dev/null"],
            "--profile: the profile folder '/dev/null' cannot be used: ",
        ),
        (
            ["models", "list", "--fits", "--browser", "/no/such"],
            "--browser: the browser '/no/such' is not an executable program",
        ),
        (["doctor", "--browser", "/no/such"], "--browser: the browser '/no/such' is not an executable program"),
        (
            ["build", "/dev/null/site"],
            "the folder '/dev/null/site' cannot be written: Not a directory; choose another folder",
        ),
    ],
)
def test_errors_name_options_and_commands(arguments: list[str], words: str) -> None:
    """What the user typed, and what to type: no argument, function or class of Python's; as text and as JSON."""
    result = invoke(*arguments)
    assert result.exit_code == (2 if "unknown model" in result.output or "choose one of" in result.output else 1)
    assert words in result.output
    assert not IN_PYTHON.search(result.output), result.output
    if arguments[0] not in ("build", "doctor"):
        (line,) = invoke(*arguments, "--json").stdout.strip().splitlines()[-1:]
        assert not IN_PYTHON.search(line)


def test_a_model_that_may_not_be_fetched_is_fetched_with_a_command(page: Callable[..., Connect]) -> None:
    """The remedy is a command here."""
    data = {"model": "m", "download_bytes": 12_000_000}
    page(bl.errors.ModelNotDownloaded("model 'm' is not on this device; ModelManager.download('m')", data=data))
    assert (
        invoke("run", "hi")
        .stderr.strip()
        .endswith("model 'm' is not on this device: 12.0 MB to download; fetch it with: browserllm models pull m")
    )


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["models", "list"], ["models", "list", "--json"], ["--version"]])
def test_an_output_that_is_full_is_one_line(arguments: list[str]) -> None:
    """And exit code 1."""
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "browserllm", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: the output cannot be written: No space left on device; write it elsewhere\n"


@pytest.mark.parametrize("arguments", [["--help"], ["models", "list"], ["models", "list", "--json"]])
def test_a_closed_pipe_is_not_reported(arguments: list[str]) -> None:
    """The exit code is 1, and nothing is printed, as in every command of click."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "browserllm", *arguments],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", " "],
        ["run", "h\udcffi"],
        ["run", "hi", "--system", "\udcd3"],
        ["run", "hi", "--temperature", "3"],
        ["run", "hi", "--webgpu", "x"],
        ["sing"],
        ["app", "--port", "x"],
    ],
)
def test_wrong_usage_exits_with_2(page: Callable[..., Connect], arguments: list[str]) -> None:
    """As every command does."""
    page()
    assert invoke(*arguments).exit_code == 2


def test_a_timeout_ends_the_command(page: Callable[..., Connect]) -> None:
    """The page hears of it, and the error names the limit."""
    connect = page(lambda: ScriptedHost([[HANG]]))
    result = invoke("run", "hi", "--timeout", "0.2")
    assert result.exit_code == 1
    assert "0.2 s" in result.stderr
    assert connect.opened is not None
    assert connect.opened.closed


def test_a_timeout_of_the_library_is_shown_unchanged(page: Callable[..., Connect]) -> None:
    """For example the browser's own start limit."""
    page(bl.Timeout("the page did not answer"))
    assert "the page did not answer" in invoke("run", "hi", "--timeout", "9").stderr


def test_ctrl_c_stops_the_generation(page: Callable[..., Connect], monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stops, the host is closed, and the exit code is 130."""
    connect = page(lambda: ScriptedHost([["Once ", HANG]]))
    echo = click.echo

    def interrupt(message: object = None, **options: Any) -> None:
        echo(message, **options)
        if message == "Once ":
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(cli_module.click, "echo", interrupt)
    result = invoke("run", "hi")
    assert result.exit_code == 130
    assert (result.stdout, result.stderr.splitlines()[-1]) == ("Once ", "Stopped.")
    assert connect.opened is not None
    assert connect.opened.closed


@pytest.fixture
def built(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site that counts as the built one."""
    monkeypatch.setattr(static, "site_folder", lambda: site)
    monkeypatch.setattr(doctor_module, "site_folder", lambda: site)
    return site


@pytest.mark.parametrize("command", ["app", "serve"])
@pytest.mark.parametrize("display", [True, False])
def test_app_and_serve_serve_the_page_until_they_are_interrupted(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, display: bool, command: str
) -> None:
    """It prints the address and opens it, or says what to do if no browser can be opened; Ctrl-C ends it."""
    opened: list[str] = []
    echo = click.echo

    def open_browser(url: str) -> bool:
        opened.append(url)
        os.kill(os.getpid(), signal.SIGINT)
        return True

    def echo_and_end(message: object = None, **options: Any) -> None:
        echo(message, **options)
        if "No browser" in str(message):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(app_module.webbrowser, "open", open_browser)
    monkeypatch.setattr(app_module.click, "echo", echo_and_end)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", ":0")
    else:
        monkeypatch.delenv("DISPLAY", raising=False)
    result = invoke(command, "--port", "0")
    assert result.exit_code == 130
    assert "http://127.0.0.1:" in result.output
    assert ("#key=" in result.output) == (command == "serve")
    assert len(opened) == (1 if display else 0)
    assert ("No browser could be opened" in result.output) == (not display)


def test_build_writes_the_site(built: Path, tmp_path: Path) -> None:
    """All files are there; a second build replaces the first and removes what is no longer part of it."""
    target = tmp_path / "out"
    result = invoke("build", str(target))
    assert result.exit_code == 0, result.output
    assert "Wrote 4 files" in result.output
    assert f"--directory {target} 8000" in result.stderr
    assert "Cross-Origin-Embedder-Policy: require-corp" in result.stderr
    assert (target / "assets" / "model.wasm").read_bytes() == b"\0asm"
    (built / "assets" / "engine.mjs").rename(built / "assets" / "engine2.mjs")
    (target / "mine.txt").touch()
    assert invoke("build", str(target)).exit_code == 0
    assert not (target / "assets" / "engine.mjs").exists()
    assert (target / "assets" / "engine2.mjs").exists()
    assert (target / "mine.txt").exists()


def test_build_does_not_write_among_other_things(built: Path, tmp_path: Path) -> None:
    """A folder with foreign files is refused by name, unless --force."""
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.txt").touch()
    result = invoke("build", str(target))
    assert result.exit_code == 1
    assert str(target) in result.stderr
    assert "--force" in result.stderr
    assert list(target.iterdir()) == [target / "thesis.txt"]
    assert invoke("build", str(target), "--force").exit_code == 0
    assert (target / "thesis.txt").exists()
    assert (target / "index.html").exists()


def test_build_does_not_delete_outside_its_folder(built: Path, tmp_path: Path) -> None:
    """A list of files that leads elsewhere is not followed; one that is no list is an error."""
    target = tmp_path / "out"
    target.mkdir()
    outside = tmp_path / "outside.txt"
    outside.touch()
    (target / "browserllm-site.json").write_text('["../outside.txt"]')
    assert invoke("build", str(target)).exit_code == 0
    assert outside.exists()
    (target / "browserllm-site.json").write_text("{}")
    assert "does not list files" in invoke("build", str(target)).stderr


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser to be found."""
    file = tmp_path / "chromium"
    file.touch()
    file.chmod(0o755)
    monkeypatch.setenv("BROWSERLLM_BROWSER", str(file))


def facts(storage: StorageFacts, **options: Any) -> DeviceFacts:
    """A device with this storage."""
    device = device_facts(**options)
    return DeviceFacts(webgpu=device.webgpu, wasm=device.wasm, storage=storage)


PLENTY = StorageFacts(usage=0, quota=5e9)


@pytest.mark.usefixtures("built", "browser")
def test_doctor_finds_an_able_machine_able(page: Callable[..., Connect]) -> None:
    """Every check is there, with a real answer at the end, and the exit code is 0."""
    page(lambda: ScriptedHost("Hello!", facts=facts(PLENTY)))
    result = invoke("doctor")
    assert result.exit_code == 0, result.output
    for name in ("Python", "browserllm", "site files", "browser", "page", "WebGPU", "storage", "answer"):
        assert f"ok   {name}: " in result.stdout
    assert "'Hello!'" in result.stdout
    assert "good for chat here: " in result.stdout
    assert not any(line.endswith(" ") for line in result.stdout.splitlines())


@pytest.mark.usefixtures("built", "browser")
@pytest.mark.parametrize(
    ("device", "check", "said"),
    [
        (facts(PLENTY, webgpu=False), "WebGPU", "run on the CPU"),
        (facts(PLENTY, adapter=AdapterInfo(vendor="google", fallback=True)), "WebGPU", "software adapter"),
        (facts(StorageFacts(usage=0, quota=5e8)), "storage", "free some disk space"),
        (facts(StorageFacts()), "storage", "does not report"),
    ],
)
def test_doctor_warns_about_what_could_be_better(
    page: Callable[..., Connect], device: DeviceFacts, check: str, said: str
) -> None:
    """With a remedy; the exit code is 0."""

    def host() -> ScriptedHost:
        scripted = ScriptedHost(facts=device)
        scripted.notices.append("a temporary profile")
        return scripted

    page(host)
    result = invoke("doctor", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["ok"]
    warnings = {entry["name"]: entry for entry in report["checks"] if entry["state"] == "warn"}
    assert set(warnings) == {check, "profile"}
    assert said in str(warnings[check])


@pytest.mark.usefixtures("built", "browser")
@pytest.mark.parametrize("failure", [bl.Unavailable("no page", reason="blocked"), bl.errors.InternalError("it broke")])
def test_doctor_fails_where_no_answer_comes(page: Callable[..., Connect], failure: bl.BrowserLLMError) -> None:
    """The check that failed, why, and exit code 1."""
    page(failure)
    result = invoke("doctor")
    assert result.exit_code == 1
    assert f"fail {failure.code}: {failure}" in result.stdout
    assert ("report it" in result.stdout) == (failure.code == "internal")


def test_the_module_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """``python -m browserllm`` runs the same command."""
    monkeypatch.setattr(sys, "argv", ["browserllm", "--version"])
    with pytest.raises(SystemExit) as caught:
        cli_module.main()
    assert caught.value.code == 0
