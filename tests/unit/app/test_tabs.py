"""Two tabs have a state of their own each, and share what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from browserllm.app import threads
from browserllm.app.actions import CreateConversation, DeleteConversation, OpenConversation, UpdateConversation
from browserllm.app.app import App
from browserllm.app.conversation_actions import ConversationActions
from browserllm.app.conversations import Conversations
from browserllm.app.deletion import Deletions
from browserllm.app.notices import Notices
from browserllm.app.state import ChatMessage
from browserllm.app.tabs import Shared, Tabs
from browserllm.errors import Unavailable
from browserllm.stores import KeyValueStore, MemoryStore


class Tab:
    """A tab: its app, its conversations, and what reaches it from the others."""

    def __init__(self, store: KeyValueStore, others: list[Tab]) -> None:
        self.app = App()
        notices = Notices(self.app)
        self.conversations = Conversations(self.app, store, notices)
        ConversationActions(self.app, self.conversations)
        self.deletions = Deletions(self.app, self.conversations, notices)
        self.reloads: list[str] = []
        self.failure: Exception | None = None
        self._others = others

        async def reload() -> None:
            self.reloads.append("settings")
            if self.failure is not None:
                raise self.failure

        shared = {"settings": Shared(lambda state: state.settings, reload)}
        self.tabs = Tabs(self.app, self.conversations, notices, shared, self._post)
        others.append(self)

    def _post(self, text: str) -> None:
        for other in self._others:
            if other is not self:
                other.tabs.on_text(text)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the state is so."""
        changed = asyncio.Event()
        unsubscribe = self.app.state.subscribe(lambda state: state, lambda _: changed.set())
        while not condition():
            changed.clear()
            await changed.wait()
        unsubscribe()


def two_tabs() -> tuple[Tab, Tab]:
    store, tabs = MemoryStore(), list[Tab]()
    return Tab(store, tabs), Tab(store, tabs)


async def test_a_conversation_of_one_tab_appears_changes_and_goes_in_the_other() -> None:
    """As soon as it is written."""
    one, two = two_tabs()
    conversation = await one.app.call(CreateConversation(title="Rome"))
    await two.until(lambda: conversation in two.app.state.value.conversations)
    await one.app.call(UpdateConversation(id=conversation, title="Athens", pinned=True))
    await two.until(lambda: two.app.state.value.conversations[conversation].title == "Athens")
    await one.app.call(DeleteConversation(id=conversation))
    await two.until(lambda: conversation not in two.app.state.value.conversations)
    await one.conversations.close()
    await two.conversations.close()


async def test_a_part_that_all_tabs_share_is_read_again() -> None:
    """By the others, when it changes; a text of another version of the site does nothing."""
    one, two = two_tabs()
    one.app.state.change("settings", theme="dark")
    one.app.state.flush()
    two.tabs.on_text('{"what": "weather"}')
    two.tabs.on_text("{")
    while not two.reloads:
        await asyncio.sleep(0)
    assert (one.reloads, two.reloads) == ([], ["settings"])


class ClosedStore(MemoryStore):
    """A store that cannot be read for a while."""

    failure: Exception | None = None

    async def get(self, key: str) -> bytes | None:
        if self.failure is not None:
            raise self.failure
        return await super().get(key)


@pytest.mark.parametrize("failure", [Unavailable("the disk is gone"), ZeroDivisionError()])
async def test_a_failure_to_read_what_another_tab_changed_is_a_notice(failure: Exception) -> None:
    """It is not lost, and the next news is read."""
    store = ClosedStore()
    one, two = Tab(store, []), Tab(store, [])
    two.failure = store.failure = failure
    two.tabs.on_text('{"what": "settings"}')
    two.tabs.on_text('{"what": "conversation", "id": "a"}')
    two.tabs.on_text('{"what": "\ud800"}')
    await two.until(lambda: len(two.app.state.value.notices) == 2)
    notices = {notice.id: notice for notice in two.app.state.value.notices}
    assert set(notices) == {"tab-settings", "tab-conversation"}
    assert all(notice.error is not None for notice in notices.values())
    store.failure = None
    conversation = await one.app.call(CreateConversation(title="Rome"))
    two.tabs.on_text(f'{{"what": "conversation", "id": "{conversation}"}}')
    await two.until(lambda: conversation in two.app.state.value.conversations)


async def test_a_failure_to_tell_the_others_keeps_nothing_from_being_written() -> None:
    """It is reported; the records that wait are written."""
    reported: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["message"]))
    store, one = MemoryStore(), Tab(MemoryStore(), [])
    one = Tab(store, [])

    def gone(text: str) -> None:
        raise ConnectionError

    one.tabs._post = gone
    ids = [await one.app.call(CreateConversation(title=title)) for title in ("Rome", "Athens")]
    for conversation in ids:
        await one.app.call(UpdateConversation(id=conversation, pinned=True))
    again = Tab(store, [])
    await again.conversations.start()
    assert {entry.id: entry.pinned for entry in again.app.state.value.conversations.values()} == dict.fromkeys(
        ids, True
    )
    assert set(reported) == {
        "other tabs could not be told of a change",
        "other tabs could not be asked who is answering",
    }


async def test_a_tab_that_opens_a_conversation_learns_that_another_one_is_answering_it() -> None:
    """At once, not only with the next words of the answer; no other tab is asked to read it again for nothing."""
    one, two = two_tabs()
    conversation = await one.app.call(CreateConversation(title="Rome"))
    await two.until(lambda: conversation in two.app.state.value.conversations)
    await one.app.call(OpenConversation(id=conversation))
    messages = (ChatMessage(id="q", role="user"), ChatMessage(id="a", role="assistant", parent="q", status="streaming"))
    thread = threads.build(conversation, messages, "a")
    one.conversations.put_thread(replace(thread, status="streaming", answering="a"))
    await one.conversations.records.write_messages(conversation, {message.id: message for message in messages})
    await two.app.call(OpenConversation(id=conversation))
    await two.until(lambda: two.app.state.value.threads[conversation].elsewhere)
    assert two.app.state.value.threads[conversation].messages["a"].status == "streaming"
    assert not one.app.state.value.threads[conversation].elsewhere
    await one.conversations.close()
    await two.conversations.close()


async def test_a_closed_tab_tells_nothing_more() -> None:
    """Its app may still change while it closes."""
    one, two = two_tabs()
    one.tabs.close()
    one.app.state.change("settings", theme="dark")
    one.app.state.flush()
    await one.app.call(CreateConversation(title="Rome"))
    await one.conversations.close()
    assert (two.reloads, two.app.state.value.conversations) == ([], {})
