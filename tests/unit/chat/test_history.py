"""A conversation as data: what may be in it, its turns, and JSON and back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.chat.history import encodable_message, partial_message


def said(text: str) -> bl.Message:
    """A user's message."""
    return bl.Message("user", text)


def answered(text: str) -> bl.Message:
    """The model's."""
    return bl.Message("assistant", text)


def calls(*ids: str) -> bl.Message:
    """An answer that calls tools."""
    return bl.Message("assistant", [bl.ToolCallPart(each, "look") for each in ids])


def results(*ids: str) -> bl.Message:
    """What the tools answered."""
    return bl.Message("tool", [bl.ToolResultPart(each, "found") for each in ids])


def history_of(*messages: bl.Message) -> bl.chat.History:
    """A history of these messages."""
    history = bl.chat.History()
    for message in messages:
        history.add(message)
    return history


WHOLE = (said("1"), calls("a", "b"), results("a", "b"), answered("1!"), said("2"), answered("2!"))


def test_turns_begin_with_a_message_of_the_user() -> None:
    """Answers, calls and results belong to that turn, and each turn has its usage."""
    history = history_of(*WHOLE)
    history.check()
    assert history.turn_starts() == [0, 4]
    assert history.turns == [list(WHOLE[:4]), list(WHOLE[4:])]
    history.add_usage(bl.types.Usage(prompt_tokens=5))
    history.add_usage(bl.types.Usage(prompt_tokens=7, completion_tokens=1))
    assert history.usage == [bl.types.Usage(), bl.types.Usage(prompt_tokens=12, completion_tokens=1)]
    history.start = 4
    assert history.sent == list(WHOLE[4:])
    assert bl.chat.History().turns == []


def test_calls_at_the_end_wait_for_their_results() -> None:
    """All others have theirs; of several calls some may have results."""
    assert history_of(*WHOLE).pending == []
    history = history_of(said("1"), calls("a", "b", "a"), results("a"))
    history.check()
    assert [call.id for call in history.pending] == ["b", "a"]
    assert bl.chat.History().pending == []


def test_a_cut_removes_the_usage_and_sends_all_that_is_left() -> None:
    """If the cut is before the start, the summary covers too much and is dropped."""
    history = history_of(*WHOLE)
    history.start, history.summary = 4, "of 1"
    history.cut(5)
    assert (history.start, history.summary, len(history.usage)) == (4, "of 1", 2)
    history.cut(4)
    assert (history.start, history.summary, len(history.usage)) == (4, "of 1", 1)
    history.check()
    history.cut(1)
    assert (history.start, history.summary, len(history.usage)) == (0, "", 1)


def test_a_copy_is_independent() -> None:
    """A message added to one is not in the other."""
    history = history_of(*WHOLE)
    copy = history.copy()
    copy.add(said("3"))
    copy.add_usage(bl.types.Usage(prompt_tokens=1))
    assert history == history_of(*WHOLE)


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([bl.Message("system", "s")], "role 'system'; set it with Session"),
        ([answered("hi")], r"messages\[0\] has role 'assistant'; a conversation must begin with role 'user'"),
        ([said("1"), calls("a"), said("2")], r"messages\[2\] comes before the results of the calls \['a'\]"),
        ([said("1"), calls("a"), results("b")], r"messages\[2\] has a result for 'b', but no such call is waiting"),
        ([said("1"), calls("a"), results("a", "a")], r"messages\[2\] has a result for 'a'"),
        ([said("1"), calls("a"), bl.Message("tool", "text")], r"messages\[2\] has role 'tool' and no ToolResultPart"),
        ([bl.Message("user", [bl.ToolCallPart("a", "look")])], "role 'user' and a ToolCallPart"),
        ([said("1"), bl.Message("assistant", [bl.ImagePart(url="http://x")])], "role 'assistant' and a ImagePart"),
    ],
)
def test_a_history_that_cannot_be_sent_is_refused(messages: list[bl.Message], why: str) -> None:
    """With the message and its problem; also when it is loaded."""
    history = history_of(*messages)
    with pytest.raises(bl.InvalidRequest, match=why):
        history.check()
    with pytest.raises(bl.InvalidRequest, match=why):
        bl.chat.History.from_json(history.to_json())


def test_start_and_usage_must_fit_the_turns() -> None:
    """A start in the middle of a turn would separate a call from its result."""
    history = history_of(*WHOLE)
    history.start = 1
    with pytest.raises(bl.InvalidRequest, match=r"start=1 is not the first message of a turn; use one of \[0, 4\]"):
        history.check()
    history.start = 6
    history.check()
    history.usage.append(bl.types.Usage())
    with pytest.raises(bl.InvalidRequest, match="usage has 3 entries; there are 2 turns"):
        history.check()


def test_a_history_survives_json_unchanged() -> None:
    """Images as data, thinking with its signature, names and numbers."""
    image = bl.ImagePart(data=bytes(range(256)), media_type="image/png")
    thought = bl.ReasoningPart("hm", "anthropic/m:EqQB")
    history = history_of(
        bl.Message("user", [bl.TextPart("What is it? \U0001d11e"), image], name="Otto"),
        bl.Message("assistant", [thought, bl.TextPart("Look."), bl.ToolCallPart("a", "look", '{"a":1}', "s")]),
        bl.Message("tool", [bl.ToolResultPart("a", "no", is_error=True)]),
        answered("A dog."),
        *WHOLE,
    )
    history.start, history.summary = 4, "A dog."
    history.add_usage(bl.types.Usage(prompt_tokens=9, cached_tokens=4))
    again = bl.chat.History.from_json(history.to_json())
    assert again == history
    assert bl.chat.History.from_json(history.to_json().decode()) == history


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "this is not a saved history"),
        (b"{}", "version 0; this browserllm reads version 1"),
        (b'{"version": 2, "messages": "other"}', "saved as version 2"),
        (b'{"version": 1}', "missing required field `messages`"),
        (b'{"version": 1, "messages": [{"role": "user", "content": 5}]}', r"\$.messages\[0\].content"),
        (b'{"version": 1, "messages": [{"role": "robot"}]}', "robot"),
        (b"\xff", "not a saved history"),
        (b"[" * 100_000, "deep"),
    ],
)
def test_an_invalid_saved_history_is_refused(text: bytes, why: str) -> None:
    """A damaged one, one of a later version, and JSON of something else."""
    with pytest.raises(bl.InvalidRequest, match=why):
        bl.chat.History.from_json(text)


def test_a_saved_history_without_usage_gets_zeros() -> None:
    """A history that another program wrote has only its messages."""
    text = msgspec.json.encode({"version": 1, "messages": [{"role": "user", "content": "hi"}]})
    assert bl.chat.History.from_json(text).usage == [bl.types.Usage()]


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("a\ud83d\ude00b", "a\U0001f600b"),
        ("é𝄞", "é𝄞"),
        ([bl.ToolCallPart("a", "look", '"\ud800"')], [bl.ToolCallPart("a", "look", '"\ufffd"')]),
        ([bl.ReasoningPart("\ud800", redacted=True)], [bl.ReasoningPart("\ufffd", redacted=True)]),
    ],
)
def test_an_answer_that_json_cannot_hold_is_repaired(content: Any, kept: Any) -> None:
    """Half of a surrogate pair would prevent the conversation from ever being sent again."""
    assert encodable_message(bl.Message("assistant", content)).content == kept


def test_text_and_thinking_of_a_stopped_answer_stay() -> None:
    """A call may be incomplete, so it is dropped."""
    parts = [bl.ReasoningPart("hm"), bl.TextPart("Let me "), bl.ToolCallPart("a", "look", '{"ci')]
    assert partial_message(bl.Message("assistant", [*parts])).content == parts[:2]
    assert partial_message(answered("half")) == answered("half")


def test_a_stopped_answer_never_ends_with_a_thought() -> None:
    """A thought after the last text led to a dropped call; vendors refuse a turn that ends with one."""
    thought, hidden = bl.ReasoningPart("hm", "s1"), bl.ReasoningPart("", "s2", redacted=True)
    call = bl.ToolCallPart("1", "f", '{"a')
    message = bl.Message("assistant", [thought, bl.TextPart("Hi"), hidden, thought, call])
    assert partial_message(message).content == [thought, bl.TextPart("Hi")]
    assert partial_message(bl.Message("assistant", [thought, hidden, call])).content == [thought, hidden]
