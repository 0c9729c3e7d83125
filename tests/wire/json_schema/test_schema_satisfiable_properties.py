"""Properties of unsatisfiable schemas: no generated value fits one.

Not among the unit tests, because Hypothesis does not run in a page. A failure prints the schema.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browserllm.json_schema.satisfiable import unsatisfiable
from browserllm.json_schema.validate import problems_of
from cases import cases

pytestmark = pytest.mark.no_cover

SCHEMAS = st.recursive(
    st.one_of(
        st.booleans(),
        st.fixed_dictionaries({}, optional={"type": st.sampled_from(["string", "integer", "null", "array", "object"])}),
        st.builds(
            lambda values: {"enum": values}, st.lists(st.sampled_from([1, "a", None, 2.5]), min_size=1, max_size=2)
        ),
        st.builds(
            lambda low, high: {"type": "integer", "minimum": low, "maximum": high}, st.integers(0, 3), st.integers(0, 3)
        ),
        st.builds(
            lambda low, high: {"type": "string", "minLength": low, "maxLength": high},
            st.integers(0, 3),
            st.integers(0, 3),
        ),
    ),
    lambda inner: st.one_of(
        st.builds(lambda one, least: {"type": "array", "items": one, "minItems": least}, inner, st.integers(0, 2)),
        st.builds(
            lambda one, needs: {"type": "object", "properties": {"a": one}, "required": needs},
            inner,
            st.sampled_from([[], ["a"]]),
        ),
        st.builds(
            lambda key, parts: {key: parts},
            st.sampled_from(["anyOf", "allOf"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        st.builds(lambda one: {"not": one}, inner),
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.sampled_from([None, True, 0, 1, 2, 3, 2.5, "", "a", "aa", "aaa"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=4,
)


@settings(deadline=None, max_examples=cases(500))
@given(SCHEMAS, st.lists(VALUES, min_size=20, max_size=20))
def test_no_value_fits_an_unsatisfiable_schema(schema: Any, values: list[Any]) -> None:
    """Generated values never fit a rejected schema."""
    if unsatisfiable(schema) is not None:
        assert all(problems_of(value, schema) for value in values)
