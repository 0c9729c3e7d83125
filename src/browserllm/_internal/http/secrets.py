"""Keeps keys out of everything that is shown: all masking happens here.

A `Secret` is a string that masks itself. A `Mask` finds secrets in text from elsewhere (a server that quotes a key, a
library's message), plain and in the encodings that servers use. `Mask.clean` and `bare` strip an exception of what it
shows besides its message: its traceback, with the local variables of each frame, and its cause.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, Self, SupportsIndex, TypeVar, cast

from ...errors import BrowserLLMError, InternalError

SHORTEST_KEY = 8
"""Shorter texts are not keys, and shorter pieces of a key are not searched for."""

MASK = "[secret]"

Raised = TypeVar("Raised", bound=BaseException)

_NAMED = re.compile(
    r"(?:^|[^a-z])(?:api)?(?:keys?|tokens?|secrets?|password|passwd|passphrase|auth|authorization|credentials?|cookie"
    r"|bearer|jwt|signature)(?:$|[^a-z])"
)
_KNOWN = re.compile(
    r"(?:sk-|pk-|rk-|gsk_|xai-|hf_|ghp_|gho_|github_pat_|glpat-|xox[abprs]-|AIza|AKIA|ya29\.|eyJ|r8_|nvapi-|pplx-)"
    r"[\w.~+/=-]{12,}"
)
"""The prefixes of well-known services' keys."""
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")

# What servers may write instead of a character, or between two: escapes of JSON, of other languages, of URLs and of
# HTML; colour codes, whitespace, and invisible characters.
_WRITTEN = re.compile(
    r"\\u[0-9a-fA-F]{4}|\\u\{[0-9a-fA-F]{1,8}\}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|\\[0-7]{2,3}|\\[^uUx]"
    r"|%u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2}|&#[0-9]{1,10};?|&#[xX][0-9a-fA-F]{1,10};?|&[0-9a-zA-Z]{1,8};|=[0-9A-F]{2}"
    r"|\x1b\[[0-9;?]{0,20}[a-zA-Z]|[\s\x00-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff]+"
)
_LEVELS = 3
"""How many levels of escaping are undone."""


class Secret(str):
    """A string that is masked when it is shown, and itself when it is sent (encoded, compared, joined)."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Mask a string; a `Secret` is returned unchanged."""
        # str() of a secret would return its mask.
        return text if isinstance(text, cls) else super().__new__(cls, text)

    def __repr__(self) -> str:
        return f"'{MASK}'"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __getitem__(self, key: SupportsIndex | slice) -> Secret:
        # Code that shows long texts slices them first.
        return Secret(super().__getitem__(key))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        # A pickle would store the plain text.
        raise TypeError("a secret cannot be pickled; read the key again where it is needed")


class HiddenFields(dict[str, Any]):
    """The fields of a body, whose repr shows only their names, because a value may be a key."""

    def __repr__(self) -> str:
        return f"<{len(self)} fields: {', '.join(map(repr, self))}>"

    def __rich_repr__(self) -> Iterator[Any]:
        """Show only the names in `rich`, too."""
        yield from self


class WrongType:
    """Replaces an argument of a wrong type, so that its value is never shown."""

    def __init__(self, value: object) -> None:
        """Keep only the name of its type."""
        self.type = type(value).__name__

    def __repr__(self) -> str:
        return f"<a {self.type}>"


def _wrong(value: object) -> WrongType:
    return value if isinstance(value, WrongType) else WrongType(value)


def hidden_key(key: Any) -> Any:
    """Return a key as a `Secret`, and anything else as `WrongType`."""
    return key if key is None else Secret(key) if isinstance(key, str) else _wrong(key)


def hidden_headers(headers: Any) -> Any:
    """Return headers with lower-case names and masked values; validation reports wrong ones later."""
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        return _wrong(headers)
    given = cast("Mapping[Any, Any]", headers)
    return {
        name.lower() if isinstance(name, str) else _wrong(name): _wrong(None)
        if given[name] is None
        else hidden_key(given[name])
        for name in given
    }


def hidden_fields(fields: Any) -> Any:
    """Return the fields of a body so that only their names are shown."""
    if fields is None:
        return HiddenFields()
    return HiddenFields(cast("Mapping[str, Any]", fields)) if isinstance(fields, Mapping) else _wrong(fields)


def hidden_url(url: Any) -> Any:
    """Return an address, masked if it has a part that may contain a key."""
    if url is None or not isinstance(url, str):
        return url if url is None else _wrong(url)
    return Secret(url) if any(mark in url for mark in "@?#") else url


def secrets_in(headers: Mapping[str, str], fields: object = None) -> Iterator[Secret]:
    """Yield the keys in headers and in the fields of a body, found by the name of the field or by their prefix."""
    for name, value in headers.items():
        whole = "".join(value)
        pieces = re.split(r"[\s;,]+", whole)
        if len(pieces) > 1 and pieces[0].isalpha():
            del pieces[0]  # the scheme
        for piece in pieces:
            part = piece.partition("=")[2] if "cookie" in name.lower() else piece
            if _is_named(name) or _KNOWN.fullmatch(part):
                yield Secret(part)
        scheme, _, rest = whole.partition(" ")
        if scheme.lower() == "basic":
            try:
                login = b64decode(rest, validate=True).decode()
            except (Base64Error, ValueError):
                continue
            yield Secret(login)
            yield Secret(login.partition(":")[2])
    yield from _secrets_of(fields, named=False, depth=0)


def _secrets_of(value: object, *, named: bool, depth: int) -> Iterator[Secret]:
    if depth > 20:
        return
    if isinstance(value, str):
        if named or _KNOWN.fullmatch(value):
            yield Secret(value)
    elif isinstance(value, Mapping):
        for name, each in cast("Mapping[Any, Any]", value).items():
            yield from _secrets_of(each, named=named or _is_named(str(name)), depth=depth + 1)
    elif isinstance(value, (list, tuple)):
        for each in cast("list[Any]", value):
            yield from _secrets_of(each, named=named, depth=depth + 1)


def _is_named(name: str) -> bool:
    """Return whether a field of this name has a key: ``apiKey`` and ``x-api-key`` do, ``keywords`` does not."""
    return _NAMED.search(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()) is not None


class Mask:
    """Finds secrets in texts, and pieces of them of at least `SHORTEST_KEY` characters, in many encodings."""

    def __init__(self, secrets: Iterable[str] = (), whole: Iterable[str] = ()) -> None:
        """Search for ``secrets`` that are long enough; ``whole`` may be words, so their pieces are not masked."""
        # Pieces by length: one piece in a text means that the secret is there.
        self._pieces: dict[int, set[str]] = {}
        for word in whole:
            if len(word) >= SHORTEST_KEY:
                self._add_pieces("".join(word), len(word))
        for secret in secrets:
            if len(secret) >= SHORTEST_KEY:
                self._add("".join(secret))

    def __repr__(self) -> str:
        return "<Mask>"

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a mask has secrets and cannot be pickled")

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        # A Secret masks itself; the joined text below would reveal it.
        if isinstance(text, Secret) or not self._pieces or len(text) < SHORTEST_KEY:
            return text
        spans = _merged(self._spans(text))
        if not spans:
            return text
        shown: list[str] = []
        end = 0
        for start, stop in spans:
            shown += [text[end:start], MASK]
            end = stop
        return "".join([*shown, text[end:]])

    def value(self, value: Any) -> Any:
        """Return plain data without secrets in its strings."""
        if not self._pieces:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (bytes, bytearray)):
            shown = self.text(value.decode("latin-1"))
            return value if len(shown) == len(value) and shown.encode("latin-1") == value else shown.encode("latin-1")
        if isinstance(value, Mapping):
            items = cast("Mapping[Any, Any]", value).items()
            return {self.value(name): self.value(each) for name, each in items}
        if isinstance(value, list):
            return [self.value(each) for each in cast("list[Any]", value)]
        if isinstance(value, tuple):
            return tuple(self.value(each) for each in cast("tuple[Any, ...]", value))
        return value

    def clean(self, error: Exception) -> Exception:
        """Return an exception whose message, data, traceback and cause show no secret: if possible, the same one."""
        if isinstance(error, BrowserLLMError):
            error.message = self.text(error.message)
            error.data = self.value(error.data)
        error.args = self.value(error.args)
        if notes := getattr(error, "__notes__", None):
            error.__notes__ = self.value(notes)
        shown = f"{error} {error!r} {vars(error)!r}"
        if self.text(shown) != shown:
            name = type(error).__name__
            return InternalError(f"unexpected {name}: {self.text(str(error))}")
        return bare(error)

    def _add(self, secret: str) -> None:
        raw = secret.encode("utf-8", "replace")
        self._add_pieces(secret, SHORTEST_KEY)
        self._add_pieces(raw.hex(), 2 * SHORTEST_KEY)
        for offset in range(3):
            # The characters at both ends depend on the neighbouring bytes.
            coded = b64encode(b"\0" * offset + raw).decode().rstrip("=")[(0, 2, 3)[offset] : -1]
            for written in (coded, coded.replace("+", "-").replace("/", "_")):
                self._add_pieces(written, SHORTEST_KEY + 1)

    def _add_pieces(self, text: str, size: int) -> None:
        text = text.translate(_LOWER)
        pieces = self._pieces.setdefault(size, set())
        # Also without whitespace, as _unescaped removes it from the text.
        for each in {text, "".join(text.split())}:
            pieces.update(each[start : start + size] for start in range(len(each) - size + 1))

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where secrets are in the text, and in the text with its escapes undone."""
        shown, starts, ends = text, list(range(len(text))), list(range(1, len(text) + 1))
        for _ in range(_LEVELS + 1):
            lower = shown.translate(_LOWER)
            for size, pieces in self._pieces.items():
                for start in range(len(lower) - size + 1):
                    if lower[start : start + size] in pieces:
                        yield starts[start], ends[start + size - 1]
            plain, places = _unescaped(shown)
            if plain == shown:
                return
            starts, ends = [starts[first] for first, _ in places], [ends[last] for _, last in places]
            shown = plain


def _unescaped(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a text with its escapes undone, and for each character its first and last position in the original."""
    plain: list[str] = []
    places: list[tuple[int, int]] = []
    end = 0
    for found in _WRITTEN.finditer(text):
        plain.append(text[end : found.start()])
        places.extend((place, place) for place in range(end, found.start()))
        character = _character(found.group())
        if character:
            plain.append(character)
            places.append((found.start(), found.end() - 1))
        end = found.end()
    plain.append(text[end:])
    places.extend((place, place) for place in range(end, len(text)))
    return "".join(plain), places


def _character(written: str) -> str:
    """Return the character that an escape stands for; empty for a separator."""
    head = written[0]
    if head == "\\" and len(written) > 2:
        return _of_code(written[1:], 8) if written[1] in "01234567" else _of_code(written[2:].strip("{}"), 16)
    if head == "\\":
        return "" if written[1] in "nrtbfv\r\n" else written[1]
    if head in "%=":
        return _of_code(written[1:].lstrip("u"), 16)
    if head == "&":
        from html import unescape  # imported late: few texts with a secret have any, and its table is large

        character = unescape(written)
        return character if len(character) == 1 else written[0]
    return ""


def _of_code(digits: str, base: int) -> str:
    code = int(digits, base)
    return chr(code) if code <= 0x10FFFF else ""


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], stop)
        else:
            merged.append((start, stop))
    return merged


def bare(error: Raised) -> Raised:
    """Return an exception without its traceback and its cause.

    Raise it where no local variable has a secret, and outside the ``except`` block that caught it.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
