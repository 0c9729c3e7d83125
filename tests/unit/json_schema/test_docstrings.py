"""Docstrings in common styles: each parameter gets its description, and an odd line affects only itself."""

from __future__ import annotations

import pytest

from browserllm.json_schema.docstrings import parse_docstring

NAMES = ("m", "n")
TOLD = {"m": "The map.", "n": "How many."}

STYLES = {
    "Google": "Args:\n    m: The map.\n    n: How many.",
    "Google, types with commas and brackets": (
        "Args:\n    m (dict(str, int)): The map.\n    n (dict[str, list[int]]): How many."
    ),
    "Google, types with colons": "Args:\n    m (Literal['a:b', ')']): The map.\n    n (int, default: 3): How many.",
    "Google, functions as types": (
        "Args:\n    m (Callable[[int], tuple[str, ...]], optional): The map.\n    n (int)  :  How many."
    ),
    "Google, no space": "Args:\n    m(dict):The map.\n    n(int):How many.",
    "Google, a bracket is missing": "Args:\n    m (dict[str, int: The map.\n    n (int: How many.",
    "Google, two pairs of brackets": "Args:\n    m (dict) [str]: The map.\n    n (int) (optional): How many.",
    "Google, text below": "Args:\n    m (dict):\n        The map.\n    n\n        How many.",
    "Google, wrapped": "Args:\n    m: The\n        map.\n    n: How\n      many.",
    "Google, blank lines": "Args:\n\n    m: The map.\n\n\n    n: How many.\n",
    "Google, not indented": "Args:\nm: The map.\nn: How many.\n\nThat is all.",
    "Google, indented oddly": "  Args:\n      m: The map.\n    n: How many.\n  Returns:\n    Nothing.",
    "Google, first less deep": "Args:\n  m: The map.\n      n: How many.",
    "Google, tabs": "Args:\n\tm: The map.\n\tn:\n\t\tHow many.",
    "Google, stars": "Args:\n    *args: Others.\n    m: The map.\n    **kwargs: More.\n    n: How many.",
    "Google, dashes": "Args:\n    m - The map.\n    n (int) -- How many.",
    "Google, long dashes": "Args:\n    m \u2013 The map.\n    n \u2014 How many.",
    "Google, unknown names": "Args:\n    other (int): No.\n    m: The map.\n    what: No.\n    n: How many.",
    "Google, other words": "Keyword Args:\n    m: The map.\n\nOther Parameters:\n    n: How many.",
    "Google, sections in odd order": (
        "Returns:\n    m: No.\n\nRaises:\n    n: No.\n\nArgs:\n    m: The map.\n    n: How many.\n\nNote:\n    x"
    ),
    "Google, two sections": "Args:\n    m: The map.\n\nReturns:\n    dict: x\n\nArgs:\n    n: How many.",
    "bold": "**Args:**\n    m: The map.\n    n: How many.",
    "a heading and bullets": "### Parameters\n- m: The map.\n- n: How many.",
    "bullets and backticks": (
        'Args:\n    - `m` (`dict`, *optional*, defaults to `"a"`):\n        The map.\n    - **n** (`int`): How many.'
    ),
    "NumPy": (
        "Parameters\n----------\nm : dict(str, int)\n    The map.\n"
        "n : {1, 2}, default: 2\n    How many.\n\nReturns\n-------\nm : no\n    No."
    ),
    "NumPy, no types": "Parameters\n----------\nm\n    The map.\nn:\n    How many.",
    "NumPy, blank lines and brackets": "Parameters\n==========\n\nm (dict)\n    The map.\n\nn : int\n\n    How many.",
    "NumPy, stars": (
        "Parameters\n----------\n*args\n    Others.\nm, other : dict\n    The map.\n**n : int\n    How many."
    ),
    "NumPy, other parameters": (
        "Parameters\n----------\nm : dict\n    The map.\n\nOther Parameters\n----------------\nn : int\n    How many."
    ),
    "reST": ":param m: The map.\n:type m: dict\n:param n: How many.\n:returns: m: no",
    "reST, types before the names": ":param dict(str, int) m: The map.\n:param dict[str, list[int]] n: How many.",
    "reST, types with colons": ':param Literal["a:b"] m: The map.\n:param int n : How many.',
    "reST, wrapped": ":param m:\n    The map.\n:param n: How\n    many.",
    "Epydoc": "@param m: The map.\n@type m: dict\n@param n: How many.\n@return: no",
    "Javadoc": "@param m The map.\n@param n How many.\n@returns no",
    "carriage returns": "Args:\r\n    m: The map.\r\n    n: How many.\r\n",
}


@pytest.mark.parametrize("style", STYLES)
def test_each_parameter_gets_its_description_in_every_style(style: str) -> None:
    """Whatever surrounds it; the text before the sections is the description."""
    said, descriptions = parse_docstring(f"Do it.\n\n{STYLES[style]}", NAMES)
    assert said == "Do it."
    assert {name: descriptions.get(name) for name in NAMES} == TOLD


ODD = [
    "???",
    "(broken: line",
    "...",
    "-----x",
    "1. one",
    "m2 (",
    "| a | b |",
    "No, (nothing",
    "{",
    "=> this",
    "::",
    "a b c d",
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_odd_line_affects_only_itself(odd: str, at: int) -> None:
    """Above, between and below the parameters, in each of the three styles."""
    google = ["    m (dict): The map.", "    n: How many."]
    google.insert(at, f"    {odd}")
    numpy = ["m : dict\n    The map.", "n\n    How many."]
    numpy.insert(at, odd)
    rest = [":param m: The map.", ":param n: How many."]
    rest.insert(at, odd)
    for text in ("Args:\n" + "\n".join(google), "Parameters\n----------\n" + "\n".join(numpy), "\n".join(rest)):
        said, descriptions = parse_docstring(f"Do it.\n\n{text}", NAMES)
        assert said.startswith("Do it.")
        assert {name: descriptions.get(name) for name in NAMES} == TOLD, text


def test_deeper_lines_stay_with_their_parameter() -> None:
    """Keys of a dict, examples and colons below a parameter belong to it, even with another parameter's name."""
    text = """Do it.

    Args:
        m: A dict with
            n: the number
            k: the key: any
            Example:
                {"n": 1}

            See https://example.com/a:b
        n: How many.
    """
    assert parse_docstring(text, NAMES)[1] == {
        "m": 'A dict with n: the number k: the key: any Example: {"n": 1} See https://example.com/a:b',
        "n": "How many.",
    }


def test_two_parameters_may_share_a_line() -> None:
    """They get the same description."""
    assert parse_docstring("Args:\n    m, n (int): Both.", NAMES)[1] == {"m": "Both.", "n": "Both."}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Look up :class:`X`.\n:class:`Y` as well.\n\n:param m: The map.", "Look up :class:`X`.\n:class:`Y` as well."),
        ("Args:\n    m: The map.\n\nLook it up.", "Look it up."),
        ("Look.\n\n    code: here\n\nArgs:\n    m: The map.", "Look.\n\n    code: here"),
        ("Look: it is there.\nNotes are kept.\n\nArgs:\n    m: The map.", "Look: it is there.\nNotes are kept."),
    ],
)
def test_the_description_is_the_text_outside_the_sections(text: str, said: str) -> None:
    """The text before them, or else after them; words that only look like markup are text."""
    assert parse_docstring(text, NAMES) == (said, {"m": "The map."})
