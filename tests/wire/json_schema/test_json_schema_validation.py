"""The validator agrees with the official JSON-Schema-Test-Suite, or rejects the schema by name.

Not among the unit tests, because the suite is not in the repository: ``make unit`` fetches it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browserllm.errors import InvalidRequest
from browserllm.json_schema.validate import Validator

SUITE = Path(__file__).parents[3] / ".venv/json-schema-test-suite/tests"
DRAFTS = {
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}

# Validating ``format`` and ``content...`` is optional; here they are annotations.
LEFT_OUT = {"draft7/optional/content.json"}

# How many schemas of each file are rejected, and for which keyword: references to other documents (the drafts' own
# schemas among them), other drafts and vocabularies, and Unicode's properties in patterns.
REFUSED = {
    ("draft7/definitions.json", "$ref"): 1,
    ("draft7/optional/cross-draft.json", "$ref"): 1,
    ("draft7/optional/ecmascript-regex.json", "pattern"): 2,
    ("draft7/optional/ecmascript-regex.json", "patternProperties"): 2,
    ("draft7/ref.json", "$ref"): 1,
    ("draft7/refRemote.json", "$ref"): 11,
    ("draft2020-12/defs.json", "$ref"): 1,
    ("draft2020-12/dynamicRef.json", "$ref"): 5,
    ("draft2020-12/optional/cross-draft.json", "$ref"): 1,
    ("draft2020-12/optional/ecmascript-regex.json", "pattern"): 2,
    ("draft2020-12/optional/ecmascript-regex.json", "patternProperties"): 2,
    ("draft2020-12/optional/format-assertion.json", "$schema"): 2,
    ("draft2020-12/ref.json", "$ref"): 1,
    ("draft2020-12/refRemote.json", "$ref"): 15,
    ("draft2020-12/vocabulary.json", "$schema"): 2,
}


def cases() -> Iterator[tuple[str, str, Any, list[dict[str, Any]]]]:
    """Yield each schema of the suite: its file, description, schema and tests."""
    for draft, uri in DRAFTS.items():
        for file in sorted((SUITE / draft).rglob("*.json")):
            name = file.relative_to(SUITE).as_posix()
            if name in LEFT_OUT or "/optional/format/" in name or name.endswith("/optional/format.json"):
                continue
            for case in json.loads(file.read_text(encoding="utf-8")):
                schema = case["schema"]
                if isinstance(schema, dict):
                    schema = {"$schema": uri, **schema}
                yield name, case["description"], schema, case["tests"]


def test_the_validator_agrees_with_the_official_suite() -> None:
    """Every test of drafts 7 and 2020-12, including optional ones; exactly these schemas are rejected."""
    if not SUITE.exists():
        pytest.fail(f"{SUITE} is not there; make unit fetches it")
    refused: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    agreed = 0
    for name, about, schema, tests in cases():
        try:
            validator = Validator(schema)
        except InvalidRequest as error:
            refused[name, error.data["keyword"]] += 1
            continue
        for one in tests:
            if (not validator.problems(one["data"])) is one["valid"]:
                agreed += 1
            else:
                wrong.append(f"{name}: {about}: {one['description']}")
    assert wrong == []
    assert dict(refused) == REFUSED
    assert agreed > 2300
