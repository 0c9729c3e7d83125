"""Patches turn a page's copy of one state into the next, and are as small as what changed."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from browserllm.app.patches import Patch, diff
from browserllm.app.state import AppState, ChatMessage, Download, FilePart, Loading, Notice, TextPart, Thread, ToolPart


def apply(copy: Any, patches: list[Patch]) -> Any:
    """Apply patches to plain JSON values, as a page does."""
    for patch in patches:
        if not patch.path:
            copy = patch.value
            continue
        *parents, last = patch.path
        holder: Any = copy
        for step in parents:
            holder = holder[step]
        if patch.op == "delete":
            del holder[last]
        elif patch.op == "append":
            holder[last] += patch.value
        elif isinstance(last, int) and last == len(holder):
            holder.append(patch.value)
        else:
            holder[last] = patch.value
    return copy


def plain(state: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(state))


def message(text: str, **fields: Any) -> ChatMessage:
    return ChatMessage(id="m", role="assistant", parts=(TextPart(text=text),), **fields)


def state(text: str) -> AppState:
    return AppState(threads={"c": Thread(id="c", messages={"m": message(text)}, path=("m",))})


def test_a_growing_text_sends_what_was_added() -> None:
    """A long answer costs no more than its new words."""
    old = state("Once upon")
    new = replace(old, threads={"c": replace(old.threads["c"], messages={"m": message("Once upon a time")})})
    path = ("threads", "c", "messages", "m", "parts", 0, "text")
    assert diff(old, new) == [Patch("append", path, " a time")]


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ("", "a", Patch("set", ("text",), "a")),
        ("ab", "a", Patch("set", ("text",), "a")),
        ("ab", "", Patch("set", ("text",), "")),
        ("ab", "xb", Patch("set", ("text",), "xb")),
    ],
)
def test_any_other_change_of_a_text_sets_it(old: str, new: str, patch: Patch) -> None:
    """Also from and to the empty text."""
    assert diff(TextPart(text=old), TextPart(text=new)) == [patch]


def test_names_are_those_of_the_page() -> None:
    """Fields are in camel case, keys of dicts stay as they are."""
    old = AppState(downloads={"a_b": Download(model="a_b", state="running", received_bytes=1)})
    new = AppState(downloads={"a_b": Download(model="a_b", state="running", received_bytes=2)})
    assert diff(old, new) == [Patch("set", ("downloads", "a_b", "receivedBytes"), 2)]


def test_a_part_of_another_kind_is_sent_whole() -> None:
    """With its type, which says what the fields mean."""
    patches = diff((TextPart(text="a"),), (FilePart(media_type="image/png"),))
    assert [patch.op for patch in patches] == ["set"]
    assert patches[0].value["type"] == "file"


def test_null_is_a_value() -> None:
    """It is written out: a page that gets no value would set none."""
    old = AppState(loading=Loading(model="m", phase="loading"))
    assert msgspec.json.encode(diff(old, AppState())) == b'[{"op":"set","path":["loading"],"value":null}]'


def test_keys_and_items_that_went_are_removed() -> None:
    """A shorter list is sent whole, a missing key deletes its value."""
    assert diff({"a": 1, "b": 2}, {"b": 2}) == [Patch("delete", ("a",))]
    assert diff((1, 2, 3), (1, 2)) == [Patch("set", (), (1, 2))]


def test_what_is_the_same_object_is_not_looked_at() -> None:
    """The cost is that of the change: a tool's input that cannot be compared is no problem."""

    class Odd:
        def __eq__(self, other: object) -> bool:
            raise AssertionError("looked at")

        __hash__ = None  # type: ignore[assignment]

    part = ToolPart(tool_name="t", tool_call_id="1", state="input-available", input=Odd())
    old = {"same": part, "n": 1}
    assert diff(old, {"same": part, "n": 2}) == [Patch("set", ("n",), 2)]


@pytest.mark.parametrize("seed", range(50))
def test_patches_of_random_changes_lead_to_the_same_state(seed: int) -> None:
    """Whatever changes, a copy that follows the patches equals the whole state (the seed is the test's name)."""
    chance = random.Random(seed)  # noqa: S311 (cases, not secrets)
    current = AppState()
    copy = plain(current)
    for _ in range(60):
        before = current
        for _ in range(chance.randint(1, 4)):
            current = change(current, chance)
        copy = apply(copy, plain_patches(diff(before, current)))
        assert copy == plain(current)


def plain_patches(patches: list[Patch]) -> list[Patch]:
    return msgspec.json.decode(msgspec.json.encode(patches), type=list[Patch])


def change(now: AppState, chance: random.Random) -> AppState:
    """Change a random part of the state."""
    ids = ["a", "b", "c"]
    thread = now.threads.get("t", Thread(id="t"))
    name = chance.choice(ids)
    match chance.randrange(7):
        case 0:
            text = "".join(chance.choices("xyz ", k=chance.randint(0, 9)))
            changed = replace(thread, messages={**thread.messages, name: message(text)})
            return replace(now, threads={"t": changed})
        case 1 if name in thread.messages:
            parts = thread.messages[name].parts
            grown = (*parts[:-1], TextPart(text=getattr(parts[-1], "text", None) or "" + "more")) if parts else parts
            changed = replace(thread.messages[name], parts=(*grown, TextPart(text="next")))
            return replace(now, threads={"t": replace(thread, messages={**thread.messages, name: changed})})
        case 2:
            left = {key: value for key, value in thread.messages.items() if key != name}
            return replace(now, threads={"t": replace(thread, messages=left, path=tuple(left))})
        case 3:
            return replace(now, notices=(*now.notices, Notice(id=name, at=chance.random())))
        case 4:
            return replace(now, notices=now.notices[:-1])
        case 5:
            return replace(now, downloads={name: Download(model=name, state="running", received_bytes=chance.random())})
        case _:
            return replace(now, threads={} if chance.random() < 0.2 else now.threads, version=name)
