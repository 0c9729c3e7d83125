"""Two tabs have a state of their own each, and share what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from browserllm.app.actions import CreateConversation, DeleteConversation, UpdateConversation
from browserllm.app.app import App
from browserllm.app.conversations import Conversations
from browserllm.app.notices import Notices
from browserllm.app.tabs import Shared, Tabs
from browserllm.stores import KeyValueStore, MemoryStore


class Tab:
    """A tab: its app, its conversations, and what reaches it from the others."""

    def __init__(self, store: KeyValueStore, others: list[Tab]) -> None:
        self.app = App()
        self.conversations = Conversations(self.app, store, Notices(self.app))
        self.reloads: list[str] = []
        self._others = others

        async def reload() -> None:
            self.reloads.append("settings")

        shared = {"settings": Shared(lambda state: state.settings, reload)}
        self.tabs = Tabs(self.app, self.conversations, shared, self._post)
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


async def test_a_closed_tab_tells_nothing_more() -> None:
    """Its app may still change while it closes."""
    one, two = two_tabs()
    one.tabs.close()
    one.app.state.change("settings", theme="dark")
    one.app.state.flush()
    await one.app.call(CreateConversation(title="Rome"))
    await one.conversations.close()
    assert (two.reloads, two.app.state.value.conversations) == ([], {})
