"""Secrets that a text names: `password: …`, `GITHUB_TOKEN=…`, `my password is …`, in the forms people write.

A name is found first (`secret_names`), then what stands between it and its value, then where the value ends
(`secret_reader`); whether it is one is judged last (`secret_values`). Each step looks a bounded way back and ahead, or
goes on behind what it read, so that the whole takes time that grows with the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .restoring import PLACEHOLDER
from .secret_names import SecretName, names
from .secret_reader import Reader, Value
from .secret_values import default_in, is_nothing, is_number, is_plain, is_stop_word, is_telling

# What may follow a name before its separator: the quote or bracket that it stands in, a note, signs of Markdown.
_CLOSING = re.compile(
    r"(?:\\*+[\"'`]|&quot;|&\#(?:34|39|x27);|%22|[\u201d\u2019»\u201c])?+\]{0,2}+(?:\*\*|__|[*_]|~~|`)?+"
    r"(?:[ ]\([^()\n\"']{1,40}+\))?+[?!]?+[ \t]*+"
)
_SEPARATOR = re.compile(r":=|=>|->|[!=]={1,2}|[?+]=|=|:(?!:)|\uff1a|\uff1d|%3[dDaA]|\\u003[dD]")
_AFTER_SEPARATOR = re.compile(r"(?:\*\*|__|\*|_|~~)?+[ \t]*+")
_TYPED = re.compile(
    r"(?:&?(?:'static )?[A-Za-z][\w.]{0,30}(?:\[[^\[\]\n=]{0,40}\]|<[^<>\n=]{0,40}>)?\??(?: ?\| ?[A-Za-z]{1,20}){0,3})"
    r"(?:[ ]{1,4}=[ ]{1,4}|=(?=[rbuf]?[\"'`]))"
)
_NEXT_LINE = re.compile(r"\r?\n([ \t]*+)(?:-[ ]+)?")
_LINE_ENDS = re.compile(r"[ \t,;]*+(?:\r?\n|\Z)")
_NAMED_AGAIN = re.compile(r"[A-Za-z_][\w.-]{0,40}[:=]")
_IS = re.compile(
    r"(?:['\u2019]s|[ ](?:is|was|are|equals|ist|war|lautet|heißt|est|es|è|é|är|er|jest|это)|是|为|為|は|\uff1a|:)"
    r"(?:[ ](?:now|currently|still|simply|just|called|set to|gleich|immer))?[ ]?:?[ ]*+"
)
_FOR = re.compile(
    r"(?:[ ](?:for|to|of|on|at|in|für|von|zum|zur|im|pour|de|du|para|del)[ ])[^\n:=.,;!?\"'<>]{1,48}?"
    r"(?P<how>[ ](?:is|was|ist|lautet|est|es)[ ]:?|:[ ]|[ ]=[ ])[ ]*+"
)
_TO = re.compile(r"[ ]{1,4}(?:(?:set |changed |back )?to|as|with|auf|in)[ ]{1,4}")
_BESIDE = re.compile(r"(?:[ \t]{1,8}|[ \t]?\r?\n[ \t]{1,8})(?:[0-9] )?")
_GOES_ON = re.compile(r"[ \t]+(?![\w.-]{1,40}\s?[:=])(?!(?:and|or|but|und|oder|et|ou|y)\b)[^\W\d_]")
_SENTENCE_GOES_ON = re.compile(r"[ \t]+(?!(?:and|or|but|for|on|so|if|please|und|oder|aber|et|y|pour|para)\b)[^\W\d_]")
_MORE_WORDS = re.compile(r"((?:[ ][^\W_][\w'\u2019-]{0,24}+){1,11}+)[ \t]*+[.!]?(?=\r?\n|\Z|[\"'}]|\\+[\"'n]|[,;]\s)")
_VALUE_OF = re.compile(
    r"[\s,;]{0,60}+(?:-[ ]+)?(?:[^<>\n\"']{0,40}(?:\"[^<>\n\"]{0,40}\"[^<>\n\"']{0,20}){0,3}[ ])?\\*[\"']?"
    r"(?:value|val|defaultValue|default_value|Value|VALUE)\\*[\"']?[ \t]{0,8}[:=][ \t]{0,8}"
)
_SAYS_A_NAME = re.compile(
    r"(?:name|key|field|id|type|variable|label|env|option|header|title)\\*[\"']?[ \t]{0,4}[:=][ \t]{0,4}\\*[\"']?"
    r"[\w.$/ -]{0,60}\Z",
    re.IGNORECASE,
)
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
_TAG_BEFORE = re.compile(r"<(?:[\w-]{1,30}:)?\Z")
_OPTIONS = {"password", "passwd", "passphrase", "token", "secret", "apikey", "accesstoken", "secretkey", "api-key"}
_VARIABLE_BEFORE = re.compile(r"(?:^|\s)(?:const|let|var|val|final|auto|static|self\.|this\.)[\w. ]{0,40}+\Z")
# `<your password>`, but no tag that shows a value.
_HOLE = re.compile(r"(?!</|<(?:code|kbd|tt|samp|pre|b|strong|em|i|u|span|td|div|p|br)\b)<[^<>\n]{1,80}>(?![A-Za-z0-9])")
_LOGPROB = re.compile(r"[^\n]{0,40}logprob")


def find_named(text: str) -> Iterator[tuple[int, int]]:
    """Find where a text has a value that it calls a secret."""
    finder = _Finder(text)
    free = 0
    for name in names(text):
        if name.end <= free or (text[name.start - 1 : name.start] == "<" and PLACEHOLDER.match(text, name.start - 1)):
            continue
        for value in finder.values(name):
            free = max(free, value.after)
            yield value.start, value.end


class _Finder:
    """Looks for the values of the names in one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reader = Reader(text)

    def values(self, name: SecretName) -> Iterator[Value]:
        """Give what a name says to be secret."""
        text = self.text
        closing = _CLOSING.match(text, name.end)
        at = name.end if closing is None else closing.end()
        in_quotes = at > name.end and text[name.end] in "\\\"'`&%\u201d\u2019»"
        if separator := _SEPARATOR.match(text, at):
            yield from self._assigned(name, separator)
        elif text.startswith((">", " "), name.end) and _TAG_BEFORE.search(text[max(0, name.start - 32) : name.start]):
            yield from self._in_element(name)
        elif text.startswith("</", at):
            yield from self._accepted(name, self.reader.value(at))
        elif in_quotes and text.startswith(",", at):
            yield from self._in_call(name, at + 1)
        elif text.startswith("(", name.end) and not _GET_CALL.match(text, name.start):
            yield from self._argument(name)
        elif text.startswith("|", at):
            yield from self._accepted(name, self._value(at + 1, in_table=True), strict=True)
        elif not name.plural:
            yield from self._told(name, at, in_quotes=in_quotes)
        yield from self._value_beside(name, at)

    # A separator stands between them

    def _assigned(self, name: SecretName, separator: re.Match[str]) -> Iterator[Value]:
        text, sign = self.text, separator.group()
        at = _AFTER_SEPARATOR.match(text, separator.end()).end()  # type: ignore[union-attr]
        before = text[name.start - 1 : name.start]
        in_url = before in {"?", "&"} or (before == "#" and sign == "=") or sign[0] == "%"
        if sign == ":" and (typed := _TYPED.match(text, at)):
            at = typed.end()
            sign = "="
        column = self._column(name.start)
        if block := self.reader.block(at, column):
            yield from self._accepted(name, block)
            return
        if text.startswith("[", at) and not text.startswith("[[", at):
            yield from self._items(name, at + 1)
            return
        if text.startswith("{", at):
            yield from self._accepted(name, self._default(at))
            return
        if line := _NEXT_LINE.match(text, at):
            yield from self._on_next_line(name, line, column)
            return
        value = None if self._ends_a_quote(name, at) else self._value(at, in_url=in_url, encoded=sign[0] == "%")
        compared = len(sign) > 1 and sign[0] in "=!" and sign != "=>"
        if value is None or (compared and not value.quoted):
            return
        word = self._word(value)
        if not value.quoted:
            if default := default_in(word):
                value = Value(value.start + default[0], value.start + default[1], value.after, quoted=True)
                yield from self._accepted(name, value)
                return
            spaced = sign == ":" or text[separator.start() - 1] in " \t"
            if spaced and not in_url and (phrase := self._phrase(name, value, word)):
                yield phrase
                return
            if sign == "=" and is_plain(word) and self._is_variable(name, value, spaced=spaced):
                return
        yield from self._accepted(name, value, strict=compared and name.tier != "password")

    def _on_next_line(self, name: SecretName, line: re.Match[str], column: int) -> Iterator[Value]:
        text, at = self.text, line.end()
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
        yield from self._accepted(name, value, strict=not deeper and name.tier not in {"password", "passphrase"})

    def _items(self, name: SecretName, at: int) -> Iterator[Value]:
        text = self.text
        while True:
            while text[at : at + 1].isspace():
                at += 1
            value = None if text.startswith(("]", "[", "{"), at) else self.reader.value(at)
            if value is None:
                return
            word = self._word(value)
            if not value.quoted and any(sign in word for sign in "[{(=:"):
                return
            yield from self._accepted(name, value, strict=name.tier not in {"password", "passphrase"})
            at = value.after if value.quoted else value.end
            while text[at : at + 1].isspace():
                at += 1
            if not text.startswith(",", at):
                return
            at += 1

    def _phrase(self, name: SecretName, value: Value, word: str) -> Value | None:
        """Return a pass phrase without quotes, to the end of its line: words that do not make a sentence."""
        if name.tier not in {"password", "passphrase"} or not word.isalnum() or is_nothing(word, quoted=False):
            return None
        more = _MORE_WORDS.match(self.text, value.end)
        if more is None:
            return None
        rest = more[1].split()
        if name.tier == "passphrase":
            is_phrase = (len(rest) > 1 and not is_stop_word(rest[0])) or len(rest) > 2
            return Value(value.start, more.end(1), more.end(1), quoted=False) if is_phrase else None
        if any(map(is_stop_word, [word, *rest])) or not all(map(str.isalnum, rest)):
            return None
        return Value(value.start, more.end(1), more.end(1), quoted=False)

    def _is_variable(self, name: SecretName, value: Value, *, spaced: bool) -> bool:
        """Whether a word is a variable of a program rather than a secret."""
        before = self.text[max(0, name.start - 40) : name.end]
        ended = spaced and self.text.startswith(";", value.end)
        return ended or _VARIABLE_BEFORE.search(before) is not None or "." in self.text[name.start : name.end]

    # Tags, calls, tables

    def _in_element(self, name: SecretName) -> Iterator[Value]:
        end = self.text.find(">", name.end, name.end + 200)
        if end >= 0 and self.text[end - 1] != "/":
            yield from self._accepted(name, self.reader.element(end + 1))

    def _argument(self, name: SecretName) -> Iterator[Value]:
        at = name.end + 1
        if self.text[at : at + 1] in {'"', "'", "\\"}:
            yield from self._accepted(name, self.reader.value(at), strict=name.tier not in {"password", "passphrase"})

    def _in_call(self, name: SecretName, at: int) -> Iterator[Value]:
        text = self.text
        while text[at : at + 1] == " ":
            at += 1
        value = self.reader.value(at) if text[at : at + 1] in {'"', "'", "\\"} else None
        sets = _SET_CALL.search(text[max(0, name.start - 60) : name.start])
        yield from self._accepted(name, value, strict=sets is None)

    def _value_beside(self, name: SecretName, at: int) -> Iterator[Value]:
        """Give the value of ``name: PASSWORD`` and ``value: …``, and the default of a Terraform variable."""
        text = self.text
        if text.startswith("{", at):
            yield from self._accepted(name, self._default(at))
        elif (found := _VALUE_OF.match(text, at)) and _SAYS_A_NAME.search(text[max(0, name.start - 100) : name.end]):
            yield from self._accepted(name, self._value(found.end()))

    def _default(self, at: int) -> Value | None:
        """Return what the braces at a place say to be the value or the default."""
        braces = _BRACES.match(self.text, at)
        found = None if braces is None else _DEFAULT.search(braces.group())
        return None if found is None else self._value(at + found.end())

    # Sentences, and commands

    def _told(self, name: SecretName, at: int, *, in_quotes: bool) -> Iterator[Value]:
        text = self.text
        before = text[max(0, name.start - 16) : name.start]
        option = before.endswith("--") or (before.endswith("-") and text[name.start : name.end].lower() in _OPTIONS)
        if option and text[at - 1 : at] in {" ", "\t"}:
            value = self.reader.value(at)
            if value is not None and not self.text.startswith("-", at):
                yield from self._accepted(name, value)
            return
        if _SETS.search(before) or name.word in {"requirepass", "masterauth"}:
            yield from self._accepted(name, self.reader.value(at) if at > name.end else None)
            return
        start = at if in_quotes else name.end
        while start > name.end and text[start - 1] in " \t":
            start -= 1
        value: Value | None = None
        if found := _IS.match(text, start):
            value = self._value(found.end())
            if value is not None and not self._is_said(name, value):
                value = None
        elif found := _FOR.match(text, start):
            value = self._value(found.end())
            if value is not None and not (
                self._is_said(name, value) if found["how"].strip(" :").isalpha() else is_telling(self._word(value))
            ):
                value = None
        elif found := _TO.match(text, start):
            value = self._value(found.end())
            if value is not None and not (self._one_word(value) and (value.quoted or is_telling(self._word(value)))):
                value = None
        elif (found := _BESIDE.match(text, start)) and not in_quotes:
            value = self._value(found.end())
            if value is not None and not self._is_beside(name, value, found):
                value = None
        yield from self._accepted(name, value)

    def _is_said(self, name: SecretName, value: Value) -> bool:
        """Whether ``password is VALUE`` says a value, and not what is the matter with it."""
        word = self._word(value)
        if value.quoted or is_telling(word):
            return True
        if name.tier == "number" or is_number(word):
            return name.tier in {"number", "password", "passphrase"} and len(word) >= 3
        if name.tier not in {"password", "passphrase"} or not is_plain(word):
            return name.tier in {"password", "passphrase"}
        lower = word.casefold()
        return not (
            is_stop_word(lower)
            or lower == "correct"
            or lower.endswith(("ed", "ing"))
            or _SENTENCE_GOES_ON.match(self.text, _behind(value))
        )

    def _is_beside(self, name: SecretName, value: Value, found: re.Match[str]) -> bool:
        """Whether ``password VALUE`` says a value without a word between them."""
        word = self._word(value)
        if word[:1] == "(":
            return False
        if _NETRC.search(self.text[max(0, name.start - 260) : name.start]):
            return True
        if "\n" in found.group():
            return False
        people = name.tier in {"password", "passphrase"}
        if value.quoted:
            return people and self._one_word(value)
        return is_telling(word, 4 if people else 12) and (people or not word.islower() or any(map(str.isdigit, word)))

    # Whether it is one

    def _accepted(self, name: SecretName, value: Value | None, *, strict: bool = False) -> Iterator[Value]:
        if value is not None and value.end > value.start and self._is_secret(name, value, strict=strict):
            yield value

    def _is_secret(self, name: SecretName, value: Value, *, strict: bool) -> bool:
        word = self._word(value)
        if is_nothing(word, quoted=value.quoted):
            return False
        if name.tier == "number":
            return word.isdigit() and 4 <= len(word) <= 8
        if " " in word.strip() and "\n" not in word:
            return not strict and self._is_quoted_phrase(name, word)
        if strict and not is_telling(word, 4 if name.tier in {"password", "passphrase"} else 8):
            return False
        if name.tier == "doubtful" or name.plural:
            return self._is_key(name, value, word)
        people = name.tier in {"password", "passphrase"}
        if is_number(word):
            return len(word) >= (3 if people else 6)
        if value.quoted or not is_plain(word):
            return True
        goes_on = _GOES_ON.match(self.text, _behind(value)) is not None
        return not (is_stop_word(word) or (goes_on and not people))

    def _is_key(self, name: SecretName, value: Value, word: str) -> bool:
        if name.word == "pass":
            assigned = self.text[name.end : name.end + 1] == "=" or (value.quoted and not is_stop_word(word))
            return is_telling(word) or (assigned and not is_number(word))
        if name.word == "token" and not name.plural:
            if _LOGPROB.match(self.text, value.after):
                return False
            goes_on = _GOES_ON.match(self.text, _behind(value)) is not None
            if is_plain(word) and len(word) >= 8 and not (goes_on or is_stop_word(word)):
                return True
            return is_telling(word, 6) or (is_number(word) and len(word) >= 6)
        if name.plural and name.tier in {"password", "passphrase"}:
            return not is_number(word) or value.quoted
        return is_telling(word, 8) or (name.word in {"credential", "creds"} and ":" in word)

    def _is_quoted_phrase(self, name: SecretName, phrase: str) -> bool:
        """Whether words in quotes are a pass phrase, and not what a form says to its users."""
        if name.tier == "passphrase":
            return True
        words = phrase.casefold().split()
        if any(True for _ in names(phrase)):
            return False
        if name.tier == "password":
            return not (
                is_stop_word(words[0]) and words[0] not in {"the", "a", "my", "i", "it", "we", "all", "to", "in", "on"}
            )
        return name.tier == "secret" and not name.plural and not any(map(is_stop_word, words))

    # What stands where

    def _value(self, at: int, *, in_url: bool = False, in_table: bool = False, encoded: bool = False) -> Value | None:
        text = self.text
        while text[at : at + 1] in {" ", "\t"}:
            at += 1
        if at >= len(text) or text[at] in "\r\n" or _HOLE.match(text, at):
            return None
        return self.reader.value(at, in_url=in_url, in_table=in_table, encoded=encoded)

    def _ends_a_quote(self, name: SecretName, at: int) -> bool:
        """Whether the quote at a place belongs to a text that the name stands in: ``input('Password: ')``."""
        quote, column = self.text[at : at + 1], self._column(name.start)
        if quote not in {'"', "'", "`"} or self.text[at + 1 : at + 2].isalnum():
            return False
        return self.text[name.start - column : name.start].count(quote) % 2 == 1

    def _word(self, value: Value) -> str:
        return self.text[value.start : min(value.end, value.start + 400)]

    def _one_word(self, value: Value) -> bool:
        return " " not in self._word(value)

    def _column(self, at: int) -> int:
        start = at
        while start > 0 and at - start < 200 and self.text[start - 1] not in "\r\n":
            start -= 1
        return at - start - (1 if start < at and self.text[at - 1] in "\"'" else 0)


def _behind(value: Value) -> int:
    return value.after if value.quoted else value.end
