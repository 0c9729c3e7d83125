"""Chat completions over real sockets, and compared with OpenAI's official SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import cloud_scenarios as scenarios
from openai_exchanges import EXCHANGES
from vendor_server import VendorServer


@pytest.fixture
def server() -> Iterator[VendorServer]:
    """A server that plays OpenAI and those who are compatible."""
    with VendorServer(EXCHANGES) as running:
        yield running


@pytest.mark.parametrize("name", scenarios.OPENAI)
async def test_scenario(server: VendorServer, name: str) -> None:
    """The scenarios that a page runs, too."""
    await scenarios.OPENAI[name](server.url)
