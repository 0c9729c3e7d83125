"""ModelEvent: what happens to the models of a host, for whoever wants to show it."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..errors import BrowserLLMError
from ..page.host import Progress
from .loading import LoadedModel

EventKind = Literal[
    "loading",
    "progress",
    "ready",
    "unloaded",
    "error",
    "device_lost",
    "downloading",
    "downloaded",
    "deleted",
    "evicted",
]


class ModelEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to ``model``.

    ==================  ==============================================================================
    ``loading``         a load began; ``progress``, then ``ready`` or ``error`` follow
    ``downloading``     a download began; ``progress``, then ``downloaded`` or ``error`` follow
    ``progress``        how far it is, in ``progress``
    ``ready``           it answers; ``loaded`` says where it runs
    ``downloaded``      its files are on the device
    ``unloaded``        its memory is free
    ``device_lost``     the GPU went away, and the model with it; the next load brings it back
    ``deleted``         its files are gone because somebody asked
    ``evicted``         its files are gone because the browser needed the space; ``message`` says which
    ``error``           what began came to nothing, for the reason in ``error``
    ==================  ==============================================================================
    """

    kind: EventKind
    model: str
    progress: Progress | None = None
    loaded: LoadedModel | None = None
    error: BrowserLLMError | None = None
    message: str = ""
