"""Reads URLs, keys and headers from environment variables. An empty variable counts as not set.

A page has no environment variables.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..._internal.http.secrets import Secret, hidden_url
from .addresses import AddressFormat, full_address
from .options import checked_key, checked_url


class ConfiguredAddress(NamedTuple):
    """The address of a backend, the query of each of its requests, and the address again if the environment said it."""

    url: str
    query: str
    of_environment: str


def find_address(
    given: str | None,
    variables: Iterable[str],
    address_format: AddressFormat,
    *,
    own_hosts: tuple[str, ...],
    allow_http: bool,
) -> ConfiguredAddress | None:
    """Return the given URL, else the environment's, completed and checked; ``None`` if neither is set."""
    variable = "" if given and given.strip() else variable_of(variables)
    url: str = hidden_url(os.environ[variable]) if variable else given or ""
    if not url.strip():
        return None
    meant = full_address(url, address_format, own_hosts=own_hosts, allow_http=allow_http)
    checked = checked_url(meant, allow_http=allow_http, name=variable or "base_url")
    return ConfiguredAddress(checked.url, checked.query, checked.url if variable else "")


def variable_of(names: Iterable[str]) -> str:
    """Return the name of the first variable that is set, or an empty text."""
    return next((name for name in names if os.environ.get(name, "").strip()), "")


def keys_of(names: Iterable[str]) -> list[Secret]:
    """Return the values of all these variables, for masking; `variable_of` says which one is used."""
    return [Secret(os.environ.get(name, "").strip()) for name in names]


def key_of(names: Iterable[str]) -> Secret | None:
    """Return the key in the first of these variables that is set; raises `InvalidRequest` if it is not valid."""
    variable = variable_of(names)
    return checked_key(Secret(os.environ[variable]), variable) if variable else None


def headers_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the headers for the variables that are set; ``variables`` maps each variable to its header."""
    return {
        header: "".join(checked_key(Secret(os.environ[variable]), variable))
        for variable, header in variables.items()
        if variable_of((variable,))
    }
