"""Errors as people see them: a title, what happened, what to do, and the ways out that the page offers as buttons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from ..errors import AllBackendsFailed, BrowserLLMError, Unavailable, to_wire
from .state import Cloud, ErrorInfo


class _Words(NamedTuple):
    title: str
    remedy: str | None = None
    actions: tuple[Any, ...] = ("retry",)


WORDS = {
    "unavailable": _Words(
        "No engine can run here", "Use a current Chrome, Edge, Firefox or Safari, over https or on localhost."
    ),
    "load_failed": _Words("The model could not be loaded", "Try again, or take a smaller model."),
    "download_interrupted": _Words(
        "The download was interrupted", "Check the connection and try again; what has arrived is kept."
    ),
    "out_of_memory": _Words(
        "Not enough memory",
        "Close other tabs or programs that use the GPU, or take a smaller model.",
        ("retry", "smaller_model"),
    ),
    "device_lost": _Words("The GPU was lost", "Try again. If it happens often, update the graphics driver."),
    "cancelled": _Words("This was cancelled", "Try again, or choose another model."),
    "context_exceeded": _Words(
        "This is too long for the model",
        "Shorten it, or choose a model with a larger context window.",
        ("larger_model",),
    ),
    "quota_exceeded": _Words(
        "The browser's storage is full",
        "Delete models that you no longer use, or free space on the disk.",
        ("free_space", "retry"),
    ),
    "all_backends_failed": _Words("Nothing could answer", None, ("retry", "open_settings")),
    "model_not_found": _Words("This model is not known", "Choose another model.", ()),
    "model_not_downloaded": _Words("The model is not on this device", "Download it, or choose another model."),
    "integrity": _Words("A file of the model is damaged", "Try again: the damaged file is downloaded anew."),
    "stalled": _Words("Nothing more arrives", "Check the connection and try again; what has arrived is kept."),
    "timeout": _Words("It took too long", "Try again."),
    "authentication": _Words(
        "The key was refused", "Check the key and the address in the settings.", ("open_settings", "retry")
    ),
    "rate_limited": _Words(
        "Too many requests", "Wait a little and try again, or choose another model.", ("retry", "open_settings")
    ),
    "invalid_output": _Words(
        "The answer does not fit the schema",
        "Simplify the schema, explain it in the system prompt, or take a larger model.",
    ),
    "content_filtered": _Words("The provider refused to answer", "Put it differently, or choose another model."),
}
"""The words for each code of an error. What a message says for itself, the error says."""

REASONS = {
    "private": _Words(
        "This stays on your device",
        "Choose a model of this device, or change the privacy settings.",
        ("open_settings",),
    ),
    "offline": _Words("You are offline", "Connect to the network and try again.", ("retry",)),
    "unreachable": _Words("The server cannot be reached", "Check its address and the connection.", ("retry",)),
    "server_error": _Words("The server has a problem", "Try again in a moment.", ("retry",)),
    "circuit_open": _Words("The server failed several times", "Try again in a moment.", ("retry", "open_settings")),
    "blocked": _Words(
        "The browser does not let this be used",
        "Close this site's other tabs, free space on the disk, and try again; reload the page if that does not help.",
        ("retry", "free_space", "reload"),
    ),
    "not_installed": _Words("Something is not installed", "Install what the message names, and try again.", ("retry",)),
    "closed": _Words("The connection to the page is closed", "Reload the page.", ("reload",)),
}
"""The words for some reasons why something is not available."""


def error_info(error: BaseException) -> ErrorInfo:
    """Return any exception as people see it. If all backends failed for one reason, that reason is what they see."""
    if isinstance(error, AllBackendsFailed) and (causes := _one_kind(error)):
        info = error_info(causes[0])
        message = info.message if len({str(cause) for cause in causes}) == 1 else error.message
        return replace(info, message=message, data={**error.data, **info.data})
    wire = to_wire(error)
    words = WORDS.get(wire["code"], _Words("That did not work"))
    if wire["code"] in ("unavailable", "download_interrupted"):
        words = REASONS.get(str(wire["data"].get("reason")), words)
    data = msgspec.to_builtins(wire["data"], enc_hook=repr)
    return ErrorInfo(
        code=wire["code"],
        title=words.title,
        message=wire["message"],
        remedy=words.remedy,
        actions=words.actions,
        data=data,
    )


def name_clouds(info: ErrorInfo, clouds: Mapping[str, Cloud]) -> ErrorInfo:
    """Return an error that calls clouds by the names that the user gave them."""

    def label(match: re.Match[str]) -> str:
        cloud = clouds.get(match["id"])
        return match[0] if cloud is None else f"“{cloud.label}”"

    return replace(info, message=_CLOUD_NAME.sub(label, info.message))


_CLOUD_NAME = re.compile(r"'cloud:(?P<id>[^']+)'")


def _one_kind(error: AllBackendsFailed) -> list[BrowserLLMError]:
    """Return the causes if all are of one kind, else none.

    A backend that a rule keeps out did not fail: it counts only when nothing else was tried.
    """
    causes = [cause for cause in error.causes if isinstance(cause, BrowserLLMError)]
    if len(causes) < len(error.causes):
        return []
    causes = [cause for cause in causes if cause.fault_of != "policy"] or causes
    if any(isinstance(cause, Unavailable) and cause.reason == "unknown" for cause in causes):
        return []
    kinds = {(cause.code, str(cause.data.get("reason")) if cause.code == "unavailable" else "") for cause in causes}
    return causes if len(kinds) == 1 else []
