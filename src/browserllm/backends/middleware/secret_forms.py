"""Finds secrets by their position rather than by a name: headers, cookies, commands, Kubernetes secrets."""

from __future__ import annotations

import re
from base64 import b64decode
from bisect import bisect
from collections.abc import Iterator

from .secret_reader import Reader, Value
from .secret_values import is_number, is_plain, is_stand_in, is_stop_word, looks_secret, word_set

Found = Iterator[tuple[int, int]]

_AUTHORIZATION = re.compile(
    r"authorization\\*[\"'`]?\]?[ \t]{0,4}(?::=?|=>?|,)[ \t]{0,4}(?:\\*[\"'`]|\[[ ]?\\*[\"'])?"
    r"(?P<scheme>[A-Za-z][\w-]{1,24}(?:[ \t]+|%20))?",
    re.IGNORECASE,
)
# Schemes followed by a list of parameters.
_IN_PARTS = word_set("digest hawk oauth aws4-hmac-sha256 aws4-ecdsa-p256-sha256 signature mac")
_PARTS_END = re.compile(r"(?:[^\r\n'\\`]|\\.)*+")
_BEARER = re.compile(r"(?<![A-Za-z])bearer(?::?[ \t]+|%20|\\u0020)", re.IGNORECASE)
_BASIC = re.compile(r"(?<![A-Za-z])basic(?:[ ]+|%20)([A-Za-z0-9+/_-]{4,}+={0,2})", re.IGNORECASE)
_COOKIE = re.compile(
    r"(?<![A-Za-z])(?:set-?)?cookies?\\*[\"'`]?\]?[ \t]{0,4}(?::|=>?|,|[ ](?=[\"']))[ \t]{0,4}"
    r"\\*[\"'`]?(?=[^\s=\"']{1,64}=)"
    r"|(?<![\w-])-b[ ]\\*[\"'](?=[^\s=\"']{1,64}=)",
    re.IGNORECASE,
)
_CRUMB = re.compile(r"[ ]?([^\s=;,\"'\\]{1,64}+)(?:=(\"?)([^\s;\"'\\]*+))?+([^;\r\n\"'\\]*+)")
_ATTRIBUTES = word_set("path domain expires max-age samesite version comment priority")
_SESSION = re.compile(r"sess|sid|token|auth|jwt|csrf|xsrf|login|remember|secret|key|pass", re.IGNORECASE)
_QUERY = re.compile(
    r"(?<=[?&])(?:key|sig|signature|x-amz-signature|x-goog-signature|code|sid|session_?id|ticket|assertion"
    r"|code_verifier|hmac|jwt|auth|pass|pw|p|k|otp|nonce)=",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"(?<![\w-])(?:-[A-Za-z]{0,5}[uUa][ ]|-u(?=[^\s-])|--(?:user|proxy-user|auth)[ =])"
    r"(?P<quote>\\*[\"']?)(?P<user>[^\s:\"'/\\]{1,64}):"
    r"(?=[^\s/:])"
)
_LOGGING_IN = re.compile(r"\b(?:curl|https?|xh|hey|ab|siege|wget|lftp|ldap\w{0,20}+|influx|smbclient|svn|hg)\b")
_FLAG = re.compile(
    r"(?<![\w-])-(?P<flag>pw|p|P|a|w|passin[ ]+pass:|passout[ ]+pass:|pass[ ]+pass:)(?P<gap>[ =]?)(?=[^\s-])"
)
_ATTACHED = re.compile(r"\b(?:mysql\w{0,20}+|mariadb\w{0,20}+|sshpass|7za?|rar|unrar)\b")
_SPACED = {
    "p": re.compile(r"\b(?:sshpass|mongo\w{0,20}+|login|htpasswd|pscp)\b"),
    "P": re.compile(r"\b(?:sqlcmd|bcp|unzip|zip|tsql)\b"),
    "a": re.compile(r"\bredis-cli\b"),
    "w": re.compile(r"\bldap\w{1,20}+\b"),
    "pw": re.compile(r"\b(?:plink|pscp|psftp)\b"),
}
_LINES = re.compile(r"(?<!\\)\n")
_COMMANDS = re.compile(r"[\n|;&]")
_TWO_ARGUMENTS = re.compile(
    r"(?:\b(?:basic_?|http_?|proxy_?)?auth(?:entication)?[ ]?=[ ]?|BasicAuth|DigestAuth|basic_auth|basicAuth|\blogin"
    r"|authenticate|set_credentials|Credentials?)"
    r"\([ ]?[rRbBuUfF]?(?P<quote>[\"'])[^\"'\n\\]{1,100}[\"'],[ ]?(?=[rRbBuUfF]?[\"'])"
)
_IDENTIFIED_BY = re.compile(r"\bidentified[ ](?:with[ ][\w\"'`]{1,40}[ ])?by[ ](?=[\"'])", re.IGNORECASE)
_PAIR = re.compile(
    r"\b(?:credentials?|creds|logins?|log-?in(?: data| details)?|user(?:name)?[ ]?(?:/|and|&)[ ]?pass(?:word)?)"
    r"(?:[ ](?:is|are|for[ ][^\n:]{1,30}))?[ ]?[:=]?[ ]\\*[\"'`]?"
    r"(?P<user>[^\s:/|,\"'`\\]{1,64})(?P<gap>:|[ ]?[/|][ ]?)(?=[^\s/])",
    re.IGNORECASE,
)
_KIND_SECRET = re.compile(r"^([ \t]*+)kind:[ ]*+[\"']?Secret[\"']?[ \t]*+\r?$", re.MULTILINE)
_DATA = re.compile(r"^([ \t]*+)(?:data|stringData):[ \t]*+\r?$", re.MULTILINE)
_DOCUMENT = re.compile(r"^---", re.MULTILINE)
_ENTRY = re.compile(r"[ \t]++[\"']?[\w.-]{1,253}+[\"']?:[ \t]*+")


def find_in_headers(text: str) -> Found:
    """Find credentials in ``Authorization``, after ``Bearer`` and ``Basic``, and in cookies."""
    reader = Reader(text)
    free = 0
    for match in _AUTHORIZATION.finditer(text):
        if match.start() < free:
            continue
        scheme = (match["scheme"] or "").removesuffix("%20").strip().lower()
        if scheme in _IN_PARTS:
            rest = _PARTS_END.match(text, match.end())
            end = match.end() if rest is None else rest.end()
            while end > match.end() and text[end - 1] in ' \t"':
                end -= 1
            if end > match.end() and "=" in text[match.end() : min(end, match.end() + 200)]:
                free = end
                yield match.end(), end
            continue
        at = match.end()
        value = reader.bare(at)
        if value is None or is_stand_in(_word(text, value), quoted=False) or is_stop_word(_word(text, value)):
            if not scheme:
                continue
            # One word without a scheme before it.
            value = reader.bare(match.start("scheme"))
            scheme = ""
        if value is None:
            continue
        word = _word(text, value)
        if is_stand_in(word, quoted=False) or not (
            looks_secret(word) or (scheme in {"basic", "bearer", "token", "apikey", "key"})
        ):
            continue
        free = value.after
        yield value.start, value.end
    for match in _BEARER.finditer(text):
        value = reader.bare(match.end())
        if value is None or value.end - value.start < 6:
            continue
        word = _word(text, value)
        if is_stand_in(word, quoted=False) or is_number(word) or is_stop_word(word):
            continue
        if looks_secret(word) or (not (word.isalpha() and word.islower()) and len(word) >= 8):
            yield value.start, value.end
    for match in _BASIC.finditer(text):
        if _holds_a_login(match[1]):
            yield match.start(1), match.end(1)
    yield from _find_cookies(text)
    for match in _QUERY.finditer(text):
        value = reader.bare(match.end(), in_url=True)
        if (
            value is not None
            and looks_secret(_word(text, value), 8)
            and not is_stand_in(_word(text, value), quoted=False)
        ):
            yield value.start, value.end


def find_in_commands(text: str) -> Found:
    """Find passwords in the arguments of well-known programs and functions, and pairs of user and password."""
    reader = Reader(text)
    for match in _LOGIN.finditer(text):
        value = reader.value(match.start("quote")) if match["quote"] else reader.bare(match.end())
        if value is None:
            continue
        start = match.end()
        word = text[start : min(value.end, start + 400)]
        line = _LINES.split(text[max(0, match.start() - 300) : match.start()])[-1]
        known = _LOGGING_IN.search(line) is not None
        if is_stand_in(word, quoted=True) or not (known or looks_secret(word)) or (is_number(word) and not known):
            continue
        yield start, value.end
    for match in _FLAG.finditer(text):
        flag = match["flag"]
        program = _SPACED.get(flag) if match["gap"] else (_ATTACHED if flag == "p" else None)
        before = _COMMANDS.split(text[max(0, match.start() - 260) : match.start()])[-1]
        if not flag.endswith(":") and (program is None or program.search(before) is None):
            continue
        yield from _one(text, reader.value(match.end()))
    for match in _TWO_ARGUMENTS.finditer(text):
        yield from _one(text, reader.value(match.end()))
    for match in _IDENTIFIED_BY.finditer(text):
        yield from _one(text, reader.value(match.end()))
    for match in _PAIR.finditer(text):
        value = reader.bare(match.end())
        if value is not None and (word := _word(text, value)) and not is_stand_in(word, quoted=False):
            telling = looks_secret(word) or (match["gap"] != ":" and match["gap"] != "/" and is_number(word))
            if telling or (match[0][:4].lower() == "cred" and is_plain(word) and not is_stop_word(word)):
                yield value.start, value.end


def find_in_manifests(text: str) -> Found:
    """Find every value in the ``data`` of a Kubernetes ``Secret``, whatever its key."""
    kinds = [match.start() for match in _KIND_SECRET.finditer(text)]
    if not kinds:
        return
    reader = Reader(text)
    edges = [0, *(match.start() for match in _DOCUMENT.finditer(text)), len(text)]
    secret = {bisect(edges, at) for at in kinds}
    free = 0
    for data in _DATA.finditer(text):
        document = bisect(edges, data.start())
        if data.start() < free or document not in secret:
            continue
        at, indent = data.end() + 1, len(data[1])
        while (entry := _ENTRY.match(text, at)) is not None:
            start = at
            while text[start] in " \t":
                start += 1
            if start - at <= indent:
                break
            value = reader.block(entry.end(), start - at) or (
                None if text[entry.end() : entry.end() + 1] in {"", "\r", "\n"} else reader.value(entry.end())
            )
            yield from _one(text, value)
            at = text.find("\n", entry.end() if value is None else value.after) + 1
            if at == 0:
                at = len(text)
        free = at


def _find_cookies(text: str) -> Found:
    free = 0
    for match in _COOKIE.finditer(text):
        at = match.end()
        if at < free:
            continue
        while (crumb := _CRUMB.match(text, at)) is not None:
            name, value = crumb[1], crumb[3] or ""
            if value and name.lower() not in _ATTRIBUTES and not is_stand_in(value[:400], quoted=False):
                head = value[:400]
                if looks_secret(head) or len(head) >= 16 or (_SESSION.search(name) and not is_number(head)):
                    yield crumb.start(3), crumb.end(3)
            at = crumb.end()
            if not text.startswith(";", at):
                break
            at += 1
        free = at


def _one(text: str, value: Value | None) -> Found:
    if value is not None and value.end > value.start and not is_stand_in(_word(text, value), quoted=value.quoted):
        yield value.start, value.end


def _word(text: str, value: Value) -> str:
    return text[value.start : min(value.end, value.start + 400)]


def _holds_a_login(encoded: str) -> bool:
    """Whether a base64 text encodes a user and a password."""
    head = encoded[:400].rstrip("=").replace("-", "+").replace("_", "/")
    head = head[: len(head) - (len(head) % 4 == 1)]
    return b":" in b64decode(head + "=" * (-len(head) % 4))
