"""Images mean the same to the page and to every cloud: the same part goes out alike, or is refused alike."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

import browserllm as bl
from browserllm.testing.host import ScriptedHost
from unit.backends.cloud.wire_formats import body_of
from unit.backends.test_local import SEEING, chats

PNG, JPEG = b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xd8\xff\xfb\0\x10"
REFUSED = None


def data_url(media_type: str, data: bytes) -> str:
    """The address that holds these bytes."""
    return f"data:{media_type};base64,{b64encode(data).decode()}"


async def to_the_page(part: bl.ImagePart) -> str:
    """What the page is sent for an image, as an address."""
    host = ScriptedHost()
    backend = bl.LocalBackend(host, "seeing", catalog=bl.models.Catalog([SEEING]))
    await backend.complete([bl.Message("user", [part])], unsupported="error")
    return chats(host)[0]["messages"][0]["content"][0]["url"]


async def to_openai(part: bl.ImagePart) -> str:
    """What OpenAI is sent."""
    body, _ = body_of(bl.OpenAI("gpt-6-luna", api_key="k"), [bl.Message("user", [part])])
    return body["messages"][0]["content"][0]["image_url"]["url"]


async def to_anthropic(part: bl.ImagePart) -> str:
    """What Anthropic is sent."""
    body, _ = body_of(bl.Anthropic("claude-sonnet-5-5", api_key="k"), [bl.Message("user", [part])])
    source = body["messages"][0]["content"][0]["source"]
    return source["url"] if source["type"] == "url" else f"data:{source['media_type']};base64,{source['data']}"


async def to_gemini(part: bl.ImagePart) -> str:
    """What Gemini is sent."""
    body, _ = body_of(bl.Gemini("gemini-3.8-flash", api_key="k"), [bl.Message("user", [part])])
    sent = body["contents"][0]["parts"][0]
    if "fileData" in sent:
        return sent["fileData"]["fileUri"]
    return f"data:{sent['inlineData']['mimeType']};base64,{sent['inlineData']['data']}"


IMAGES: dict[str, tuple[dict[str, Any], str | None]] = {
    "bytes": ({"data": PNG}, data_url("image/png", PNG)),
    "bytes of another type than is said": ({"data": PNG, "media_type": "image/jpeg"}, data_url("image/png", PNG)),
    "bytes of a type that nothing shows": ({"data": b"?", "media_type": "image/jpg"}, data_url("image/jpeg", b"?")),
    "no bytes": ({"data": b"", "media_type": "image/png"}, REFUSED),
    "bytes of no known type": ({"data": b"?"}, REFUSED),
    "bytes that are a page": ({"data": b"<p>", "media_type": "text/html"}, REFUSED),
    "bytes that are a sound": ({"data": b"ID3\x04"}, REFUSED),
    "an address": ({"url": "https://x.test/a.png"}, "https://x.test/a.png"),
    "an address without a host": ({"url": "https://"}, REFUSED),
    "an address of a file": ({"url": "file:///etc/passwd"}, REFUSED),
    "an empty address": ({"url": ""}, REFUSED),
    "both": ({"url": "https://x.test/a.png", "data": PNG}, REFUSED),
    "neither": ({}, REFUSED),
    "a data URL": ({"url": data_url("image/png", PNG)}, data_url("image/png", PNG)),
    "a data URL with a parameter": (
        {"url": data_url("image/png;charset=binary", PNG)},
        data_url("image/png", PNG),
    ),
    "a data URL without base64": ({"url": "data:image/png,%89PNG%0D%0A%1A%0A%00%00"}, data_url("image/png", PNG)),
    "a data URL of another alphabet": (
        {"url": data_url("image/jpeg", JPEG).replace("/9j/+", "_9j_-")},
        data_url("image/jpeg", JPEG),
    ),
    "a data URL whose media_type says more": (
        {"url": data_url("", b"?"), "media_type": "image/png"},
        data_url("image/png", b"?"),
    ),
    "a data URL of no type": ({"url": data_url("", b"?")}, REFUSED),
    "a data URL of a page": ({"url": data_url("text/html", b"<p>")}, REFUSED),
    "a data URL that is no base64": ({"url": "data:image/png;base64,a b"}, REFUSED),
    "a data URL without bytes": ({"url": "data:image/png;base64,"}, REFUSED),
}


@pytest.mark.parametrize("send", [to_the_page, to_openai, to_anthropic, to_gemini])
@pytest.mark.parametrize("name", IMAGES)
async def test_an_image_means_the_same_to_every_backend(name: str, send: Any) -> None:
    """It goes out with one media type and one encoding, or it is refused with its place."""
    fields, expected = IMAGES[name]
    part = bl.ImagePart(**fields)
    if expected is not None:
        assert await send(part) == expected
        return
    with pytest.raises(bl.InvalidRequest) as caught:
        await send(part)
    assert caught.value.data["parameter"] == "messages[0].content[0]"
