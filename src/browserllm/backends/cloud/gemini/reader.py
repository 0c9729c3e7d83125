"""Reads the answers of the Gemini API: the chunks of a stream, and errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from ....types import FinishReason, ReasoningDelta, TextDelta, Usage
from ...draft import Draft
from ...stream import Delta
from ..failures import ErrorSource, Meaning, VendorError, failure, quote
from ..fields import entries_of, json_text, name_of, objects_of, says_something, shape, words_of
from ..history import mark_signature
from ..native import NativeReader
from ..token_counts import token_count
from .arguments import PartialArguments

# The shapes, as far as they are read. The types are checked where they matter: see `fields`.


class _Call(msgspec.Struct, rename="camel"):
    name: Any = None
    id: Any = None
    args: Any = None
    partial_args: Any = None
    will_continue: Any = None


class _Part(msgspec.Struct, rename="camel"):
    text: Any = None
    thought: Any = None
    thought_signature: Any = None
    function_call: Any = None


_LEFT_OUT = ("inlineData", "fileData")
"""What a part may give that is no text and no call; code that the server ran is only how it came to its text."""


class _Content(msgspec.Struct):
    parts: Any = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: Any = None
    finish_reason: Any = None
    finish_message: Any = None
    index: Any = None
    logprobs_result: Any = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: Any = None
    block_reason_message: Any = None


class _Piece(msgspec.Struct, rename="camel"):
    """One event: a response that holds what is new."""

    candidates: Any = None
    prompt_feedback: Any = None
    usage_metadata: Any = None
    model_version: Any = None
    response_id: Any = None


_COUNTS = (
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "cachedContentTokenCount",
)

_FINISH: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    # The answer could be continued, with a token that only this API understands.
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "ESCALATION": "content_filter",
    "PUP_LIMITED_DISABLED": "content_filter",
    "MODEL_ARMOR": "content_filter",
}

_FAILURES: dict[str, Meaning] = {
    # The model, or the server, failed: another try may do.
    "MALFORMED_FUNCTION_CALL": "overloaded",
    "UNEXPECTED_TOOL_CALL": "overloaded",
    "TOO_MANY_TOOL_CALLS": "overloaded",
    "MALFORMED_RESPONSE": "overloaded",
    "MISSING_THOUGHT_SIGNATURE": "invalid",
}
"""Finish reasons that mean that there is no answer."""


class GeminiReader(NativeReader):
    """Reads the pieces of an answer. There is no end marker: the last piece says why it is the last."""

    FORMAT = "Gemini"
    FIELDS = frozenset({*_Piece.__struct_encode_fields__, "createTime", "modelStatus"})
    FINISH = _FINISH

    def __init__(self, draft: Draft, source: ErrorSource) -> None:
        """Write into ``draft``; ``source`` is for errors."""
        super().__init__(draft, source)
        self._why = ""
        self._blocked = False
        self._index: int | None = None
        self._counts: dict[str, int] = {}
        self._last_counts: dict[str, Any] = {}
        self._partial: PartialArguments | None = None
        self._open_id = ""
        self._left_out: set[str] = set()

    def read_object(self, value: dict[str, Any], name: str) -> Iterator[Delta]:
        """Read a piece."""
        piece = shape(value, _Piece)
        draft = self.draft
        draft.model = name_of(piece.model_version) or draft.model
        draft.provider_request_id = name_of(piece.response_id) or draft.provider_request_id
        self._count(piece.usage_metadata)
        yield ""
        for candidate in _in_order(objects_of(piece.candidates, "candidates")):
            yield from self._read_candidate(candidate)
        if not piece.prompt_feedback or self.reason:
            return
        feedback = shape(piece.prompt_feedback, _Feedback)
        if blocked := name_of(feedback.block_reason):
            self._blocked, self.reason, self._why = True, blocked, name_of(feedback.block_reason_message)

    def settle(self) -> FinishReason:
        """Return the finish reason; raise an error if it means that there is no answer."""
        draft, reason = self.draft, self.reason or "STOP"
        if self._blocked:
            draft.warn("messages", f"the prompt was blocked: {reason}{f' ({self._why})' if self._why else ''}")
            return "content_filter"
        why = f"{reason}: {self._why}" if self._why else reason
        if reason in _FAILURES:
            raise failure(VendorError(message=f"it ended with {why}", meaning=_FAILURES[reason]), self.source)
        finish = _FINISH.get(reason, "stop")
        if finish == "content_filter":
            draft.warn("messages", f"the answer was cut off: {why}")
        elif reason not in _FINISH:
            draft.warn("finish_reason", f"the finish reason {why!r} is unknown; 'stop' is assumed")
        return finish

    def read_rest(self) -> Iterator[Delta]:
        """Yield the arguments of a call that was to continue."""
        yield from self._end_partial(whole=self.reason == "STOP")

    def _read_candidate(self, value: dict[str, Any]) -> Iterator[Delta]:
        candidate = shape(value, _Candidate)
        # One answer is asked for; another one would be mixed up with it.
        index = token_count(candidate.index) or 0
        self._index = index if self._index is None else self._index
        if index != self._index:
            return
        for content in objects_of(candidate.content, "content"):
            for part in objects_of(shape(content, _Content).parts, "parts"):
                self._tell_left_out(part)
                yield from self._read_part(shape(part, _Part))
        if candidate.logprobs_result and (entries := _logprobs(candidate.logprobs_result)):
            yield TextDelta(logprobs=entries)
        reason = name_of(candidate.finish_reason).upper()
        if reason and self.take_reason(reason):
            self._blocked, self._why = False, name_of(candidate.finish_message)

    def _tell_left_out(self, part: dict[str, Any]) -> None:
        """Warn of what is no text, no thought and no call: an image, a sound."""
        for kind in _LEFT_OUT:
            if part.get(kind) and kind not in self._left_out:
                self._left_out.add(kind)
                self.draft.warn("extra_body", f"the answer has a part of kind {kind!r}, which was left out")

    def _read_part(self, part: _Part) -> Iterator[Delta]:
        signature = name_of(part.thought_signature) or None
        if signature is not None:
            signature = mark_signature("gemini", self.source.model, signature)
        text = words_of(part.text, "text")
        if part.function_call is not None:
            for call in objects_of(part.function_call, "functionCall"):
                yield from self._read_call(shape(call, _Call), signature)
                signature = None
        if part.thought in (True, 1, "true"):
            if not (text or signature):
                return
            yield ReasoningDelta(reasoning=text, signature=signature)
            return
        yield text if signature is None else TextDelta(text=text, signature=signature)

    def _read_call(self, said: _Call, signature: str | None) -> Iterator[Delta]:
        name, call_id = name_of(said.name).strip(), name_of(said.id)
        if self._partial is not None and call_id and call_id == self._open_id:
            name = ""  # the same call goes on
        if name:
            yield from self._end_partial()
            self._open_id = call_id
            yield self.calls.begin(call_id, name, signature=signature)
        elif not self.calls.count or (self._partial is None and self.calls.has_arguments(self.calls.count - 1)):
            if says_something(said.args) or says_something(said.partial_args):
                self.calls.leave_out(quote(json_text(said.args or said.partial_args), 100))
            return
        call = self.calls.count - 1
        if not name and signature:
            yield from self.calls.go_on(call, "", signature)
        if said.partial_args is not None or said.will_continue is True:
            self._partial = self._partial or PartialArguments()
            for each in objects_of(said.partial_args, "partialArgs"):
                self._partial.add(each)
        if said.args is not None:
            self._partial = None
            yield from self.calls.go_on(call, said.args if isinstance(said.args, str) else json_text(said.args))
        if said.will_continue is not True:
            yield from self._end_partial()

    def _end_partial(self, *, whole: bool = True) -> Iterator[Delta]:
        partial, self._partial = self._partial, None
        if partial is not None:
            yield from self.calls.go_on(self.calls.count - 1, partial.text(whole=whole))

    def _count(self, said: Any) -> None:
        """Take what is said of the tokens: thoughts are apart from the answer's, cached ones a part of the prompt's."""
        if not isinstance(said, dict) or said == self._last_counts:
            return
        fields = self._last_counts = cast("dict[str, Any]", said)
        for key in _COUNTS:
            if (count := token_count(fields.get(key))) is not None:
                self._counts[key], self.counted = max(count, self._counts.get(key, 0)), True
        prompt, tools, candidates, thoughts, cached = (self._counts.get(key, 0) for key in _COUNTS)
        self.draft.usage = Usage(
            prompt_tokens=prompt + tools,
            completion_tokens=candidates + thoughts,
            cached_tokens=min(cached, prompt + tools),
            reasoning_tokens=thoughts,
        )


def _in_order(candidates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return (
        candidates if len(candidates) < 2 else sorted(candidates, key=lambda each: token_count(each.get("index")) or 0)
    )


class _Token(msgspec.Struct, rename="camel"):
    token: Any = None
    log_probability: Any = None


class _Logprobs(msgspec.Struct, rename="camel"):
    chosen_candidates: Any = None
    top_candidates: Any = None


def _logprobs(value: Any) -> list[dict[str, Any]]:
    """Return the entries in the shape of OpenAI's."""
    said = shape(value, _Logprobs)
    tops = [each.get("candidates") for each in entries_of(said.top_candidates)]
    entries: list[dict[str, Any]] = []
    for index, chosen in enumerate(entries_of(said.chosen_candidates)):
        top = entries_of(tops[index]) if index < len(tops) else []
        entries.append({**_entry(chosen), "top_logprobs": [_entry(each) for each in top]})
    return entries


def _entry(value: dict[str, Any]) -> dict[str, Any]:
    said = shape(value, _Token)
    logprob = said.log_probability if isinstance(said.log_probability, (int, float)) else 0.0
    return {"token": name_of(said.token), "logprob": logprob}
