"""Classifies a vendor's error by its codes, then its words, then its status.

A status says little by itself: a bad key is a 400 at Gemini and a 200 at MiniMax, a prompt that is too long a 429 or a
413 or a 500 somewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .error_vocabulary import (
    BASE_RESP,
    BY_WORDS,
    INVALID,
    LIKELY,
    MODEL_NAMED,
    NUMBERS,
    QUOTA,
    SURE,
    TOO_LARGE,
    Meaning,
)


def _table(kinds: Mapping[Meaning, str]) -> dict[str, Meaning]:
    return {code: meaning for meaning, codes in kinds.items() for code in codes.split()}


_SURE_CODES, _LIKELY_CODES = _table(SURE), _table(LIKELY)


def meaning_of(codes: Iterable[str], words: str, *, base_code: int | None = None, waits: bool = False) -> Meaning:
    """Return what codes and words mean together; ``""`` where neither says it.

    ``base_code`` is the number in a ``base_resp``; ``waits`` says that the vendor asks to try again later, so that
    no quota is used up for good.
    """
    names = [name for code in codes for name in _names(code)]
    if base_code is not None and base_code in BASE_RESP:
        return BASE_RESP[base_code]
    if _says(TOO_LARGE, words):
        return "context"
    sure = _first(names, _SURE_CODES)
    if sure == "rate" and not waits and _says(QUOTA, words) and "resource_exhausted" not in names:
        sure = "quota"  # OpenRouter and others have one code for both
    if "resource_exhausted" in names:
        sure = _exhausted(names, words, waits=waits)
    if sure:
        return sure
    said = _by_words(words, waits=waits)
    if said:
        return said
    likely = _first(names, _LIKELY_CODES)
    if likely == "model" and not _says(MODEL_NAMED, words):
        likely = "address" if words else ""
    return likely or _first(names, NUMBERS) or ("invalid" if _says(INVALID, words) else "")


def settled(meaning: Meaning, status: int | None, words: str) -> Meaning:
    """Return what an error means, given what its codes and words mean, and the status that it came with."""
    if status is None:
        return meaning or "overloaded"
    if status == 402:
        return "quota"
    if status == 401:
        return meaning if meaning in {"quota", "blocked", "rate"} else "authentication"
    if status == 403:
        return meaning if meaning not in {"", "invalid", "overloaded", "timeout", "address"} else "authentication"
    if status == 429:
        return meaning if meaning in {"quota", "context", "blocked"} else "rate"
    if meaning and (meaning != "invalid" or status in {400, 422} or status >= 500):
        return meaning
    if 300 <= status < 400 or status == 405:
        return "address"
    if status == 404:
        return "model" if "model" in words.lower() else "address"
    if status == 413:
        return "context"
    if status in {409, 425}:  # something else is in the way just now
        return "overloaded"
    if status == 408 or status in {504, 522, 524}:
        return "timeout"
    return meaning or ("overloaded" if status >= 500 else "invalid")


def _names(code: str) -> tuple[str, ...]:
    """Return a code as the tables have it: as it is, and without what stands before or after it.

    So are ``com.amazon.coral#ThrottlingException``, ``litellm.RateLimitError`` and ``AuthFailure.TokenFailure`` known.
    """
    name = code.rpartition("#")[2].partition(":")[0].strip().lower().replace(" ", "_").replace("-", "_")
    return name, name.rpartition(".")[2], name.partition(".")[0]


def _first(names: list[str], meanings: Mapping[str, Meaning]) -> Meaning:
    for name in names:
        if name in meanings:
            return meanings[name]
    return ""


def _exhausted(names: list[str], words: str, *, waits: bool) -> Meaning:
    """Tell Gemini's quota by the day, or one of nothing, from one by the minute."""
    if any("perday" in name for name in names) or re.search(r"\blimit: 0\b", words):
        return "quota"
    return "quota" if not waits and re.search(r"\b(?:insufficient|billing account)\b", words, re.IGNORECASE) else "rate"


def _says(pattern: str, words: str) -> bool:
    # Compiled when it is first needed (and kept by `re`): a program that meets no error pays nothing.
    return re.search(pattern, words, re.IGNORECASE) is not None


def _by_words(words: str, *, waits: bool) -> Meaning:
    for pattern, meaning in BY_WORDS:
        if _says(pattern, words):
            return "rate" if meaning == "quota" and waits else meaning
    return ""


# How many tokens there may be, and how many there are.

_NUMBER = r"(?:\d[\d,_]{0,14}\d|\d)"
_WINDOW = r"(?:maximum|max) (?:context|prompt|model|input) (?:length|size|window)(?: is| of|:)? "
_ASKED = r"(?:requested(?: about| a total of)?|resulted in|contains?(?: at least)?|request has|passed|got) "
_LIMIT_AND_NEED = (
    rf"(?P<need>{_NUMBER}) tokens? > (?P<limit>{_NUMBER})",
    rf"(?P<need>{_NUMBER} \+ {_NUMBER}) > (?P<limit>{_NUMBER})",
    rf"\(?(?P<need>{_NUMBER})\)? exceeds the maximum number of tokens allowed \(?(?P<limit>{_NUMBER})",
    rf"\blimit:? (?P<limit>{_NUMBER}),[^\n]{{0,40}}?\brequested:? (?P<need>{_NUMBER})",
    rf"token limit:? (?P<limit>{_NUMBER}) \(requested:? (?P<need>{_NUMBER})",
    rf"request \((?P<need>{_NUMBER}) tokens\) exceeds[^\n]{{0,40}}?\((?P<limit>{_NUMBER}) tokens",
    rf"{_WINDOW}(?P<limit>{_NUMBER})(?: tokens)?[^\n]{{0,120}}?{_ASKED}(?P<need>{_NUMBER})",
    rf"contains (?P<need>{_NUMBER}) tokens[^\n]{{0,60}}?(?:with|limit of|maximum(?: of)?|only) (?P<limit>{_NUMBER})",
    rf"first (?P<need>{_NUMBER}) tokens[^\n]{{0,100}}?length of only (?P<limit>{_NUMBER})",
    rf"length (?P<need>{_NUMBER})\)? is longer than the maximum (?:model )?length (?:of )?(?P<limit>{_NUMBER})",
    rf"must be <= (?P<limit>{_NUMBER})\. given: (?P<need>{_NUMBER})",
    rf"tokens \((?P<need>{_NUMBER})\)[^\n]{{0,60}}?\((?P<limit>{_NUMBER})\)",
    rf"token count is (?P<need>{_NUMBER}) but[^\n]{{0,40}}?up to (?P<limit>{_NUMBER})",
    rf"\blimit of (?P<limit>{_NUMBER}) tokens[^\n]{{0,80}}?{_ASKED}(?P<need>{_NUMBER})",
    rf"\b(?P<need>{_NUMBER}) > (?P<limit>{_NUMBER})\b",
)
_LIMIT_ALONE = (
    rf"{_WINDOW}(?P<limit>{_NUMBER})",
    rf"\blimit of (?P<limit>{_NUMBER})\b",
    rf"max size: (?P<limit>{_NUMBER}) tokens",
    rf"input length should be \[\d{{1,6}}, ?(?P<limit>{_NUMBER})\]",
    rf"token limit:? (?P<limit>{_NUMBER})",
)


def tokens_in(words: str) -> dict[str, int]:
    """Return ``limit`` and ``needed`` in tokens, as far as words about a context window say them."""
    for pattern in (*_LIMIT_AND_NEED, *_LIMIT_ALONE):
        found = re.search(pattern, words, re.IGNORECASE)
        if found is not None:
            counts = {"limit": _count(found["limit"])}
            if need := found.groupdict().get("need"):
                counts["needed"] = sum(_count(each) for each in need.split("+"))
            return counts
    return {}


def _count(text: str) -> int:
    return int(re.sub(r"\D", "", text))
