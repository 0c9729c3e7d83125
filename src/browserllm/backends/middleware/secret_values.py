"""Tells a secret's value from a stand-in for one: a variable, a type, a placeholder, a word of a sentence."""

from __future__ import annotations

import re


def word_set(text: str) -> frozenset[str]:
    """Return a table of words, written as one text."""
    return frozenset(text.split())


# Substitutions in templates, shells and languages. A text that consists only of these is not a value.
_HOLES = re.compile(
    r"\$\{\{[^{}]{0,200}\}\}|\$\{[^{}]{0,200}\}|\$\([^()]{0,200}\)|\{\{[^{}]{0,200}\}\}|#\{[^{}]{0,200}\}"
    r"|<%[^<>]{0,200}%>|<[^<>\n]{1,80}>|\{[^{}\n\"']{0,80}\}|%\(\w{1,80}\)[sdr]|%[sdr]\b|%[A-Za-z_]\w{1,80}%|\[\[[^\[\]]{0,80}\]\]"
)
_VARIABLE = re.compile(
    r"\$(?:[A-Za-z_]\w*+(?:(?:->|::|\.)\w++|\[[^\[\]\s]*+\])*+|[0-9@*?])|\$?env:\w++|%[A-Za-z_]\w*+%|%[A-Za-z_]++|%[a-z]"
    r"|[<>^][0-9]{1,3}|[@:!&*][A-Za-z_.]++|\?"
)
_ELSEWHERE = re.compile(
    r"[a-z][a-z0-9+.-]*+://|//\w|(?:vault|op|ssm|arn|awssm|gcp|azurekeyvault|keyvault|file|env|secretsmanager):\S"
    r"|ENC\[|ref\+|~/|\.{1,2}/|[A-Za-z]:\\(?:[\w .-]++\\)++[\w .-]*+\Z"
    r"|/(?:run|etc|var|usr|home|root|opt|tmp|mnt|srv|secrets|vault|data|app|users|path|dev|proc|keys?|certs?)(?:/|\Z)",
    re.IGNORECASE,
)
_TO_FILL_IN = re.compile(
    r"(?:your|my|the|some|insert|enter|replace|put|add|change|example|sample|dummy|fake)[-_ ]"
    r"(?:[a-z0-9]{1,20}[-_ ]){0,6}?(?:password|passwd|passphrase|pass|secret|token|key|credentials?|me|this|here|value)"
    r"(?:[-_ ]?(?:here|value|goes[-_ ]here|[0-9]))?"
    r"|your[-_ ].*|replace[-_]?me|todo|tbd|fixme|n/?a"
    r"|\[?(?:redacted|removed|hidden|masked|filtered|omitted|private|unset|not set|censored|snip)\]?"
    r"|(?:required|nullable|sometimes|confirmed|filled)[|:,].*"
    r"|[x*#•·●.…_=?-]++",
    re.IGNORECASE | re.DOTALL,
)
_NO_VALUES = word_set(
    "null none nil undefined true false yes no on off void empty default str string text bytes byte int integer number "
    "num float double bool boolean any object array list dict map char varchar nvarchar unknown never symbol optional "
    "required nullable readonly write read inherit include omit same-origin self this password passwd passphrase token "
    "secret key credential credentials apikey api_key api-key bearer basic digest oauth oauth2 jwt unsigned signed "
    "securestring secretstr date datetime uuid json jsonb blob is_null not"
)
# Words with which a sentence or a line of code continues.
_STOP = word_set(
    "a an the this that these those my your his her its our their you we they he she it i is are was were be been "
    "being "
    "has have had do does did can could may might must shall should will would and or but nor not no if then else when "
    "where which who whom whose why how what for from of in on at by to into onto with without within as than so such "
    "please enter type choose pick select use using used see set get make create reset change changed update show hide "
    "check verify confirm repeat provide supply submit forgot forgotten remember login logout sign log click go ask "
    "leave keep save store stored copy paste find keeps must needs need same any all each every both some only also "
    "too very more most least at between up out over under after before until while again once here there now "
    "invalid incorrect wrong valid missing required optional expired empty blank unknown unset hidden weak "
    "strong secure encrypted hashed protected needed accepted rejected denied generated random unique short long safe "
    "manager policy rules rule field fields input prompt hint label length protection authentication authorization "
    "minimum maximum characters letters unit per via because since about like "
    "return raise pass yield await new lambda function def class const let var import throw break continue print async "
    "else elif try except finally try catch auth user username email mail host port cancel ok next "
    "ist sind war der die das ein eine für und oder nicht bitte est le la les un une et ou pour es el los y o para"
)
_ROOTS = word_set(
    "self this that os sys process import env environ config cfg conf settings options opts option args argv params "
    "param props state ctx context req request res resp response result results data user account app session secrets "
    "secret vars var local module event payload body json credentials creds auth form obj item model schema client "
    "server service store input output cls super window document localstorage navigator deno bun viper builder parsed "
    "values value record row node ast lexer parser types z t sa db models fields yup joi"
)
_NOT_TELLING = word_set(
    "utf8 utf-8 utf16 utf-16 sha1 sha2 sha256 sha384 sha512 sha-1 sha-256 sha-512 md5 base64 base32 rs256 hs256 es256 "
    "oauth2 http2 http1 ipv4 ipv6 aes128 aes256 aes-128 aes-256 x509 p256 ed25519 2fa mfa2 gpt-4 gpt-5 web3 "
    "k8s i18n l10n a11y rot13"
)
_WORD = re.compile(r"[^\W\d_]+(?:[-_.'\u2019/][^\W\d_]+)*")
_VERSION = re.compile(r"[\^~<>=v ]*[0-9]++(?:\.[0-9x*]++)+(?:[-+][\w.]++)?|[\^~][0-9]\S*+")
_MEASURE = re.compile(r"[0-9]++(?:[.,:/-][0-9]++)*[- ]?[A-Za-z%]{0,5}|[0-9]++-[A-Za-z]++")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,:e][0-9]+)*%?")
_CALL = re.compile(
    r"[A-Za-z_$][\w$]*+(?:(?:\.#?|::|->|\?\.)[A-Za-z_$][\w$]*+)*+(?:<[\w\[\], ]*+>)?[!?]?(?:\(|\[[\"'\w])"
)
_DOTTED = re.compile(r"([A-Za-z_$][\w$]*+)[?!]?(?:(?:\.#?|::|->)[A-Za-z_$][\w$]*+[?!]?)++")
_LAST_WORD = re.compile(
    r"(?:\A|[._$>:]|(?<=[a-z0-9])(?=[A-Z]))(?:password|passwd|pwd|pass|secret|token|key|credentials?|passphrase"
    r"|Password|Passwd|Pwd|Pass|Secret|Token|Key|Credentials?|Passphrase|PASSWORD|PASS|SECRET|TOKEN|KEY)s?\Z"
)
_DEFAULT = re.compile(r"\$\{\w{1,80}:?[-=]([^{}$]{1,200})\}")
_LOWER_TO_UPPER = re.compile(r"[a-z][A-Z0-9]|[A-Z0-9][a-z]|[A-Z][0-9]|[0-9][A-Z]")


def is_stop_word(word: str) -> bool:
    """Whether a sentence or a line of code continues with this word."""
    return word.casefold() in _STOP


def is_plain(value: str) -> bool:
    """Whether a value is a word, or words with hyphens: a secret, or part of a sentence."""
    return _WORD.fullmatch(value) is not None


def is_number(value: str) -> bool:
    """Whether a value is a number."""
    return _NUMBER.fullmatch(value) is not None


def default_in(value: str) -> tuple[int, int] | None:
    """Return the position of the default in ``${NAME:-default}``, if there is one."""
    found = _DEFAULT.match(value)
    return None if found is None else found.span(1)


def is_stand_in(value: str, *, quoted: bool) -> bool:
    """Whether a value is only a stand-in: a variable, a template field, a type, a placeholder, a path or URL, code."""
    plain = value.strip()
    if not plain or plain.casefold() in _NO_VALUES or plain.startswith("<|"):
        return True
    if len(plain) > 300:
        return False
    if len(plain) < 4 and not any(char.isalnum() for char in plain):
        return True
    if _VARIABLE.fullmatch(plain) or _TO_FILL_IN.fullmatch(plain) or _VERSION.fullmatch(plain):
        return True
    if _ELSEWHERE.match(plain) or plain.lower().endswith(("_here", "-here", " here")):
        return True
    if plain.startswith(("${", "$(", "{{")) and plain[-1] not in "})" and not any(char in plain for char in "})"):
        return True  # cut off in the middle
    rest = _HOLES.sub("", plain)
    if rest != plain and not any(char.isalnum() for char in rest):
        return True
    if plain.isupper() and "_" in plain and _LAST_WORD.search(plain):
        return True  # the name of a variable
    return not quoted and _is_code(plain)


def looks_secret(value: str, least: int = 4) -> bool:
    """Whether a value looks like a key or a password, and not like a word, number, date, version or measurement."""
    if len(value) < least or " " in value or value.casefold() in _NOT_TELLING or _CALL.match(value) is not None:
        return False
    digits = any(char.isdigit() for char in value)
    letters = any(char.isalpha() for char in value)
    if digits and letters:
        return _MEASURE.fullmatch(value) is None
    if any(char in "!@#$%^&*+=~?|" for char in value.rstrip("!?=*")) and letters:
        return True
    if not digits and value.isascii() and value.isalnum():
        return len(value) >= 10 and len(_LOWER_TO_UPPER.findall(value)) * 4 >= len(value) * 1.2
    return digits and not is_number(value) and len(value) >= 8 and _MEASURE.fullmatch(value) is None


def _is_code(value: str) -> bool:
    call = _CALL.match(value)
    if call is not None and ")" not in value and any(char.isdigit() for char in value[call.end() :]):
        call = None  # a bracket within a password
    if call is not None or value[0] in "({[" or value.startswith(("/\\", "/^", "/[", "/(")):
        return True
    dotted = _DOTTED.fullmatch(value)
    if dotted is not None and dotted[1].lstrip("$").casefold() in _ROOTS:
        return True
    return (value.isidentifier() and _LAST_WORD.search(value) is not None) or (
        dotted is not None and _LAST_WORD.search(value) is not None
    )
