"""Errors as people see them: a title, what happened, what to do, and the ways out that the page offers as buttons."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from ..errors import to_wire
from .state import ErrorInfo


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
    "context_exceeded": _Words(
        "The conversation is too long", "Start a new conversation, or take a model with a larger context window.", ()
    ),
    "quota_exceeded": _Words(
        "The browser's storage is full",
        "Delete models that you no longer use, or free space on the disk.",
        ("free_space", "retry"),
    ),
    "all_backends_failed": _Words("Nothing could answer", None, ("retry", "open_settings")),
}
"""The words for each code of an error. What a message says for itself, the error says."""


def error_info(error: BaseException) -> ErrorInfo:
    """Return any exception as people see it."""
    wire = to_wire(error)
    words = WORDS.get(wire["code"], _Words("That did not work"))
    data = msgspec.to_builtins(wire["data"], enc_hook=repr)
    return ErrorInfo(
        code=wire["code"],
        title=words.title,
        message=wire["message"],
        remedy=words.remedy,
        actions=words.actions,
        data=data,
    )
