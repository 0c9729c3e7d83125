"""``browserllm serve``: the app run by a process; a browser that opens its address draws and computes."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from app_page import AppPage, text_of

QUESTION = "Why is the sky blue?"


@contextmanager
def serving(data: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the command; gives the printed address and the process."""
    command = [sys.executable, "-u", "-m", "browserllm", "serve", "--no-open", "--port", "0"]
    with subprocess.Popen(
        ["env", f"XDG_DATA_HOME={data}", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+/#key=\S+", process.stdout.readline())
            assert address is not None
            yield address[0], process
        finally:
            process.kill()


def test_the_process_answers_with_the_engine_of_the_page(
    start_browser: Callable[..., BrowserContext], tmp_path: Path
) -> None:
    """The conversation is in the process's data folder; Ctrl-C ends it, and the next process has the conversation."""
    context = start_browser()
    with serving(tmp_path) as (address, process):
        app = AppPage(context, address).open().start_chatting()
        answer = text_of(app.ask(QUESTION)).partition(".")[0]
        assert len(answer) > 10, "a beginning that the store has as it is shown"
        assert app.state()["python"] == "process"
        app.check()
        process.send_signal(signal.SIGINT)
        assert process.wait(300) == 130
        app.page.close()
    (store,) = tmp_path.rglob("conversations.sqlite")
    with sqlite3.connect(store) as database:
        kept = [bytes(value) for _, value in database.execute("SELECT key, value FROM entries")]
    assert any(answer.encode() in value for value in kept)
    with serving(tmp_path) as (address, _):
        app = AppPage(context, address).open()
        app.page.get_by_role("link", name=QUESTION).click()
        expect(app.answers.last).to_contain_text(answer)
