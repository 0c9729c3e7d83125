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


def test_turns_begin_with_what_the_user_says() -> None:
    """Answers, calls and results belong to the turn before them, and each turn counts what it takes."""
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
    """The others have theirs; of several calls some may be answered."""
    assert history_of(*WHOLE).pending == []
    history = history_of(said("1"), calls("a", "b", "a"), results("a"))
    history.check()
    assert [call.id for call in history.pending] == ["b", "a"]
    assert bl.chat.History().pending == []


def test_a_cut_takes_the_usage_along_and_lets_all_be_sent_that_is_left() -> None:
    """Cut before the start, a summary says too much."""
    history = history_of(*WHOLE)
    history.start, history.summary = 4, "of 1"
    history.cut(5)
    assert (history.start, history.summary, len(history.usage)) == (4, "of 1", 2)
    history.cut(4)
    assert (history.start, history.summary, len(history.usage)) == (4, "of 1", 1)
    history.check()
    history.cut(1)
    assert (history.start, history.summary, len(history.usage)) == (0, "", 1)


def test_a_copy_is_its_own() -> None:
    """What is added to one is not in the other."""
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
def test_what_cannot_be_sent_is_refused(messages: list[bl.Message], why: str) -> None:
    """With the message and what is wrong with it; when read, too."""
    history = history_of(*messages)
    with pytest.raises(bl.InvalidRequest, match=why):
        history.check()
    with pytest.raises(bl.InvalidRequest, match=why):
        bl.chat.History.from_json(history.to_json())


def test_start_and_usage_must_fit_the_turns() -> None:
    """A start in the middle of a turn would part a call from its result."""
    history = history_of(*WHOLE)
    history.start = 1
    with pytest.raises(bl.InvalidRequest, match=r"start=1 is not the first message of a turn; use one of \[0, 4\]"):
        history.check()
    history.start = 6
    history.check()
    history.usage.append(bl.types.Usage())
    with pytest.raises(bl.InvalidRequest, match="usage has 3 entries; there are 2 turns"):
        history.check()


def test_json_and_back_is_the_same() -> None:
    """Images as data, thinking with its seal, names and numbers survive."""
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
    """Damaged, of a later version, of somebody else."""
    with pytest.raises(bl.InvalidRequest, match=why):
        bl.chat.History.from_json(text)


def test_a_saved_history_without_usage_gets_zeros() -> None:
    """A history that another program wrote has but its messages."""
    text = msgspec.json.encode({"version": 1, "messages": [{"role": "user", "content": "hi"}]})
    assert bl.chat.History.from_json(text).usage == [bl.types.Usage()]


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ("a\ud800b", "a?b"),
        ("é𝄞", "é𝄞"),
        ([bl.ToolCallPart("a", "look", '"\ud800"')], [bl.ToolCallPart("a", "look", '"?"')]),
        ([bl.ReasoningPart("\ud800", redacted=True)], [bl.ReasoningPart("?", redacted=True)]),
    ],
)
def test_an_answer_that_json_cannot_hold_is_made_one(content: Any, kept: Any) -> None:
    """Half a surrogate pair would keep the conversation from ever being sent again."""
    assert encodable_message(bl.Message("assistant", content)).content == kept


def test_of_a_stopped_answer_text_and_thinking_stay() -> None:
    """A call may be cut in its middle."""
    parts = [bl.ReasoningPart("hm"), bl.TextPart("Let me "), bl.ToolCallPart("a", "look", '{"ci')]
    assert partial_message(bl.Message("assistant", [*parts])).content == parts[:2]
    assert partial_message(answered("half")) == answered("half")


def test_what_stays_of_a_stopped_answer_does_not_end_with_a_thought() -> None:
    """A thought after the last text was for a call that is not kept; vendors refuse a turn that ends with one."""
    thought, hidden = bl.ReasoningPart("hm", "s1"), bl.ReasoningPart("", "s2", redacted=True)
    call = bl.ToolCallPart("1", "f", '{"a')
    message = bl.Message("assistant", [thought, bl.TextPart("Hi"), hidden, thought, call])
    assert partial_message(message).content == [thought, bl.TextPart("Hi")]
    assert partial_message(bl.Message("assistant", [thought, hidden, call])).content == [thought, hidden]
