"""Finds names of secrets: `password`, `client_secret`, `GITHUB_TOKEN`, `API key`, `Passwort`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from .secret_values import word_set

Tier = Literal["passphrase", "password", "secret", "doubtful", "number"]
"""How clear a name is. A password may be any word, a passphrase several words, a secret any word that is not part of a
sentence. After a doubtful name the value must look like a key. A PIN is a number."""


class SecretName(NamedTuple):
    """A name in ``text[start:end]``; ``word`` is its last part, such as ``key``, in lower case."""

    start: int
    end: int
    tier: Tier
    word: str
    plural: bool = False


# One search finds all of them, since every text is searched; where the name begins is determined afterwards.
_WORD = re.compile(
    r"pass[ _-]?(?:phrase|word|code|wort|wrd|wd)|passwor[dt]|passw(?!o)|pswd|psw(?!d)|pwd|kennwort|mot de passe"
    r"|contrase(?:ñ|n\u0303|nn?)a|senha|wachtwoord|lösenord|passord|adgangskode|salasana|has[łl]o|heslo|parola|[şs]ifre"
    r"|cl[ée] (?:d['\u2019])?(?:api|acc[èe]s|secr[èe]te|priv[ée]e)"
    r"|clave (?:api|secreta|privada|de acceso)|пароль|密[码碼]|口令|パスワード|비밀번호|requirepass|masterauth"
    r"|secret|token|credential|creds|schlüssel|key|pass|pw|auth(?:orization)?|pin|clave",
    re.IGNORECASE,
)
_END = re.compile(
    r"(?P<plural>(?:es|s)(?![A-Za-z]))?+"
    r"(?:[_.-]?(?:[0-9]{1,3}|value|string|plain(?:text)?|text|confirm(?:ation)?|again|repeat|base(?:64)?|b64|hash"
    r"|production|prod|dev|test|staging|live|old|new|current|raw)(?![a-z])){0,2}+"
    r"(?![A-Za-z0-9_\u00c0-\u024f\u0370-\u052f]|[-.][A-Za-z0-9])",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|[0-9]+")
_WORD_BEFORE = re.compile(r"(?<![A-Za-z])([A-Za-z]{2,20})[ -]\Z")

_HEADER = re.compile(r"authorization|cookie", re.IGNORECASE)

_ANY_WORD = {"passphrase", "pass phrase", "pass-phrase", "pass_phrase"}
_SECRETS = word_set("secret token")
_BOUNDED = word_set("key pass pw auth authorization pin clave psw senha heslo parola creds hasło haslo şifre sifre")
_KEYS = word_set(
    "api app application access account accountaccess admin aes auth authentication client consumer customer "
    "credential crypt crypto decrypt decryption deploy deployment developer encrypt encryption function functions "
    "hmac host integration jwt license licence master org organization personal private project root secret security "
    "server service session shared sharedaccess sign signing signature storage subscription user webhook write "
    "wallet seed stripe openai anthropic recovery role"
)
_NO_KEYS = word_set(
    "primary foreign public pub publishable sort partition cache index unique composite range row lookup map dict "
    "object group order translation dedup idempotency i18n hot arrow enter escape shift tab control alt space return "
    "natural candidate surrogate join routing registry hash entry answer data field column item object store sorting "
    "dictionary json yaml xml config setting any each same message right left wrong"
)
_NO_TOKENS = word_set(
    "max maximum min minimum num number n total pad padding eos bos unk sep cls mask stop special next prev previous "
    "page nextpage pagepagination continuation pagination sync cursor resume skip per first last input output prompt "
    "completion reasoning cached image audio vision think thinking start end begin public cancellation cancel abort "
    "string int lex syntax word sub comment line text each every one a any this lookahead design css"
)
_NO_PASSWORDS = word_set("forgot forgotten reset show hide toggle has have had is no without bad weak")
# A name that begins with these describes the state of a secret, or whether there is one.
_NO_SECRETS = word_set(
    "invalid missing bad wrong expired incorrect has have is no without should show hide toggle unknown"
)
_PASS_BEFORE = ("user", "db", "my", "root", "smtp", "mail", "admin", "ftp", "http", "mysql", "pg", "bind", "login",
                "sudo", "ssh", "ldap", "redis", "key", "store")  # fmt: skip
_SPECIAL = frozenset("_$.-")


def names(text: str) -> Iterator[SecretName]:
    """Yield the names of secrets in a text, whatever follows them."""
    for match in _WORD.finditer(text):
        end = _END.match(text, match.end())
        if end is None:
            continue
        word, start = match.group().lower(), _beginning(text, match.start())
        tier = _tier(text, word, text[start : match.start()], start, match.group())
        plural = bool(end["plural"])
        if tier is not None and not (plural and word in {"pass", "pw"}):
            yield SecretName(start, end.end(), tier, word, plural or word == "creds")


def names_secret(name: str) -> bool:
    """Whether something with this name, such as a field of JSON, is or contains a secret."""
    if len(name) > 128:
        return False
    return _HEADER.search(name) is not None or any(found.end == len(name) for found in names(name))


def _beginning(text: str, at: int) -> int:
    """Return where the name begins whose last word is at ``at``, at most 64 characters before it."""
    start, least = at, max(0, at - 64)
    while start > least and (text[start - 1].isalnum() or text[start - 1] in _SPECIAL) and text[start - 1] < "\u0590":
        start -= 1
    if start and text[start - 1] == "\\" and start < at and text[start] in "nrt":
        start += 1  # the second half of an escape
    while start < at and text[start] in "-.":
        start += 1
    return start


def _tier(text: str, word: str, before: str, start: int, written: str) -> Tier | None:
    parts = [part.lower() for part in _PARTS.findall(before)]
    last = parts[-1] if parts else ""
    bounded = not before or not before[-1].isalpha() or (written[0].isupper() and before[-1].islower())
    if not before and (found := _WORD_BEFORE.search(text[max(0, start - 22) : start])):
        last = found[1].lower()
        parts = [last]
    if before and parts and parts[0] in _NO_SECRETS:
        return None
    if word in {"key", "schlüssel"}:
        return _tier_of_key(before, last, parts, bounded=bounded)
    if word.startswith(("cl\u00e9 ", "cle ", "clave ")):
        return "secret"
    if word in _SECRETS:
        if word == "token" and (last in _NO_TOKENS or "public" in parts or (last.isdigit())):
            return None
        if word == "secret" and last in _NO_PASSWORDS:
            return None
        return "secret" if before or last in _KEYS or word == "secret" or written == "TOKEN" else "doubtful"
    if word == "pin":
        return "number" if bounded and (not before or last in {"sim", "card", "user", "my"}) else None
    if word in {"pass", "pw"}:
        if before and (bounded or before.lower().endswith(_PASS_BEFORE)):
            return None if last == "by" else "password"
        return ("password" if word == "pw" else "doubtful") if bounded else None
    if word in _BOUNDED and not bounded:
        return None
    if word in {"credential", "creds", "auth", "authorization", "clave"}:
        return "doubtful"
    if last in _NO_PASSWORDS and before:
        return None
    return "passphrase" if word in _ANY_WORD else "password"


def _tier_of_key(before: str, last: str, parts: list[str], *, bounded: bool) -> Tier | None:
    if "public" in parts or "pub" in parts or last in _NO_KEYS or last.isdigit():
        return None
    if last in _KEYS:
        return "secret"
    if not bounded:  # one word: apikey, secretkey
        together = before.lower()
        ends = ("api", "secret", "access", "private", "auth", "master", "account", "encryption", "signing", "license")
        return "secret" if together.endswith(ends) else None
    return "doubtful" if before and last else None
