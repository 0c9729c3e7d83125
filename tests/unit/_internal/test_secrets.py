"""Masking finds keys in every encoding that servers use, leaves other text alone, and reveals none itself."""

from __future__ import annotations

import copy
import html
import json
import pickle
import pprint
import reprlib
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest

import browserllm as bl
from browserllm._internal.http.client import HttpRequest
from browserllm._internal.http.secrets import Mask, Secret, hidden_fields, secrets_in

KEYS = [
    "sk-test-7f3a9c21d5e8",
    "sk-ant-api03-" + "aB3_x-" * 15 + "AA",
    "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "a+b/c=d&e<f>g\"h'i\\j k%41~",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "12345678",
]

ESCAPES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper": str.upper,
    "lower": str.lower,
    "url": lambda key: quote(key, safe=""),
    "url of a form": quote_plus,
    "url twice": lambda key: quote(quote(key, safe=""), safe=""),
    "url of every character": lambda key: "".join(f"%{ord(each):02x}" for each in key),
    "json": lambda key: json.dumps(key)[1:-1],
    "json twice": lambda key: json.dumps(json.dumps(key))[3:-3],
    "json of PHP": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "json of every character": lambda key: "".join(f"\\u{ord(each):04x}" for each in key),
    "repr": lambda key: repr(key)[1:-1],
    "python": lambda key: "".join(f"\\x{ord(each):02x}" for each in key),
    "html": html.escape,
    "html of every character": lambda key: "".join(f"&#{ord(each)};" for each in key),
    "html in hex": lambda key: "".join(f"&#x{ord(each):X};" for each in key),
    "html without ends": lambda key: "".join(f"&#{ord(each):06d}" for each in key),
    "octal": lambda key: "".join(f"\\{ord(each):03o}" for each in key),
    "rust": lambda key: "".join(f"\\u{{{ord(each):x}}}" for each in key),
    "eight digits": lambda key: "".join(f"\\U{ord(each):08x}" for each in key),
    "escape() of JavaScript": lambda key: "".join(f"%u{ord(each):04X}" for each in key),
    "quoted-printable": lambda key: "".join(f"={ord(each):02X}" for each in key),
    "url of json": lambda key: quote(json.dumps(key)[1:-1], safe=""),
    "hex": lambda key: key.encode().hex(),
    "HEX": lambda key: key.encode().hex().upper(),
    "base64": lambda key: b64encode(key.encode()).decode(),
    "base64 of a header": lambda key: b64encode(b"Bearer " + key.encode()).decode(),
    "base64 of a login": lambda key: b64encode(b"me:" + key.encode() + b"\n").decode(),
    "base64 of an address": lambda key: urlsafe_b64encode(b"x" + key.encode() + b"yz").decode(),
    "base64 in an address": lambda key: quote(b64encode(key.encode()).decode(), safe=""),
    "with line breaks": "\n".join,
    "with blanks": " ".join,
    "with tabs and returns": "\t\r\n".join,
    "with JSON's line breaks": "\\n".join,
    "with colours": lambda key: "".join(f"\x1b[3{index % 8}m{each}\x1b[0m" for index, each in enumerate(key)),
    "with invisible characters": "\u200b".join,
    "with soft hyphens": "\xad".join,
    "with NULs": "\0".join,
    "in lines of four": lambda key: "\n".join(key[start : start + 4] for start in range(0, len(key), 4)),
}
AROUND = [
    ("", ""),
    ("Incorrect API key provided: ", "."),
    ('{"x": "', '"}'),
    ("Bearer ", ", see"),
    ("x" * 300, "y" * 300),
]


def longest_shown(text: str, key: str) -> int:
    """Return the length of the longest piece of the key in a text."""
    text, key = text.lower(), key.lower()
    for size in range(len(key), 0, -1):
        if any(key[start : start + size] in text for start in range(len(key) - size + 1)):
            return size
    return 0


@pytest.mark.parametrize("how", ESCAPES)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_found_in_every_encoding(key: str, how: str) -> None:
    """Complete or cut at either end, anywhere in the text; the surrounding text stays."""
    mask = Mask([Secret(key)])
    written = ESCAPES[how](key)
    for before, after in AROUND:
        shown = mask.text(before + written + after)
        assert "[secret]" in shown
        assert shown.startswith(before) and shown.endswith(after)
        assert longest_shown(shown[len(before) :], key) < 8
        # The rest of the encoding reveals no more than seven characters do.
        assert len(shown) - len(before) - len(after) <= len("[secret]") + 2 * 8 * max(1, len(written) // len(key))


@pytest.mark.parametrize("key", [key for key in KEYS if len(key) > 16 and " " not in key])
def test_any_piece_of_eight_characters_is_masked(key: str) -> None:
    """The first twenty, the last ten, the middle: pieces that servers quote."""
    mask = Mask([Secret(key)])
    for start in range(len(key)):
        for size in (8, 12, 20):
            piece = key[start : start + size]
            shown = mask.text(f"<<{piece}>>")
            assert (shown == "<<[secret]>>") is (len(piece) >= 8), piece
    assert mask.text(f"key {key[:7]}*****{key[-4:]}") == f"key {key[:7]}*****{key[-4:]}"


def test_texts_without_a_key_are_unchanged() -> None:
    """Whatever they contain."""
    random = Random(11)  # noqa: S311
    mask = Mask([Secret(key) for key in KEYS])
    letters = "abc \n%41\\u0041&amp;\x1b[0m\u200bÄß👋{}[]\"'=+/-_"
    for _ in range(2000):
        text = "".join(random.choice(letters) for _ in range(random.randrange(60)))
        assert mask.text(text) == text
    for text in ("", "sk-test", "max_tokens is too large: 16384", "model gpt-6-luna-2026-09-22 was not found"):
        assert mask.text(text) == text
    assert Mask().text(KEYS[0]) == KEYS[0] and not Mask() and not Mask([Secret("short")])


def test_masking_takes_linear_time() -> None:
    """Every character is looked at a bounded number of times."""

    class Counted(set[str]):
        looked = 0

        def __contains__(self, piece: object) -> bool:
            Counted.looked += 1
            return super().__contains__(piece)

    def steps(text: str) -> int:
        mask = Mask([Secret(KEYS[1])])
        mask._pieces = {size: Counted(pieces) for size, pieces in mask._pieces.items()}
        Counted.looked = 0
        mask.text(text)
        return Counted.looked

    for unit in ("\\u0061", "%25", "&amp;", "\x1b[", "\\", " ", KEYS[1], "a"):
        assert steps(unit * 2000) <= 2.2 * steps(unit * 1000) + 100, unit


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"authorization": "Bearer tok-12345678"}, {"tok-12345678"}),
        ({"x-api-key": "my-own-secret"}, {"my-own-secret"}),
        ({"x-goog-api-key": "abcdefgh1"}, {"abcdefgh1"}),
        ({"cookie": "theme=dark-theme; sid=0123456789abcdef"}, {"dark-theme", "0123456789abcdef"}),
        ({"authorization": "Basic " + b64encode(b"me:pass-word-1").decode()}, {"me:pass-word-1", "pass-word-1"}),
        ({"x-app": "sk-abcdefghijklmnop"}, {"sk-abcdefghijklmnop"}),
        ({"x-title": "My application", "anthropic-version": "2023-06-01", "x-keyboard": "qwertyuiop"}, set[str]()),
    ],
)
def test_keys_in_headers_are_found_by_name_or_prefix(headers: dict[str, str], found: set[str]) -> None:
    """Words that are not keys are not searched for."""
    assert {"".join(each) for each in secrets_in(headers) if len(each) >= 8} >= found
    if not found:
        assert list(secrets_in(headers)) == []


def test_keys_in_a_body_are_found_by_name_or_prefix() -> None:
    """At any depth."""
    fields = {
        "provider": {"apiKey": "provider-key-1", "names": ["keyword-keyword"]},
        "list": [{"auth": {"value": "nested-under-auth"}}, "sk-abcdefghijklmnop"],
        "model": "claude-sonnet-4-20250514",
        "max_tokens": 100,
        "metadata": {"author": "Jane Doe Smith"},
    }
    found = {"".join(each) for each in secrets_in({}, fields)}
    assert found == {"provider-key-1", "nested-under-auth", "sk-abcdefghijklmnop"}


def test_a_secret_is_masked_wherever_it_is_shown() -> None:
    """Short or long: a slice of a secret is a secret, too."""
    rich = pytest.importorskip("rich.pretty")
    for key in KEYS:
        secret = Secret(key)
        fields = hidden_fields({"api_key": key, "deep": [{"x": key}]})
        request = HttpRequest(method="POST", url="https://x.example/", headers={"a": secret}, body=key.encode())
        for value in (secret, [secret], {"a": (secret,)}, secret[:9], secret[3:], secret[0], fields, [fields], request):
            for shown in (
                repr(value),
                str(value),
                pprint.pformat(value, width=20),
                reprlib.repr(value),
                rich.pretty_repr(value, max_string=12),
                rich.pretty_repr(value, max_string=12, max_depth=9, expand_all=True),
            ):
                assert longest_shown(shown, key) < 8, shown
        assert msgspec.json.decode(msgspec.json.encode(fields)) == {"api_key": key, "deep": [{"x": key}]}
        for kept in (secret, Mask([secret])):
            with pytest.raises(TypeError, match="cannot be pickled"):
                pickle.dumps(kept)
        assert copy.deepcopy(secret) is secret


def test_a_cleaned_exception_shows_no_key() -> None:
    """Not in its message, data, notes, traceback or cause; one that cannot be cleaned becomes an InternalError."""
    key = KEYS[0]
    mask = Mask([Secret(key)])

    class Odd(Exception):  # noqa: N818
        def __str__(self) -> str:
            return f"odd {key}"

    def fail(error: Exception) -> Exception:
        held = [key]
        try:
            try:
                raise ValueError(held)
            except ValueError as origin:
                raise error from origin
        except Exception as raised:
            raised.add_note(f"note {key}")
            return mask.clean(raised)

    errors: list[Exception] = [
        bl.Unavailable(f"a {key}", reason="unreachable", data={"list": [key, {"x": key, key: 1}], "n": 7}),
        bl.RateLimited(quote(key), data={"retry_after_s": 3.0}),
        ValueError(key, {"a": key}, (key, key.encode())),
        OSError(5, f"no {key}"),
        UnicodeDecodeError("utf-8", key.encode(), 0, 1, key),
        Odd(),
    ]
    for error in errors:
        cleaned = fail(error)
        formatted = traceback.TracebackException.from_exception(cleaned, capture_locals=True, lookup_lines=False)
        shown = "".join(formatted.format()) + repr(cleaned) + repr(vars(cleaned)) + repr(cleaned.args)
        shown += repr(getattr(cleaned, "__notes__", None)) + str(cleaned.__cause__) + str(cleaned.__context__)
        assert longest_shown(shown, key) < 8
        assert isinstance(cleaned, (type(error), bl.errors.InternalError))
        if isinstance(cleaned, bl.BrowserLLMError):
            again: Any = pickle.loads(pickle.dumps(cleaned))  # noqa: S301
            assert key not in repr(again) + repr(vars(again))
    assert fail(bl.RateLimited("x", data={"retry_after_s": 3.0})).data == {"retry_after_s": 3.0}  # type: ignore[attr-defined]
