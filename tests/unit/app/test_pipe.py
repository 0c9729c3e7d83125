"""A pipe brings the state and its changes to a page, and carries out the page's calls."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from browserllm.app.actions import DeleteModel, DismissNotice, Generate, GenerateEvent, LoadModel
from browserllm.app.app import App, Emit
from browserllm.app.page_pipes import PagePipes
from browserllm.app.pipe import Pipe
from browserllm.errors import QuotaExceeded


class Page:
    """The page's end: what it got, and a way to wait for the next message of a type."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    def take(self, text: str) -> None:
        self.got.append(json.loads(text))
        self._news.set()

    async def until(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for this many messages of a type, and return them."""
        while len(found := [message for message in self.got if message["type"] == kind]) < count:
            self._news.clear()
            await self._news.wait()
        return found

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.got]


def call(action: str, number: int = 1, **args: Any) -> str:
    return json.dumps({"type": "call", "id": number, "action": action, "args": args})


def connected(app: App) -> tuple[Pipe, Page]:
    page = Page()
    pipe = Pipe(app, page.take)
    pipe.on_text('{"type": "hello"}')
    return pipe, page


async def test_a_page_gets_the_state_when_it_says_hello_and_then_every_change() -> None:
    """Before, it gets nothing: it may not be listening yet."""
    app, page = App(), Page()
    pipe = Pipe(app, page.take)
    app.state.put("1", "version")
    app.state.flush()
    assert page.got == []
    pipe.on_text('{"type": "hello"}')
    assert page.got[0]["state"]["version"] == "1"
    app.state.put("2", "version")
    app.state.flush()
    assert page.got[1:] == [{"type": "patch", "patches": [{"op": "set", "path": ["version"], "value": "2"}]}]


async def test_a_calls_changes_come_before_its_result() -> None:
    """So that a page that waits for the result sees the new state."""
    app = App()

    async def delete(action: DeleteModel) -> float:
        app.state.put(action.model, "version")
        return 12.0

    app.on(DeleteModel, delete)
    pipe, page = connected(app)
    pipe.on_text(call("models.delete", 7, model="m"))
    assert (await page.until("result"))[0] == {"type": "result", "id": 7, "value": 12.0}
    assert page.types == ["state", "patch", "result"]


async def test_events_come_in_order_before_the_result() -> None:
    """With the id of their call."""
    app = App()

    async def generate(action: Generate, emit: Emit) -> None:
        for text in ("a", "b"):
            emit(GenerateEvent(type="text", text=text))

    app.on_events(Generate, generate)
    pipe, page = connected(app)
    pipe.on_text(call("generate", 3, messages=[]))
    await page.until("result")
    events = [message for message in page.got if message["type"] == "event"]
    assert [(event["id"], event["value"]["text"]) for event in events] == [(3, "a"), (3, "b")]


async def test_an_error_says_what_happened_and_what_to_do() -> None:
    """Errors of actions have code, title, message and remedy."""
    app = App()

    async def load(action: LoadModel) -> None:
        raise QuotaExceeded("the model needs 2 GB, and 1 GB is free", data={"needed_bytes": 2})

    app.on(LoadModel, load)
    pipe, page = connected(app)
    pipe.on_text(call("models.load", model="m"))
    error = (await page.until("error"))[0]["error"]
    assert error["code"] == "quota_exceeded"
    assert error["message"] == "the model needs 2 GB, and 1 GB is free"
    assert error["actions"] == ["free_space", "retry"]
    assert error["data"] == {"needed_bytes": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the page sent '{'"),
        ('{"type": "shout"}', "shout"),
        ("[" * 10_000, "the page sent"),
        ("\ud800", r"the page sent '\ud800'"),
        (call("models.fly"), "unknown action 'models.fly'"),
        (call("models.load", wings=2), "the arguments of 'models.load' are not valid"),
        (call("models.load", model=7), "the arguments of 'models.load' are not valid"),
        (call("chat.send", conversation="c", parts=[]), "this app has no action 'chat.send'"),
    ],
)
async def test_a_message_that_is_not_valid_is_answered_with_an_error(text: str, said: str) -> None:
    """And the pipe goes on."""
    app = App()
    pipe, page = connected(app)
    pipe.on_text(text)
    assert said in (await page.until("error"))[0]["error"]["message"]
    pipe.on_text('{"type": "hello"}')
    assert page.types[-1] == "state"


async def test_a_page_can_cancel_its_call() -> None:
    """The action is cancelled, and the call ends with the code that says so; an unknown id does nothing."""
    app, began, ended = App(), asyncio.Event(), asyncio.Event()

    async def load(action: LoadModel) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    app.on(LoadModel, load)
    pipe, page = connected(app)
    pipe.on_text(call("models.load", 4, model="m"))
    await began.wait()
    pipe.on_text(call("models.load", 4, model="m"))
    assert "the call 4 is still running" in (await page.until("error"))[0]["error"]["message"]
    pipe.on_text('{"type": "cancel", "id": 99}')
    pipe.on_text('{"type": "cancel", "id": 4}')
    assert (await page.until("error", 2))[1]["error"]["code"] == "cancelled"
    assert ended.is_set()


async def test_a_closed_pipe_cancels_its_calls_and_sends_no_more_changes() -> None:
    """The page is gone; the app goes on."""
    app, began, ended = App(), asyncio.Event(), asyncio.Event()

    async def load(action: LoadModel) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    app.on(LoadModel, load)
    pipe, page = connected(app)
    pipe.on_text(call("models.load", model="m"))
    await began.wait()
    pipe.close()
    await ended.wait()
    await asyncio.gather(*app._tasks, return_exceptions=True)
    app.state.put("2", "version")
    app.state.flush()
    assert page.types == ["state"]  # not even that the call was cancelled: a closed channel raises for a text


async def test_closing_the_app_ends_what_runs() -> None:
    """And waits for its end."""
    app, began, ended = App(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    app.spawn(work())
    await began.wait()
    await app.close()
    assert ended.is_set()


async def test_an_action_has_one_handler() -> None:
    """A second one is a mistake of the program."""
    app = App()

    async def dismiss(action: DismissNotice) -> None: ...

    app.on(DismissNotice, dismiss)
    with pytest.raises(ValueError, match=r"'notices\.dismiss' has a handler already"):
        app.on(DismissNotice, dismiss)


async def test_parts_of_a_page_have_pipes_of_their_own() -> None:
    """Their calls have the same ids, and each gets its own results; closing one leaves the others."""
    app = App()

    async def dismiss(action: DismissNotice) -> None:
        app.state.put(action.id, "version")

    app.on(DismissNotice, dismiss)
    got: list[tuple[str, str]] = []
    done = asyncio.Event()

    def take(text: str) -> None:
        number, _, message = text.partition(":")
        got.append((number, json.loads(message)["type"]))
        if got.count(("1", "result")) and got.count(("2", "result")):
            done.set()

    pipes = PagePipes(app, take)
    for number in ("1", "2"):
        pipes.on_text(f'{number}:{{"type": "hello"}}')
        pipes.on_text(f"{number}:{call('notices.dismiss', 1, id=number)}")
    await done.wait()
    assert got.count(("1", "result")) == got.count(("2", "result")) == 1
    pipes.on_text("2:")
    pipes.on_text("2:")
    del got[:]
    app.state.put("later", "version")
    app.state.flush()
    assert got == [("1", "patch")]


async def test_half_a_character_does_not_stop_the_pipe() -> None:
    """The page gets the halves as they are, and everything after them."""
    app = App()
    _, page = connected(app)
    app.state.put("a\ud83d", "version")
    app.state.flush()
    app.state.put("a\ud83d\ude00", "version")
    app.state.flush()
    patches = [message["patches"][0] for message in page.got if message["type"] == "patch"]
    assert [(patch["op"], patch["value"]) for patch in patches] == [("set", "a\ud83d"), ("append", "\ude00")]
    await app.close()


@pytest.mark.parametrize(
    "args",
    [
        '{"model": ' + "[" * 300 + "]" * 300 + "}",
        '{"model": "half \\ud83d of it"}',
        '{"model": ',
        '["no object"]',
    ],
)
async def test_a_call_that_cannot_be_read_fails_and_no_other(args: str) -> None:
    """Its caller waits for an answer."""
    app = App()

    async def delete(action: DeleteModel) -> float:
        return 12.0

    app.on(DeleteModel, delete)
    pipe, page = connected(app)
    pipe.on_text(f'{{"type":"call","id":7,"action":"models.delete","args":{args}}}')
    pipe.on_text(call("models.delete", 8, model="m"))
    assert (await page.until("result"))[0]["id"] == 8
    (error,) = await page.until("error")
    assert (error["id"], error["error"]["code"]) == (7, "invalid_request")
