"""Engine: what Python knows of an inference runtime of the page. To add one, write one of these and register it.

The page's half loads a model and runs it (``web/src/engine/NAME/``). This half knows the engine's models: which files a
build has and where they are kept, what a device must offer, how a folder of the user's is recognised. Nothing else in
the package knows engines by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Literal, NamedTuple

from ...errors import BrowserLLMError, Unavailable
from ...page.device import DeviceFacts
from ...page.host import Host
from ..catalog.card import Artifact, Device
from ..machine import MIB, mb_text
from .files import FileList

Capability = Literal["chat", "embed", "images", "logprobs", "structured_output", "json_schema"]
"""What the page's half can do with a model that is made for it, as its ``hello`` says."""


class Folder(NamedTuple):
    """A folder that may hold a model: its address, which ends in a slash, and what is known of its files.

    ``names`` are all its files where they can be listed, else ``None``. ``present`` are those of the engines'
    `Engine.markers` that are there.
    """

    url: str
    name: str
    names: Collection[str] | None
    present: Collection[str]


class FolderOptions(NamedTuple):
    """What the user said of a folder: the model's id, and where it matters its library and its precision."""

    model: str
    library: str | None = None
    dtype: str | None = None


class Engine(ABC):
    """One engine: class attributes say what it is, methods answer questions about its models.

    Only ``name``, ``devices`` and `list_files` are needed; `register` takes an instance. The ``name`` is the one that
    the page's ``hello`` and `Artifact.engine` have. Whether a page has the engine is the page's to say.
    """

    name: str
    devices: tuple[Device, ...]
    """The devices that it runs on, the preferred one first."""

    capabilities: tuple[Capability, ...] = ("chat",)
    """What its half in the page can do; a `ScriptedHost` says the same."""

    caches: tuple[str, ...] = ()
    """The browser's caches that it reads files from; empty for one that keeps no files."""

    dtypes: tuple[str, ...] = ()
    """The precisions that a build may name in `Artifact.dtype`."""

    keeps_files: bool = True
    """Whether its models are files that this package downloads, stores and deletes. A browser keeps its own."""

    in_every_page: bool = True
    """Whether every page of ours has it; false where the browser must bring it."""

    reads_thinking_switch: bool = True
    """Whether ``enable_thinking`` reaches the chat template of a model that no card describes."""

    # Files

    @abstractmethod
    async def list_files(self, host: Host, artifact: Artifact, *, refresh: bool = False) -> FileList:
        """Read a build's manifest through the page; return its files with their caches, sizes and hashes.

        What the page keeps of the manifest is used, unless ``refresh`` asks the server for it anew. Addresses are
        absolute, as the page reports them everywhere else. A size that no manifest and no server tells is that of the
        stored file, where there is one: what is complete on the device can be listed without a network.

        Raises `LoadFailed` when the manifest is not valid or a file is missing, and what the page reports when the
        manifest does not come. `files.py` has the helpers.
        """

    def is_own_file(self, artifact: Artifact, url: str) -> bool | None:
        """Say whether a file in a build's folder is of this build alone (true), of another (false), or of all (None).

        Several builds of a model may share a folder, and then the names of their weights tell them apart.
        """
        return None

    def cache_of(self, name: str, names: Collection[str]) -> str | None:
        """Return the cache that the page puts a file into when the user picks a folder with ``names``.

        ``None`` for a file, or a folder, that the engine does not read.
        """
        return None

    # A folder of the user's

    def markers(self, folder: str) -> tuple[str, ...]:
        """Return the addresses by which a folder shows that it is for this engine, the required one first."""
        return ()

    def recognises(self, folder: Folder) -> bool:
        """Say whether a folder holds a model for this engine; may raise `LoadFailed` to say what keeps it from that."""
        markers = self.markers(folder.url)
        return bool(markers) and markers[0] in folder.present

    async def read_folder(self, host: Host, folder: Folder, options: FolderOptions) -> list[Artifact]:
        """Return the builds in a folder that it recognises; raises `LoadFailed` naming what is missing."""
        raise NotImplementedError(f"engine {self.name!r} recognises a folder and must read it")

    async def context_window(self, host: Host, artifact: Artifact) -> int | None:
        """Return the context window that a build's configuration tells, in tokens."""
        return None

    # What a device must offer

    def obstacle(self, artifact: Artifact, facts: DeviceFacts) -> BrowserLLMError | None:
        """Return what this engine misses on a device, beside the features and the memory that every build names.

        On WebGPU and WebAssembly it is asked where the device has that; on the device ``browser`` it alone judges.
        """
        return small_buffer(artifact, facts, facts.webgpu.limits.get("maxStorageBufferBindingSize"))

    def warnings(self, artifact: Artifact, facts: DeviceFacts) -> list[tuple[str, str]]:
        """Return what to mind about a build that this device can run: a code for programs and a sentence for people."""
        return []

    def is_here(self, artifact: Artifact, facts: DeviceFacts) -> bool:
        """Say whether nothing has to be fetched for a build: it came with the site, or the browser has it."""
        return artifact.bundled

    def why_missing(self, present: Collection[str]) -> str:
        """Say why a page whose engines are ``present`` does not have this one."""
        return f"the page has no engine {self.name!r}, only {', '.join(map(repr, present)) or 'none'}"


def small_buffer(artifact: Artifact, facts: DeviceFacts, granted: float | None) -> BrowserLLMError | None:
    """Return why a build's largest buffer does not fit into the ``granted`` bytes; ``None`` where it does."""
    name, need = "maxStorageBufferBindingSize", artifact.buffer_mb
    if artifact.device != "webgpu" or need is None or granted is None or granted >= need * MIB:
        return None
    return small_limit(
        name,
        facts.webgpu.limits[name],
        f"the model needs a buffer of {mb_text(need)} and would get {mb_text(granted / MIB)}",
    )


def small_limit(name: str, value: float, need: str) -> Unavailable:
    """Return the error for a limit of a WebGPU adapter that is too small; ``need`` is a clause that says for what."""
    return Unavailable(
        f"this adapter's {name} is {value:,.0f}; {need}", reason="missing_feature", data={"limit": name, "value": value}
    )
