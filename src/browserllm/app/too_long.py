"""What a person reads when a message is too long for every model that may answer: by how much, and what to do.

An old part of a conversation is no such case: it is left out, and the answer has a note. So it is always about the
message itself, or about what a tool returned for it.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from ..errors import AllBackendsFailed, ContextExceeded
from .state import AppState, ConversationSettings, ErrorInfo

CLOUD = "cloud:"
HERE = "the model on this device"

_SHORTEN = "Shorten the message or split it"
_NEXT = "What you write next is sent without it."

_WayOut = Literal["retry", "use_cloud", "open_settings", "edit_message", "larger_model", "open_privacy"]


class _Advice(NamedTuple):
    remedy: str
    actions: tuple[_WayOut, ...]


def explain_length(info: ErrorInfo, error: BaseException, state: AppState, settings: ConversationSettings) -> ErrorInfo:
    """Return an error as a person reads it who sent a message that was too long; any other error stays as it is."""
    if isinstance(error, AllBackendsFailed) and any(isinstance(cause, ContextExceeded) for cause in error.causes):
        remedy = f"{_SHORTEN}, or try again: a model that may hold it could not answer."
        return replace(info, remedy=remedy, actions=("retry", "edit_message", "open_settings"))
    if not isinstance(error, ContextExceeded):
        return info
    data = error.data
    advice = _advice(data, state, settings)
    of_tool = data.get("role") == "tool"
    remedy = advice.remedy.replace(_SHORTEN, "Ask for less at a time") if of_tool else f"{advice.remedy} {_NEXT}"
    return replace(
        info,
        title="The result of a tool is too long" if of_tool else "This message is too long",
        message=_sizes(data, state),
        remedy=remedy,
        actions=advice.actions,
    )


def _sizes(data: dict[str, Any], state: AppState) -> str:
    who = _name(str(data.get("backend") or ""), state)
    tokens, window = data.get("prompt_tokens"), data.get("context_window")
    if not isinstance(window, int):
        return f"it is longer than {who} can hold"
    if not isinstance(tokens, int):
        return f"it is longer than the {window:,} tokens that {who} can hold"
    about = "about " if data.get("estimated") else ""
    return f"it comes to {about}{tokens:,} tokens, and {who} can hold {window:,} together with its answer"


def _advice(data: dict[str, Any], state: AppState, settings: ConversationSettings) -> _Advice:
    not_asked: list[dict[str, str]] = data.get("not_asked") or []
    clouds = [each for each in not_asked if each["backend"].startswith(CLOUD)]
    kept_here = [_name(each["backend"], state) for each in clouds if each["reason"] == "private"]
    if kept_here:
        return _private(" or ".join(kept_here), state, settings)
    larger: tuple[_WayOut, ...] = ("larger_model",) if _has_larger(data.get("context_window"), state) else ()
    if clouds:
        first = clouds[0]
        could_not = f"{_name(first['backend'], state)} may hold it, but could not be asked: {first['why']}."
        return _Advice(f"{_SHORTEN}, or try again later. {could_not}", ("edit_message", "retry", *larger))
    ways = [_SHORTEN, *(["choose a model with a larger context window"] if larger else [])]
    actions: tuple[_WayOut, ...] = ("edit_message", *larger)
    app = state.settings
    stays = app.never_leave_device or app.mode == "local" or settings.private
    if not stays and not any(cloud.enabled for cloud in state.clouds.values()):
        ways.append("set up a cloud")
        actions = (*actions, "use_cloud")
    return _Advice(f"{', '.join(ways[:-1])}{', or ' if len(ways) > 1 else ''}{ways[-1]}.", actions)


def _private(clouds: str, state: AppState, settings: ConversationSettings) -> _Advice:
    may = f"{_SHORTEN}. {clouds} may hold it, but "
    if settings.private:
        # No setting makes what was said in private public again.
        return _Advice(f"{may}this conversation stays on this device.", ("edit_message",))
    why = "keep everything on this device" if state.settings.never_leave_device else "ask this device only"
    return _Advice(
        f"{may}your settings {why}. You can change that in the privacy settings.", ("edit_message", "open_privacy")
    )


def _has_larger(window: object, state: AppState) -> bool:
    """Return whether this device can run a chat model with a larger window."""
    return isinstance(window, int) and any(
        model.type == "chat" and model.fit != "no" and (model.context_window or 0) > window
        for model in state.models.values()
    )


def _name(backend: str, state: AppState) -> str:
    if not backend.startswith(CLOUD):
        return HERE
    cloud = state.clouds.get(backend.removeprefix(CLOUD))
    return f"“{backend if cloud is None else cloud.label}”"
