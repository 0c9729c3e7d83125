"""Images and sounds: their media type, and the form in which backends send them.

All backends use this module, so that a part means the same on the device and in every cloud. The bytes decide the media
type, not the declared type: file names and browsers are often wrong, and vendors refuse a type that does not match.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from ..errors import InvalidRequest
from ..types import AudioPart, ImagePart

IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")
"""The image types that every browser decodes and every cloud accepts."""

SOUND_FORMATS = {"wav": "audio/wav", "mp3": "audio/mp3"}
"""The sounds that OpenAI's API accepts, by its format names: https://developers.openai.com/api/reference."""

_NAMES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/jfif": "image/jpeg",
    "image/x-png": "image/png",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-mp3": "audio/mp3",
    "audio/mpeg3": "audio/mp3",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-flac": "audio/flac",
    "audio/x-aiff": "audio/aiff",
    "audio/x-aac": "audio/aac",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "application/ogg": "audio/ogg",
}
"""Aliases of media types, with the names that backends use."""

_UNKNOWN = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Declared types that mean "unknown"."""

_STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"ID3": "audio/mp3",
    b"\xff\xfb": "audio/mp3",
    b"\xff\xfa": "audio/mp3",
    b"\xff\xf3": "audio/mp3",
    b"\xff\xf2": "audio/mp3",
    b"\xff\xf1": "audio/aac",
    b"\xff\xf9": "audio/aac",
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
    b"\x1aE\xdf\xa3": "audio/webm",
}
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_FORM = {b"AIFF": "audio/aiff", b"AIFC": "audio/aiff"}
_FTYP = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"M4A ": "audio/mp4",
}

_CONTAINED: dict[str, frozenset[str]] = {
    "audio/mp3": frozenset({"audio/mpeg", "audio/mpga"}),
    "audio/ogg": frozenset({"audio/opus", "audio/vorbis", "audio/speex", "audio/flac"}),
    "audio/mp4": frozenset({"audio/aac", "audio/alac"}),
    "audio/webm": frozenset({"audio/opus", "audio/vorbis"}),
    "audio/wav": frozenset({"audio/pcm"}),
}
"""Declared types to keep for a detected file type: an alias of it, or the codec inside the container."""


class Media(NamedTuple):
    """The bytes of an image or a sound, as base64."""

    media_type: str
    base64: str

    @property
    def url(self) -> str:
        """The data URL."""
        return f"data:{self.media_type};base64,{self.base64}"


def media_of(part: ImagePart | AudioPart, where: str, types: Collection[str] | None = None) -> Media | str:
    """Return the bytes of an image or a sound, or its http(s) URL.

    ``where`` names the part in errors (``messages[0].content[1]``). ``types`` are the media types whose bytes may be
    sent; ``None`` leaves that to the vendor. Raises `InvalidRequest` if the part has neither data nor URL, or both, if
    its URL has another scheme, or if the media type of its bytes is unknown or not one of ``types``.
    """
    if part.data is not None:
        if part.url is not None:
            raise _invalid(part, where, f"has both data= and url={_short(part.url)!r}; give one of them")
        return Media(_checked_type(part, part.media_type, part.data, where, types), b64encode(part.data).decode())
    if not part.url:
        raise _invalid(part, where, f"has url={part.url!r} and no data; give one of them")
    if re.match(r"https?://[^/?#]", part.url):
        return part.url
    inline = re.match(r"data:([^,]*),", part.url)
    if inline is None:
        raise _invalid(
            part,
            where,
            f"has url={_short(part.url)!r}, which is not valid; use http://, https:// or data:TYPE;base64,...; "
            "a file's bytes go into data=",
        )
    said, *flags = [each.strip().lower() for each in inline[1].split(";")]
    body = part.url[inline.end() :]
    if "base64" in flags:
        # Backends accept the standard base64 alphabet only, without percent escapes.
        body = (unquote_to_bytes(body).decode("latin-1") if "%" in body else body).replace("-", "+").replace("_", "/")
        try:
            data = b64decode(body, validate=True)
        except (NotBase64, ValueError) as error:
            raise _invalid(part, where, f"has url={_short(part.url)!r}, which is not base64: {error}") from error
    else:
        data = unquote_to_bytes(body)
        body = b64encode(data).decode()
    return Media(_checked_type(part, part.media_type or said, data, where, types), body)


def named_type(said: str | None) -> str:
    """Return a media type by the name that backends use, without parameters; an empty text if it is unknown."""
    name = (said or "").partition(";")[0].strip().lower()
    return _NAMES.get(name, "" if name in _UNKNOWN else name)


def sniffed_type(data: bytes) -> str | None:
    """Return the media type of an image or a sound, detected from its first bytes, or ``None``."""
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[:4] == b"FORM":
        return _FORM.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _FTYP.get(data[8:12])
    return next((media_type for start, media_type in _STARTS.items() if data.startswith(start)), None)


def true_type(said: str | None, data: bytes) -> str:
    """Return the media type of bytes with a declared type: the bytes decide; an empty text if it is unknown."""
    found, name = sniffed_type(data), named_type(said)
    if found is None:
        return name
    kind = found.partition("/")[0]
    if name and (name.partition("/")[0] != kind or name in _CONTAINED.get(found, ())):
        return name  # a codec within a container, or another type that starts with the same bytes
    return found


def sound_format(media_type: str) -> str | None:
    """Return OpenAI's name for a sound's format, or ``None`` if its API does not accept it."""
    if media_type == "audio/mpeg":
        media_type = "audio/mp3"
    return next((name for name, each in SOUND_FORMATS.items() if each == media_type), None)


def _checked_type(
    part: ImagePart | AudioPart, said: str | None, data: bytes, where: str, types: Collection[str] | None
) -> str:
    """Return the media type to send the bytes with."""
    if not data:
        raise _invalid(part, where, "has no bytes; pass the bytes of the file")
    media_type = true_type(said, data)
    kind, usual = ("audio", SOUND_FORMATS.values()) if isinstance(part, AudioPart) else ("image", IMAGE_TYPES)
    if not media_type:
        raise _invalid(
            part, where, f"has data that begins with {data[:8]!r}, which is not a known {kind}; pass its media_type"
        )
    if not media_type.startswith(f"{kind}/") or (types is not None and media_type not in types):
        raise _invalid(part, where, f"has media_type={media_type!r}, which is not valid; use one of {', '.join(usual)}")
    return media_type


def _invalid(part: ImagePart | AudioPart, where: str, message: str) -> InvalidRequest:
    what = "sound" if isinstance(part, AudioPart) else "image"
    return InvalidRequest(f"{where}: the {what} {message}", parameter=where)


def _short(url: str, limit: int = 60) -> str:
    return url if len(url) <= limit else url[: limit - 1] + "…"
