"""What every wire format says in its own words: media, and the shape of the answer."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import Any, NamedTuple, cast
from urllib.parse import unquote_to_bytes

from ...errors import InvalidRequest
from ...types import AudioPart, ChatRequest, ImagePart
from ..media import true_type

_DATA_URL = re.compile(r"data:([^,]*),(.*)", re.DOTALL)


class Media(NamedTuple):
    """An image or a sound by value."""

    media_type: str
    base64: str

    @property
    def url(self) -> str:
        """As a data URL."""
        return f"data:{self.media_type};base64,{self.base64}"


def media_of(part: ImagePart | AudioPart) -> Media | str:
    """Return an image or a sound by value, or the http(s) address where it lies.

    Raises `InvalidRequest` when the part holds neither, both, or something of an unknown type.
    """
    what = "image" if isinstance(part, ImagePart) else "sound"
    if (part.url is None) == (part.data is None):
        raise InvalidRequest(f"an {what} part needs either a url or data, and not both", parameter="messages")
    if part.data is not None:
        media_type = true_type(part.media_type, part.data)
        if media_type is None:
            raise InvalidRequest(
                f"an {what} part has data of an unknown type (it begins with {part.data[:8]!r}); say its media_type",
                parameter="messages",
            )
        return Media(media_type, b64encode(part.data).decode())
    url = part.url or ""
    if url.startswith(("https://", "http://")):
        return url
    found = _DATA_URL.fullmatch(url)
    if found is None:
        raise InvalidRequest(
            f"an {what} part has the url {url[:60]!r}; use one that begins with https:, http: or data:",
            parameter="messages",
        )
    head, body = found.groups()
    media_type, *flags = head.split(";")
    if "base64" not in flags:
        body = b64encode(unquote_to_bytes(body)).decode()
    return Media(true_type(part.media_type or media_type, _begins(body)) or "text/plain", body)


def _begins(body: str) -> bytes:
    """Return the first bytes of base64, as far as it is some."""
    try:
        return b64decode(body[:64].replace("-", "+").replace("_", "/") + "==")
    except ValueError:
        return b""


class JsonFormat(NamedTuple):
    """The answer is to be JSON; of a ``schema``, when there is one."""

    schema: dict[str, Any] | None = None
    name: str = "answer"
    strict: bool | None = None


def json_format_of(request: ChatRequest) -> JsonFormat | None:
    """Return what ``response_format`` says; ``None`` is text. Raises `InvalidRequest` when it says nothing known."""
    given = request.response_format
    if given is None or given.get("type") == "text":
        return None
    if given.get("type") == "json_object":
        return JsonFormat()
    spec = given.get("json_schema")
    if given.get("type") == "json_schema" and isinstance(spec, dict):
        fields = cast("dict[str, Any]", spec)
        schema, name, strict = fields.get("schema"), fields.get("name", "answer"), fields.get("strict")
        if isinstance(schema, dict) and isinstance(name, str) and (strict is None or isinstance(strict, bool)):
            return JsonFormat(cast("dict[str, Any]", schema), name, strict)
    raise InvalidRequest(
        f"response_format={given!r} is not valid; use {{'type': 'text'}}, {{'type': 'json_object'}} or "
        "{'type': 'json_schema', 'json_schema': {'name': ..., 'schema': {...}}}",
        parameter="response_format",
    )
