"""Reads an error's body in any shape: the vendor's message, codes, statuses and waits.

Vendors use many shapes. The message is in ``error``, ``message``, ``detail`` or a dozen other fields; in an object, a
list, or a text that is itself the JSON of another vendor's body (`metadata.raw`), several levels deep; in an event of a
stream, a web page, or plain text. So the body is not decoded into one type but walked, with limits on the depth and the
number of values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from json import JSONDecodeError, JSONDecoder
from typing import Any, cast

import msgspec

from ..._internal.nesting import decode_json
from .retry_delays import retry_after, wait_in_field
from .web_pages import is_page, text_of_page

MAX_LEVELS = 40
"""How many objects, lists and texts of JSON may lie in each other; what lies deeper is quoted as it is, or left out."""

MAX_VALUES = 500
"""How many values of a body are looked at."""

MAX_SAID = 40
"""How many texts are put together."""

MAX_WORDS = 8000
"""How many characters of a vendor's words are kept, to be understood."""

_WORDS = (
    *("title", "error", "errors", "message", "msg", "errormessage", "errormsg", "statusmsg", "statusmessage", "detail"),
    *("errordescription", "faultstring", "fault", "description", "reason", "raw", "details", "innererror", "cause"),
    *("baseresp", "response", "errordetail", "metadata", "remedyhint"),
)
"""Where words are, and what is worth a look inside, in the order in which they are said; the names are `_plain`."""

_CODES = (
    *("errorcode", "reason", "code", "status", "statuscode", "errortype", "type", "httpstatus", "httpcode"),
    *("httpstatuscode", "quotaid"),
)
_PARAMETERS = ("param", "parameter", "parameters")
_SKIPPED = frozenset(
    {"input", "ctx", "body", "request", "messages", "prompt", "choices", "usage", "url", "headers", "config"}
)
"""What may hold the caller's own words, or much that is no error. (Headers are looked at by themselves.)"""

_NO_CODES = frozenset({"error", "errors", "failed", "failure", "fail", "null", "none", "false", "true", "about:blank"})
_CODE = re.compile(r"[\w.:/#-]{1,120}", re.ASCII)
_SENTENCE = re.compile(r"\S\s\S|[^\x00-\x7f]")
_COUNTS = {"nprompttokens": "needed", "nctx": "limit"}
_EVENT_LINE = re.compile(r"(?:^|\n)[ \t]{0,8}(?:data|error)[ \t]?:[ \t]{0,8}([^\r\n]+)")


class CertainError(msgspec.Struct, frozen=True):
    """A body that is certainly an error's, so that sentences under unknown names count as its message.

    In other bodies they do not, because they may be part of an answer.
    """

    body: Any


class ErrorDetails:
    """The information about an error in a body."""

    def __init__(self, *, certain: bool = False) -> None:
        """Start empty; ``certain`` is set for a `CertainError`."""
        self._certain = certain
        self._quotes_all = True
        """Whether sentences under unknown names count as the server's message."""
        self.words: list[str] = []
        self.codes: list[tuple[int, str]] = []
        """Codes with their rank: the smaller, the more specific."""
        self.status: int | None = None
        self.wait_s: float | None = None
        self.parameter = ""
        self.counts: dict[str, int] = {}
        """``needed`` and ``limit`` in tokens, if fields have them."""
        self.names: set[str] = set()
        """The names of all fields, `_plain`."""
        self.base_code: int | None = None
        """MiniMax's and Baidu's number in ``base_resp``."""
        self.pages: list[str] = []
        """The texts of web pages."""
        self._left = MAX_VALUES

    @property
    def message(self) -> str:
        """All texts, from the outside to the inside, each once."""
        return _joined(self.words)

    @property
    def own_words(self) -> str:
        """The texts without those of web pages, which mostly do not describe the error."""
        return _joined(words for words in self.words if words not in self.pages)

    def look(self, value: Any, level: int = 0) -> bool:
        """Search a value for the message; return whether it has one."""
        if self._left <= 0 or level > MAX_LEVELS:
            return False
        self._left -= 1
        if isinstance(value, str):
            return self._look_at_text(value, level)
        if isinstance(value, Mapping):
            return self._look_at_object(cast("Mapping[str, Any]", value), level)
        if isinstance(value, list):
            found = [self.look(each, level + 1) for each in cast("list[Any]", value)[: self._left]]
            return any(found)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self.words.append(str(value))
            return True
        return False

    def _say(self, words: str) -> bool:
        line = " ".join(words[: 2 * MAX_WORDS].split())
        if line:
            self.words.append(line[:MAX_WORDS])
        return bool(line)

    # A text

    def _look_at_text(self, text: str, level: int) -> bool:
        text = text.strip("\ufeff \t\r\n")
        if not text:
            return False
        if is_page(text):
            found = self._say(text_of_page(text)) or self._say(text)
            self.pages += self.words[-1:]
            return found
        if text[0] in '{["':
            for value in _first_value(text):
                return self.look(value, level + 1) or self._say(text)
        values = _EVENT_LINE.findall(text, 0, 64 * 1024)[:20]
        if values and text.startswith(("data", "event", "error", "id", ":", "retry")):
            found = [self.look(value, level + 1) for value in values if value.strip() != "[DONE]"]
            return any(found)
        return self._look_for_json(text, level) or self._say(text)

    def _look_for_json(self, text: str, level: int) -> bool:
        """Search a text for a quoted body: ``got status 429: {"error": ...}``."""
        start = -1
        for _ in range(3):
            start = text.find("{", start + 1)
            if start < 0:
                return False
            for value in _first_value(text[start:]):
                before, said = text[:start], len(self.words)
                if not self.look(value, level + 1):
                    return False
                before = before.rstrip(" \t\r\n-:[(\"'")
                if before:
                    self.words.insert(said, " ".join(before[:MAX_WORDS].split()))
                return True
        return False

    # An object

    def _look_at_object(self, fields: Mapping[str, Any], level: int) -> bool:
        named: dict[str, Any] = {}
        for name, value in list(fields.items())[:MAX_VALUES]:
            named.setdefault(_plain(name), value)
        self.names.update(named)
        self._take_facts(named)
        if self._look_at_problem(named):
            return True
        found = False
        for name in _WORDS:
            value = named.get(name)
            if value is None or isinstance(value, bool):
                continue
            if name == "reason" and isinstance(value, str) and _CODE.fullmatch(value):
                continue  # that is a code
            if name == "errors" and isinstance(value, Mapping):
                found = self._look_at_fields(cast("Mapping[str, Any]", value)) or found
            found = self.look(value, level + 1) or found
        for name, value in named.items():
            if name not in _WORDS and name not in _SKIPPED and isinstance(value, (Mapping, list)):
                found = self._look_inside(cast("Any", value), level + 1) or found
        return found or (self._certain and self._look_at_unknown(named, level))

    def _look_at_unknown(self, named: Mapping[str, Any], level: int) -> bool:
        """Search unknown names for sentences and quoted bodies; names of the caller's own data only for bodies."""
        found = False
        for name, value in named.items():
            for text in cast("list[Any]", value)[:50] if isinstance(value, list) else [value]:
                if not isinstance(text, str) or name in _WORDS:
                    continue
                if text.lstrip().startswith("{"):
                    before, self._quotes_all = self._quotes_all, self._quotes_all and name not in _SKIPPED
                    for body in _first_value(text.strip()):
                        found = self.look(body, level + 1) or found
                    self._quotes_all = before
                elif self._quotes_all and name not in _SKIPPED and _SENTENCE.search(text, 0, MAX_WORDS):
                    found = self.look(text, level + 1) or found
        return found

    def _look_inside(self, value: Any, level: int) -> bool:
        """Search the value of an unknown name: only objects in it can describe the error."""
        if isinstance(value, list):
            first = cast("list[Any]", value)[:50]
            found = [self.look(each, level + 1) for each in first if isinstance(each, dict)]
            return any(found)
        return self.look(value, level)

    def _look_at_problem(self, named: Mapping[str, Any]) -> bool:
        """Read FastAPI's problem with a field: ``{"loc": ["body", "stop"], "msg": "..."}``."""
        place, words = named.get("loc"), named.get("msg") or named.get("message")
        if not isinstance(place, list) or not isinstance(words, str):
            return False
        path = [str(each) for each in cast("list[Any]", place)[:12] if isinstance(each, (str, int))]
        self.parameter = self.parameter or ".".join(path[1:] if path[:1] == ["body"] else path)
        return self._say(f"{'.'.join(path)}: {words}")

    def _look_at_fields(self, fields: Mapping[str, Any]) -> bool:
        """Read the problems with fields, as RFC 9457 servers send them: ``{"errors": {"stop": ["too long"]}}``."""
        found = False
        for name, said in list(fields.items())[:20]:
            texts = (
                [each for each in cast("list[Any]", said)[:5] if isinstance(each, str)]
                if isinstance(said, list)
                else []
            )
            if texts:
                self.parameter = self.parameter or name
                found = self._say(f"{name}: {'; '.join(texts)}")
        return found

    def _take_facts(self, named: Mapping[str, Any]) -> None:
        for rank, name in enumerate(_CODES):
            self._take_code(rank, name, named.get(name))
        if isinstance(named.get("flaggedinput"), str):  # OpenRouter's moderation
            self.codes.append((0, "content_filter"))
        for name, value in named.items():
            wait_s = wait_in_field(name, value)
            if wait_s is not None:
                self.wait_s = max(self.wait_s or 0.0, wait_s)
            if name in _COUNTS and isinstance(value, int):
                self.counts.setdefault(_COUNTS[name], value)
        headers = named.get("headers")
        if isinstance(headers, Mapping) and self.wait_s is None:
            texts = cast("Mapping[str, Any]", headers)
            self.wait_s = retry_after({name.lower(): str(value)[:100] for name, value in list(texts.items())[:50]})
        for name in _PARAMETERS:
            value = named.get(name)
            if isinstance(value, str) and value and not self.parameter:
                self.parameter = value
        base = named.get("baseresp")
        if isinstance(base, Mapping):
            number = cast("Mapping[str, Any]", base).get("status_code")
            self.base_code = number if isinstance(number, int) else self.base_code

    def _take_code(self, rank: int, name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            return
        # Converting a long number to text would take quadratic time.
        if isinstance(value, int) and not -(10**9) < value < 10**9:
            return
        code = str(value).strip()
        if re.fullmatch(r"[45]\d\d", code, re.ASCII):
            self.status = self.status or int(code)
        if not code or code == "0" or code.lower() in _NO_CODES or len(code) > 200:
            return
        if name == "reason" and _CODE.fullmatch(code) is None:
            return
        if code.isdigit():
            rank += len(_CODES)
        self.codes.append((rank, code))


def _joined(texts: Iterable[str]) -> str:
    said: list[str] = []
    for words in islice(texts, MAX_SAID):
        if not any(words in each for each in said):
            said = [each for each in said if each not in words]
            said.append(words)
    return ": ".join(said)[:MAX_WORDS]


def read_details(body: Any) -> ErrorDetails:
    """Return the information in an error's body, which is decoded JSON or text, or one of them as `CertainError`."""
    found = ErrorDetails(certain=isinstance(body, CertainError))
    found.look(body.body if isinstance(body, CertainError) else body)
    return found


def _first_value(text: str) -> Iterable[Any]:
    """Return the JSON value at the beginning of a text in a tuple, which is empty without one."""
    try:
        return (decode_json(text, object),)
    except RecursionError:
        return ()  # no other decoder may try it: in a page it could end Python
    except (msgspec.DecodeError, ValueError):
        pass
    try:
        value, _ = JSONDecoder(strict=False).raw_decode(text)
    except (JSONDecodeError, RecursionError, ValueError):
        return ()
    return (value,)


def _plain(name: object) -> str:
    """Return the normal form of a name: ``Error-Message``, ``error_message`` and ``errorMessage`` are equal."""
    return re.sub(r"[_\-\s.]", "", str(name)[:60]).lower()
