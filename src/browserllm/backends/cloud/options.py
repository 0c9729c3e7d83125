"""The arguments of cloud backends: masked first, so that no traceback shows a key, and then checked by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict, cast

import msgspec

from ..._internal.clock import AnyClock
from ..._internal.http.address import check_base_url
from ..._internal.http.client import HttpClient, Timeouts
from ..._internal.http.secrets import (
    HiddenFields,
    Secret,
    WrongType,
    bare,
    hidden_fields,
    hidden_headers,
    hidden_key,
    hidden_url,
)
from ...errors import InvalidRequest
from .addresses import BaseUrl
from .prices import Price


class CloudOptions(TypedDict, total=False):
    """The arguments of `CloudBackend`, besides the model."""

    api_key: str | None
    base_url: str | None
    name: str | None
    headers: Mapping[str, str] | None
    extra_body: Mapping[str, Any] | None
    timeouts: Timeouts
    client: HttpClient | None
    prices: Mapping[str, Price] | None
    leaves_device: bool
    allow_http: bool
    clock: AnyClock | None


def hidden_options(options: CloudOptions) -> CloudOptions:
    """Return the options with possible keys masked, for a constructor that holds them in one local variable."""
    # An unknown option may be a key with a misspelled name.
    known = CloudOptions.__annotations__
    hidden: dict[str, Any] = {name: value if name in known else WrongType(value) for name, value in options.items()}
    for name, hide in (
        ("api_key", hidden_key),
        ("headers", hidden_headers),
        ("extra_body", hidden_fields),
        ("base_url", hidden_url),
    ):
        if name in hidden:
            hidden[name] = hide(hidden[name])
    return cast("CloudOptions", hidden)


class Credentials(NamedTuple):
    """The key and the headers to send with every request; headers may contain keys, too."""

    key: Secret | None
    headers: dict[str, Secret]


class SecretArguments(NamedTuple):
    """The arguments that may contain a key, masked by `hidden_key` and the like, so that no traceback shows them."""

    key: Secret | None
    headers: dict[str, Secret]
    fields: HiddenFields
    url: str | None

    def credentials(self) -> Credentials:
        """Return the key and the headers. Raises `InvalidRequest` for a value that cannot be sent in a header."""
        return Credentials(
            None if self.key is None else checked_key(self.key, "api_key"),
            {name: checked_key(value, f"headers[{name!r}]") for name, value in self.headers.items()},
        )

    def check(self) -> None:
        """Raise `InvalidRequest` for a wrong type (showing only its name) and for fields that are not JSON."""
        wants = {
            "api_key": (str, "a str"),
            "headers": (dict, "a mapping of names to texts"),
            "extra_body": (dict, "a mapping"),
            "base_url": (str, "a str"),
        }
        given = (self.key, self.headers, self.fields, self.url)
        for (name, (kind, wanted)), value in zip(wants.items(), cast("tuple[object, ...]", given), strict=True):
            if value is not None and not isinstance(value, kind):
                raise InvalidRequest(f"{name} is of type {_type_of(value)}; use {wanted}", parameter=name)
        for name, value in cast("dict[object, object]", self.headers).items():
            if not isinstance(name, str):
                raise InvalidRequest(f"a name of headers is of type {_type_of(name)}; use a str", parameter="headers")
            if not isinstance(value, str):
                raise InvalidRequest(f"headers[{name!r}] is of type {_type_of(value)}; use a str", parameter="headers")
        fault = ""
        try:
            msgspec.json.encode(self.fields)
        except (TypeError, ValueError, RecursionError) as error:
            fault = f"extra_body cannot be written as JSON: {type(error).__name__ if _quotes(error) else error}"
        if fault:
            raise InvalidRequest(fault, parameter="extra_body")


def check_timeouts(timeouts: Any) -> None:
    """Raise `InvalidRequest` unless these are `Timeouts` above 0."""
    if not isinstance(timeouts, Timeouts):
        raise InvalidRequest(f"timeouts is of type {type(timeouts).__name__}; use Timeouts(...)", parameter="timeouts")
    for limit_s in cast("tuple[Any, ...]", (timeouts.connect_s, timeouts.silence_s)):
        if limit_s is not None and not (isinstance(limit_s, (int, float)) and limit_s > 0):
            raise InvalidRequest(
                f"timeouts={timeouts!r} is not valid: use seconds above 0, or None for no limit", parameter="timeouts"
            )


def checked_url(base_url: BaseUrl, *, allow_http: bool, name: str = "base_url") -> BaseUrl:
    """Return a checked base URL. An error carries no frame with the URL's parts, because one may be a key.

    ``name`` is the URL's name in errors: the argument, or the environment variable.
    """
    try:
        return BaseUrl(check_base_url(base_url.url, allow_http=allow_http, name=name), base_url.query)
    except InvalidRequest as error:
        refusal = bare(error)
    raise refusal


def checked_key(secret: Secret, what: str) -> Secret:
    """Return a stripped key or header value. The error for one that no header can carry does not show it."""
    secret = Secret(secret.strip())
    if not secret or not secret.isascii() or not secret.isprintable():
        raise InvalidRequest(
            f"{what} is empty or contains characters that cannot be sent in a header; copy it again", parameter=what
        )
    return secret


def _type_of(value: object) -> str:
    return value.type if isinstance(value, WrongType) else type(value).__name__


def _quotes(error: Exception) -> bool:
    """Return whether an error's message quotes the text that it is about."""
    return isinstance(error, UnicodeError)
