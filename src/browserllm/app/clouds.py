"""Clouds: the cloud models that the user has set up, and their keys.

A key is in memory only, unless the user asks to keep it: then it is in the store under ``key/ID``, apart from the
cloud's own record. The state never has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from .._internal.http.secrets import Secret
from .._internal.nesting import decode_json
from ..errors import BrowserLLMError, InvalidRequest, Unavailable
from ..stores.base import KeyValueStore
from .actions import DeleteCloud, SaveCloud, TestCloud
from .app import App
from .checks import checked_id, checked_length, on_one_line
from .error_info import error_info, name_clouds
from .limits import MAX_ADDRESS_CHARS, MAX_MODEL_CHARS, MAX_NAME_CHARS
from .notices import Notices
from .state import Cloud, ErrorInfo
from .versions import check_not_newer, is_left_alone, is_newer

if TYPE_CHECKING:
    from ..backends.cloud import CloudBackend

RECORD = "cloud/"
KEY = "key/"
MAX_KEY_CHARS = 10_000

_LABELS = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "gemini": "Gemini",
    "ollama": "Ollama",
    "compatible": "OpenAI-compatible",
}


class Clouds:
    """Keeps `AppState.clouds`, and makes their backends. ``on_change`` is called after each change."""

    def __init__(self, app: App, store: KeyValueStore, notices: Notices) -> None:
        """Keep the clouds, and the keys that the user wants to keep, in ``store``."""
        self.on_change: Callable[[], None] = lambda: None
        self._app = app
        self._store = store
        self._notices = notices
        self._keys: dict[str, Secret] = {}
        app.on(SaveCloud, self._save)
        app.on(DeleteCloud, self._delete)
        app.on(TestCloud, self._test)

    async def start(self) -> None:
        """Read the clouds of earlier visits, with the keys that were kept; also what another tab has changed."""
        keys = {
            key.removeprefix(KEY): Secret(raw.decode(errors="replace")) for key, raw in await self._store.items(KEY)
        }
        clouds: dict[str, Cloud] = {}
        for key, raw in await self._store.items(RECORD):
            name = key.removeprefix(RECORD)
            if is_left_alone(key, raw, self._notices):
                continue
            try:
                checked_id(name)
                cloud = replace(decode_json(raw, Cloud), id=name)
                _backend(cloud, keys.get(name))  # one that cannot be asked must not keep the app from opening
            except (msgspec.DecodeError, RecursionError, BrowserLLMError) as error:
                self._notices.add(
                    f"cloud-{name}",
                    f"The cloud “{name}” could not be read, so set it up again: {error}",
                    code="cloud_damaged",
                    kind="warning",
                    name=name,
                    why=str(error),
                )
                continue
            if name not in keys and (before := self._app.state.value.clouds.get(name)) and before.key == "device":
                self._keys.pop(name, None)  # another tab has forgotten it
            kept = "device" if name in keys else "memory" if name in self._keys else "none"
            clouds[name] = replace(cloud, key=kept)
        # A key outlives no cloud: the next one may get its id.
        self._keys = {name: key for name, key in (self._keys | keys).items() if name in clouds}
        self._app.state.put(clouds, "clouds")
        self.on_change()

    def backend(self, cloud: Cloud) -> CloudBackend:
        """Return a backend for a cloud, called ``cloud:ID``; raises `InvalidRequest` if an argument is not valid."""
        return _backend(cloud, self._keys.get(cloud.id))

    # Actions

    async def _save(self, action: SaveCloud) -> str:
        before = self._app.state.value.clouds.get(action.id or "")
        name = checked_id(action.id) if action.id else await self._new_id(action.vendor)
        await check_not_newer(self._store, RECORD + name)
        checked_length("model", action.model, MAX_MODEL_CHARS, "name of the model")
        label = on_one_line(action.label or "") or f"{_LABELS[action.vendor]} {action.model}"[:MAX_NAME_CHARS]
        checked_length("label", label, MAX_NAME_CHARS)
        base_url = checked_length("base_url", (action.base_url or "").strip(), MAX_ADDRESS_CHARS, "address") or None
        checked_length("api_key", action.api_key or "", MAX_KEY_CHARS, "key")
        if action.vendor == "compatible" and base_url is None:
            raise InvalidRequest("a compatible server needs its address: set base_url", parameter="base_url")
        old_key = self._keys.get(name)
        key = old_key if action.api_key is None else Secret(action.api_key) if action.api_key else None
        cloud = Cloud(
            id=name,
            vendor=action.vendor,
            model=action.model,
            label=label,
            base_url=base_url,
            key="none" if key is None else "device" if action.keep_key else "memory",
            enabled=action.enabled,
        )
        if action.api_key is None and before is not None:
            cloud = replace(cloud, key=before.key)
        goes_to = _backend(cloud, key).base_url  # validates it all
        if before is not None and action.api_key is None and old_key is not None:
            went_to = _backend(before, old_key).base_url
            if urlsplit(went_to)[:2] != urlsplit(goes_to)[:2]:
                raise InvalidRequest(
                    f"the key was given for {went_to}; enter it again to send it to {goes_to}", parameter="api_key"
                )
        await self._write(cloud, key, write_key=action.api_key is not None)
        return name

    async def _write(self, cloud: Cloud, key: Secret | None, *, write_key: bool) -> None:
        await self._store.put(RECORD + cloud.id, msgspec.json.encode(replace(cloud, key="none")))
        if write_key:
            if key is not None and cloud.key == "device":
                await self._store.put(KEY + cloud.id, key.encode())
            else:
                await self._store.delete(KEY + cloud.id)
            self._keys.pop(cloud.id, None)
            if key is not None:
                self._keys[cloud.id] = key
        self._app.state.put(cloud, "clouds", cloud.id)
        self.on_change()

    async def _delete(self, action: DeleteCloud) -> None:
        self.find(action.id)
        await self._store.delete(KEY + action.id)
        await self._store.delete(RECORD + action.id)
        self._keys.pop(action.id, None)
        self._app.state.remove("clouds", action.id)
        self.on_change()

    async def _test(self, action: TestCloud) -> ErrorInfo | None:
        cloud = self.find(action.id)
        if self._app.state.value.settings.never_leave_device:
            return error_info(
                Unavailable(
                    "the settings keep everything on this device, so nothing was sent to "
                    f"“{cloud.label}”; turn off “never leave this device” to test it",
                    reason="private",
                )
            )
        backend = self.backend(cloud)
        try:
            # Many servers list no models, and a list does not show that this model answers.
            await backend.complete("Say OK.", max_tokens=16)
        except BrowserLLMError as error:
            return name_clouds(error_info(error), self._app.state.value.clouds)
        finally:
            await backend.close()
        return None

    def find(self, name: str) -> Cloud:
        """Return a cloud; raises `InvalidRequest` if no cloud has this id."""
        cloud = self._app.state.value.clouds.get(name)
        if cloud is None:
            raise InvalidRequest(f"there is no cloud {name!r}; it may have been deleted", parameter="id")
        return cloud

    async def _new_id(self, vendor: str) -> str:
        newer = {key.removeprefix(RECORD) for key, raw in await self._store.items(RECORD) if is_newer(raw)}
        taken = newer | self._app.state.value.clouds.keys()
        return next(name for number in range(1, len(taken) + 2) if (name := f"{vendor}-{number}") not in taken)


def _backend(cloud: Cloud, key: Secret | None) -> CloudBackend:
    # Imported late: most visits ask no cloud.
    from ..backends.cloud import Anthropic, Gemini, Ollama, OpenAI

    options: dict[str, Any] = {"api_key": key, "base_url": cloud.base_url, "name": f"cloud:{cloud.id}"}
    if cloud.vendor == "anthropic":
        return Anthropic(cloud.model, **options)
    if cloud.vendor == "gemini":
        return Gemini(cloud.model, **options)
    if cloud.vendor == "ollama":
        return Ollama(cloud.model, **options)
    if cloud.vendor == "openai":
        return OpenAI(cloud.model, **options)
    return OpenAI(cloud.model, preset=_preset_of(cloud.base_url or ""), **options)


def _preset_of(base_url: str) -> Any:
    """Return the preset of a compatible server by its address; an unknown one is used like llama.cpp's."""
    from ..backends.cloud.presets import PRESETS

    try:
        address = urlsplit(base_url)
        host, port = address.hostname or "", address.port
    except ValueError:  # no address: the backend says so
        return "llamacpp"
    for name, preset in PRESETS.items():
        known = urlsplit(preset.base_url)
        if known.hostname == host and (host != "127.0.0.1" or known.port == port):
            return name
    return "llamacpp"
