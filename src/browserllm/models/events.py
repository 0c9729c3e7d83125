"""ModelEvent: what happens to the models of a host, for a user interface or a log."""

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
    "in_use",
    "idle",
]


class ModelEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to ``model``.

    ==================  ==============================================================================
    ``loading``         a load began; ``progress``, then ``ready`` or ``error`` follow
    ``downloading``     a download began; ``progress``, then ``downloaded`` or ``error`` follow
    ``progress``        an update, in ``progress``
    ``ready``           the model is loaded; ``loaded`` says where it runs
    ``downloaded``      its files are on the device
    ``unloaded``        its memory was freed; ``message`` says why, if the program did not ask for it
    ``in_use``          a request holds the model, so it is not freed (only with `ModelManager.keep_alive`)
    ``idle``            no request holds it any more; it is freed at `ModelManager.expires_at` (likewise)
    ``device_lost``     the GPU was lost, and the model with it; the next load restores it
    ``deleted``         the program deleted its files
    ``evicted``         the browser deleted files to free space; ``message`` says how many
    ``error``           a load or download failed, with ``error``
    ==================  ==============================================================================
    """

    kind: EventKind
    model: str
    progress: Progress | None = None
    loaded: LoadedModel | None = None
    error: BrowserLLMError | None = None
    message: str = ""
