"""Images and sounds: their media type by their bytes, the names of media types, and what cannot be sent."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.media import (
    IMAGE_TYPES,
    SOUND_FORMATS,
    Media,
    media_of,
    named_type,
    sniffed_type,
    sound_format,
    true_type,
)

FILES: dict[str, list[bytes]] = {
    "image/png": [b"\x89PNG\r\n\x1a\n\0\0"],
    "image/jpeg": [b"\xff\xd8\xff\xe0\0\x10", b"\xff\xd8\xff\xdb", b"\xff\xd8\xff\xe1\0\x10Exif"],
    "image/gif": [b"GIF89a\x01\0", b"GIF87a\x01\0"],
    "image/webp": [b"RIFF\x04\0\0\0WEBPVP8 "],
    "image/avif": [b"\0\0\0\x1cftypavif", b"\0\0\0\x1cftypavis"],
    "image/heic": [b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypheix"],
    "audio/wav": [b"RIFF\x24\0\0\0WAVEfmt "],
    "audio/mp3": [b"ID3\x04\0", b"\xff\xfb\x90\x00", b"\xff\xf3\x40\xc4", b"\xff\xfa\x90\x00", b"\xff\xf2\x40\xc4"],
    "audio/aac": [b"\xff\xf1\x50\x80", b"\xff\xf9\x50\x80"],
    "audio/flac": [b"fLaC\0\0\0\x22"],
    "audio/ogg": [b"OggS\0\x02"],
    "audio/webm": [b"\x1aE\xdf\xa3\x01"],
    "audio/mp4": [b"\0\0\0\x20ftypM4A \0"],
    "audio/aiff": [b"FORM\0\0\0\x01AIFFCOMM", b"FORM\0\0\0\x01AIFCFVER"],
}
EVERY_FILE = [(media_type, data) for media_type, files in FILES.items() for data in files]
IMAGES = {media_type: FILES[media_type][0] for media_type in IMAGE_TYPES}


def part_of(media_type: str, **fields: Any) -> bl.ImagePart | bl.AudioPart:
    """An image or a sound, as the media type says."""
    return bl.ImagePart(**fields) if media_type.startswith("image/") else bl.AudioPart(**fields)


@pytest.mark.parametrize(("media_type", "data"), EVERY_FILE)
def test_a_file_without_a_media_type_is_recognised_by_its_first_bytes(media_type: str, data: bytes) -> None:
    """As bytes, and as a data URL without a media type or with an unknown one."""
    body = b64encode(data).decode()
    assert sniffed_type(data) == media_type
    for fields in (
        {"data": data},
        {"url": f"data:;base64,{body}"},
        {"url": f"data:application/octet-stream;base64,{body}"},
    ):
        assert media_of(part_of(media_type, **fields), "here") == Media(media_type, body)


@pytest.mark.parametrize(
    "data", [b"", b"?", b"\x89PNG", b"RIFF\0\0\0\0AVI ", b"\0\0\0\x20ftypisom", b"%PDF-1.7", b"<svg/>"]
)
def test_bytes_of_another_file_have_no_media_type(data: bytes) -> None:
    """A container whose content is another one, too."""
    assert sniffed_type(data) is None


@pytest.mark.parametrize(
    "said",
    [
        *(*IMAGE_TYPES, "image/jpg", "IMAGE/JPEG", "image/pjpeg", "image/x-png", "image/heic"),
        *("application/octet-stream", "image/png; charset=binary", ""),
    ],
)
@pytest.mark.parametrize("true", IMAGES)
def test_an_image_is_of_the_type_that_its_bytes_say(true: str, said: str) -> None:
    """Clouds refuse another, and names of files are often wrong (home-assistant/core#167208, vercel/ai#4152)."""
    data = IMAGES[true]
    body = b64encode(data).decode()
    for part in (bl.ImagePart(data=data, media_type=said), bl.ImagePart(url=f"data:{said};base64,{body}")):
        assert media_of(part, "here", IMAGE_TYPES) == media_of(part, "here") == Media(true, body)


@pytest.mark.parametrize(
    ("data", "said", "true"),
    [
        (b"ID3\x04", "audio/wav", "audio/mp3"),
        (b"RIFF\x04\0\0\0WAVE", "audio/mpeg", "audio/wav"),
        (b"fLaC", "audio/mp3", "audio/flac"),
        (b"OggS", "audio/wav", "audio/ogg"),
        (b"OggS", "application/ogg", "audio/ogg"),
    ],
)
def test_a_sound_is_of_the_type_that_its_bytes_say(data: bytes, said: str, true: str) -> None:
    """A wrong name does not send an MP3 as a WAV."""
    assert media_of(bl.AudioPart(data=data, media_type=said), "here") == Media(true, b64encode(data).decode())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"ID3\x04", "audio/mpeg"),
        (b"OggS", "audio/opus"),
        (b"\x1aE\xdf\xa3", "audio/opus"),
        (b"?", "audio/l16"),
    ],
)
def test_a_sound_keeps_its_declared_type_unless_its_bytes_differ(data: bytes, said: str) -> None:
    """One kind of file can hold several kinds of sound."""
    assert media_of(bl.AudioPart(data=data, media_type=said), "here") == Media(said, b64encode(data).decode())


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("image/jpg", "image/jpeg"),
        ("Image/PNG ", "image/png"),
        ("image/x-png", "image/png"),
        ("audio/x-wav", "audio/wav"),
        ("audio/vnd.wave", "audio/wav"),
        ("audio/webm;codecs=opus", "audio/webm"),
        ("audio/m4a", "audio/mp4"),
        ("binary/octet-stream", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_media_type_is_called_by_the_name_that_backends_know(said: str | None, name: str) -> None:
    """``image/jpg`` is what most people write (NousResearch/hermes-agent#55432)."""
    assert named_type(said) == name
    assert true_type(said, b"?") == name


def test_bytes_that_begin_like_another_kind_of_file_keep_their_declared_type() -> None:
    """Two bytes at the start of a raw image are not yet an MP3."""
    assert true_type("image/x-raw", b"\xff\xfb\0\0") == "image/x-raw"
    assert true_type(None, b"\xff\xfb\0\0") == "audio/mp3"


def test_the_sounds_that_openai_accepts_have_names() -> None:
    """One table, read in both directions."""
    assert {name: sound_format(media_type) for name, media_type in SOUND_FORMATS.items()} == {
        "wav": "wav",
        "mp3": "mp3",
    }
    assert (sound_format("audio/mpeg"), sound_format("audio/ogg")) == ("mp3", None)


@pytest.mark.parametrize("part", [bl.ImagePart, bl.AudioPart])
@pytest.mark.parametrize("url", ["https://x.test/a.png?b=c#d", "http://127.0.0.1:8000/a"])
def test_an_address_stays_unchanged(url: str, part: Any) -> None:
    """Nothing is fetched here."""
    assert media_of(part(url=url, media_type="image/png"), "here") == url


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "url=None and no data"),
        ({"url": ""}, "url='' and no data"),
        ({"url": "https://x.test", "data": b"x", "media_type": "image/png"}, "both data= and url='https://x.test'"),
        ({"data": b"", "media_type": "image/png"}, "has no bytes"),
        ({"data": b"x"}, "begins with b'x', which is not a known image; pass its media_type"),
        ({"data": b"ID3\x04"}, "media_type='audio/mp3', which is not valid; use one of image/png"),
        ({"data": b"x", "media_type": "image/svg+xml"}, "media_type='image/svg[+]xml'"),
        ({"data": b"x", "media_type": "image/tiff"}, "media_type='image/tiff'"),
        ({"url": "cat.png"}, "url='cat.png', which is not valid"),
        ({"url": "file:///etc/passwd"}, "url='file:///etc/passwd', which is not valid"),
        ({"url": "https://"}, "url='https://', which is not valid"),
        ({"url": "data:image/png"}, "url='data:image/png', which is not valid"),
        ({"url": "data:text/html;base64,eA=="}, "media_type='text/html'"),
        ({"url": "data:;base64,eA=="}, "begins with b'x'"),
        ({"url": "data:image/png;base64,a b"}, "is not base64"),
        ({"url": "data:image/png;base64,é"}, "is not base64"),
        ({"url": "data:image/png;base64,"}, "has no bytes"),
        ({"url": f"ftp://{'x' * 100}"}, "url='ftp://x{53}…', which is not valid"),
    ],
)
def test_a_file_that_is_not_an_image_is_refused_by_name(fields: dict[str, Any], words: str) -> None:
    """The error names the place and the value."""
    with pytest.raises(bl.InvalidRequest, match=f"^messages.0..content.1.: the image .*{words}") as caught:
        media_of(bl.ImagePart(**fields), "messages[0].content[1]", IMAGE_TYPES)
    assert caught.value.data["parameter"] == "messages[0].content[1]"


@pytest.mark.parametrize(
    "fields", [{"data": IMAGES["image/png"]}, {"data": b"x", "media_type": "video/mp4"}, {"data": b"x"}, {"data": b""}]
)
def test_a_file_that_is_not_a_sound_is_refused_by_name(fields: dict[str, Any]) -> None:
    """For example an image."""
    with pytest.raises(bl.InvalidRequest, match=r"^here: the sound has"):
        media_of(bl.AudioPart(**fields), "here")
