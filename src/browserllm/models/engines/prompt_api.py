"""The browser's own model (Prompt API, ``LanguageModel``): the browser downloads, keeps and runs it."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import BrowserLLMError, Unavailable
from ...page.device import DeviceFacts
from ...page.host import HonouredOptions, Host
from ..catalog.card import Artifact, Device
from ..machine import metered
from .engine import Capability, Engine
from .files import FileList

OPTIONS: HonouredOptions = dict.fromkeys(("max_tokens", "temperature", "top_k", "stop", "response_format"), True)


class PromptApi(Engine):
    """The engine ``prompt-api``. A page has it if its window has ``LanguageModel``, as in some versions of Chrome.

    What ``LanguageModel.availability()`` says is in `DeviceFacts.engines`: ``unavailable``, ``downloadable``,
    ``downloading`` or ``available``.
    """

    name = "prompt-api"
    label = "The browser's own model"
    devices: tuple[Device, ...] = ("browser",)
    capabilities: tuple[Capability, ...] = ("chat", "json_schema")
    options = OPTIONS
    keeps_files = False
    in_every_page = False

    async def list_files(self, host: Host, artifact: Artifact, *, refresh: bool = False) -> FileList:
        """Return no files: the browser keeps the model's files to itself."""
        return FileList([], artifact.url)

    def obstacle(self, artifact: Artifact, facts: DeviceFacts) -> BrowserLLMError | None:
        """Return an error if the browser says that its model is not available on this device."""
        if facts.engines.get(self.name) != "unavailable":
            return None
        return Unavailable(
            "the browser's own model is not available here: LanguageModel.availability() says 'unavailable', because "
            "this browser comes without a model or this device does not suit it; choose another model",
            reason="missing_feature",
        )

    def warnings(self, artifact: Artifact, facts: DeviceFacts) -> list[tuple[str, str]]:
        """Warn if the browser must still download its model; it does not report the size."""
        if self.is_here(artifact, facts):
            return []
        why = metered(facts)
        text = (
            "the browser downloads its model on the first load, usually several gigabytes; it does not report the size"
        )
        return [("browser_downloads", f"{text}, and {why}" if why else text)]

    def is_here(self, artifact: Artifact, facts: DeviceFacts) -> bool:
        """Return whether the browser has downloaded its model."""
        return facts.engines.get(self.name) == "available"

    def why_missing(self, present: Collection[str]) -> str:
        """Return the message for a browser without a model of its own."""
        return (
            "this browser offers no model of its own: its window has no LanguageModel (Prompt API). "
            "Use a desktop Chrome or Edge that has it, over https or on localhost, or choose another model"
        )
