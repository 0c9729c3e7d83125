"""The address check and the code that connects see the same host. Addresses they could parse differently are rejected.

The judge is `http/address.py`; those who connect are httpx2 in a process and the browser in a page, whose parser is the
one that Node has as `URL` (https://url.spec.whatwg.org).
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import browserllm as bl
from browserllm._internal.http.address import Address, host_of, is_loopback, origin, read_address
from browserllm._internal.http.client import HttpRequest
from browserllm._internal.http.sockets import SocketClient
from cases import cases

ROOT = Path(__file__).parents[3]

LOOPBACK = ["localhost", "LocalHost", "127.0.0.1", "127.255.255.254", "[::1]", "[0:0:0:0:0:0:0:1]", "[0::1]"]
OTHER = ["evil.com", "93.184.216.34", "[2606:4700::1111]", "192.168.0.1", "0.0.0.1", "[::]", "printer"]
ODD_LOOPBACK = [
    *(
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.01",
        "0x7f.0.0.1",
    ),
    *(
        "127.0.0.1.",
        "localhost.",
        "127.0.0.1..",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[::1%25lo]",
    ),
    *(
        "[::1%lo]",
        "[::1",
        "::1",
        "127\u30020\u30020\u30021",
        "127\uff0e0\uff0e0\uff0e1",
        "127\uff610\uff610\uff611",
        "\uff11\uff12\uff17.0.0.1",
        "\u24dbocalhost",
        "loca\u00adlhost",
    ),
    *("loca\u200blhost", "LOCALHO\u017fT", "%6cocalhost", "127.0.0.1%2eevil.com", "a.localhost", "evil.com.localhost"),
    *("localhost.evil.com", "localhost.localdomain", "127.0.0.1.evil.com", "127.0.0.1.nip.io", "ip6-localhost", ""),
    *("localhost\u3002", "\u2488.0.0.1", "xn--localhost", "[::1].evil.com", "127.0.0.1:80:90", "[::1]]", "[[::1]]"),
    *("127.0.0.256", "127.0.0.0x1", "1.2.3.4.5", "[::1]x", "127.0.0.1_", "-localhost", "local host", "0", "127"),
]
BETWEEN = [
    "\\",
    "\\@",
    "@",
    "%40",
    "#",
    "?",
    "/",
    "//",
    ":80@",
    ";",
    "\t",
    "\n",
    "\r",
    "\x00",
    " ",
    "%5c",
    "%00",
    "|",
    "\u3000",
]
SCHEMES = [
    "http://",
    "https://",
    "HTTP://",
    "http:/",
    "http:",
    "http:///",
    "http:\\\\",
    " http://",
    "h\ttp://",
    "//",
    "ht\u017fp://",
]
PORTS = [
    "",
    ":80",
    ":8080",
    ":",
    ":0",
    ":65535",
    ":65536",
    ":080",
    ":+80",
    ":8 0",
    ":80\\",
    ":\uff18\uff10",
    ":8\t0",
    ":-1",
]
RESTS = [
    "",
    "/",
    "/v1",
    "/v1/../..",
    "\\v1",
    "/@evil.com",
    "?x",
    "#@evil.com",
    "/\t",
    "/\\evil.com",
    "/%2e%2e/",
    "//evil.com",
]


def spellings(seed: int, count: int) -> Iterator[str]:
    """Yield addresses of this device and of others in every known spelling, alone and combined."""
    dice = random.Random(seed)  # noqa: S311
    hosts = [*LOOPBACK, *OTHER, *ODD_LOOPBACK]
    for host in hosts:
        for scheme in SCHEMES:
            yield f"{scheme}{host}/"
        for port in PORTS:
            yield f"http://{host}{port}/v1"
        for rest in RESTS:
            yield f"http://{host}{rest}"
    for one in LOOPBACK:
        for between in BETWEEN:
            yield f"http://evil.com{between}{one}/"
            yield f"http://evil.com{between}.{one}/"
            yield f"http://{one}{between}evil.com/"
            yield f"http://{one}{between}.evil.com/"
    for code in [*range(0x21), 0x7F, 0x80, 0xA0, 0xAD, 0x200B, 0x2028, 0x3002, 0xFEFF, 0xFF0E, 0xFF0F, 0xFF3C, 0xFF20]:
        for one in ("localhost", "127.0.0.1"):
            at = dice.randrange(len(one) + 1)
            yield f"http://{one[:at]}{chr(code)}{one[at:]}/"
            yield f"http://evil.com{chr(code)}.{one}/"
            yield f"http://{one}{chr(code)}evil.com/"
    for _ in range(count):
        parts = [dice.choice(SCHEMES), dice.choice(hosts)]
        for _ in range(dice.randrange(3)):
            parts += [dice.choice(BETWEEN), dice.choice(hosts)]
        yield "".join([*parts, dice.choice(PORTS), dice.choice(RESTS)])


def read(url: str) -> Address | None:
    """Return what our parser reads; ``None`` if it rejects the address."""
    try:
        return read_address(url)
    except ValueError:
        return None


def by_browsers(urls: list[str]) -> list[dict[str, str] | None]:
    """Return what browsers read."""
    sys.path.insert(0, str(ROOT / "web"))
    try:
        from build_site import node_command
    finally:
        sys.path.remove(str(ROOT / "web"))
    command = [*node_command("node"), str(Path(__file__).with_name("addresses.mjs"))]
    done = subprocess.run(command, input=json.dumps(urls), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, str] | None] = json.loads(done.stdout)
    return found


def host_in(address: Address) -> str:
    """Return a host as it is written in an address."""
    return f"[{address.host}]" if ":" in address.host else address.host


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**9))
def test_our_parser_a_process_and_a_page_see_the_same_host(seed: int) -> None:
    """Each of thousands of spellings is rejected, or has the same host and port for all three."""
    urls = list(spellings(seed, 4000))
    taken = [(url, address) for url in urls if (address := read(url)) is not None]
    assert len(urls) > 4000 and len(taken) > 100
    for (url, address), there in zip(taken, by_browsers([url for url, _ in taken]), strict=True):
        if there is None:
            # Browsers also reject badly encoded names, and then connect to no host.
            assert "xn--" in url, url
            continue
        port = int(there["port"] or {"http:": 80, "https:": 443}[there["protocol"]])
        assert (there["protocol"], there["hostname"], port, there["user"]) == (
            f"{address.scheme}:",
            host_in(address),
            address.port,
            "",
        ), url
        connected = httpx2.URL(url)
        assert read_address(f"{connected.scheme}://{connected.netloc.decode()}")[:3] == address[:3], url
        assert not connected.userinfo


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**9))
def test_this_device_is_only_localhost_and_the_plain_loopback_addresses(seed: int) -> None:
    """Anything else that a parser takes for it is rejected, or is another host."""
    urls = list(spellings(seed, 4000))
    here = [url for url in urls if is_loopback(url)]
    assert here
    for url, there in zip(here, by_browsers(here), strict=True):
        assert there is not None
        assert there["hostname"] in {"localhost", "[::1]"} or there["hostname"].startswith("127."), url
    for host in LOOPBACK:
        assert is_loopback(f"http://{host}:11434/v1")
    for host in (*ODD_LOOPBACK, *OTHER):
        assert not is_loopback(f"http://{host}/"), host


@pytest.mark.parametrize("kind", [bl.OpenAI, bl.Anthropic, bl.Gemini, bl.Ollama])
def test_no_backend_accepts_an_address_that_only_resembles_this_device(kind: Any) -> None:
    """Neither with allow_http, nor for Ollama, which needs none."""
    for url in spellings(1, 1500):
        try:
            backend = kind("m", base_url=url, leaves_device=False)
        except bl.InvalidRequest:
            assert not is_loopback(url) or any(sign in url for sign in "?#@"), url
        else:
            # Still the same host, except for 0.0.0.0, which servers listen on and clients do not connect to.
            assert is_loopback(backend.base_url), url
            given = read(url if "://" in url else f"http://{url}".strip())
            meant = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
            assert given is None or meant.get(given.host, given.host) == host_of(backend.base_url), url
            continue
        try:
            backend = kind("m", base_url=url, allow_http=True)
        except bl.InvalidRequest:
            continue
        assert backend.leaves_device and backend.may_leave(), url
        backend.leaves_device = False
        assert backend.may_leave(), "no word makes another address this one"


async def test_no_request_goes_to_an_address_that_can_be_parsed_in_two_ways() -> None:
    """The HTTP client itself rejects it."""
    client = SocketClient()
    for url in spellings(2, 300):
        if read(url) is None:
            with pytest.raises(bl.InvalidRequest, match="cannot be sent"):
                await client.send(HttpRequest(method="GET", url=url))
    await client.close()


@settings(max_examples=cases(600), deadline=None)
@given(st.text(max_size=30), st.sampled_from(["", "http://", "https://localhost", "http://127.0.0.1:1", "http://["]))
def test_any_text_is_accepted_or_rejected_without_another_error(text: str, before: str) -> None:
    """The origin shown for it is a valid address again, and other parsers agree where they accept it."""
    address = read(before + text)
    shown = origin(before + text)
    if address is None:
        assert shown == "an invalid address"
        return
    again = read_address(shown)
    assert again[:3] == address[:3] and again.rest == ""
    assert httpx2.URL(before + text).host
