"""Properties of docstring parsing: no written type and no odd line costs a parameter its description.

Not among the unit tests, because Hypothesis does not run in a page. A failure prints the docstring.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browserllm.json_schema.docstrings import parse_docstring
from cases import cases

pytestmark = pytest.mark.no_cover

TYPES = st.recursive(
    st.sampled_from(["int", "str", "'a: b'", "dict(str, int)", "a|b", "Optional"]),
    lambda inner: (
        st.builds(
            lambda name, parts: f"{name}[{', '.join(parts)}]",
            st.sampled_from(["dict", "list", "T"]),
            st.lists(inner, max_size=3),
        )
        | st.builds(lambda parts: f"({', '.join(parts)})", st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=6,
)
ODD = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=20).filter(
    lambda text: (
        not any(name in text for name in ("alpha", "beta", "gamma"))
        and text.strip(" -+*`")[:1] in ("(", "?", "!", ".", "|", "<", ">", "%", "&", ")", "]", "/")
    )
)


@settings(deadline=None, max_examples=cases(300))
@given(st.lists(TYPES, min_size=3, max_size=3), ODD, st.integers(0, 3), st.sampled_from(["google", "numpy", "rest"]))
def test_types_and_odd_lines_do_not_lose_descriptions(types: list[str], odd: str, at: int, style: str) -> None:
    """For any written type, and an unreadable line anywhere."""
    names = ["alpha", "beta", "gamma"]
    pairs = list(zip(names, types, strict=True))
    if style == "google":
        items = [f"    {name} ({kind}): Says {name}." for name, kind in pairs]
        items.insert(at, f"    {odd.strip()}")
        text = "Do it.\n\nArgs:\n" + "\n".join(items) + "\n\nReturns:\n    alpha: no"
    elif style == "numpy":
        items = [f"{name} : {kind}\n    Says {name}." for name, kind in pairs]
        items.insert(at, odd.strip())
        text = "Do it.\n\nParameters\n----------\n" + "\n".join(items) + "\n\nReturns\n-------\nalpha\n    no"
    else:
        items = [f":param {kind} {name}: Says {name}." for name, kind in pairs]
        items.insert(at, odd.strip())
        text = "Do it.\n\n" + "\n".join(items) + "\n:returns: alpha: no"
    descriptions = parse_docstring(text, names)[1]
    assert {name: descriptions.get(name) for name in names} == {name: f"Says {name}." for name in names}, text
