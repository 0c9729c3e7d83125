"""Judges whether a value is a secret, by how clear its name is and by the text around it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .secret_names import SecretName, names
from .secret_reader import Value
from .secret_values import is_number, is_plain, is_stand_in, is_stop_word, looks_secret, word_set

_GOES_ON = re.compile(r"[ \t]+(?![\w.-]{1,40}\s?[:=])(?!(?:and|or|but|und|oder|et|ou|y)\b)[^\W\d_]")
_SENTENCE_GOES_ON = re.compile(r"[ \t]+(?!(?:and|or|but|for|on|so|if|please|und|oder|aber|et|y|pour|para)\b)[^\W\d_]")
_MORE_WORDS = re.compile(r"((?:[ ][^\W_][\w'\u2019-]{0,24}+){1,11}+)[ \t]*+[.!]?(?=\r?\n|\Z|[\"'}]|\\+[\"'n]|[,;]\s)")
_VARIABLE_BEFORE = re.compile(r"(?:^|\s)(?:const|let|var|val|final|auto|static|self\.|this\.)[\w. ]{0,40}+\Z")
_OPERATOR = re.compile(r"[ ][-+/*%&|]{1,2}[ ]")
_INSTRUCTIONS = word_set("enter please your the invalid missing no use paste type add provide set a an")
_LOGPROB = re.compile(r"[^\n]{0,40}logprob")


class Judge:
    """Judges the values in one text."""

    def __init__(self, text: str) -> None:
        """Judge values in ``text``."""
        self.text = text

    def accepted(self, name: SecretName, value: Value | None, *, strict: bool = False) -> Iterator[Value]:
        """Yield the value if it is a secret; with ``strict`` it must also look like one."""
        if value is not None and value.end > value.start and self._is_secret(name, value, strict=strict):
            yield value

    def _is_secret(self, name: SecretName, value: Value, *, strict: bool) -> bool:
        word = self.word(value)
        if is_stand_in(word, quoted=value.quoted):
            return False
        if name.tier == "number":
            return word.isdigit() and 4 <= len(word) <= 8
        if " " in word.strip() and "\n" not in word:
            return not strict and self._is_quoted_phrase(name, word)
        if strict and not looks_secret(word, 4 if name.tier in {"password", "passphrase"} else 8):
            return False
        if name.tier == "doubtful" or name.plural:
            return self._is_key(name, value, word)
        people = name.tier in {"password", "passphrase"}
        if is_number(word):
            return len(word) >= (3 if people else 6)
        if value.quoted or not is_plain(word):
            return True
        goes_on = _GOES_ON.match(self.text, _after(value)) is not None
        return not (is_stop_word(word) or (goes_on and not people))

    def _is_key(self, name: SecretName, value: Value, word: str) -> bool:
        if name.word == "pass":
            assigned = self.text[name.end : name.end + 1] == "=" or (value.quoted and not is_stop_word(word))
            if is_plain(word) and len(word) >= 6 and not is_stop_word(word):
                assigned = assigned or not _GOES_ON.match(self.text, _after(value))
            return looks_secret(word) or (assigned and not is_number(word))
        if name.word == "token" and not name.plural:
            if _LOGPROB.match(self.text, value.after):
                return False
            goes_on = _GOES_ON.match(self.text, _after(value)) is not None
            given = self.text[name.end : name.end + 1] == "=" and self.text[_after(value) : _after(value) + 1] not in {
                ",",
                ")",
            }
            if is_plain(word) and len(word) >= (3 if given else 8) and not (goes_on or is_stop_word(word)):
                return True
            return looks_secret(word, 4 if given else 6) or (is_number(word) and len(word) >= 6)
        if name.plural and name.tier in {"password", "passphrase"}:
            return not is_number(word) or value.quoted
        return looks_secret(word, 8) or (name.word in {"credential", "creds"} and ":" in word)

    def _is_quoted_phrase(self, name: SecretName, phrase: str) -> bool:
        """Whether words in quotes are a pass phrase, and not a form's instruction to its users."""
        if name.tier == "passphrase":
            return True
        words = phrase.casefold().split()
        if not all(is_plain(word) or is_number(word) for word in (each.strip(".,;:!?()\"'") for each in words) if word):
            return name.tier != "doubtful"
        is_key = name.word == "key" and name.tier == "secret"
        if not is_key and any(True for _ in names(phrase)):
            return False
        if name.tier == "password":
            return not (
                is_stop_word(words[0]) and words[0] not in {"the", "a", "my", "i", "it", "we", "all", "to", "in", "on"}
            )
        if name.word in {"key", "secret", "schlüssel"} and name.tier == "secret" and not name.plural:
            return words[0] not in _INSTRUCTIONS
        return name.tier == "secret" and not name.plural and not any(map(is_stop_word, words))

    def is_said(self, name: SecretName, value: Value) -> bool:
        """Whether ``password is VALUE`` gives a value, and not a state such as ``expired``."""
        word = self.word(value)
        if value.quoted or looks_secret(word):
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
            or _SENTENCE_GOES_ON.match(self.text, _after(value))
        )

    def phrase(self, name: SecretName, value: Value, word: str) -> Value | None:
        """Return a pass phrase without quotes, to the end of its line: words that are not a sentence."""
        if name.tier not in {"password", "passphrase"} or not word.isalnum() or is_stand_in(word, quoted=False):
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

    def is_variable(self, name: SecretName, value: Value, *, spaced: bool) -> bool:
        """Whether a word is a variable in code rather than a secret."""
        before = self.text[max(0, name.start - 40) : name.end]
        ended = spaced and self.text.startswith(";", value.end)
        return (
            ended
            or (spaced and _OPERATOR.match(self.text, value.end) is not None)
            or _VARIABLE_BEFORE.search(before) is not None
        )

    def word(self, value: Value) -> str:
        """Return a value, or its first 400 characters, which are enough to judge it."""
        return self.text[value.start : min(value.end, value.start + 400)]

    def one_word(self, value: Value) -> bool:
        """Whether a value contains no spaces."""
        return " " not in self.word(value)


def _after(value: Value) -> int:
    return value.after if value.quoted else value.end
