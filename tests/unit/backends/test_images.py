"""Images at the door: each becomes one URL, or an error that names what is wrong with it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.media import Media, media_of
from browserllm.backends.media import MEDIA_TYPES, image_url


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_bytes_become_a_data_url(media_type: str) -> None:
    """With the media type that belongs to them, and back the same way."""
    url = image_url(bl.ImagePart(data=b"\x89PNG\xff", media_type=media_type), "here")
    assert url == f"data:{media_type};base64,iVBOR/8="
    assert image_url(bl.ImagePart(url=url), "here") == url


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x04\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_bytes_without_a_media_type_are_known_by_how_they_begin(data: bytes, media_type: str) -> None:
    """On the device as in the clouds."""
    assert image_url(bl.ImagePart(data=data), "here").startswith(f"data:{media_type};base64,")
    assert media_of(bl.ImagePart(data=data)) == Media(media_type, b64encode(data).decode())


IMAGES = {
    "image/png": b"\x89PNG\r\n\x1a\n\0\0",
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10",
    "image/gif": b"GIF89a\x01\0",
    "image/webp": b"RIFF\x04\0\0\0WEBPVP8 ",
}
SAID = [*MEDIA_TYPES, "image/jpg", "IMAGE/JPEG", "image/pjpeg", "image/x-png", "image/heic", "application/octet-stream"]


@pytest.mark.parametrize("said", [*SAID, "image/png; charset=binary", ""])
@pytest.mark.parametrize("true", IMAGES)
def test_an_image_is_of_the_type_that_its_bytes_say(true: str, said: str) -> None:
    """Clouds refuse another, and names of files are often wrong (home-assistant/core#167208, vercel/ai#4152)."""
    data = IMAGES[true]
    body = b64encode(data).decode()
    for part in (
        bl.ImagePart(data=data, media_type=said),
        bl.ImagePart(url=f"data:{said.partition(';')[0]};base64,{body}"),
    ):
        assert image_url(part, "here") == f"data:{true};base64,{body}"
        assert media_of(part) == Media(true, body)


def test_a_media_type_that_is_called_otherwise_is_put_right_where_the_bytes_say_nothing() -> None:
    """``image/jpg`` is what most people write (NousResearch/hermes-agent#55432)."""
    for said, right in (("image/jpg", "image/jpeg"), ("Image/PNG ", "image/png"), ("image/x-png", "image/png")):
        assert media_of(bl.ImagePart(data=b"?", media_type=said)) == Media(right, "Pw==")
        assert image_url(bl.ImagePart(data=b"?", media_type=said), "here") == f"data:{right};base64,Pw=="


def test_a_sound_keeps_the_type_that_it_is_given() -> None:
    """One kind of file holds several kinds of sound."""
    for data, said in ((b"ID3\x04", "audio/mpeg"), (b"RIFF\x04\0\0\0WAVE", "audio/x-wav"), (b"OggS", "audio/opus")):
        assert media_of(bl.AudioPart(data=data, media_type=said)) == Media(said, b64encode(data).decode())


@pytest.mark.parametrize("url", ["https://x.test/a.png?b=c#d", "http://127.0.0.1:8000/a"])
def test_an_address_stays_what_it_is(url: str) -> None:
    """The page fetches it."""
    assert image_url(bl.ImagePart(url=url, media_type="image/png"), "here") == url


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "url=None and no data"),
        ({"url": ""}, "url='' and no data"),
        ({"url": "https://x.test", "data": b"x", "media_type": "image/png"}, "both data= and url='https://x.test'"),
        ({"data": b"", "media_type": "image/png"}, "data=b'' is empty"),
        ({"data": b"x"}, "begins with b'x', which is no known image; say its media_type"),
        ({"data": b"ID3\x04"}, "media_type='audio/mp3' is not valid; use one of image/png"),
        ({"data": b"x", "media_type": "image/svg+xml"}, "media_type='image/svg[+]xml'"),
        ({"url": "cat.png"}, "url='cat.png' is not valid"),
        ({"url": "file:///etc/passwd"}, "url='file:///etc/passwd' is not valid"),
        ({"url": "https://"}, "url='https://' is not valid"),
        ({"url": "data:image/png,x"}, "url='data:image/png,x' is not valid"),
        ({"url": "data:text/html;base64,eA=="}, "media_type='text/html'"),
        ({"url": "data:;base64,eA=="}, "media_type=''"),
        ({"url": "data:image/png;base64,a b"}, "is no base64"),
        ({"url": "data:image/png;base64,"}, "holds no bytes"),
        ({"url": f"ftp://{'x' * 100}"}, "url='ftp://x{53}…' is not valid"),
    ],
)
def test_what_is_no_image_is_refused_by_name(fields: dict[str, Any], words: str) -> None:
    """The error names the place and the value."""
    with pytest.raises(bl.InvalidRequest, match=f"^messages.0..content.1.: .*{words}") as caught:
        image_url(bl.ImagePart(**fields), "messages[0].content[1]")
    assert caught.value.data["parameter"] == "messages[0].content[1]"
