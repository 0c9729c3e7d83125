"""The ``format``s of JSON Schema as patterns: RFC 3339, RFC 4122, RFC 2673.

A date-time may omit its time zone, as ``isoformat()`` of a naive Python datetime does.
"""

from __future__ import annotations

_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
_ZONE = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"
_SECONDS = r"[0-9]{1,9}(\.[0-9]{1,9})?S"
_TIME_OF_DURATION = rf"T([0-9]{{1,9}}H([0-9]{{1,9}}M)?({_SECONDS})?|[0-9]{{1,9}}M({_SECONDS})?|{_SECONDS})"
_DAYS = "([0-9]{1,9}Y([0-9]{1,9}M)?([0-9]{1,9}D)?|[0-9]{1,9}M([0-9]{1,9}D)?|[0-9]{1,9}D)"
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

FORMATS = {
    "date-time": f"^{_DATE}T{_CLOCK}{_ZONE}$",
    "date": f"^{_DATE}$",
    "time": f"^{_CLOCK}{_ZONE}$",
    "duration": f"^P({_DAYS}({_TIME_OF_DURATION})?|{_TIME_OF_DURATION}|[0-9]{{1,9}}W)$",
    "uuid": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    "ipv4": rf"^({_BYTE}\.){{3}}{_BYTE}$",
}
"""The formats that a grammar enforces."""

UNCONSTRAINED_FORMATS = frozenset(
    {
        "email",
        "idn-email",
        "hostname",
        "idn-hostname",
        "ipv6",
        "uri",
        "uri-reference",
        "iri",
        "iri-reference",
        "uri-template",
        "json-pointer",
        "relative-json-pointer",
        "regex",
    }
)
"""The other formats of JSON Schema, which no grammar enforces; unknown names constrain nothing anyway."""
