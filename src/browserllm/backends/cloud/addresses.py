"""Completes a base URL as users write it; docs/cloud.md has the table.

Users pass it with or without a scheme, ``/v1`` or a slash at the end; as the URL of a whole endpoint, copied from a
manual; with blanks from an environment file; or as ``0.0.0.0``, where a server listens but no client can connect.
`http.address` then validates the result like any other URL.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import msgspec

from ..._internal.http.address import host_of, is_this_device
from ..._internal.http.secrets import hidden_url

_SCHEME = re.compile(r"(https?)://(?=[^/])", re.ASCII | re.IGNORECASE)
_BARE = re.compile(
    r"(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})?(?P<port>:[0-9]{1,5})?(?P<path>/.*)?", re.ASCII | re.IGNORECASE
)
"""An address without a scheme."""
_QUERY = re.compile(r"api-version=[A-Za-z0-9._-]{1,40}", re.ASCII)
"""The only query that is allowed (Azure's): any other may contain a key, and is rejected."""
_VERSION = re.compile(r"/v[0-9]{1,3}(?:(?:alpha|beta)[0-9]{0,3})?", re.ASCII | re.IGNORECASE)
_LISTENED = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 (it is not listened on)
_BLANKS = " \t\r\n\v\f\ufeff\u200b\xa0"


class AddressFormat(msgspec.Struct, frozen=True, kw_only=True):
    """What the URLs of a wire format look like."""

    path: str
    """What is added: where there is no path at all, or (``versioned``) wherever a path does not end in a version."""
    paths: dict[str, str] = {}
    """What is added instead at known hosts; one that begins with a dot is for all below it."""
    endpoint: str
    """A pattern of a request's own path. It is taken off, and nothing is added: an address that was pasted whole lacks
    nothing."""
    other: str = ""
    """A pattern of another format's path at the same server, which is taken off first."""
    versioned: bool = False
    port: int | None = None
    """The port of an address without a scheme; such an address is then plain http."""


class BaseUrl(NamedTuple):
    """The address that requests are built on, and the query that each of them has."""

    url: str
    query: str = ""


_OPENAI_ENDPOINT = r"/chat/completions|/completions|/responses|/embeddings"
_OLLAMA_ENDPOINT = r"/api(/(chat|generate|tags|show|embed|embeddings|ps|version))?"

PLAIN_ADDRESS_FORMAT = AddressFormat(path="", endpoint=r"(?!)")
"""Nothing is added, and nothing taken off."""
OPENAI_ADDRESS_FORMAT = AddressFormat(
    path="/v1",
    paths={
        # Where chat completions are served at vendors that have more than them, or other paths.
        "api.deepseek.com": "",
        "api.groq.com": "/openai/v1",
        "openrouter.ai": "/api/v1",
        "generativelanguage.googleapis.com": "/v1beta/openai",
        ".openai.azure.com": "/openai/v1",
        ".services.ai.azure.com": "/openai/v1",
    },
    endpoint=_OPENAI_ENDPOINT,
)
OLLAMA_OPENAI_ADDRESS_FORMAT = AddressFormat(
    path="/v1", endpoint=_OPENAI_ENDPOINT, other=_OLLAMA_ENDPOINT, versioned=True, port=11434
)
OLLAMA_ADDRESS_FORMAT = AddressFormat(
    path="", endpoint=_OLLAMA_ENDPOINT, other=rf"/v1({_OPENAI_ENDPOINT}|/models)?", port=11434
)
ANTHROPIC_ADDRESS_FORMAT = AddressFormat(path="/v1", endpoint=r"/messages(/count_tokens|/batches)?", versioned=True)
GEMINI_ADDRESS_FORMAT = AddressFormat(
    path="/v1beta",
    # "/models" alone is one only after a version; elsewhere it may be a proxy's own path.
    endpoint=r"((?<=/v1)|(?<=/v1beta)|(?<=/v1alpha))/models|/(models|tunedModels)/(?!v[0-9])[^/:]+(:\w+)?",
    other=rf"/openai({_OPENAI_ENDPOINT}|/models)?",
    versioned=True,
)


def full_address(
    given: str, address_format: AddressFormat, *, own_hosts: tuple[str, ...] = (), allow_http: bool = False
) -> BaseUrl:
    """Return the completed URL. Text that cannot be parsed is returned unchanged, for the later check to reject.

    ``own_hosts`` are the vendor's, which default to https; ``allow_http`` says that others may be http.
    """
    text = "".join(given).strip(_BLANKS)
    text, mark, query = text.partition("?")
    if (mark and _QUERY.fullmatch(query) is None) or "@" in text or "#" in text:
        return BaseUrl(hidden_url(f"{text}{mark}{query}"))
    text = _with_scheme(text, address_format, own_hosts, allow_http=allow_http)
    found = re.fullmatch(r"(https?://)([^/]*)(/.*)?", text, re.DOTALL)
    if found is None:
        return BaseUrl(text, query)
    scheme, host, path = found[1], found[2], (found[3] or "").rstrip("/")
    for listened, reached in _LISTENED.items():
        if host == listened or host.startswith(listened + ":"):
            host = reached + host[len(listened) :]
    if address_format.other:
        path = re.sub(rf"({address_format.other})$", "", path).rstrip("/")
    endpoint = re.search(rf"({address_format.endpoint})$", path)
    if endpoint is not None:
        path = path[: endpoint.start()].rstrip("/")
    elif address_format.versioned:
        path += "" if _VERSION.fullmatch(path, max(path.rfind("/"), 0)) else address_format.path
    elif not path:
        path = _path_at(f"{scheme}{host}", address_format)
    return BaseUrl(f"{scheme}{host}{path}", query)


def with_query(url: str, query: str) -> str:
    """Return a request's URL with the base URL's query."""
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def _path_at(url: str, address_format: AddressFormat) -> str:
    host = host_of(url)
    for known, path in address_format.paths.items():
        if host and (host == known or (known.startswith(".") and host.endswith(known))):
            return path
    return address_format.path


def _with_scheme(text: str, address_format: AddressFormat, own_hosts: tuple[str, ...], *, allow_http: bool) -> str:
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return f"{scheme[1].lower()}://{text[scheme.end() :]}"
    bare = _BARE.fullmatch(text)
    if bare is None:
        return text
    host, port, path = (bare["host"] or "").lower(), bare["port"] or "", bare["path"] or ""
    name = host.strip("[]")
    if host in {"http", "https"} or (not host and not port):
        return text
    if not (port or address_format.port or "." in host or host.startswith("[") or host == "localhost"):
        return text  # a single word is not an address
    here = not host or host in _LISTENED or is_this_device(name)
    own = any(name == each or name.endswith("." + each) for each in own_hosts)
    plain = here or (not own and (address_format.port is not None or allow_http))
    if not port and address_format.port is not None and not own:
        port = f":{address_format.port}"
    return f"{'http' if plain else 'https'}://{bare['host'] or '127.0.0.1'}{port}{path}"


@lru_cache(maxsize=64)
def is_below(url: str, hosts: tuple[str, ...]) -> bool:
    """Return whether the host of a URL is one of these, or below one. Kept, because routers ask for each request."""
    host = host_of(url)
    return any(host == each or host.endswith("." + each) for each in hosts)
