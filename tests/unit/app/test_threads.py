"""The tree of messages: what stays true whatever is done to it."""

from __future__ import annotations

import random

import pytest

from browserllm.app import threads
from browserllm.app.state import ChatMessage, TextPart, Thread


def message(id: str, parent: str | None = None, *, at: float = 0, role: str = "user") -> ChatMessage:
    return ChatMessage(id=id, role=role, parts=(TextPart(text=id),), parent=parent, created_at=at)  # type: ignore[arg-type]


def thread_of(*links: str) -> Thread:
    """Build a thread from links such as ``"a b c"``: b follows a, c follows b."""
    thread = Thread(id="t")
    for link in links:
        parent: str | None = None
        for name in link.split():
            if name not in thread.messages:
                thread = threads.add(thread, message(name, parent))
            parent = name
    return thread


def check(thread: Thread) -> None:
    """Check everything that must be true of a thread."""
    listed = [child for ids in thread.children.values() for child in ids]
    assert sorted(listed) == sorted(thread.messages)  # each message is in one place
    for parent, ids in thread.children.items():
        assert ids
        assert all((thread.messages[each].parent or "") == parent for each in ids)
    for each in thread.messages:
        assert threads.path_to(thread, each)[-1] == each
    if not thread.messages:
        assert thread.path == ()
        return
    assert thread.path == threads.path_to(thread, thread.path[-1])
    assert thread.path[-1] not in thread.children  # it ends with a leaf
    assert set(thread.queue) <= set(thread.messages)


def test_a_message_is_added_after_its_parent_and_shown() -> None:
    thread = thread_of("a b c", "a b d")
    check(thread)
    assert thread.path == ("a", "b", "d")
    assert threads.siblings(thread, "c") == ("c", "d")
    assert [each.id for each in threads.shown(thread)] == ["a", "b", "d"]


def test_the_branch_with_a_message_is_shown_to_its_newest_end() -> None:
    thread = thread_of("a b c", "a b d e", "a f")
    assert threads.show(thread, "b").path == ("a", "b", "d", "e")
    on_c = threads.show(thread, "c")
    assert on_c.path == ("a", "b", "c")
    # What is shown already stays: showing "b" does not leave the branch of "c".
    assert threads.show(on_c, "b") is on_c


def test_a_deleted_message_takes_all_that_follows_and_shows_the_branch_beside_it() -> None:
    thread = thread_of("a b c", "a d e")
    rest = threads.remove(thread, "d")
    check(rest)
    assert rest.path == ("a", "b", "c")
    assert set(rest.messages) == {"a", "b", "c"}
    last = threads.remove(rest, "b")
    assert last.path == ("a",)
    assert threads.remove(last, "a") == Thread(id="t")


def test_of_three_branches_the_one_before_the_deleted_one_is_shown() -> None:
    """Or the one after it, if it was the first."""
    thread = thread_of("a b x", "a c y", "a d z")
    for shown, then in (("d", "c"), ("c", "b"), ("b", "c")):
        rest = threads.remove(threads.show(thread, shown), shown)
        check(rest)
        assert rest.path[1] == then
        assert len(rest.path) == 3


def test_deleting_another_branch_leaves_what_is_shown() -> None:
    thread = thread_of("a b c", "a d e")
    assert threads.remove(thread, "b").path == ("a", "d", "e")


def test_an_answer_goes_between_its_question_and_the_queued_messages() -> None:
    thread = thread_of("q1 q2 q3")
    answered = threads.insert(thread, message("a1", "q1"), before=["q2", "q3"])
    check(answered)
    assert answered.path == ("q1", "a1", "q2", "q3")
    # Answered again, the queued messages follow the new answer; the old one becomes a branch.
    again = threads.insert(answered, message("b1", "q1"), before=["q2"])
    check(again)
    assert threads.siblings(again, "b1") == ("a1", "b1")
    assert again.path == ("q1", "a1", "q2", "q3")


def test_an_answer_at_the_end_is_shown() -> None:
    thread = threads.insert(thread_of("q1"), message("a1", "q1"), before=[])
    assert thread.path == ("q1", "a1")


def test_a_fork_has_copies_of_the_shown_messages_up_to_one() -> None:
    thread = thread_of("a b c", "a b d")
    fork = threads.fork(thread, "b", "new", iter(["x", "y"]))
    check(fork)
    assert fork.id == "new"
    assert fork.path == ("x", "y")
    assert [each.parts for each in threads.shown(fork)] == [each.parts for each in threads.shown(thread)[:2]]


def test_messages_after_a_missing_one_follow_the_newest_before_them() -> None:
    """A record that cannot be read takes no other message with it."""
    kept = [message("a", at=1), message("c", "b", at=3), message("d", "c", at=4)]
    thread = threads.build("t", kept)
    check(thread)
    assert thread.path == ("a", "c", "d")


def test_a_circle_of_parents_is_broken() -> None:
    thread = threads.build("t", [message("a", "b", at=1), message("b", "a", at=2), message("c", "c", at=3)])
    check(thread)
    assert set(thread.messages) == {"a", "b", "c"}


def test_a_thread_is_built_with_the_branch_that_was_shown() -> None:
    thread = thread_of("a b c", "a d e")
    built = threads.build("t", thread.messages.values(), "c")
    check(built)
    assert built.path == ("a", "b", "c")
    assert threads.build("t", thread.messages.values(), "gone").path == ("a", "d", "e")
    assert threads.build("t", []) == Thread(id="t")


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_done_the_tree_stays_whole(seed: int) -> None:
    """Random changes: every message keeps one place, and the path leads to a leaf."""
    chance = random.Random(seed)  # noqa: S311
    thread = Thread(id="t")
    for number in range(60):
        ids = list(thread.messages)
        what = chance.choice(["add", "add", "add", "insert", "remove", "show", "build"])
        if what == "add":
            parent = chance.choice([None, *ids[-5:]])
            thread = threads.add(thread, message(f"m{number}", parent, at=number))
        elif what == "insert" and ids:
            parent = chance.choice(ids)
            before = [child for child in thread.children.get(parent, ()) if chance.random() < 0.5]
            thread = threads.insert(thread, message(f"m{number}", parent, at=number), before)
        elif what == "remove" and len(ids) > 3:
            thread = threads.remove(thread, chance.choice(ids))
        elif what == "show" and ids:
            picked = chance.choice(ids)
            thread = threads.show(thread, picked)
            assert picked in thread.path
        elif what == "build":
            mixed = chance.sample(list(thread.messages.values()), len(thread.messages))
            rebuilt = threads.build("t", mixed, thread.path[-1] if thread.path else None)
            assert rebuilt.path == thread.path
            assert rebuilt.messages == thread.messages
        check(thread)


@pytest.mark.parametrize("seed", range(20))
def test_records_in_any_state_build_a_whole_tree(seed: int) -> None:
    """Parents that are missing or wrong lose no message."""
    chance = random.Random(seed)  # noqa: S311
    ids = [f"m{number}" for number in range(chance.randrange(1, 20))]
    parents = [None, "gone", *ids]
    messages = [message(each, chance.choice(parents), at=chance.randrange(5)) for each in ids]
    thread = threads.build("t", messages)
    check(thread)
    assert set(thread.messages) == set(ids)
