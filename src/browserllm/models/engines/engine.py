"""Engine: the Python side of an inference runtime in the page. To add one, write a subclass and register it.

The page's side loads and runs models (``web/src/engine/NAME/``). This side knows the engine's models: the files of a
build and their caches, what a device must offer, and how to recognise a user's folder. Nothing else in the package
knows engines by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Literal, NamedTuple

from ...errors import BrowserLLMError, Unavailable
from ...page.device import DeviceFacts
from ...page.host import HonouredOptions, Host
from ...types import ENGINE_OPTIONS
from ..catalog.card import Artifact, Device
from ..machine import MIB, mb_text
from .files import FileList

Capability = Literal["chat", "embed", "images", "interleaved_images", "logprobs", "structured_output", "json_schema"]
"""What the page's side can do with a suitable model, as its ``hello`` says."""


PAGE_OPTIONS = (*ENGINE_OPTIONS, "stop", "logit_bias", "logprobs", "thinking")
"""The options of a chat that the page reads."""

ALL_OPTIONS: HonouredOptions = dict.fromkeys(PAGE_OPTIONS, True)
"""An engine that honours all of them."""


class Folder(NamedTuple):
    """A folder that may hold a model: its URL, which ends in a slash, and its files as far as known.

    ``names`` are all its files if they can be listed, else ``None``. ``present`` are the `Engine.markers` that exist.
    """

    url: str
    name: str
    names: Collection[str] | None
    present: Collection[str]


class FolderOptions(NamedTuple):
    """The user's options for a folder: the model's id, and optionally its library and its precision."""

    model: str
    library: str | None = None
    dtype: str | None = None


class Engine(ABC):
    """One engine: class attributes describe it, methods answer questions about its models.

    Only ``name``, ``devices`` and `list_files` are required; `register` takes an instance. ``name`` is the name in the
    page's ``hello`` and in `Artifact.engine`. Each page says whether it has the engine.
    """

    name: str
    devices: tuple[Device, ...]
    """The devices it runs on, the preferred one first."""

    capabilities: tuple[Capability, ...] = ("chat",)
    """What its side in the page can do; a `ScriptedHost` reports the same."""

    label: str = ""
    """The name that people read; by default ``name``."""

    options: HonouredOptions = ALL_OPTIONS
    """The options of a chat that its side in the page honours; a `ScriptedHost` reports the same."""

    caches: tuple[str, ...] = ()
    """The browser's caches that it reads files from; empty for an engine that keeps no files."""

    dtypes: tuple[str, ...] = ()
    """The precisions that a build may name in `Artifact.dtype`."""

    keeps_files: bool = True
    """Whether its models are files that this package downloads, stores and deletes. A browser keeps its own."""

    in_every_page: bool = True
    """Whether every browserllm page has it; false if the browser must provide it."""

    reads_thinking_switch: bool = True
    """Whether ``enable_thinking`` reaches the chat template of a model whose card does not set ``thinking``."""

    # Files

    @abstractmethod
    async def list_files(self, host: Host, artifact: Artifact, *, refresh: bool = False) -> FileList:
        """Read a build's manifest through the page; return its files with their caches, sizes and hashes.

        A stored manifest is used unless ``refresh`` is true. URLs are absolute, as everywhere in the page's reports. If
        neither the manifest nor the server gives a size, the stored file's size is used, so that a complete model can
        be listed without a network.

        Raises `LoadFailed` when the manifest is not valid or a file is missing, and the page's error when the manifest
        cannot be read. `files.py` has helpers.
        """

    def is_own_file(self, artifact: Artifact, url: str) -> bool | None:
        """Return whether a file in the folder belongs to this build only (``True``), another one, or all (``None``).

        Several builds of a model may share a folder; the names of their weights then tell them apart.
        """
        return None

    def cache_of(self, name: str, names: Collection[str]) -> str | None:
        """Return the cache that the page puts a file into when the user picks a folder with ``names``.

        ``None`` for a file or a folder that the engine does not read.
        """
        return None

    # The user's folders

    def markers(self, folder: str) -> tuple[str, ...]:
        """Return the URLs of the files that mark a folder as one for this engine, the required one first."""
        return ()

    def recognises(self, folder: Folder) -> bool:
        """Return whether a folder holds a model for this engine; may raise `LoadFailed` to explain why it does not."""
        markers = self.markers(folder.url)
        return bool(markers) and markers[0] in folder.present

    async def read_folder(self, host: Host, folder: Folder, options: FolderOptions) -> list[Artifact]:
        """Return the builds in a recognised folder; raises `LoadFailed` naming what is missing."""
        raise NotImplementedError(f"engine {self.name!r} recognises folders, so it must implement read_folder")

    async def context_window(self, host: Host, artifact: Artifact) -> int | None:
        """Return the context window from a build's configuration, in tokens, or ``None``."""
        return None

    # Requirements

    def obstacle(self, artifact: Artifact, facts: DeviceFacts) -> BrowserLLMError | None:
        """Return what this engine lacks on a device, beside the features and memory that each build names.

        For WebGPU and WebAssembly it is called if the device has them; for the device ``browser`` it alone decides.
        """
        return small_buffer(artifact, facts, facts.webgpu.limits.get("maxStorageBufferBindingSize"))

    def warnings(self, artifact: Artifact, facts: DeviceFacts) -> list[tuple[str, str]]:
        """Return warnings about a build that this device can run: a code for programs and a message for people."""
        return []

    def is_here(self, artifact: Artifact, facts: DeviceFacts) -> bool:
        """Return whether a build needs no download: it ships with the site, or the browser has it."""
        return artifact.bundled

    def why_missing(self, present: Collection[str]) -> str:
        """Return the message for a page that has the engines ``present`` but not this one."""
        return f"this page does not have the engine {self.name!r}; it has: {', '.join(map(repr, present)) or 'none'}"


def small_buffer(artifact: Artifact, facts: DeviceFacts, granted: float | None) -> BrowserLLMError | None:
    """Return the error for a build whose largest buffer exceeds the ``granted`` bytes; ``None`` if it fits."""
    name, need = "maxStorageBufferBindingSize", artifact.buffer_mb
    if artifact.device != "webgpu" or need is None or granted is None or granted >= need * MIB:
        return None
    return small_limit(
        name,
        facts.webgpu.limits[name],
        f"the model needs a buffer of {mb_text(need)} and would get {mb_text(granted / MIB)}",
    )


def small_limit(name: str, value: float, need: str) -> Unavailable:
    """Return the error for a WebGPU limit that is too small; ``need`` is a clause that says what for."""
    return Unavailable(
        f"this adapter's {name} is {value:,.0f}; {need}", reason="missing_feature", data={"limit": name, "value": value}
    )
