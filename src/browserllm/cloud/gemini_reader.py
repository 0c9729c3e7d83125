"""Reads what the Gemini API answers: the pieces of a stream, and errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ..stream import Delta, Draft
from ..types import FinishReason, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from .events import Event
from .failures import Meaning, Place, VendorError, failure, read_error
from .history import mark_signature, new_call_id
from .reader import Reader


class _Call(msgspec.Struct):
    name: str = ""
    id: str | None = None
    args: dict[str, Any] | None = None


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: _Call | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] = []


class _Token(msgspec.Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class _TopTokens(msgspec.Struct):
    candidates: list[_Token] = []


class _Logprobs(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_Token] = []
    top_candidates: list[_TopTokens] = []


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int = 0
    logprobs_result: _Logprobs | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None
    block_reason_message: str | None = None


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: int = 0
    candidates_token_count: int = 0
    cached_content_token_count: int = 0
    thoughts_token_count: int = 0
    tool_use_prompt_token_count: int = 0


class _Piece(msgspec.Struct, rename="camel"):
    """One event: a response that holds what is new."""

    candidates: list[_Candidate] = []
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None


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
"""Reasons to finish that mean that there is no answer."""


class GeminiReader(Reader):
    """Reads the pieces of an answer. There is no end marker: the last piece says why it is the last."""

    def __init__(self, draft: Draft, place: Place) -> None:
        """Write into ``draft``; ``place`` is for errors."""
        super().__init__(draft, place)
        self._calls = 0

    def read(self, event: Event) -> Iterator[Delta]:
        """Read a piece."""
        piece = event.decode(_Piece)
        if piece.error is not None:
            raise failure(read_error({"error": piece.error}), self.place)
        draft = self.draft
        draft.model = piece.model_version or draft.model
        draft.provider_request_id = piece.response_id or draft.provider_request_id
        if piece.usage_metadata is not None:
            draft.usage = _usage(piece.usage_metadata)
        yield ""
        for candidate in piece.candidates:
            # One answer is asked for; another one would be mixed up with it.
            if candidate.index == 0:
                yield from self._read_candidate(candidate)
        feedback = piece.prompt_feedback
        if feedback is not None and feedback.block_reason and not piece.candidates:
            self.ended = True
            draft.finish_reason = "content_filter"
            why = feedback.block_reason_message
            draft.warn("messages", f"the prompt was blocked: {feedback.block_reason}{f' ({why})' if why else ''}")

    def _read_candidate(self, candidate: _Candidate) -> Iterator[Delta]:
        for part in (candidate.content or _Content()).parts:
            yield from self._read_part(part)
        if candidate.logprobs_result is not None:
            yield TextDelta(sequence=0, logprobs=_logprobs(candidate.logprobs_result))
        if candidate.finish_reason is not None:
            self._end(candidate.finish_reason, candidate.finish_message or "")

    def _read_part(self, part: _Part) -> Iterator[Delta]:
        signature = part.thought_signature or None
        if signature is not None:
            signature = mark_signature("gemini", self.place.model, signature)
        if part.function_call is not None:
            call = part.function_call
            yield ToolCallDelta(
                sequence=0,
                index=self._calls,
                id=call.id or new_call_id(),
                name=call.name,
                arguments=msgspec.json.encode(call.args or {}).decode(),
                signature=signature,
            )
            self._calls += 1
        elif part.thought:
            yield ReasoningDelta(sequence=0, reasoning=part.text or "", signature=signature)
        elif signature is not None:
            yield TextDelta(sequence=0, text=part.text or "", signature=signature)
        else:
            yield part.text or ""

    def _end(self, reason: str, message: str) -> None:
        draft = self.draft
        why = f"{reason}: {message}" if message else reason
        if reason in _FAILURES:
            raise failure(VendorError(message=f"it ended with {why}", meaning=_FAILURES[reason]), self.place)
        self.ended = True
        if draft.usage == Usage():
            draft.warn("usage", f"{self.place.backend!r} did not say how many tokens the answer took")
        draft.finish_reason = _FINISH.get(reason, "stop")
        if draft.finish_reason == "stop" and self._calls:
            draft.finish_reason = "tool_calls"
        if draft.finish_reason == "content_filter":
            draft.warn("messages", f"the answer was cut off: {why}")
        elif reason not in _FINISH:
            draft.warn("finish_reason", f"{why!r} is unknown; it was taken for 'stop'")


def _usage(said: _Usage) -> Usage:
    """Return the tokens; thoughts are counted apart from the answer, cached ones as part of the prompt."""
    return Usage(
        prompt_tokens=said.prompt_token_count + said.tool_use_prompt_token_count,
        completion_tokens=said.candidates_token_count + said.thoughts_token_count,
        cached_tokens=said.cached_content_token_count,
        reasoning_tokens=said.thoughts_token_count,
    )


def _logprobs(said: _Logprobs) -> list[dict[str, Any]]:
    """Return the entries in the shape of OpenAI's."""
    entries: list[dict[str, Any]] = []
    for index, chosen in enumerate(said.chosen_candidates):
        top = said.top_candidates[index].candidates if index < len(said.top_candidates) else []
        entries.append(
            {
                "token": chosen.token,
                "logprob": chosen.log_probability,
                "top_logprobs": [{"token": each.token, "logprob": each.log_probability} for each in top],
            }
        )
    return entries
