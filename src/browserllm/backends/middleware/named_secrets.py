"""Finds secrets that a text names: `password: …`, `GITHUB_TOKEN=…`, `my password is …`, and similar forms.

It finds a name (`secret_names`), then what separates it from its value, then the end of the value (`secret_reader`),
and judges last whether that is a secret (`secret_values`). Each step looks back and ahead over a bounded distance, or
continues after what it read, so that the time grows linearly with the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .restoring import PLACEHOLDER
from .secret_judge import Judge
from .secret_names import SecretName, names
from .secret_reader import Reader, Value
from .secret_values import default_in, is_number, is_plain, looks_secret, word_set

# What may follow a name before its separator: a closing quote or bracket, a note, Markdown.
_CLOSING = re.compile(
    r"(?:\\*+[\"'`]|&quot;|&\#(?:34|39|x27);|%22|[\u201d\u2019»\u201c])?+\]{0,2}+(?:\*\*|__|[*_]|~~|`)?+"
    r"(?:[ ]\([^()\n\"']{1,40}+\))?+[?!]?+[ \t\u00a0\u3000\u200b]*+"
)
_QUOTE_ENDS = re.compile(r"\\*[\"'`]|&quot;|&\#|%22|[\u201d\u2019»\u201c]")
_POSSESSIVE = re.compile(r"['\u2019]s[ ]")
_DASH = re.compile(r"[ \t]{1,4}[-\u2013\u2014]{1,2}[ \t]{1,4}")
_BEFORE_IT = re.compile(
    r"(?:\A|[\s\"'`(])(?P<value>[^\s\"'`(]{4,64})[\"'`]?[ ](?:is|was|as|for|ist|als)[ ]"
    r"(?:(?:my|the|our|your|his|her|their|a|mein|dein|das)[ ])?(?:[^\W\d_]{1,16}[ ])?\Z"
)
_SEPARATOR = re.compile(
    r":=|\|\|=?|\?{1,2}=?(?=[ ]?[\"'])|<-|=>|->|[!=]={1,2}|[?+]=|=|:(?!:)|\uff1a|\uff1d|%3[dDaA]|\\u003[dD]"
)
_AFTER_SEPARATOR = re.compile(r"(?:(?:\*\*|__|\*|_|~~)(?=\s))?+[ \t\u00a0\u3000\u200b]*+")
_TYPED = re.compile(
    r"(?:&?(?:'static )?[A-Za-z][\w.]{0,30}(?:\[[^\[\]\n=]{0,40}\]|<[^<>\n=]{0,40}>)?\??(?: ?\| ?[A-Za-z]{1,20}){0,3})"
    r"(?:[ ]{1,4}=[ ]{1,4}|=(?=[rbuf]?[\"'`]))"
)
_NEXT_LINE = re.compile(r"\r?\n((?:[ \t]*+\r?\n){0,2}+[ \t]*+)(?:-[ ]+)?")
_LINE_ENDS = re.compile(r"[ \t,;}\])]*+(?:\r?\n|\Z)")
_NAMED_AGAIN = re.compile(r"[A-Za-z_][\w.-]{0,40}[:=]")
_IS = re.compile(
    r"(?:['\u2019]s|[ ](?:(?:should|must|will|shall|would|can) be|is"
    r"|was|are|equals|ist|war|lautet|heißt|est|es|è|é|är|er|jest|это)(?!\w)|是|为|為|は|\uff1a|:)"
    r"(?:[ ](?:now|currently|still|simply|just|called|set to|gleich|immer))?[ ]?:?[ ]*+",
    re.IGNORECASE,
)
_FOR = re.compile(
    r"(?:[ ](?:for|to|of|on|at|in|I|we|you|that|which"
    r"|für|von|zum|zur|im|pour|de|du|para|del)[ ])[^\n:=.,;!?\"'<>]{1,48}?"
    r"(?P<how>[ ](?:is|was|ist|lautet|est|es)[ ]:?|:[ ]|[ ]=[ ])[ ]*+",
    re.IGNORECASE,
)
_TO = re.compile(r"[ ]{1,4}(?:(?:set |changed |back )?to|as|with|auf)[ ]{1,4}", re.IGNORECASE)
_BESIDE = re.compile(r"(?:[ \t]{1,8}|[ \t]?\r?\n[ \t]{1,8})(?:[0-9] )?")
_VALUE_OF = re.compile(
    r"[\s,;]{0,60}+(?:-[ ]+)?(?:[^<>\n\"']{0,40}(?:\"[^<>\n\"]{0,40}\"[^<>\n\"']{0,20}){0,3}[ ])?\\*[\"']?"
    r"(?:value|val|defaultValue|default_value|Value|VALUE)\\*[\"']?[ \t]{0,8}[:=][ \t]{0,8}"
)
_SAYS_A_NAME = re.compile(
    r"(?:name|key|field|id|type|variable|label|env|option|header|title)\\*[\"']?[ \t]{0,4}[:=][ \t]{0,4}\\*[\"']?"
    r"[\w.$/ -]{0,60}\Z",
    re.IGNORECASE,
)
_BRACED = re.compile(r"\{([^{}\s\"']{1,100})\}(?=;|\Z|\\?[\"'])")
_ALONE = re.compile(r"[ \t]*+\r?\n[ \t]*+(?=[^\s:=]+[ \t]*+(?:\r?\n|\Z))")
_LOGGING_IN = re.compile(r"\b(?:login|user|username|account)\b", re.IGNORECASE)
_BRACES = re.compile(r"\{[^{}]{0,400}+")
_DEFAULT = re.compile(r"(?<![\w-])(?:default|value|plaintext)\\{0,4}[\"']?\s{0,8}+[:=]\s{0,8}+")
_SETS = re.compile(r"(?:^|[\s;&|(])(?:setenv|set[ ]+-[a-zA-Z]{1,4}|ENV|ARG)[ ]+\Z")
_SET_CALL = re.compile(
    r"(?:define|set\w{0,20}|put\w{0,20}|add\w{0,20}|append|header|insert|with\w{0,20}|store)"
    r"\([ ]?\\{0,4}[\"'][\w.-]{0,64}+\Z",
    re.I,
)
_GET_CALL = re.compile(r"(?:get|read|fetch|load|find|lookup|from|env|input|prompt|require)_?\w*\Z", re.IGNORECASE)
_NETRC = re.compile(r"(?:machine[ \t]+\S{1,100}|default)\s+login\s+\S{1,100}\s+\Z")
_SHOWN = re.compile(r"(?:</[A-Za-z]{1,12}>){1,3}[ ]?[:=][ ]*+(?=[^\s<])")
_TAG_BEFORE = re.compile(r"<(?:[\w-]{1,30}:)?\Z")
_OPTIONS = word_set("password passwd passphrase token secret apikey accesstoken secretkey api-key")
# `<your password>`, but not a tag around a value.
_HOLE = re.compile(r"(?!</|<(?:code|kbd|tt|samp|pre|b|strong|em|i|u|span|td|div|p|br)\b)<[^<>\n]{1,80}>(?![A-Za-z0-9])")


def find_named(text: str) -> Iterator[tuple[int, int]]:
    """Find the values that a text calls a secret, as start and end."""
    finder = _Finder(text)
    free = 0
    for name in names(text):
        if (
            name.end <= free
            or text.startswith("://", name.start - 3)
            or (text[name.start - 1 : name.start] == "<" and PLACEHOLDER.match(text, name.start - 1))
        ):
            continue
        for value in finder.values(name):
            free = max(free, value.after)
            yield value.start, value.end


class _Finder(Judge):
    """Finds the values of the names in one text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.reader = Reader(text)

    def values(self, name: SecretName) -> Iterator[Value]:
        """Yield the secret values of a name."""
        text = self.text
        closing = _CLOSING.match(text, name.end)
        at = name.end if closing is None else closing.end()
        in_quotes = at > name.end and _QUOTE_ENDS.match(text, name.end) is not None
        if _POSSESSIVE.match(text, name.end):
            at, in_quotes = name.end, False
        if separator := _SEPARATOR.match(text, at):
            yield from self._assigned(name, separator)
        elif text.startswith((">", " "), name.end) and _TAG_BEFORE.search(text[max(0, name.start - 32) : name.start]):
            yield from self._in_element(name)
        elif in_quotes and text.startswith(">", at) and _SAYS_A_NAME.search(text[max(0, name.start - 100) : name.end]):
            yield from self.accepted(name, self.reader.element(at + 1))
        elif text.startswith("</", at):
            yield from self._after_tags(name, at)
        elif in_quotes and text.startswith(",", at):
            yield from self._in_call(name, at + 1)
        elif text.startswith("(", name.end) and not _GET_CALL.match(text, name.start):
            yield from self._argument(name)
        elif text.startswith("|", at):
            yield from self.accepted(name, self._value(at + 1, in_table=True), strict=True)
        elif not name.plural:
            yield from self._in_sentence(name, at, in_quotes=in_quotes)
        yield from self._value_beside(name, at)

    # After a separator

    def _assigned(self, name: SecretName, separator: re.Match[str]) -> Iterator[Value]:
        text, operator = self.text, separator.group()
        at = _AFTER_SEPARATOR.match(text, separator.end()).end()  # type: ignore[union-attr]
        before = text[name.start - 1 : name.start]
        in_url = before in {"?", "&"} or (before == "#" and operator == "=") or operator[0] == "%"
        if operator == ":" and (typed := _TYPED.match(text, at)):
            at = typed.end()
            operator = "="
        column = self._column(name.start)
        if block := self.reader.block(at, column):
            yield from self.accepted(name, block)
            return
        if text.startswith("[", at) and not text.startswith("[[", at):
            yield from self._items(name, at + 1)
            return
        if text.startswith("{", at):
            braced = _BRACED.match(text, at)
            if braced is not None and looks_secret(braced[1]):
                yield Value(braced.start(1), braced.end(1), braced.end(), quoted=True)
            else:
                yield from self.accepted(name, self._default(at))
            return
        if line := _NEXT_LINE.match(text, at):
            yield from self._on_next_line(name, line, column)
            return
        value = None if self._ends_a_quote(name, at) else self._value(at, in_url=in_url, encoded=operator[0] == "%")
        compared = len(operator) > 1 and operator[0] in "=!|?" and operator not in {"=>", "?="}
        if value is None:
            return
        word = self.word(value)
        if compared and not value.quoted and not (name.tier == "password" and looks_secret(word)):
            return
        if not value.quoted:
            if default := default_in(word):
                value = Value(value.start + default[0], value.start + default[1], value.after, quoted=True)
                yield from self.accepted(name, value)
                return
            spaced = operator == ":" or text[separator.start() - 1] in " \t"
            if spaced and not in_url and (phrase := self.phrase(name, value, word)):
                yield phrase
                return
            if operator.endswith("=") and is_plain(word) and self.is_variable(name, value, spaced=spaced):
                return
        yield from self.accepted(name, value, strict=compared and name.tier != "password")

    def _on_next_line(self, name: SecretName, line: re.Match[str], column: int) -> Iterator[Value]:
        text, at = self.text, line.end()
        if "\n" in line[1] and not text.startswith(('"', "'"), at):
            return
        if text.startswith(("#", "-", "{", "[", "|", "<"), at) or (
            line.group().rstrip(" ").endswith("-") and not name.plural
        ):
            return
        value = self._value(at)
        if value is None or not _LINE_ENDS.match(text, value.after) or text.startswith(":", value.end):
            return
        deeper = len(line[1]) > column
        again = not value.quoted and _NAMED_AGAIN.match(text, value.start)
        if again and not deeper:
            return
        yield from self.accepted(name, value, strict=not deeper and name.tier not in {"password", "passphrase"})

    def _items(self, name: SecretName, at: int) -> Iterator[Value]:
        text = self.text
        while True:
            while text[at : at + 1].isspace():
                at += 1
            value = None if text.startswith(("]", "[", "{"), at) else self.reader.value(at)
            if value is None:
                return
            word = self.word(value)
            if not value.quoted and any(char in word for char in "[{(=:*"):
                return
            yield from self.accepted(name, value, strict=name.tier not in {"password", "passphrase"})
            at = value.after if value.quoted else value.end
            while text[at : at + 1].isspace():
                at += 1
            if not text.startswith(",", at):
                return
            at += 1

    # In tags, calls and tables

    def _in_element(self, name: SecretName) -> Iterator[Value]:
        end = self.text.find(">", name.end, name.end + 200)
        if end >= 0 and self.text[end - 1] != "/":
            yield from self.accepted(name, self.reader.element(end + 1))

    def _after_tags(self, name: SecretName, at: int) -> Iterator[Value]:
        """Yield the value after ``</b>:`` or ``</td><td>``."""
        shown = _SHOWN.match(self.text, at)
        yield from self.accepted(name, self._value(at if shown is None else shown.end()))

    def _argument(self, name: SecretName) -> Iterator[Value]:
        at = name.end + 1
        if self.text[at : at + 1] in {'"', "'", "\\"}:
            yield from self.accepted(name, self.reader.value(at), strict=name.tier not in {"password", "passphrase"})

    def _in_call(self, name: SecretName, at: int) -> Iterator[Value]:
        text = self.text
        while text[at : at + 1] == " ":
            at += 1
        value = self.reader.value(at) if text[at : at + 1] in {'"', "'", "\\"} else None
        sets = _SET_CALL.search(text[max(0, name.start - 60) : name.start])
        yield from self.accepted(name, value, strict=sets is None)

    def _value_beside(self, name: SecretName, at: int) -> Iterator[Value]:
        """Yield the value of ``name: PASSWORD`` and ``value: …``, and the default of a Terraform variable."""
        text = self.text
        if text.startswith("{", at):
            yield from self.accepted(name, self._default(at))
        elif (found := _VALUE_OF.match(text, at)) and _SAYS_A_NAME.search(text[max(0, name.start - 100) : name.end]):
            yield from self.accepted(name, self._value(found.end()))

    def _default(self, at: int) -> Value | None:
        """Return the value or the default inside the braces at a position."""
        braces = _BRACES.match(self.text, at)
        found = None if braces is None else _DEFAULT.search(braces.group())
        return None if found is None else self._value(at + found.end())

    # In sentences and commands

    def _in_sentence(self, name: SecretName, at: int, *, in_quotes: bool) -> Iterator[Value]:
        text = self.text
        before = text[max(0, name.start - 16) : name.start]
        option = before.endswith("--") or (before.endswith("-") and text[name.start : name.end].lower() in _OPTIONS)
        if option and text[at - 1 : at] in {" ", "\t"}:
            value = self.reader.value(at)
            if value is not None and not self.text.startswith("-", at):
                yield from self.accepted(name, value)
            return
        if _SETS.search(before) or name.word in {"requirepass", "masterauth"}:
            yield from self.accepted(name, self.reader.value(at) if at > name.end else None)
            return
        start = at
        while start > name.end and text[start - 1] in " \t":
            start -= 1
        value: Value | None = None
        if (found := _BEFORE_IT.search(text[max(0, name.start - 110) : name.start])) and looks_secret(found["value"]):
            yield from self.accepted(name, self.reader.bare(max(0, name.start - 110) + found.start("value")))
        if found := _IS.match(text, start):
            value = self._value(found.end())
            phrase = name.tier == "passphrase" and value is not None and not value.quoted
            if value is not None and phrase and (words := self.phrase(name, value, self.word(value))):
                yield words
                return
            if value is not None and "be" in found.group() and not (value.quoted or looks_secret(self.word(value))):
                value = None
            if value is not None and not self.is_said(name, value):
                value = None
        elif found := _FOR.match(text, start):
            value = self._value(found.end())
            if value is not None and not (
                self.is_said(name, value) if found["how"].strip(" :").isalpha() else looks_secret(self.word(value))
            ):
                value = None
        elif found := _TO.match(text, start) or _DASH.match(text, start):
            value = self._value(found.end())
            if value is not None and not (self.one_word(value) and (value.quoted or looks_secret(self.word(value)))):
                value = None
        elif (found := _ALONE.match(text, start)) and text[name.start - 1 : name.start] in {"", "\n"}:
            value = self._value(found.end())
            if value is not None and not (name.tier in {"password", "passphrase"} and looks_secret(self.word(value))):
                value = None
        elif (found := _BESIDE.match(text, start)) and not in_quotes:
            value = self._value(found.end())
            if value is not None and not self._is_beside(name, value, found):
                value = None
        yield from self.accepted(name, value)

    def _is_beside(self, name: SecretName, value: Value, found: re.Match[str]) -> bool:
        """Whether ``password VALUE`` gives a value without a word between them."""
        word = self.word(value)
        before = self.text[max(0, name.start - 60) : name.start]
        if word[:1] == "(" or name.word == "auth" or (name.word == "pass" and not _LOGGING_IN.search(before)):
            return False
        if _NETRC.search(self.text[max(0, name.start - 260) : name.start]):
            return True
        if "\n" in found.group():
            return False
        people = name.tier in {"password", "passphrase"}
        if value.quoted:
            return people and self.one_word(value)
        if people and is_number(word):
            return len(word) >= 6
        return looks_secret(word, 4 if people or name.word == "pass" else 12) and (
            people or not word.islower() or any(map(str.isdigit, word))
        )

    # Positions

    def _value(self, at: int, *, in_url: bool = False, in_table: bool = False, encoded: bool = False) -> Value | None:
        text = self.text
        while text[at : at + 1] in {" ", "\t", "\u00a0", "\u3000"}:
            at += 1
        if at >= len(text) or text[at] in "\r\n" or _HOLE.match(text, at):
            return None
        return self.reader.value(at, in_url=in_url, in_table=in_table, encoded=encoded)

    def _ends_a_quote(self, name: SecretName, at: int) -> bool:
        """Whether the quote at a position closes a string that contains the name: ``input('Password: ')``."""
        quote, column = self.text[at : at + 1], self._column(name.start)
        if quote not in {'"', "'", "`"} or self.text[at + 1 : at + 2].isalnum():
            return False
        return self.text[name.start - column : name.start].count(quote) % 2 == 1

    def _column(self, at: int) -> int:
        start = at
        while start > 0 and at - start < 200 and self.text[start - 1] not in "\r\n":
            start -= 1
        return at - start - (1 if start < at and self.text[at - 1] in "\"'" else 0)
