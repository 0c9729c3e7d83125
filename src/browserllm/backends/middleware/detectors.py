"""Detectors find secrets and personal data in a text. They are small, and verify checksums where there are any.

A detector is any function from a text to `Span`s, so that you can add others, such as a named-entity model.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from ..._internal.arguments import check_kind, check_list, wrong
from ..._internal.nesting import decode_json
from .named_secrets import find_named
from .secret_forms import find_in_commands, find_in_headers, find_in_manifests
from .secret_values import is_stand_in


class Span(NamedTuple):
    """A finding in ``text[start:end]``; ``kind`` names it in placeholders: upper case letters, digits, ``_``."""

    start: int
    end: int
    kind: str


_TERM = "TERM"

KIND = re.compile(r"[A-Z][A-Z0-9_]{0,31}")
"""The pattern of a kind."""

Detector = Callable[[str], Iterable[Span]]

# Letters of scripts that put spaces between words (Latin, Greek, Cyrillic). Others may directly adjoin a value.
_LETTERS = "A-Za-z\u00c0-\u024f\u0370-\u052f"

# Every pattern has a fixed starting point and a bounded length: no text makes it slow.
_EMAIL = re.compile(
    rf"(?<![{_LETTERS}0-9_.%+-])[{_LETTERS}0-9_.%+-]{{1,64}}@"
    rf"(?:[{_LETTERS}0-9](?:[{_LETTERS}0-9-]{{0,61}}[{_LETTERS}0-9])?\.){{1,8}}[{_LETTERS}]{{2,24}}(?![{_LETTERS}0-9-])"
)
_PHONE = re.compile(r"(?<![0-9A-Za-z+.])(?:\+|00)[1-9](?:[ .\-/()]{0,2}[0-9]){6,14}(?![0-9])")
_DIGITS = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){12,}")
_IBAN = re.compile(r"(?<![0-9A-Za-z])([A-Za-z]{2})[0-9]{2}(?:[ ]?[0-9A-Za-z]){11,30}")
_IPV4 = re.compile(
    r"(?<![0-9A-Za-z.])(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
    r"(?![0-9A-Za-z]|\.[0-9A-Za-z])"
)
_IPV6 = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:]{2,39}(?:[0-9.]{7,15})?(?![0-9A-Za-z:])")
_JWT = re.compile(r"(?<![\w-])(eyJ[\w-]{5,})\.[\w-]{5,}\.[\w-]*", re.ASCII)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_URL_LOGIN = re.compile(
    r"(?<=://)[^\s/@:<>\"']{0,256}:(?![0-9]{1,5}[/?#])([^\s/<>\"']{1,256}(?=@)|[^\s@<>\"']{1,256}(?=@))"
)
_KEYS = re.compile(
    r"(?<![\w-])(?:"
    r"sk-[\w-]{16,}"  # OpenAI, Anthropic, OpenRouter, DeepSeek
    r"|(?:gsk|xai|hf|npm|r8|dop_v1|tvly|pplx|nvapi)[_-][\w-]{20,}"
    r"|gh[pousr]_\w{30,}|github_pat_\w{22,}|glpat-[\w-]{16,}"
    r"|(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}"  # AWS
    r"|AIza[\w-]{35}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,}"  # Google
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}"  # Slack
    r"|(?:sk|pk|rk)_(?:live|test)_\w{16,}|whsec_\w{16,}"  # Stripe
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|pypi-[\w-]{40,}"
    r")(?![\w])",
    re.ASCII,
)
# The length of an IBAN by country (SWIFT's IBAN registry).
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL SD FK", 19: "MK SI", 20: "AT BA EE KZ LT LU XK MN",
        21: "CH CR HR LI LV", 22: "BG BH DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def find_emails(text: str) -> Iterator[Span]:
    """Find email addresses, also with non-ASCII Latin, Greek and Cyrillic letters."""
    return _all(_EMAIL, text, "EMAIL")


def find_phones(text: str) -> Iterator[Span]:
    """Find phone numbers in international form: ``+`` or ``00``, the country code, 7 to 15 digits in all."""
    return _all(_PHONE, text, "PHONE")


def find_cards(text: str) -> Iterator[Span]:
    """Find payment card numbers: 13 to 19 digits, alone or in groups, with a valid check digit (Luhn)."""
    for match in _DIGITS.finditer(text):
        # A card number begins and ends with a group of digits; more groups may adjoin it.
        at = [match.start() + index for index, char in enumerate(match.group()) if char.isdigit()]
        digits = "".join(text[index] for index in at)
        free = 0
        for first in range(len(at) - 12):
            if first < free or digits[first] not in "23456" or (first and at[first - 1] == at[first] - 1):
                continue
            for end in range(min(first + 19, len(at)), first + 12, -1):
                inside_group = end < len(at) and at[end] == at[end - 1] + 1
                if not inside_group and _luhn(digits[first:end]):
                    yield Span(at[first], at[end - 1] + 1, "CARD")
                    free = end
                    break


def find_ibans(text: str) -> Iterator[Span]:
    """Find bank account numbers: of the country's length, with valid check digits (mod 97)."""
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match.group(1).upper())
        at = [match.start() + index for index, char in enumerate(match.group()) if char != " "]
        if length is None or len(at) < length:
            continue
        end = at[length - 1] + 1
        if end < len(text) and text[end].isalnum() and text[end].isascii():
            continue
        number = "".join(text[index] for index in at[:length]).upper()
        if int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1:
            yield Span(match.start(), end, "IBAN")


def find_addresses(text: str) -> Iterator[Span]:
    """Find IPv4 and IPv6 addresses."""
    yield from _all(_IPV4, text, "IP")
    for match in _IPV6.finditer(text):
        found = match.group().rstrip(".")
        if found.endswith(":") and not found.endswith("::"):
            found = found[:-1]
        if found.count(":") >= 2 and any(char.isdigit() for char in found) and _is_ipv6(found):
            yield Span(match.start(), match.start() + len(found), "IP")


def find_keys(text: str) -> Iterator[Span]:
    """Find keys and tokens of well-known services."""
    return _all(_KEYS, text, "SECRET")


def find_named_secrets(text: str) -> Iterator[Span]:
    """Find values that the text calls a password, secret, key or token: in settings, code, commands and sentences."""
    for find in (find_named, find_in_headers, find_in_commands, find_in_manifests):
        for start, end in find(text):
            yield Span(start, end, "SECRET")


def find_jwts(text: str) -> Iterator[Span]:
    """Find JSON Web Tokens by their header."""
    for match in _JWT.finditer(text):
        header = match.group(1)
        try:
            fields = decode_json(urlsafe_b64decode(header + "=" * (-len(header) % 4)), object)
        except (ValueError, RecursionError):
            continue
        if isinstance(fields, dict) and "alg" in fields:
            yield Span(match.start(), match.end(), "JWT")


def find_private_keys(text: str) -> Iterator[Span]:
    """Find private keys between BEGIN and END; without an END, to the end of the text."""
    return _all(_PRIVATE_KEY, text, "PRIVATE_KEY")


def find_url_logins(text: str) -> Iterator[Span]:
    """Find a user and password in a URL."""
    for match in _URL_LOGIN.finditer(text):
        if not is_stand_in(match.group(1), quoted=True):
            yield Span(match.start(), match.end(), "LOGIN")


DETECTORS: Sequence[Detector] = (
    find_private_keys,
    find_jwts,
    find_keys,
    find_named_secrets,
    find_url_logins,
    find_emails,
    find_ibans,
    find_cards,
    find_phones,
    find_addresses,
)
"""The default detectors of `Redaction`."""


def checked_terms(terms: Any) -> dict[str, str]:
    """Return words with their kinds (``TERM`` for a list of words). Raises `InvalidRequest` for anything else."""
    write = "write terms=['Falcon'], or with kinds terms={'Falcon': 'PROJECT'}"
    if not isinstance(terms, Mapping):
        each = partial(check_kind, kind=str, what="text", write=write)
        words = check_list("terms", terms, "words", write=write, each=each)
        return dict.fromkeys(words, _TERM)
    named = dict(cast("Mapping[Any, Any]", terms))
    for term, kind in named.items():
        check_kind("a word of terms", term, str, "text", write=write)
        if not (isinstance(kind, str) and KIND.fullmatch(kind)):
            raise wrong("a kind in terms", kind, "upper case letters, digits and '_'", write)
    return named


def find_terms(terms: Iterable[str], kind: str = "TERM") -> Detector:
    """Return a detector of whole words and phrases (names of people, projects, places), ignoring case."""
    words = sorted({term for term in checked_terms(terms) if term.strip()}, key=len, reverse=True)
    if not words:
        return lambda text: ()
    # A word ends where no letter follows; in a script without spaces it ends anywhere.
    before, after = f"(?<![{_LETTERS}0-9_])", f"(?![{_LETTERS}0-9_])"
    edge = re.compile(f"[{_LETTERS}0-9_]")
    parts = [
        (before if edge.match(word[0]) else "") + re.escape(word) + (after if edge.match(word[-1]) else "")
        for word in words
    ]
    pattern = re.compile("|".join(parts), re.IGNORECASE)
    return lambda text: _all(pattern, text, kind)


def _all(pattern: re.Pattern[str], text: str, kind: str) -> Iterator[Span]:
    for match in pattern.finditer(text):
        yield Span(match.start(), match.end(), kind)


def _luhn(digits: str) -> bool:
    numbers = [int(digit) for digit in reversed(digits)]
    doubled = [sum(divmod(2 * number, 10)) for number in numbers[1::2]]
    return (sum(numbers[::2]) + sum(doubled)) % 10 == 0


def _is_ipv6(text: str) -> bool:
    from ipaddress import AddressValueError, IPv6Address

    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
