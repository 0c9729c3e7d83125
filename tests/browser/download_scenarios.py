"""The ways a download can meet a bad server, and how each has to end: one table for both hosts.

Every scenario downloads a small model whose first shard is served badly. It ends with all files in the caches, equal to
the server's, or with the named error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fault_server import Content, Fault

SIZE = 300_000
DROP = 100_000
QUIET_S = 0.6
"""How long a connection is silent before it breaks off, so that what has been sent has arrived."""
SLACK = 64 * 1024
"""What may be on its way all the same."""
ALL = SIZE + SLACK

OPTIONS = {"parallel": 2, "retries": 4, "backoff_ms": 10, "max_backoff_ms": 50, "stall_ms": 400}
"""Little patience, so that the table is done in a minute."""


@dataclass(frozen=True)
class Scenario:
    """A bad server, and how a download from it ends."""

    name: str
    faults: tuple[Fault, ...] = ()
    code: str | None = None
    """The error's code; None when the download has to complete."""
    reason: str | None = None
    """The error's ``data.reason``."""
    promise: Literal["hash", "size", "none"] = "hash"
    """What the model's manifest says of the files."""
    again: int | None = None
    """Bytes of the shard that may be sent twice; None for any number."""
    verified: Literal["hash", "size", "none", ""] = ""
    """How the shard was checked; empty: by what the manifest says."""
    waits_s: float = 0
    """How long the second request has to come after the first."""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    """What the manifest says wrongly of the shard."""
    options: Mapping[str, Any] = field(default_factory=dict)


def _dropped(*faults: Fault, **changes: Any) -> tuple[Fault, ...]:
    """The first answer breaks off at `DROP`, and was made with these changes; the faults are the file's for good."""
    return (*faults, Fault(drop_at=DROP, quiet_s=QUIET_S, times=1, **changes))


BEFORE = Content.generated(SIZE, seed=99)
"""The shard as it was before it changed."""

SCENARIOS = [
    # Connections that end.
    Scenario("a-good-server", again=0),
    Scenario("dropped-once", _dropped(), again=SLACK),
    Scenario("dropped-twice", _dropped(Fault(drop_at=250_000, quiet_s=QUIET_S, times=1)), again=SLACK),
    Scenario("dropped-in-a-burst", (Fault(drop_at=DROP, times=1),), again=DROP),
    Scenario("dropped-before-the-first-byte", (Fault(drop_at=0, times=2),), again=0),
    Scenario("dropped-before-the-last-byte", (Fault(drop_at=SIZE - 1, quiet_s=QUIET_S, times=1),), again=SLACK),
    Scenario("reset-midway", (Fault(reset_at=DROP, times=2),)),
    Scenario("dropped-always-at-one-byte", (Fault(drop_at=DROP),), "download_interrupted", "network"),
    # Slow ones.
    Scenario("throttled", (Fault(bytes_per_s=1e6),), again=0),
    Scenario("slow-first-byte", (Fault(first_byte_s=0.2),), again=0),
    Scenario("no-first-byte-once", (Fault(first_byte_s=30, times=1),), again=0),
    Scenario("stalled-midway-once", (Fault(stall_at=DROP, times=1),), again=SLACK),
    Scenario("stalled-always", (Fault(stall_at=DROP),), "stalled"),
    # Wrong bytes.
    Scenario("truncated-once", (Fault(truncate_at=DROP, times=1),)),
    Scenario("truncated-always", (Fault(truncate_at=DROP),), "integrity", again=ALL),
    Scenario("corrupt-once", (Fault(corrupt_at=1234, times=1),), again=ALL),
    Scenario("corrupt-always", (Fault(corrupt_at=1234),), "integrity", again=ALL),
    Scenario("corrupt-before-a-drop", _dropped(corrupt_at=1234)),
    Scenario("manifest-with-a-wrong-hash", (), "integrity", manifest={"hash": {"algorithm": "md5", "value": "0" * 32}}),
    Scenario("manifest-that-promises-more", (), "integrity", manifest={"size_bytes": SIZE + 9}),
    Scenario("manifest-that-promises-less", (), "integrity", manifest={"size_bytes": SIZE - 9}),
    Scenario("manifest-with-sizes-alone", _dropped(), promise="size", again=SLACK),
    Scenario("no-manifest", _dropped(), promise="none", verified="size", again=SLACK),
    # Lengths.
    Scenario("says-more-than-it-sends-once", (Fault(lie_length=500, times=1),)),
    Scenario("says-less-than-it-sends-once", (Fault(lie_length=-500, times=1),), again=ALL),
    Scenario("says-less-than-it-sends-always", (Fault(lie_length=-500),), "integrity"),
    Scenario("no-length", (Fault(chunked=True),), again=0),
    Scenario("no-length-dropped", _dropped(Fault(chunked=True)), again=SLACK),
    Scenario("no-length-no-manifest", (Fault(chunked=True),), promise="none", again=0),
    Scenario("gzip", (Fault(gzip=True),), again=SLACK),
    Scenario("gzip-dropped", _dropped(Fault(gzip=True))),
    Scenario("gzip-no-manifest", (Fault(gzip=True),), promise="none"),
    # Statuses.
    *(Scenario(f"{status}", (Fault(status=status),), "download_interrupted", "missing") for status in (404, 410)),
    *(Scenario(f"{status}", (Fault(status=status),), "download_interrupted", "refused") for status in (401, 403)),
    *(Scenario(f"{status}-once", (Fault(status=status, times=1),), again=0) for status in (408, 425, 429, 500, 503)),
    Scenario("429-always", (Fault(status=429),), "rate_limited"),
    Scenario("500-always", (Fault(status=500),), "download_interrupted", "server"),
    Scenario("429-in-a-second", (Fault(status=429, retry_after="1", times=1),), again=0, waits_s=1),
    Scenario("503-until-a-date", (Fault(status=503, retry_date_s=2, times=1),), again=0, waits_s=0.9),
    # Ranges.
    Scenario("no-ranges", _dropped(Fault(ignore_range=True)), again=DROP + SLACK),
    Scenario("416-at-every-range", _dropped(Fault(refuse_range=True)), again=DROP + SLACK),
    Scenario("416-once", _dropped(Fault(refuse_range=True, times=1)), again=DROP + SLACK),
    Scenario("another-range-than-asked-for", _dropped(Fault(shift_range=10))),
    # Files that change.
    Scenario("changed-midway", _dropped(content=BEFORE), again=ALL),
    Scenario("changed-midway-sizes-alone", _dropped(content=BEFORE), promise="size", again=ALL),
    Scenario("changed-midway-by-date", _dropped(Fault(validator="date"), content=BEFORE), promise="size", again=ALL),
    Scenario("changed-midway-unseen", _dropped(Fault(validator="none"), content=BEFORE), promise="size", again=ALL),
    Scenario("changed-midway-weak", _dropped(Fault(validator="weak"), content=BEFORE), promise="size", again=ALL),
    Scenario("another-etag-for-the-same-bytes", _dropped(etag="other"), again=ALL),
    Scenario("weak-etag", _dropped(Fault(validator="weak")), again=ALL),
    Scenario("last-modified-alone", _dropped(Fault(validator="date")), again=ALL),
    Scenario("no-validator", _dropped(Fault(validator="none")), again=ALL),
    # Other origins.
    Scenario("no-cors", (Fault(cors=False),), "download_interrupted", "not_shared"),
    Scenario("headers-not-exposed", _dropped(Fault(exposed=False)), again=ALL),
    Scenario("if-range-not-allowed", _dropped(Fault(preflight=False)), again=ALL),
    Scenario("signed-links-of-another-origin", (Fault(redirect="SIGNED"),), again=0),
    Scenario("signed-links-dropped", (Fault(redirect="SIGNED"), *_dropped()), again=SLACK),
]
