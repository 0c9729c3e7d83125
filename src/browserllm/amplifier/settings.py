"""The provider's settings: the ``config`` of the module in a mount plan, read and checked."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast, get_args

import msgspec

from ..backends.base import Backend
from ..types import ThinkingEffort
from .kernel import ConfigurationError

OpenBackend = Callable[..., Any]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the provider answers.

    ``backend`` answers instead of a model on this device: a `Backend`, or a function that opens one (an async context
    manager). ``model`` is the model for requests that name none. ``fallback`` names what is asked next, in this order,
    when the model cannot answer: models on this device, or ``vendor:model`` for a cloud. ``engine``, ``device`` and
    ``download`` are those of `LocalBackend`. ``private`` keeps every request on the device. The sampling options,
    ``thinking`` and ``timeout`` (seconds) apply where a request sets none. With ``use_streaming=False`` no
    ``llm:stream_*`` events are emitted; with ``raw`` the ``llm:*`` events contain the whole request and response.
    """

    backend: Backend | OpenBackend | None = None
    model: str | None = None
    fallback: tuple[str, ...] = ()
    engine: str | None = None
    device: str | None = None
    download: bool = True
    private: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    seed: int | None = None
    thinking: bool | ThinkingEffort | None = None
    timeout: float | None = None
    use_streaming: bool = True
    raw: bool = False


_SYNONYMS = {"default_model": "model", "max_output_tokens": "max_tokens", "reasoning_effort": "thinking"}
# Read by Amplifier's applications and orchestrators, not by providers.
_OF_OTHERS = frozenset({"priority", "debug", "raw_debug", "instance_id", "name", "source"})
_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def read_settings(config: Mapping[str, Any] | None) -> Settings:
    """Read a module's ``config``. Texts such as ``"true"`` and ``"0.7"`` are fine, since setup dialogs save those.

    Raises `ConfigurationError` for an unknown name and for a value of the wrong type.
    """
    if config is not None and not isinstance(config, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _wrong("config", config, "use a mapping of settings, as in {'model': 'pocket'}")
    values: dict[str, Any] = {}
    for given, value in (config or {}).items():
        name = _SYNONYMS.get(given, given)
        if given in _OF_OTHERS or value is None:
            continue
        if name not in Settings.__struct_fields__:
            near = difflib.get_close_matches(str(name), Settings.__struct_fields__, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from: {', '.join(Settings.__struct_fields__)}"
            raise _error(f"unknown setting {given!r} of provider-browserllm; {hint}")
        values[name] = _READ[name](given, value)
    settings = Settings(**values)
    if settings.backend is not None:
        for name in ("fallback", "engine", "device"):
            if getattr(settings, name):
                raise _error(f"{name}={getattr(settings, name)!r} has no effect with 'backend'; leave out one of them")
    return settings


def _backend(name: str, value: Any) -> Backend | OpenBackend:
    if isinstance(value, Backend) or (callable(value) and not hasattr(value, "share_folder")):
        return value
    raise _wrong(
        name, value, "pass a Backend, as in LocalBackend(host) or Router([...]); in a file of settings use 'model'"
    )


def _text(name: str, value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise _wrong(name, value, "write a text, as in 'pocket'")


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [each for each in value.split(",") if each.strip()]
    if not isinstance(value, Sequence):
        raise _wrong(name, value, "write a list of models, as in ['pocket', 'openai:gpt-5-mini']")
    return tuple(_text(name, each) for each in cast("Sequence[Any]", value))


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    if isinstance(value, bool):
        return value
    raise _wrong(name, value, "write true or false")


def _number(name: str, value: Any) -> float:
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _wrong(name, value, "write a number")
    return number


def _integer(name: str, value: Any) -> int:
    number = _number(name, value)
    if not number.is_integer():
        raise _wrong(name, value, "write a whole number")
    return int(number)


def _thinking(name: str, value: Any) -> bool | ThinkingEffort:
    if value in get_args(ThinkingEffort):
        return cast("Literal['low', 'medium', 'high']", value)
    if value in ("none", "minimal", "xhigh"):
        return thinking_of(value)
    try:
        return _flag(name, value)
    except ConfigurationError:
        raise _wrong(name, value, "write true, false, 'low', 'medium' or 'high'") from None


def thinking_of(effort: str) -> bool | ThinkingEffort:
    """Return a ``reasoning_effort`` as `ChatRequest.thinking`; an unknown one counts as "medium"."""
    known: dict[str, bool | ThinkingEffort] = {
        "none": False,
        "minimal": "low",
        "low": "low",
        "high": "high",
        "xhigh": "high",
        "max": "high",
    }
    return known.get(effort, "medium")


_READ: dict[str, Callable[[str, Any], Any]] = {
    "backend": _backend,
    "model": _text,
    "fallback": _texts,
    "engine": _text,
    "device": _text,
    "download": _flag,
    "private": _flag,
    "temperature": _number,
    "top_p": _number,
    "top_k": _integer,
    "max_tokens": _integer,
    "seed": _integer,
    "thinking": _thinking,
    "timeout": _number,
    "use_streaming": _flag,
    "raw": _flag,
}


def _wrong(name: str, value: Any, write: str) -> ConfigurationError:
    return _error(f"{name}={value!r} is not valid for provider-browserllm; {write}")


def _error(message: str) -> ConfigurationError:
    return ConfigurationError(message, provider="browserllm")
