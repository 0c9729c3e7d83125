"""Each vendor's scenarios over real sockets. A page runs them, too (tests/browser/test_cloud_in_page.py)."""

from __future__ import annotations

import pytest

from vendor_server import VendorServer
from vendors import SCENARIOS, VENDORS


@pytest.mark.parametrize(("vendor", "name"), SCENARIOS)
async def test_scenario(vendor: str, name: str) -> None:
    """A backend does with its vendor's exchanges what the scenario says."""
    scenarios, exchanges = VENDORS[vendor]
    with VendorServer(exchanges) as server:
        await scenarios[name](server.url)
