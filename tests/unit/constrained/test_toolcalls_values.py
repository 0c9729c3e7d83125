"""Values without quotes: their type according to the tool's schema, and where they end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from browserllm.constrained.tool_calls import ToolCallParser, format_for
from browserllm.types import Tool, ToolCallDelta

TEXT = {"type": "string"}
NAMED = {
    "$defs": {
        "text": {"type": ["string", "null"]},
        "unit": {"enum": ["C", "F"]},
        "node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}},
    }
}


def arguments(text: str, tool: Tool, size: int = 1, family: str = "Qwen3.5") -> Any:
    """Return the arguments of the one call in an answer, and the text around it; pieces have this size."""
    parser = ToolCallParser([tool], format_for(family))
    pieces = [piece for at in range(0, len(text), size) for piece in parser.feed(text[at : at + size])]
    pieces += parser.finish()
    assert parser.calls == 1
    assert not any(isinstance(piece, str) for piece in pieces), pieces
    return json.loads("".join(piece.arguments for piece in pieces if isinstance(piece, ToolCallDelta)))


def tool_of(schema: Any) -> Tool:
    """Return a tool with a value of this schema, and another parameter."""
    return Tool("note", "", {"type": "object", "properties": {"value": schema, "other": TEXT}, **NAMED})


def xml(value: str) -> str:
    return f"<tool_call>\n<function=note>\n<parameter=value>\n{value}\n</parameter>\n</function>\n</tool_call>"


CASES: list[tuple[Any, str, Any]] = [
    # only a string: verbatim, whatever it looks like
    *((TEXT, text, text) for text in (
        "Hello, world", "12", "12, Main Street", "null", "None", "true", '{"a":1}', "[1, 2]", '"quoted"', "'it'", "",
        " ", "  indented\n    more\n", "\nline\n", "a < b && c > d", "&lt;b&gt; &amp;", "</parameter", "</parameter x>",
        "<function=note>", "<parameter=", "<tool_call>", "\\n \\u0041", "é 𝄞 \u2028", "1e5", "-0", "{", "]", '"', "`x`",
    )),
    # a string or another type: a whole value of the other type is that value
    *((schema, text, value)
      for schema in ({"type": ["string", "null"]}, {"anyOf": [TEXT, {"type": "null"}]}, {"$ref": "#/$defs/text"},
                     {"oneOf": [{"type": "null"}, TEXT]}, {"allOf": [{"$ref": "#/$defs/text"}]})
      for text, value in (
          ("Hello, world", "Hello, world"), ("12, Main Street", "12, Main Street"), ("null", None), (" null ", None),
          ("None", None), ("null and void", "null and void"), ("12", "12"), ("true", "true"), ('{"a": 1}', '{"a": 1}'),
          ("[draft] notes", "[draft] notes"), ("", ""), ('"x"', '"x"'),
      )),
    *(({"type": ["integer", "string"]}, text, value) for text, value in (
        ("12", 12), (" 12 ", 12), ("-3", -3), ("012", "012"), ("12.5", "12.5"), ("12, Main Street", "12, Main Street"),
        ("+12", "+12"), ("1_000", "1_000"), ("1,000", "1,000"), ("12 km", "12 km"), ("٣", "٣"), ("true", "true"),
    )),
    ({"anyOf": [{"type": "integer", "maximum": 10}, TEXT]}, "12", "12"),
    ({"anyOf": [{"type": "integer", "maximum": 10}, TEXT]}, "9", 9),
    *(({"type": ["object", "string"]}, text, value) for text, value in (
        ('{"a": 1}', {"a": 1}), ("{'a': True}", {"a": True}), ('{"a": 1}, or so', '{"a": 1}, or so'),
        ("{name}", "{name}"), ("{a: b}", "{a: b}"), ('{"a": 1', '{"a": 1'), ("[1]", "[1]"),
    )),
    *(({"type": ["array", "string"], "items": {"type": "integer"}}, text, value) for text, value in (
        ("[1, 2]", [1, 2]), ('["a"]', '["a"]'), ("[1] and [2]", "[1] and [2]"), ("[1 2]", "[1 2]"), ("[1, 2,]", [1, 2]),
        ("[a]", "[a]"), ("[[1]]", "[[1]]"),
    )),
    # no schema, or one without types
    *((schema, text, value) for schema in ({}, True, {"description": "Anything"}) for text, value in (
        ("12", 12), ("Hello, world", "Hello, world"), ("12, Main Street", "12, Main Street"), ("true", True),
        ('{"a": [1]}', {"a": [1]}), ("[x](y)", "[x](y)"), ("null", None),
    )),
    # no string allowed
    *(({"type": "boolean"}, text, value) for text, value in (
        ("true", True), ("True", True), ("FALSE", False), (" false ", False), ("yes", "yes"), ("1", 1),
    )),
    *(({"type": "number"}, text, value) for text, value in (
        (" 1.5 ", 1.5), ("1e3", 1000.0), ("-0.5", -0.5), ("12, Main Street", "12, Main Street"), ("NaN", "NaN"),
        ("Infinity", "Infinity"), ("", ""), ("9" * 5000, "9" * 5000),
    )),
    ({"type": "integer"}, "12.5", 12.5),
    ({"type": "integer"}, "twelve", "twelve"),
    ({"type": ["integer", "null"]}, "None", None),
    *(({"type": "array", "items": TEXT}, text, value) for text, value in (
        ('["a", "b"]', ["a", "b"]), ("['a', 'b']", ["a", "b"]), ("[New York, Oslo]", ["New York", "Oslo"]),
        ("[]", []), ("a, b", "a, b"), ('["a"', '["a"'), ('[\n  "a",\n  "b"\n]', ["a", "b"]),
    )),
    *(({"type": "object"}, text, value) for text, value in (
        ("{name: Oslo, Norway, n: 1}", {"name": "Oslo, Norway", "n": 1}), ('{"a": {"b": []}}', {"a": {"b": []}}),
        ("{}", {}), ("[1]", [1]), ('{"a": "</parameter>"}', {"a": "</parameter>"}),
    )),
    ({"$ref": "#/$defs/node"}, '{"next": {"next": {}}}', {"next": {"next": {}}}),
    # listed values
    *(({"enum": ["1", "2", "None", "auto"]}, text, value) for text, value in (
        ("1", "1"), ("None", "None"), ("auto", "auto"), (" auto ", "auto"), ('"auto"', "auto"), ("'auto'", "auto"),
        ("other", "other"),
    )),
    *(({"enum": [1, "auto", None, True]}, text, value) for text, value in (
        ("1", 1), ("auto", "auto"), ("null", None), ("True", True), ("2", 2),
    )),
    ({"const": "12"}, "12", "12"),
    ({"const": 12}, "12", 12),
    ({"$ref": "#/$defs/unit"}, "C", "C"),
    ({"anyOf": [{"$ref": "#/$defs/unit"}, {"type": "integer"}]}, "C", "C"),
    ({"type": "string", "nullable": True}, "null", None),
    ({"type": "string", "nullable": True}, "nothing", "nothing"),
    ({"type": "string", "pattern": "^[0-9]{4}$"}, "2024", "2024"),
    ({"type": "string", "maxLength": 3}, "12345", "12345"),
    # an invalid schema: only its types are used
    ({"type": "string", "pattern": "("}, "12", "12"),
    ({"type": "strange"}, "12", 12),
    ({"type": "integer", "minimum": "x"}, "12", 12),
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_value_without_quotes_gets_a_type_of_its_schema(size: int) -> None:
    """A whole value of another allowed type is that value; any other text is the string, verbatim."""
    for schema, text, value in CASES:
        got = arguments(xml(text), tool_of(schema), size)
        assert (got, type(got["value"])) == ({"value": value}, type(value)), (schema, text)


def test_parameters_without_a_schema_are_read_by_their_appearance() -> None:
    """``additionalProperties`` decides if present, and otherwise the text itself."""
    given = "<tool_call><function=note><parameter=x>12</parameter></function></tool_call>"
    assert arguments(given, Tool("note")) == {"x": 12}
    assert arguments(given, Tool("note", "", {"additionalProperties": TEXT})) == {"x": "12"}
    assert arguments(given, Tool("note", "", {"additionalProperties": False})) == {"x": 12}
    assert arguments(given, Tool("note", "", {"patternProperties": {"^x": TEXT}})) == {"x": "12"}
    assert arguments(given, Tool("other")) == {"x": 12}


@pytest.mark.parametrize("size", [1, 5, 100_000])
@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        # closing tags inside a value
        ("<parameter=value>\nWrite </parameter> after it.\n</parameter>\n", {"value": "Write </parameter> after it."}),
        ("<parameter=value>\na</parameter></b>\n</parameter>\n", {"value": "a</parameter></b>"}),
        (
            "<parameter=value>\n" + xml("x") + "\n</parameter>\n<parameter=other>\ny\n</parameter>\n",
            {"value": xml("x"), "other": "y"},
        ),
        ("<parameter=value>\nSee\n</function>\nthere\n</parameter>\n", {"value": "See\n</function>\nthere"}),
        ("<parameter=value>\nSee\n</tool_call>\nthere\n</parameter>\n", {"value": "See\n</tool_call>\nthere"}),
        ("<parameter=value>\n<parameter=x>\n</parameter>\n", {"value": "<parameter=x>"}),
        ("<parameter=value>\n\n\nx\n\n</parameter>\n", {"value": "\n\nx\n"}),
        ("<parameter=value>\r\nx\r\n</parameter>\r\n", {"value": "x"}),
        ("<parameter=value>\nx\r\n</parameter>\n", {"value": "x\r"}),
        ("<parameter=value>x</parameter><parameter=other>y</parameter>", {"value": "x", "other": "y"}),
        ('<parameter="value">\nx\n</parameter>\n', {"value": "x"}),
        ("<parameter=value>\n</parameter>\n", {"value": ""}),
        # forgotten closing tags
        ("<parameter=value>\nx\n<parameter=other>\ny\n</parameter>\n", {"value": "x", "other": "y"}),
        ("<parameter=value>\nx\n", {"value": "x"}),
        ("<parameter=value\nx\n</parameter>\n", {"value": "x"}),
        ("<parameter=value >\nx\n</parameter>\n<parameter=other\ny\n</parameter>\n", {"value": "x", "other": "y"}),
        ("<parameter=value>IF C<1w=P-SQR(1-C)</parameter>\n", {"value": "IF C<1w=P-SQR(1-C)"}),
        ("<parameter=value>x</parameter>\n<parameter=other>\ny</parameter>\n", {"value": "x", "other": "y"}),
        ("<parameter=value>\nx\n</parameter>\nOh.\n", {"value": "x\n</parameter>\nOh."}),
        ("<parameter=value>\n</parameter><parameter=\n</parameter>\n", {"value": "</parameter><parameter="}),
    ],
)
def test_a_parameter_ends_where_the_next_one_or_the_end_of_the_call_follows(
    inside: str, expected: Any, size: int
) -> None:
    """Tags in a value are part of it; a forgotten closing tag is assumed before the next tag."""
    text = f"<tool_call>\n<function=note>\n{inside}</function>\n</tool_call>"
    assert arguments(text, tool_of(TEXT), size) == expected
    if "</tool_call>" not in inside:
        assert arguments(text.removesuffix("\n</tool_call>"), tool_of(TEXT), size) == expected
        assert (
            arguments(text.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>"), tool_of(TEXT), size)
            == expected
        )


def test_a_closing_tag_forgotten_within_a_line_is_assumed_at_the_end_of_the_call() -> None:
    """This needs both closing tags and the end of the answer; elsewhere the value would be cut in half."""
    begin = "<tool_call>\n<function=note>\n<parameter=value>\nSee x"
    assert arguments(f"{begin}</function>\n</tool_call>", tool_of(TEXT)) == {"value": "See x"}
    assert arguments(f"{begin}</function>\n</tool_call>\n", tool_of(TEXT)) == {"value": "See x"}
    parser = ToolCallParser([tool_of(TEXT)])
    pieces = parser.feed(f"{begin}</function>") + parser.finish()
    assert "".join(piece.arguments for piece in pieces if isinstance(piece, ToolCallDelta)) == '{"value": '


def test_a_value_that_breaks_off_is_never_completed() -> None:
    """Half a text is not what the model meant, so the arguments stay invalid JSON."""
    text = "<tool_call>\n<function=note>\n<parameter=value>\nHello, wor"
    parser = ToolCallParser([tool_of(TEXT)], format_for("Qwen3.5"))
    pieces = parser.feed(text) + parser.finish()
    written = "".join(piece.arguments for piece in pieces if isinstance(piece, ToolCallDelta))
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(written)


@pytest.mark.parametrize("size", [1, 5, 100_000])
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("value=Hello, world", {"value": "Hello, world"}),
        ("value=12, Main Street", {"value": "12, Main Street"}),
        ("value=12, Main Street, other=x", {"value": "12, Main Street", "other": "x"}),
        ("value=12", {"value": "12"}),
        ("value=null, other=None", {"value": None, "other": "None"}),
        ("value=f(x), other=(y, z)", {"value": "f(x)", "other": "(y, z)"}),
        ("value='12, Main', other=\"x\"", {"value": "12, Main", "other": "x"}),
        ("value=a == b, other=c", {"value": "a == b", "other": "c"}),
        ("value=Hello,", {"value": "Hello"}),
        ("value = x , other = y", {"value": "x", "other": "y"}),
        ("Oslo, Bergen", {"value": "Oslo", "other": "Bergen"}),
    ],
)
def test_pythons_arguments_without_quotes_are_read_by_their_schema(written: str, expected: Any, size: int) -> None:
    """A comma is part of the text if no other argument follows."""
    text = f"<tool_call>note({written})</tool_call>"
    assert arguments(text, tool_of({"type": ["string", "null"]}), size) == expected


@pytest.mark.parametrize("size", [1, 5, 100_000])
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"value": Hello, world}', {"value": "Hello, world"}),
        ('{"value": 12, Main Street, "other": "x"}', {"value": "12, Main Street", "other": "x"}),
        ("{value: 12, Main Street, other: x, y}", {"value": "12, Main Street", "other": "x, y"}),
        ("{value: Hello {name}, other: x}", {"value": "Hello {name}", "other": "x"}),
        ("{value: a [b] c,}", {"value": "a [b] c"}),
        ("{value: null, other: x}", {"value": None, "other": "x"}),
        ("{value: Oslo,\n other: x}", {"value": "Oslo", "other": "x"}),
        ('{"value": 12, "other": "x"}', {"value": 12, "other": "x"}),
    ],
)
def test_unquoted_json_strings_end_where_another_key_follows(written: str, expected: Any, size: int) -> None:
    """Commas and balanced brackets may be part of them; valid JSON stays unchanged."""
    text = f'<tool_call>{{"name": "note", "arguments": {written}}}</tool_call>'
    assert arguments(text, tool_of({"type": ["string", "null"]}), size) == expected
