"""What objects print: short, with the class and what tells them apart, and without secrets or addresses in memory."""

from __future__ import annotations

import pytest

import browserllm as bl
from browserllm.backends.middleware import Logging, Retry
from browserllm.testing.host import ScriptedHost

HOST = ScriptedHost()
LOCAL = bl.LocalBackend(HOST, "pocket")
CLOUD = bl.ScriptedBackend("hi", name="cloud")


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (LOCAL, "<LocalBackend 'local': 'pocket'>"),
        (bl.LocalBackend(HOST), "<LocalBackend 'local': the current model>"),
        (CLOUD, "<ScriptedBackend 'cloud'>"),
        (Logging(Retry(LOCAL)), "<Logging around <Retry around <LocalBackend 'local': 'pocket'>>>"),
        (bl.Router([LOCAL, CLOUD]), "<Router 'router' of local, cloud>"),
        (HOST, "<ScriptedHost: connected>"),
        (bl.Session(CLOUD), "<Session with <ScriptedBackend 'cloud'>: 0 messages>"),
    ],
)
def test_an_object_prints_what_tells_it_apart(value: object, printed: str) -> None:
    """Its class, and its name, model or state."""
    assert repr(value) == printed


def test_an_object_that_is_not_finished_prints_too() -> None:
    """Tracebacks show local variables of a failed ``__init__``."""
    for kind in (bl.LocalBackend, Logging, bl.Router, bl.Session, ScriptedHost):
        assert kind.__name__ in repr(kind.__new__(kind))


def test_a_key_is_in_no_repr() -> None:
    """Also not within a router and a middleware."""
    router = bl.Router([bl.OpenAI("m", api_key="sk-secret-1234567890"), CLOUD])
    assert "sk-secret" not in repr(Logging(router))


@pytest.mark.parametrize(
    ("hop", "printed"),
    [
        (bl.types.Hop(reason="no GPU", model="m", engine="webllm", device="webgpu"), "m, webllm on webgpu: no GPU"),
        (bl.types.Hop(reason="it is busy", code="rate_limited", backend="cloud"), "cloud: it is busy"),
        (bl.types.Hop(reason="nothing"), "passed over: nothing"),
    ],
)
def test_a_hop_prints_as_a_sentence(hop: bl.types.Hop, printed: str) -> None:
    """What was passed over, and why; no field that is not set."""
    assert str(hop) == printed


async def test_recommendations_print_one_line_each() -> None:
    """The model and the reason, not its whole card."""
    manager = bl.ModelManager(HOST)
    tiers = await manager.tiers()
    assert repr(tiers.quick) == f"<Recommendation {tiers.quick.model!r}: {tiers.quick.reason}>"
    assert len(repr(tiers)) < 1000 > len(repr(await manager.recommend("code")))
