"""The images of a chat, checked at the door: each becomes one URL, whatever the caller had."""

from __future__ import annotations

import base64
import re
from binascii import Error as NotBase64

from ..errors import InvalidRequest
from ..types import ImagePart

MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")
"""What every browser decodes, and every cloud takes."""

_RIGHT = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/jfif": "image/jpeg",
    "image/x-png": "image/png",
}
"""What is said for media types, and what they are called."""
_ANY = frozenset({"application/octet-stream", "binary/octet-stream"})
"""What is said where nobody looked."""


def image_url(part: ImagePart, where: str) -> str:
    """Return an image as one URL: http(s) as it is, bytes as a ``data:`` URL with their media type.

    ``where`` names the part in errors (``messages[0].content[1]``). Raises `InvalidRequest` when there is no image or
    two, the media type is none of `MEDIA_TYPES`, or the address is of another kind.
    """
    if part.data is not None:
        if part.url is not None:
            raise _invalid(where, f"the image has both data= and url={_short(part.url)!r}; give one of them")
        if not part.data:
            raise _invalid(where, "the image's data=b'' is empty")
        media_type = true_type(part.media_type, part.data)
        if media_type is None:
            begins = part.data[:8]
            raise _invalid(
                where, f"the image's data begins with {begins!r}, which is no known image; say its media_type"
            )
        _check_type(media_type, where)
        return f"data:{media_type};base64,{base64.b64encode(part.data).decode()}"
    if not part.url:
        raise _invalid(where, f"the image has url={part.url!r} and no data; give one of them")
    if re.match(r"https?://[^/?#]", part.url):
        return part.url
    inline = re.match(r"data:([^;,]*);base64,", part.url)
    if inline is None:
        raise _invalid(
            where,
            f"the image's url={_short(part.url)!r} is not valid: use http://, https:// or data:image/...;base64,...; "
            "a file's bytes go into data=",
        )
    try:
        content = base64.b64decode(part.url[inline.end() :], validate=True)
    except NotBase64 as error:
        raise _invalid(where, f"the image's url={_short(part.url)!r} is no base64: {error}") from error
    if not content:
        raise _invalid(where, f"the image's url={part.url!r} holds no bytes")
    media_type = true_type(inline[1], content)
    _check_type(media_type, where)
    return part.url if media_type == inline[1] else f"data:{media_type};base64,{part.url[inline.end() :]}"


def true_type(said: str | None, data: bytes) -> str | None:
    """Return the media type of an image or a sound, of which the first bytes are enough; ``None`` if it is unknown.

    An image is of the type that its bytes say: names of files and what browsers say of them are often wrong, and
    clouds refuse what does not fit. ``image/jpg`` and the like are put right.
    """
    found, name = media_type_of(data), (said or "").partition(";")[0].strip().lower()
    is_image = found is not None and found.startswith("image/")
    if not name or (is_image and (name.startswith("image/") or name in _ANY)):
        return found or said
    return _RIGHT.get(name, name)


def media_type_of(data: bytes) -> str | None:
    """Return the media type of an image or a sound by how it begins; ``None`` where that is not known."""
    if data[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(data[8:12])
    if data[4:8] == b"ftyp":
        return {b"avif": "image/avif", b"heic": "image/heic"}.get(data[8:12])
    starts = {
        b"\x89PNG\r\n\x1a\n": "image/png",
        b"\xff\xd8\xff": "image/jpeg",
        b"GIF8": "image/gif",
        b"ID3": "audio/mp3",
        b"\xff\xfb": "audio/mp3",
        b"\xff\xf3": "audio/mp3",
        b"fLaC": "audio/flac",
        b"OggS": "audio/ogg",
    }
    return next((kind for start, kind in starts.items() if data.startswith(start)), None)


def _check_type(media_type: str | None, where: str) -> None:
    if media_type not in MEDIA_TYPES:
        raise _invalid(
            where, f"the image's media_type={media_type!r} is not valid; use one of {', '.join(MEDIA_TYPES)}"
        )


def _invalid(where: str, message: str) -> InvalidRequest:
    return InvalidRequest(f"{where}: {message}", parameter=where)


def _short(url: str, limit: int = 60) -> str:
    return url if len(url) <= limit else url[: limit - 1] + "…"
