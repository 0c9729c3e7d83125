"""The terminal chat, in a pseudo terminal, with a scripted page in the browser's place."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import chat_scripts

pytest.importorskip("pty")

from pty_terminal import PtyTerminal

SCRIPT = str(Path(chat_scripts.__file__))
STATUS = "webllm · webgpu/scripted paper"

Open = Callable[..., PtyTerminal]


@pytest.fixture
def chat(tmp_path: Path) -> Open:
    """Open a chat that follows a script, with the first prompt already there."""

    def start(name: str, *options: str, columns: int = 80, rows: int = 24, ready: bool = True) -> PtyTerminal:
        terminal = PtyTerminal(
            [sys.executable, SCRIPT, name, "chat", *options],
            columns=columns,
            rows=rows,
            env={"XDG_STATE_HOME": str(tmp_path)},
        )
        if ready:
            terminal.wait_for("\n> ")
        return terminal

    return start


def test_an_answer_is_drawn_as_markdown_with_a_status_line(chat: Open) -> None:
    """Bold text is bold and has no stars; the line below says engine, device, time, tokens and cost."""
    with chat("plain") as terminal:
        terminal.ask("Why?", "free")
        assert "It is blue.\n" in terminal.screen.text
        assert b"\x1b[1mblue\x1b[0m" in terminal.output
        assert f"{STATUS} · first token 0 ms · 3 tokens · free" in terminal.screen.text
        terminal.type("\x04")
        assert terminal.end() == 0


def test_ctrl_c_stops_an_answer_and_keeps_its_text(chat: Open, tmp_path: Path) -> None:
    """So does /stop, typed meanwhile; the conversation goes on, and what was said is saved."""
    saved = tmp_path / "talk.json"
    with chat("hang") as terminal:
        terminal.type("Go\r")
        terminal.wait_for("it")
        terminal.type("\x03")
        terminal.wait_for("stopped · webllm")
        terminal.wait_for("> ")
        terminal.ask("On", "free")
        terminal.ask(f"/save {saved}", "Saved")
    messages = json.loads(saved.read_text())["history"]["messages"]
    assert [message["content"] for message in messages] == ["Go", "Half of it", "On", "Then this."]
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600


def test_stop_typed_during_an_answer_stops_it(chat: Open) -> None:
    """What else was typed meanwhile is not shown in the answer, and is sent afterwards."""
    with chat("hang") as terminal:
        terminal.type("Go\r")
        terminal.wait_for("it")
        terminal.type("And then?\r/stop\r")
        terminal.wait_for("stopped · webllm")
        terminal.wait_for("> And then\\?")
        terminal.wait_for("Then this.")
        terminal.wait_for("> ")
        assert "/stop" not in terminal.screen.text.partition("leaves.")[2]


def test_a_stop_before_the_first_word_takes_the_message_back(chat: Open) -> None:
    """There is no answer to keep; the next message works."""
    with chat("silent") as terminal:
        terminal.type("Go\r")
        terminal.wait_for("reading")
        terminal.type("\x03")
        terminal.wait_for("your message was taken back")
        terminal.wait_for("> ")
        terminal.ask("On", "Then this")
        terminal.ask("/stats", "turns +1")


@pytest.mark.parametrize("key", ["\x04", "/quit\r"], ids=["ctrl-d", "quit"])
def test_a_chat_that_is_left_ends_with_0(chat: Open, key: str) -> None:
    """By Ctrl-D or by a command."""
    with chat("plain") as terminal:
        terminal.type(key)
        assert terminal.end() == 0


def test_ctrl_c_twice_at_the_prompt_leaves(chat: Open) -> None:
    """The first one drops what was typed, and says what a second one does."""
    with chat("plain") as terminal:
        terminal.type("x")
        terminal.wait_for("x")
        terminal.wait_until_it_waits()
        terminal.type("\x03")
        terminal.wait_for("Ctrl-C again, or Ctrl-D, leaves.*\n> ")
        terminal.type("y")
        terminal.wait_for("y")
        terminal.wait_until_it_waits()
        terminal.type("\x03")
        assert terminal.end() == 0


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (24, 6), (48, 6), (200, 60)])
def test_nothing_of_a_long_answer_is_lost_or_drawn_twice(chat: Open, columns: int, rows: int) -> None:
    """Whatever the size of the terminal, and although every state of the growing answer was drawn."""
    with chat("long", columns=columns, rows=rows) as terminal:
        terminal.ask("Go", "free")
        text = terminal.screen.text
        assert terminal.screen.unknown == []
    for number in range(30):
        assert text.count(f"line_{number} = {number}\n") == 1
    # A narrow terminal wraps cells and items, so that only their beginnings are whole.
    for number in range(15):
        assert text.count(f"• item {number} ") == 1
    assert text.count("w" * min(70, columns)) == max(1, 70 // columns)
    assert text.count("Title") == 1
    if columns >= 48:
        for number in range(30):
            assert re.findall(rf"^ row {number}\b *(x*)$", text, re.MULTILINE) == ["x" * number]
    assert all(len(line) <= columns for line in text.splitlines())


def test_a_model_cannot_control_the_terminal(chat: Open) -> None:
    """Neither with control characters nor with entities of Markdown; links show where they lead; HTML is text."""
    with chat("evil") as terminal:
        terminal.ask("Go", "free")
        output = terminal.output.decode()
        shown = terminal.screen.text
    for attack in ("\x1b[2J", "\x1b[31md", "\x9b", "\x07", "\u202e", "\x1b]"):
        assert attack not in output
    assert "a[2Jbc" in shown
    assert "<script>x</script>" in shown
    assert "link (https://example.org/" in shown


def test_thoughts_are_folded(chat: Open) -> None:
    """One line stays of them; /thoughts shows the last ones."""
    with chat("thought") as terminal:
        terminal.ask("Go", "free")
        assert "Thought for 0 s" in terminal.screen.text
        assert "ponder" not in terminal.screen.text
        terminal.ask("/thoughts", "Let me ponder")


def test_a_failed_answer_leaves_a_chat_that_works(chat: Open) -> None:
    """The error is one message; the next answer comes."""
    with chat("failing") as terminal:
        terminal.ask("Go", "Error: .*the GPU was lost.*not kept")
        terminal.ask("Again", "Well again.")


def test_several_lines_are_one_message(chat: Open, tmp_path: Path) -> None:
    """A line that ends with a backslash goes on; so does a pasted block, in brackets or not."""
    saved = tmp_path / "talk.json"
    with chat("plain") as terminal:
        terminal.type("one \\\r")
        terminal.wait_for("… ")
        terminal.ask("two", "free")
        terminal.ask("\x1b[200~three\nfour\x1b[201~", "free")
        terminal.ask("five\rsix\rseven", "free")
        terminal.ask(f"/save {saved}", "Saved")
    messages = json.loads(saved.read_text())["history"]["messages"]
    assert [each["content"] for each in messages[::2]] == ["one \ntwo", "three\nfour", "five\nsix\nseven"]


def test_a_saved_conversation_goes_on(chat: Open, tmp_path: Path) -> None:
    """/load shows its last turn; a system message of the file is used only after a yes."""
    saved = tmp_path / "my talk.json"
    with chat("talk", "--system", "Be brief.") as terminal:
        terminal.ask("One", "First answer")
        terminal.ask(f"/save {saved}", "Saved")
        terminal.type(f"/save {saved}\r")
        terminal.wait_for(r"Replace it\? \[y/N\] ")
        terminal.ask("n", "Nothing was saved")
    for reply, said in (("n", "There is no system message"), ("y", "System message: Be brief")):
        with chat("talk") as terminal:
            terminal.type(f"/load {saved}\r")
            terminal.wait_for(r"System message: 'Be brief\.'\..*Use that, too\? \[y/N\] ")
            terminal.ask(reply, "Loaded 1 turn .*> One.*First answer")
            terminal.ask("/system", said)
            terminal.ask("Two", "free")
            terminal.ask("/stats", "turns +2")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"version": 1, "id": "x", "history": []}'])
def test_a_broken_file_is_refused(chat: Open, tmp_path: Path, content: bytes) -> None:
    """With one message; the conversation stays."""
    broken = tmp_path / "broken.json"
    broken.write_bytes(content)
    with chat("talk") as terminal:
        terminal.ask("One", "First answer")
        terminal.ask(f"/load {broken}", "Error: ")
        terminal.ask(f"/load {tmp_path}/none.json", "Error: No such file")
        terminal.ask(f"/save {tmp_path}/none/none.json", "Error: No such file")
        terminal.ask("/save", "Error: no file is named")
        terminal.ask("/stats", "turns +1")


def test_turns_are_retried_edited_and_taken_back(chat: Open, tmp_path: Path) -> None:
    """/edit offers the last message to change; /new begins anew."""
    saved = tmp_path / "talk.json"
    with chat("talk") as terminal:
        terminal.ask("/undo", "no message to take back")
        terminal.ask("/edit", "no message to edit")
        terminal.ask("One", "First answer")
        terminal.ask("/retry", "Second answer")
        terminal.type("/edit\r")
        terminal.wait_for("> One")
        terminal.ask(" more", "Third answer")
        terminal.ask(f"/save {saved}", "Saved")
        terminal.ask("/undo", "Taken back, with its answer: One more")
        terminal.ask("/stats", "turns +0")
        terminal.ask("Two", "free")
        terminal.ask("/new", "A new conversation")
        terminal.ask("/stats", "turns +0")
    messages = json.loads(saved.read_text())["history"]["messages"]
    assert [each["content"] for each in messages] == ["One more", "Third answer."]


def test_models_are_listed_and_changed(chat: Open) -> None:
    """Without an ID, those on this device; a wrong name changes nothing, and a failed load leaves the old model."""
    with chat("plain") as terminal:
        terminal.ask("/model", "pocket +built in.*pocket answers")
        terminal.ask("/models qwen3-0", "Qwen3-0.6B .*1 model fits")
        terminal.ask("/model pockt", "did you mean 'pocket'")
        terminal.ask("/model pocket", "answers already")
        terminal.ask("/model Qwen3-0.6B", "Error: .*pocket still answers")
        terminal.ask("Hi", "It is")


def test_an_unknown_command_says_what_there_is(chat: Open) -> None:
    """A path is a message, and so is what begins with two slashes."""
    with chat("plain") as terminal:
        terminal.ask("/modle", "Unknown command /modle. Did you mean /model\\? There are: .*/quit")
        terminal.ask("/etc/hosts is what?", "free")
        terminal.ask("//help me", "free")
        terminal.ask("/stats", "turns +2")
        terminal.ask("/help", "/stats .*leaves")


def test_inputs_are_remembered_across_chats(chat: Open, tmp_path: Path) -> None:
    """In a file of this user alone; a private chat reads and writes nothing."""
    file = tmp_path / "browserllm" / "chat-history.jsonl"
    with chat("plain") as terminal:
        terminal.ask("Remember me", "free")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with chat("plain", "--private") as terminal:
        terminal.ask("A secret", "free")
    assert file.read_text() == '"Remember me"\n'
    with chat("plain") as terminal:
        terminal.type("\x1b[A")
        terminal.wait_for("Remember me")
        terminal.ask("", "free")


def test_tab_completes_commands_models_and_files(chat: Open, tmp_path: Path) -> None:
    """The rest of a word, as far as it is clear."""
    (tmp_path / "talk.json").write_text("{}")
    with chat("plain") as terminal:
        terminal.type("/sy\t")
        terminal.wait_for("/system ")
        terminal.ask("Be kind", "System message: Be kind")
        terminal.type("/model Qwen3-0\t")
        terminal.wait_for("Qwen3-0.6B")
        terminal.type(f"\x15/load {tmp_path}/ta\t")
        terminal.wait_for("talk.json")


def piped(name: str, given: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    """Run a chat in a pipe."""
    command = [sys.executable, SCRIPT, name, "chat", *options]
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)


def test_in_a_pipe_each_line_is_a_message_and_plain_text_comes_out(tmp_path: Path) -> None:
    """Also a line that begins with a slash: text from elsewhere must not write files."""
    target = tmp_path / "never.json"
    done = piped("talk", f"One\n\n/save {target}\nlast".encode())
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"First answer.\n\nSecond answer.\n\nThird answer.\n\n"
    assert STATUS in done.stderr.decode()
    assert not target.exists()
    assert piped("plain", b"Go\n").stdout == b"It is **blue**.\n\n"
    assert b"\x1b" not in piped("evil", b"Go\n").stdout


def test_a_pipe_goes_on_after_a_failure(tmp_path: Path) -> None:
    """A line that is not text, or an answer that failed, makes the exit code 1."""
    done = piped("failing", b"One\n\xff\nTwo\n")
    assert done.returncode == 1
    assert b"Well again." in done.stdout
    assert b"Line 2 is not valid UTF-8" in done.stderr
    assert b"the GPU was lost" in done.stderr


def test_a_wrong_model_ends_the_command() -> None:
    """As in every command: one message, and the exit code of wrong usage."""
    done = piped("plain", b"Hi\n", "--model", "nosuch")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().strip() == "Error: unknown model 'nosuch'; `browserllm models list` lists all models"
