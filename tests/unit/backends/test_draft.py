"""Draft: what of the response in the making is one answer's, and what is the request's."""

from __future__ import annotations

import msgspec

import browserllm as bl
from browserllm.backends.draft import AnswerRecord, Draft
from browserllm.backends.request import build_request

REQUEST = build_request("Hi", {"model": "small"})
SAID = AnswerRecord(
    backend="local",
    model="small-q4",
    engine="webllm",
    device="webgpu",
    adapter="scripted paper",
    finish_reason="length",
    usage=bl.types.Usage(prompt_tokens=3, completion_tokens=4),
    timings=bl.types.Timings(first_token_ms=5.0),
    cost_usd=0.5,
    provider_request_id="req-6",
    warnings=[bl.types.ChatWarning("seed", "left out")],
)


def draft_of(said: AnswerRecord | None = None) -> Draft:
    """A draft, with something written down."""
    draft = Draft(REQUEST, "first", "chat-1")
    if said is not None:
        draft.restore(said)
    return draft


def test_the_example_has_every_field() -> None:
    """A field that is added, and not copied, would be seen by the tests below."""
    nothing = draft_of().snapshot()
    assert all(getattr(SAID, name) != getattr(nothing, name) for name in AnswerRecord.__struct_fields__)


def test_a_draft_begins_with_the_request() -> None:
    """The model and the privacy; nothing else is known."""
    assert draft_of().snapshot() == AnswerRecord(backend="first", model="small")
    assert not draft_of().private
    assert Draft(msgspec.structs.replace(REQUEST, private=True), "first", "chat-1").private


def test_a_snapshot_is_brought_back_by_restore() -> None:
    """All that is about the answer, in place; later changes of the draft do not reach the snapshot."""
    draft = draft_of(SAID)
    warnings = draft.warnings
    snapshot = draft.snapshot()
    draft.warn("top_k", "left out, too")
    draft.begin(REQUEST, "second")
    assert snapshot == SAID
    draft.restore(snapshot)
    assert draft.snapshot() == SAID
    assert draft.warnings is warnings


def test_a_restarted_draft_keeps_what_belongs_to_the_request() -> None:
    """Warnings, route, stop and privacy; the last backend's interrupt and content are dropped."""
    draft = draft_of(SAID)
    draft.interrupt = lambda: None
    draft.stopped = True
    draft.route.append(bl.types.Hop(reason="failed", backend="first"))
    other = build_request("Hi", {"model": "large", "private": True})
    draft.begin(other, "second")
    assert draft.snapshot() == AnswerRecord(backend="second", model="large", warnings=SAID.warnings)
    assert (draft.request, draft.interrupt, draft.stopped, draft.private) == (other, None, True, False)
    assert [hop.backend for hop in draft.route] == ["first"]


def test_a_child_that_wins_is_adopted() -> None:
    """It begins with the warnings there are; what it says is the draft's then, and what it adds later, too."""
    draft = draft_of()
    draft.warn("n", "one alone")
    draft.route.append(bl.types.Hop(reason="failed", backend="zeroth"))
    child = draft.child(build_request("Hi", {"model": "large"}), "second")
    child.warn("seed", "left out")
    child.route.append(bl.types.Hop(reason="passed over", backend="inner"))
    child.engine = "webllm"
    assert [warning.parameter for warning in draft.warnings] == ["n"]
    draft.adopt(child)
    child.usage = bl.types.Usage(completion_tokens=7)
    child.warn("top_k", "left out")
    child.route.append(bl.types.Hop(reason="late"))
    draft.adopt(child)
    assert draft.snapshot() == child.snapshot()
    assert (draft.backend, draft.engine, draft.usage.completion_tokens) == ("second", "webllm", 7)
    assert draft.request.model == "large"
    assert [warning.parameter for warning in draft.warnings] == ["n", "seed", "top_k"]
    assert [hop.reason for hop in draft.route] == ["failed", "passed over", "late"]


def test_the_child_of_a_private_draft_is_private() -> None:
    """Whatever request it is given."""
    draft = Draft(msgspec.structs.replace(REQUEST, private=True), "first", "chat-1")
    assert draft.child(REQUEST, "second").private


def test_the_response_has_all_that_was_written_down() -> None:
    """With the total time, where the backend did not measure it."""
    draft = draft_of(SAID)
    draft.route.append(bl.types.Hop(reason="failed"))
    response = draft.response(bl.Message("assistant", "Hello"), "stop", total_ms=9.0, logprobs=[1])
    expected = {name: getattr(SAID, name) for name in AnswerRecord.__struct_fields__}
    expected |= {"finish_reason": "stop", "timings": bl.types.Timings(first_token_ms=5.0, total_ms=9.0)}
    assert {name: getattr(response, name) for name in AnswerRecord.__struct_fields__} == expected
    assert (response.request_id, response.text, response.logprobs) == ("chat-1", "Hello", [1])
    assert response.route == draft.route
    draft.timings = bl.types.Timings(total_ms=8.0)
    assert draft.response(response.message, "stop", total_ms=9.0, logprobs=[]).timings.total_ms == 8.0
