"""Placeholders replace values in texts; `restoring` puts the values back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, cast

from ..._internal.nesting import decode_json
from ...errors import InvalidRequest
from .detectors import KIND, Detector, Span, find_named_secrets
from .restoring import PLACEHOLDER, Restorer, Table
from .secret_names import names_secret
from .secret_values import word_set

_LABELS = word_set("name key field id type variable label env option header")
_VALUES = word_set("value val default plaintext default_value defaultvalue")
# Common default passwords, which texts also use as ordinary words.
_COMMON = word_set(
    "admin administrator changeit changeme default dragon example guest master monkey mysql oracle postgres "
    "postgresql public rabbitmq redis sample school server system tester testing welcome wordpress"
)
_LESS, _GREATER = re.compile(r"\\u003[cC]"), re.compile(r"\\u003[eE]")


class Placeholders:
    """The values of one request and their placeholders: the same value gets the same placeholder everywhere.

    Placeholders are numbered in order of appearance, so that a conversation keeps its numbers as it grows. Text that
    already looks like a placeholder has no value: its number is skipped, and it is left as it is. The exception is text
    by a model that had seen this placeholder before, such as a link in which it was not restored.

    Redact everything once to find the values, `spread` them, and redact everything again: a value found in one place
    is then replaced everywhere, also where no detector finds it.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        """Find values with ``detectors``."""
        self._detectors = detectors
        self._by_name = find_named_secrets in detectors
        self._taken: set[str] = set()
        self._by_value: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._known: re.Pattern[str] | None = None
        self._tables: dict[bool, Table] = {}
        self.values: dict[str, str] = {}

    def reserve(self, text: str) -> None:
        """Reserve what looks like a placeholder in ``text``. Call it for every text before the first is redacted."""
        self._taken |= literals(text)

    def reserve_unknown(self, text: str) -> None:
        """Reserve what looks like a placeholder in a model's text, except for those that the model had seen by then."""
        self._taken |= literals(text) - self.values.keys()

    @property
    def counts(self) -> dict[str, int]:
        """The number of different values found, by kind."""
        counts: dict[str, int] = {}
        for placeholder in self.values:
            kind = placeholder[1:-1].rpartition("_")[0]
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    def spread(self) -> None:
        """From now on replace every value found so far wherever it occurs.

        Plain words also occur inside others: of those only secrets are replaced, as whole words, and not very common
        ones.
        """
        values = [value for value in self._by_value if len(value) >= 6 and not value.isalpha()]
        words = [
            value
            for value, placeholder in self._by_value.items()
            if placeholder.startswith("<SECRET_") and _is_word_of_its_own(value)
        ]
        self._known = _any_of(values, words)

    def redact(self, text: str, also: Iterable[Span] = ()) -> str:
        """Return ``text`` with placeholders. Raises `InvalidRequest` for a detector's span that is not in the text.

        ``also`` are additional findings.
        """
        found = [*also]
        found += [span for detector in self._detectors for span in _found_by(detector, text)]
        if self._known is not None:
            for match in self._known.finditer(text):
                kind = self._by_value[match.group()][1:-1].rpartition("_")[0]
                found.append(Span(match.start(), match.end(), kind))
        spans = merge(found)
        pieces: list[str] = []
        end = 0
        for span in spans:
            pieces += (text[end : span.start], self._placeholder(text[span.start : span.end], span.kind))
            end = span.end
        return "".join([*pieces, text[end:]]) if spans else text

    def redact_json(self, text: str) -> str:
        """Return JSON with placeholders in its strings, keys and numbers; anything else is redacted as text."""
        try:
            value = _loads(text)
        except (ValueError, RecursionError):
            return self.redact(text)
        try:
            redacted = self.redact_value(value)
            # Without findings the text stays as it was written, to the last space.
            return text if redacted == value else json.dumps(redacted, ensure_ascii=False)
        except RecursionError:
            return self.redact(text)

    def redact_value(self, value: Any, name: str = "") -> Any:
        """Return a JSON value with placeholders in it; a number with a finding becomes a string.

        ``name`` is the key of the value, which may say that it is a secret.
        """
        if isinstance(value, str):
            return self._redact_named(value, name)
        if isinstance(value, dict):
            return self._redact_object(cast("dict[str, Any]", value), name)
        if isinstance(value, list):
            return [self.redact_value(item, name) for item in cast("list[Any]", value)]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            text = str(value)
            redacted = self._redact_named(text, name)
            return value if redacted == text else redacted
        return value

    def _redact_object(self, value: dict[str, Any], name: str) -> dict[str, Any]:
        # {"name": "TOKEN", "value": "…"}; {"password": {"value": "…"}}
        labels = (item for key, item in value.items() if key.lower() in _LABELS and isinstance(item, str))
        label = next(filter(names_secret, labels), name)
        of_kubernetes = value.get("kind") == "Secret"
        redacted: dict[str, Any] = {}
        for key, item in value.items():
            inner = label if key.lower() in _VALUES and label else key
            if of_kubernetes and key in {"data", "stringData"} and isinstance(item, dict):
                fields = cast("dict[str, Any]", item)
                redacted[self.redact(key)] = {
                    self.redact(each): self.redact_value(fields[each], "secret") for each in fields
                }
            else:
                redacted[self.redact(key)] = self.redact_value(item, inner)
        return redacted

    def _redact_named(self, text: str, name: str) -> str:
        """Redact a text by its name, with the rules for a key and a value in JSON."""
        if not (self._by_name and name and names_secret(name)):
            return self.redact(text)
        written = json.dumps(text, ensure_ascii=False)
        pair = f"{json.dumps(name, ensure_ascii=False)}: {written}"
        first = len(pair) - len(written) + 1
        spans = [span for span in find_named_secrets(pair) if span.start >= first]
        if any(span.start == first and span.end == len(pair) - 1 for span in spans):
            return self._placeholder(text, "SECRET")
        as_it_is = len(written) == len(text) + 2
        return self.redact(text, [Span(each.start - first, each.end - first, each.kind) for each in spans if as_it_is])

    def put_back(self, text: str, known: int) -> str:
        """Return ``text`` with placeholders for the first ``known`` values only: the opposite of a `Restorer`."""
        pattern = _any_of(list(self._by_value)[:known])
        return text if pattern is None else pattern.sub(lambda match: self._by_value[match.group()], text)

    def restorer(self, *, in_json: bool = False, urls: bool = False) -> Restorer:
        """Return a restorer that puts the values back into a text, with ``urls`` also in URLs; ``in_json`` for JSON.

        Call it when all values have been found.
        """
        table = self._tables.get(in_json)
        if table is None:
            table = self._tables[in_json] = Table(self.values, in_json=in_json)
        return Restorer(table, urls=urls)

    def _placeholder(self, value: str, kind: str) -> str:
        known = self._by_value.get(value)
        if known is not None:
            return known
        while True:
            number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
            placeholder = f"<{kind}_{number}>"
            if placeholder not in self._taken:
                break
        self._tables.clear()
        self._by_value[value] = placeholder
        self.values[placeholder] = value
        return placeholder


def literals(text: str) -> set[str]:
    """Return what looks like a placeholder in a text, also after decoding JSON escapes in it."""
    found = set(PLACEHOLDER.findall(text))
    if "\\" in text:
        found |= set(PLACEHOLDER.findall(_GREATER.sub(">", _LESS.sub("<", text))))
        with suppress(ValueError, RecursionError):
            found |= set(PLACEHOLDER.findall(json.dumps(_loads(text), ensure_ascii=False)))
    return found


def merge(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, without overlaps: overlapping ones become one, with the kind of the longest."""
    merged: list[Span] = []
    longest = 0
    for span in sorted(spans):
        length = span.end - span.start
        if not merged or span.start >= merged[-1].end:
            merged.append(span)
            longest = length
            continue
        last = merged[-1]
        merged[-1] = Span(last.start, max(last.end, span.end), span.kind if length > longest else last.kind)
        longest = max(longest, length)
    return merged


def _loads(text: str) -> Any:
    # `decode_json` limits the depth; msgspec itself would round long numbers.
    decode_json(text, Any)
    return json.loads(text)


def _is_word_of_its_own(value: str) -> bool:
    if not value.isalnum() or value.isdigit():
        return False
    return value.lower() not in _COMMON and len(value) >= (6 if value.isalpha() else 4)


def _any_of(texts: Iterable[str], words: Iterable[str] = ()) -> re.Pattern[str] | None:
    """Return a pattern for any of these texts, longest first, and whole words; ``None`` without texts."""
    longest_first = sorted(texts, key=len, reverse=True)
    parts = [re.escape(text) for text in longest_first] + [rf"(?<!\w){re.escape(word)}(?!\w)" for word in words]
    return re.compile("|".join(parts)) if parts else None


def _wrong_find(detector: Detector, found: Any) -> InvalidRequest:
    # Only its type is named: a finding is secret.
    name = getattr(detector, "__name__", type(detector).__name__)
    return InvalidRequest(
        f"the detector {name!r} returned a {type(found).__name__!r}; return a list of Span(start, end, kind)",
        parameter="detectors",
    )


def _found_by(detector: Detector, text: str) -> list[Span]:
    found: Any = detector(text)
    if isinstance(found, str) or not isinstance(found, Iterable):
        raise _wrong_find(detector, found)
    return [_checked(span, text, detector) for span in cast("Iterable[Any]", found)]


def _checked(span: Any, text: str, detector: Detector) -> Span:
    given: Any = span
    if not isinstance(span, tuple) or [type(each) for each in given] != [int, int, str]:
        raise _wrong_find(detector, given)
    start, end, kind = given
    if not (0 <= start < end <= len(text) and KIND.fullmatch(kind)):
        raise InvalidRequest(
            f"a detector found {(start, end, kind)!r} in a text of {len(text)} characters: start and end must be "
            "within it, and kind must be upper case letters, digits and '_'",
            parameter="detectors",
        )
    return Span(start, end, kind)
