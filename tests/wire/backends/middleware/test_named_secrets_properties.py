"""Secrets that a text names, as a law: whatever the name, its spelling, the form and the value, it never goes out.

Here and not with the unit tests, because Hypothesis is not there in a page, and counting steps takes its time.
"""

from __future__ import annotations

import asyncio
import json
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import browserllm as bl
from browserllm.backends.middleware import DETECTORS
from browserllm.backends.middleware.placeholders import Placeholders, merge
from browserllm.testing.backend import ScriptedBackend
from cases import cases
from growth import assert_linear, counted

NAMES = [
    "password", "passwd", "passphrase", "db password", "root password", "pass word", "client secret", "secret",
    "access token", "auth token", "github token", "my bot token", "refresh token", "api key", "openai api key",
    "private key", "secret key", "aws secret access key", "signing key", "encryption key", "user passcode",
    "app secret", "passwort", "service role key", "smtp pass", "admin pw", "webhook secret",
]  # fmt: skip
SPELLINGS: dict[str, Callable[[str], str]] = {
    "snake": lambda name: name.replace(" ", "_"),
    "screaming": lambda name: name.replace(" ", "_").upper(),
    "kebab": lambda name: name.replace(" ", "-"),
    "train": lambda name: name.title().replace(" ", "-"),
    "camel": lambda name: name[0] + name.title().replace(" ", "")[1:],
    "pascal": lambda name: name.title().replace(" ", ""),
}
Form = Callable[[str, str], str]
# A value without blanks and quotes, as these take it.
BARE: dict[str, Form] = {
    "yaml": lambda name, value: f"user: bob\n{name}: {value}\nhost: x\n",
    "yaml in a list": lambda name, value: f"- user: bob\n  {name}: {value}\n- other: x\n",
    "yaml in a line": lambda name, value: f"{{user: bob, {name}: {value}, host: x}}",
    "yaml at the end of a line": lambda name, value: f"{{user: bob, {name}: {value}}}",
    "yaml on the next line": lambda name, value: f"a:\n  {name}:\n    {value}\n",
    "yaml with a comment": lambda name, value: f"{name}: {value}  # for bob\n",
    "env": lambda name, value: f"A=1\n{name}={value}\nB=2\n",
    "env with a comment": lambda name, value: f"{name}={value} # for bob\n",
    "windows": lambda name, value: f"set {name}={value}\r\necho ok\r\n",
    "shell": lambda name, value: f"export {name}={value}; run",
    "before a command": lambda name, value: f"{name}={value} ./run --fast",
    "ini": lambda name, value: f"[db]\nuser = bob\n{name} = {value}\n",
    "option": lambda name, value: f"run --{name}={value} --fast",
    "option with a blank": lambda name, value: f"run --{name} {value} --fast",
    "header": lambda name, value: f"GET / HTTP/1.1\r\nX-{name}: {value}\r\nHost: x\r\n",
    "xml": lambda name, value: f"<a><{name}>{value}</{name}></a>",
    "ado": lambda name, value: f"Server=x;User Id=sa;{name}={value};Database=y",
    "at the end": lambda name, value: f"Here is the {name}: {value}",
    "markdown": lambda name, value: f"- **{name}:** {value}\n- next\n",
    "code span": lambda name, value: f"The {name}: `{value}`, you see",
}
# A value that may hold blanks and other signs.
QUOTED: dict[str, Form] = {
    "json": lambda name, value: json.dumps({"user": "bob", name: value, "n": 1}),
    "pretty json": lambda name, value: json.dumps({"a": {name: value, "b": [1]}}, indent=2),
    "dense json": lambda name, value: json.dumps({name: value, "b": 1}, separators=(",", ":")),
    "json in json": lambda name, value: json.dumps({"body": json.dumps({name: value, "b": "c"})}),
    "yaml in quotes": lambda name, value: f'{name}: {json.dumps(value)}\nother: "x"\n',
    "env in quotes": lambda name, value: f"{name}={json.dumps(value)}  # 'for bob'\n",
    "toml": lambda name, value: f'[a]\nb = "c"\n{name} = {json.dumps(value)}\n',
    "javascript": lambda name, value: f"const {name} = {json.dumps(value)};\nfoo();",
    "typescript": lambda name, value: f"let {name}: string = {json.dumps(value)};",
    "python": lambda name, value: f"connect(user='bob', {name}={json.dumps(value)}, port=1)",
    "item": lambda name, value: f"config['{name}'] = {json.dumps(value)}",
    "php": lambda name, value: f"'{name}' => {json.dumps(value)},",
    "pair": lambda name, value: f'{{"name": "{name}", "value": {json.dumps(value)}}}',
    "terraform": lambda name, value: f'variable "{name}" {{\n  type = string\n  default = {json.dumps(value)}\n}}',
}
IN_A_URL: dict[str, Form] = {
    "query": lambda name, value: f"https://x.example/a?{name}={value}&b=c",
    "the query's end": lambda name, value: f"see https://x.example/a?b=c&{name}={value}#d.",
    "form": lambda name, value: f"user=bob&{name}={value}&go=1",
}
written = st.builds(lambda name, how: SPELLINGS[how](name), st.sampled_from(NAMES), st.sampled_from(sorted(SPELLINGS)))
_PLAIN = string.ascii_letters + string.digits
_SIGNS = _PLAIN + "!@#%^*+/=_~-.:?$"


def _is_kept(value: str) -> bool:
    """Whether a value is a reference to another place, or ends a query."""
    return "://" in value or "%26" in value


def sent_and_answered(text: str) -> tuple[str, str]:
    """Return what a backend gets, and what is restored when it repeats that, character by character."""

    class Echo(ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Any) -> Any:
            self.requests.append(request)
            for piece in request.messages[0].text:
                yield piece

    inner = Echo(leaves_device=True)
    response = asyncio.run(bl.Redaction(inner, restore_urls=True).complete(text))
    return inner.requests[0].messages[0].text, response.text


def check(text: str, value: str) -> None:
    sent, answered = sent_and_answered(text)
    assert value not in sent, (text, sent)
    assert answered == text
    # Only the value: one placeholder, and the text around it.
    start = text.index(value)
    assert sent.startswith(text[:start]), (text, sent)
    assert sent.endswith(text[start + len(value) :]), (text, sent)


@pytest.mark.parametrize("form", BARE)
@given(name=written, value=st.text(_PLAIN, min_size=4, max_size=30).map(lambda text: f"xy{text}Q7"))
@settings(max_examples=40, deadline=None)
def test_a_named_secret_never_goes_out(form: str, name: str, value: str) -> None:
    """Letters and digits, in every form."""
    check(BARE[form](name, value), value)


@pytest.mark.parametrize("form", sorted(BARE.keys() - {"code span", "xml", "markdown"}))
@given(name=written, value=st.text(_SIGNS, min_size=4, max_size=30).map(lambda text: f"xy{text}Q7"))
@settings(max_examples=40, deadline=None)
def test_a_named_secret_with_signs_never_goes_out(form: str, name: str, value: str) -> None:
    """Punctuation that a form allows without quotes."""
    if not _is_kept(value):
        check(BARE[form](name, value), value)


@pytest.mark.parametrize("form", QUOTED)
@given(
    name=written,
    value=st.text(_SIGNS + " \"'\\,;&<>()[]{}|`\n\té密", min_size=4, max_size=30).map(lambda text: f"xy{text}Q7"),
)
@settings(max_examples=40, deadline=None)
def test_a_named_secret_in_quotes_never_goes_out(form: str, name: str, value: str) -> None:
    """Whatever is in it, with its escapes."""
    if _is_kept(value):
        return
    inner = json.dumps(value)[1:-1]
    text = QUOTED[form](name, value)
    check(text, json.dumps(inner)[1:-1] if form == "json in json" else inner)


@pytest.mark.parametrize("form", IN_A_URL)
@given(name=written, value=st.text(_SIGNS + " &é", min_size=4, max_size=30).map(lambda text: quote(f"xy{text}Q7", "")))
@settings(max_examples=40, deadline=None)
def test_a_named_secret_in_a_url_never_goes_out(form: str, name: str, value: str) -> None:
    """As URLs write it, up to the next parameter."""
    check(IN_A_URL[form](name, value), value)


UNITS = [
    "password=",
    "password: ",
    "password ",
    "token ",
    "key ",
    'password="',
    "password='",
    "password=\u201c",
    "password: |\n ",
    "password:\n",
    "passwords: [",
    "tokens:[a,",
    "tokens: [a, ",
    "<password>",
    "<password",
    "password</b>",
    "password=<b>",
    'password("',
    "'password',",
    "password for a",
    "password is ",
    "my password is a b ",
    "secret",
    "a_key=",
    "--token ",
    "-p ",
    "mysql -p",
    "sshpass -p ",
    "Authorization: ",
    "authorization: digest a=b",
    "bearer ",
    "basic ",
    "basic dXNl",
    "Cookie: a=b;",
    "Cookie: ",
    "cookie: a=",
    "-u a:",
    "curl -u a:b ",
    "kind: Secret\ndata:\n a: b\n",
    "kind: Secret\n",
    "data:\n a: b\n",
    "---\nkind: Secret\n",
    "creds: a ",
    "login: a:",
    "login a/",
    "auth=('a','",
    "\\",
    '\\"',
    "password=\\",
    'password=\\"',
    "password: {",
    "password {",
    "name: password value",
    "name: password\n- ",
    "password=a,",
    "password=a&",
    "password=${",
    "password=$(",
    "password=<a",
    "?key=",
    "&key=",
    "password\u3042",
    "pass",
    "p",
    "PASSWORD_",
    "a.password",
    "passwordpassword",
    "pass word ",
    "password=a;",
    "password=%26",
    "&quot;",
    "password:&quot;",
    "password:**",
    "password:`",
    "password: ```",
    'password: """',
    "password: '\n",
    'password: "\nabc\n',
    "a",
    "\n",
    " ",
    "-",
    "=",
    "password = a b c ",
    "passphrase: a b c d ",
    "machine a login b password ",
    "password: your ",
    "password=your_",
    "password: a.b.c.",
    "password: a(",
    "password: <",
    "x_key=aaaa",
    "token=password=",
    'auth: "password: ',
    'x_key: "token ',
    "password=a|",
    "password[",
    "password)",
    "password**",
    "?key=",
    "?key=)",
    "mysql ",
    "-pa ",
    "hunter2 is my ",
    "password is hunter2 ",
    "identified by 'a",
    "Secret:\n",
    "password >",
    'name="password">',
]
FINDERS = counted("backends.middleware.detectors")


@pytest.mark.parametrize("unit", UNITS)
def test_a_search_takes_time_that_grows_with_the_text(unit: str) -> None:
    """Beginnings of all forms, again and again; counted in steps."""
    assert_linear(
        lambda size: unit * (size // len(unit) + 1),
        lambda text: list(FINDERS.find_named_secrets(text)),
        sizes=(1000, 2000),
        most=2.6,
    )


json_values = st.recursive(
    st.one_of(st.text(max_size=8), st.integers(), st.none(), st.sampled_from(["hunter2", "<SECRET_1>", "swordfish"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["password", "clientSecret", "name", "value", "kind", "data", "a"]), inner),
    ),
    max_leaves=8,
)


@given(json_values)
@settings(max_examples=cases(200), deadline=None)
def test_json_with_named_secrets_comes_back(value: Any) -> None:
    """The arguments of a tool call; a number that is a secret comes back as a text."""
    text = json.dumps(value)
    placeholders = Placeholders(DETECTORS)
    placeholders.reserve(text)
    hidden = placeholders.redact_json(text)
    restorer = placeholders.restorer(in_json=True, urls=True)
    back = "".join([*(restorer.feed(sign) for sign in hidden), restorer.end()])
    assert _as_texts(json.loads(back)) == _as_texts(value)


@given(
    st.lists(st.sampled_from([*UNITS, "hunter2", "<SECRET_1>", "\\", '"', "\u00e9", "a7b"]), max_size=12)
    .map("".join)
    .filter(str.strip)  # an empty prompt is refused
)
@settings(max_examples=cases(400), deadline=None)
def test_whatever_is_found_the_text_comes_back(text: str) -> None:
    """Pieces of all forms in any order: spans lie in the text, and what was sent reads as it did."""
    for find in DETECTORS:
        for span in find(text):
            assert 0 <= span.start < span.end <= len(text)
    sent, answered = sent_and_answered(text)
    assert answered == text
    for span in merge(span for find in DETECTORS for span in find(text)):
        assert sent.count(text[span.start : span.end]) <= max(0, text.count(text[span.start : span.end]) - 1)


def _as_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_texts(item) for item in value]
    return str(value) if isinstance(value, int) else value
