"""SettingsRoom: the user's settings and presets, validated and kept on the device."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec.structs import replace

from .._internal.nesting import decode_json
from ..errors import BrowserLLMError, InvalidRequest
from ..stores.base import KeyValueStore
from .actions import DeletePreset, SavePreset, UpdateSettings
from .app import App
from .blank import is_blank
from .chat_settings import check_settings
from .checks import checked_length, is_id
from .limits import MAX_MODEL_CHARS, MAX_NAME_CHARS
from .notices import Notices
from .state import Preset, Settings
from .versions import is_left_alone

KEY = "settings"
DAMAGED_KEY = "settings.damaged"
MAX_PRESETS = 100
MAX_KEEP_ALIVE_S = 2_000_000
"""23 days: a page's timers cannot wait longer."""


class SettingsRoom:
    """Keeps `AppState.settings` under the key ``settings`` of a store, in camel case.

    A change writes the fields that it names over what the store has, so that two tabs do not undo each other's changes.
    """

    def __init__(
        self, app: App, store: KeyValueStore, notices: Notices, *, find_model: Callable[[str], object] | None = None
    ) -> None:
        """Keep the settings in ``store``. ``find_model`` raises for a model that the user cannot choose."""
        self._find_model = find_model
        self._app = app
        self._store = store
        self._notices = notices
        app.on(UpdateSettings, lambda action: self.update(action.changes))
        app.on(SavePreset, self._save_preset)
        app.on(DeletePreset, self._delete_preset)

    async def start(self) -> None:
        """Read the settings. What is damaged becomes its default, with a notice, and is kept beside the settings."""
        raw = await self._store.get(KEY)
        if raw is None:
            return
        settings, wrong = _read(raw)
        if not is_left_alone(KEY, raw, self._notices) and wrong:
            await self._store.put(DAMAGED_KEY, raw)
            await self._store.put(KEY, msgspec.json.encode(settings))
            self._notices.add(
                "settings-damaged",
                f"Some settings could not be read and are back to their defaults: {', '.join(wrong)}.",
                code="settings_damaged",
                kind="warning",
                names=wrong,
            )
        self._app.state.put(settings, "settings")

    async def reload(self) -> None:
        """Take over what another tab has saved."""
        raw = await self._store.get(KEY)
        if raw is not None:
            self._app.state.put(_read(raw)[0], "settings")

    async def update(self, changes: dict[str, Any]) -> None:
        """Change settings, by their names in camel case. If one is wrong, nothing changes (`InvalidRequest`)."""
        current = self._app.state.value.settings
        model = _changed(current, changes).model  # before the store is asked
        if "model" in changes and model is not None and self._find_model is not None:
            self._check_model(model, self._find_model)
        while True:
            raw = await self._store.get(KEY)
            stored = current if raw is None else _read(raw)[0]
            new = _changed(stored, changes)
            # What this version does not know is that of a later one, and stays.
            known = {} if raw is None else _fields(raw) or {}
            others = {name: value for name, value in known.items() if name not in changes}
            encoded = msgspec.json.encode({**msgspec.to_builtins(new), **others})
            if encoded == raw or await self._store.swap(KEY, raw, encoded):
                break
        self._app.state.put(new, "settings")

    def _check_model(self, model: str, find_model: Callable[[str], object]) -> None:
        """Raise `InvalidRequest` for a model that does not exist. One that was kept may be gone: it is not asked."""
        try:
            find_model(model)
        except BrowserLLMError as error:
            raise InvalidRequest(f"the setting model={model!r} is not valid: {error}", parameter="model") from None

    async def _save_preset(self, action: SavePreset) -> None:
        presets = self._app.state.value.settings.presets
        known = any(preset.id == action.preset.id for preset in presets)
        new = tuple(action.preset if preset.id == action.preset.id else preset for preset in presets)
        await self._put_presets(new if known else (*new, action.preset))

    async def _delete_preset(self, action: DeletePreset) -> None:
        presets = self._app.state.value.settings.presets
        if not any(preset.id == action.id for preset in presets):
            raise InvalidRequest(f"there is no preset {action.id!r}", parameter="id")
        await self._put_presets(tuple(preset for preset in presets if preset.id != action.id))

    async def _put_presets(self, presets: tuple[Preset, ...]) -> None:
        await self.update({"presets": msgspec.to_builtins(presets)})


def _changed(settings: Settings, changes: dict[str, Any]) -> Settings:
    """Return the settings with changes, or raise `InvalidRequest` that names the setting that is wrong."""
    fields: dict[str, Any] = {}
    for name, value in changes.items():
        fields[_field(name)] = _value(name, value)
    new = replace(settings, **fields)
    _check(new)
    return new


def _field(name: str) -> str:
    names = dict(zip(Settings.__struct_encode_fields__, Settings.__struct_fields__, strict=True))
    if name not in names:
        raise InvalidRequest(f"there is no setting {name!r}. Choose from: {', '.join(names)}.", parameter=name)
    return names[name]


def _value(name: str, value: Any) -> Any:
    try:
        return getattr(msgspec.convert({name: value}, Settings), _field(name))
    except (msgspec.ValidationError, RecursionError) as error:
        choices = [repr(choice) for choice in _choices(name)]
        why = f"; choose from: {', '.join(choices)}" if choices else f": {str(error).partition(' - at')[0]}"
        raise InvalidRequest(f"the setting {name}={repr(value)[:80]} is not valid{why}", parameter=name) from None


def _choices(name: str) -> tuple[str, ...]:
    """Return the values of a setting that has only some."""
    kind = next(field.type for field in msgspec.structs.fields(Settings) if field.encode_name == name)
    return get_args(kind) if get_origin(kind) is Literal else ()


def _check(settings: Settings) -> None:
    """Check what types alone do not."""
    for name, limit in (("keepAliveS", settings.keep_alive_s), ("freeHiddenS", settings.free_hidden_s)):
        if limit is not None and not 0 < limit <= MAX_KEEP_ALIVE_S:
            advice = f"use seconds above 0, up to {MAX_KEEP_ALIVE_S}, or null to keep models in memory"
            raise _wrong(name, limit, advice)
    budget = settings.storage_budget_bytes
    if budget is not None and not 0 < budget < math.inf:
        raise _wrong("storageBudgetBytes", budget, "use bytes above 0, or null for no limit of your own")
    checked_length("model", settings.model or "", MAX_MODEL_CHARS, "name of the model")
    if settings.model == "":
        raise _wrong("model", settings.model, "use a model's id, 'cloud:' and a cloud's id, or null")
    _check_nested("defaults", settings.defaults)
    ids = [preset.id for preset in settings.presets]
    if len(ids) > MAX_PRESETS:
        raise InvalidRequest(f"there are {len(ids)} presets, over the limit of {MAX_PRESETS}", parameter="presets")
    for preset in settings.presets:
        if not is_id(preset.id):
            raise _wrong("presets", preset.id[:80], "the id of a preset is 1 to 48 letters, digits, '_' and '-'")
        if is_blank(preset.name) or len(preset.name) > MAX_NAME_CHARS:
            advice = f"the name of a preset has 1 to {MAX_NAME_CHARS} characters that can be seen"
            raise _wrong("presets", preset.name[:80], advice)
        if ids.count(preset.id) > 1:
            raise _wrong("presets", preset.id, "two presets have this id")
        _check_nested("presets", preset.settings)


def _check_nested(name: str, settings: Any) -> None:
    try:
        check_settings(settings)
    except BrowserLLMError as error:
        raise InvalidRequest(f"the setting {name} is not valid: {error}", parameter=name) from None


def _wrong(name: str, value: Any, advice: str) -> InvalidRequest:
    return InvalidRequest(f"the setting {name}={value!r} is not valid; {advice}", parameter=name)


def _fields(raw: bytes) -> dict[str, Any] | None:
    """Return the fields of a record, or ``None`` if it is damaged."""
    try:
        return decode_json(raw, dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None


def _read(raw: bytes) -> tuple[Settings, list[str]]:
    """Return the settings of a record, and the names of those that could not be read."""
    found = _fields(raw)
    if found is None:
        return Settings(), ["all of them"]
    settings = Settings()
    wrong: list[str] = []
    for name, value in found.items():
        if name not in Settings.__struct_encode_fields__:
            continue  # of another release
        try:
            settings = _changed(settings, {name: value})
        except InvalidRequest:
            wrong.append(name)
    return settings, wrong
