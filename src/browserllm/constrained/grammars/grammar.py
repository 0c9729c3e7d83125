"""Write a reduced schema as a grammar for XGrammar (https://xgrammar.mlc.ai/docs/), in its EBNF.

XGrammar converts schemas itself, but not reliably (as of 0.1.27): it accepts `1.5` where the maximum is 1, crashes on
a pattern that it does not know, and allows endless whitespace, which small models write.

Constrained by this grammar, a model writes JSON on one line, with at most one space after ``:`` and ``,``, declared
properties in their order, and names and constants in their shortest form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, cast

from ..._internal.equality import Key, Keys
from .constants import Symbol, tree_of
from .formats import FORMATS
from .patterns import ANY, Node, counted, grammar_of, literal, of_length, parse_pattern, repetition
from .ranges import INTEGER, NUMBER, bounds_of, integers, multiples, numbers

Schema = dict[str, Any] | bool

_MANY_DIGITS = re.compile(r"\[0-9\]\{(\d+),(\d+)\}")
_ITSELF = "\0"  # placeholder for a rule's own name
_SPECIAL = '"\\\b\f\n\r\t'
_MAX_NAMES = 2000
"""The total length of declared names up to which other names are kept apart from them."""
_MAX_NAME = 100
"""The most characters of each of them."""

_BASIC = {
    "comma": '"," " "?',
    "colon": '":" " "?',
    "hex": "[0-9a-fA-F]",
    "chars": r'"\"" | [^"\\\u0000-\u001f] chars | "\\" escape chars',
    "escape": (
        r'["\\/bfnrt] | "u" ([0-9A-Ca-cE-Fe-f] hex hex hex | [dD] [0-7] hex hex'
        r' | [dD] [89abAB] hex hex "\\u" [dD] [c-fC-F] hex hex)'
    ),
    "string": r'"\"" chars',
    "integer": INTEGER,
    "number": NUMBER,
    "boolean": '"true" | "false"',
    "null": '"null"',
    "any": "string | number | boolean | null | list | record",
    "list": '"[" (any (comma any)*)? "]"',
    "record": '"{" (string colon any (comma string colon any)*)? "}"',
    "keyrest": (r'"\"" | [^"\\\u0000-\u001f] keyrest | "\\" ["\\bfnrt] keyrest | "\\u00" [01] [0-9a-f] keyrest'),
}


def grammar_of_schema(schema: Schema) -> str:
    """Return the grammar of a schema that `reduce_schema` has returned."""
    return _Writer(schema).written()


def written(value: Any) -> str:
    """Return a value as JSON in its shortest form: ``1`` for ``1.0``, and no needless escapes."""
    if isinstance(value, float):
        if value.is_integer():
            return str(int(value))
        return f"{Decimal(str(value)):f}"
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        return "".join(f"\\u{ord(char):04x}" if 0xD800 <= ord(char) <= 0xDFFF else char for char in text)
    if isinstance(value, list):
        return f"[{','.join(written(item) for item in cast('list[Any]', value))}]"
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return f"{{{','.join(f'{written(name)}:{written(item)}' for name, item in items)}}}"
    return json.dumps(value)


class _Writer:
    """Adds rules as they are needed."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._defs: dict[str, Any] = {} if isinstance(schema, bool) else schema.get("$defs", {})
        self._rules: dict[str, str] = {}
        self._known: dict[Key, str] = {}
        self._keys = Keys(ordered=True)
        self._same: dict[str, str] = {}
        self._count = 0

    def written(self) -> str:
        """Return the grammar's text, the root rule first."""
        given = self._schema
        root = self._value(given if isinstance(given, bool) else {key: given[key] for key in given if key != "$defs"})
        rules = {name: body for name, body in self._rules.items() if name != "root"}
        return "".join(f"{name} ::= {body}\n" for name, body in {"root": root, **rules}.items())

    def _basic(self, name: str) -> str:
        """Add a basic rule and the rules that it uses."""
        if name not in self._rules:
            self._rules[name] = _BASIC[name]
            for word in _BASIC:
                if word in _words(_BASIC[name]):
                    self._basic(word)
        return name

    def _add(self, body: Callable[[str], str]) -> str:
        """Add a rule whose body may need its name; return the name."""
        self._count += 1
        name = f"r{self._count}"
        made = body(_ITSELF)
        if _ITSELF in made:
            made = made.replace(_ITSELF, name)
        else:  # equal bodies share one rule
            name = self._same.setdefault(made, name)
        self._rules[name] = made
        return name

    def _rule(self, body: str) -> str:
        return self._add(lambda _: body)

    def _value(self, schema: Schema) -> str:
        """Return a rule's name, or a self-contained expression, for the values of a schema."""
        if isinstance(schema, bool):
            return self._basic("any")
        key = self._keys.of(schema)
        if key not in self._known:
            # Named before it is written, so that a definition can refer to itself.
            self._count += 1
            name = self._known[key] = f"r{self._count}"
            body = self._body(schema)
            if _is_name(body) and "$ref" not in schema:
                self._known[key] = body
            else:
                self._rules[name] = body
        return self._known[key]

    def _body(self, schema: dict[str, Any]) -> str:
        if "$ref" in schema:
            return self._value(self._defs[schema["$ref"].removeprefix("#/$defs/")])
        if "anyOf" in schema:
            return " | ".join(dict.fromkeys(self._value(part) for part in schema["anyOf"]))
        if "enum" in schema:
            return tree_of([list(self._constant(value)) for value in schema["enum"]], self._rule)
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema)
        if kind == "string":
            return self._string(schema)
        if kind in {"integer", "number"}:
            return self._number(schema)
        return self._basic(kind or "any")

    def _constant(self, value: Any) -> Iterator[Symbol]:
        """Yield the symbols of a constant, with the optional spaces of all JSON here."""
        if isinstance(value, dict):
            yield "{"
            for at, (name, item) in enumerate(cast("dict[str, Any]", value).items()):
                if at:
                    yield self._basic("comma")
                yield from written(name)
                yield self._basic("colon")
                yield from self._constant(item)
            yield "}"
        elif isinstance(value, list):
            yield "["
            for at, item in enumerate(cast("list[Any]", value)):
                if at:
                    yield self._basic("comma")
                yield from self._constant(item)
            yield "]"
        else:
            yield from written(value)

    def _string(self, schema: dict[str, Any]) -> str:
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        pattern = FORMATS.get(schema.get("format", ""), schema.get("pattern"))
        if pattern is not None:
            return self._text(of_length(parse_pattern(pattern), least, most) or ANY)
        if least == 0 and most is None:
            return self._basic("string")
        ways = [r'[^"\\\u0000-\u001f]', f'"\\\\" {self._basic("escape")}']
        return '"\\"" ' + counted(ways, least, most, '"\\""', self._add)

    def _text(self, node: Node) -> str:
        return f'"\\"" {grammar_of(node, self._add)} "\\""'

    def _number(self, schema: dict[str, Any]) -> str:
        least, most = bounds_of(schema)
        divisor = schema.get("multipleOf", 1)
        if schema["type"] == "integer":
            if divisor != 1:
                return self._multiples(divisor)
            if least is None and most is None:
                return self._basic("integer")
            return self._digits(
                integers(None if least is None else int(least.value), None if most is None else int(most.value))
            )
        if "multipleOf" in schema:
            return self._digits(numbers(least, most, -int(Decimal(str(divisor)).normalize().as_tuple().exponent)))
        return self._basic("number") if least is None and most is None else self._digits(numbers(least, most))

    def _digits(self, body: str) -> str:
        """Share one rule for each long run of digits: the engine would compile each copy separately."""

        def shared(found: re.Match[str]) -> str:
            name = f"digits{found[1]}to{found[2]}"
            self._rules[name] = found[0]
            return name

        return _MANY_DIGITS.sub(shared, body)

    def _multiples(self, divisor: int) -> str:
        name = f"by{divisor}"
        for rule, body in multiples(divisor).items():
            self._rules[f"{name}{rule}"] = body.replace("rest", f"{name}rest")
        return f"{name}multiple"

    def _array(self, schema: dict[str, Any]) -> str:
        first: list[Schema] = schema.get("prefixItems", [])
        items: Schema = schema.get("items", True)
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if items is False:
            most = len(first) if most is None else min(most, len(first))
        comma = self._basic("comma")
        first = first if most is None else first[:most]
        rest = ""
        if most is None or most > len(first):
            item, done = self._value(items), len(first)
            bounds = max(least - done, 0), None if most is None else most - done
            if done:
                rest = f"({comma} {item}){repetition(*bounds)}"
            else:
                more = repetition(max(bounds[0] - 1, 0), None if bounds[1] is None else bounds[1] - 1)
                rest = f"({item} ({comma} {item}){more})" + ("?" if least == 0 else "")
        for index in reversed(range(len(first))):
            before = f"{comma} " if index else ""
            rest = self._rule(f"{before}{self._value(first[index])} {rest}".rstrip()) + ("?" if index >= least else "")
        return " ".join(part for part in ('"["', rest, '"]"') if part)

    def _object(self, schema: dict[str, Any]) -> str:
        properties: dict[str, Schema] = schema.get("properties", {})
        declared = [(name, part) for name, part in properties.items() if part is not False]
        required = set(cast("list[str]", schema.get("required", ())))
        least, most = schema.get("minProperties", 0), schema.get("maxProperties")
        others = self._others(schema, properties)
        # Above this count the number of properties makes no difference.
        enough = max(1, least if most is None else max(least, most + 1))
        rules: dict[tuple[int, int], str] = {}
        # From the end: what may follow once the properties before `at` are decided and `count` of them are written.
        for count in range(enough + 1):
            if others:
                self._count += 1
                rules[len(declared), count] = f"r{self._count}"
        comma, colon = self._basic("comma"), self._basic("colon")
        for at in reversed(range(len(declared) + 1)):
            for count in range(min(at, enough) if at < len(declared) or not others else enough, -1, -1):
                more = min(count + 1, enough)
                before = f"{comma} " if count else ""
                ways: list[str] = []
                full = most is not None and count >= most
                if at < len(declared):
                    name, part = declared[at]
                    follows = None if full else rules.get((at + 1, more))
                    if follows is not None:
                        ways.append(f"{before}{literal(written(name))} {colon} {self._value(part)} {follows}")
                    if name not in required and (at + 1, count) in rules:
                        ways.append(rules[at + 1, count])
                else:
                    if count >= least and (most is None or count <= most):
                        ways.append('"}"')
                    if others and not full:
                        ways += [f"{before}{key} {colon} {value} {rules[at, more]}" for key, value in others]
                if not ways:
                    rules.pop((at, count), None)
                elif (at, count) in rules:
                    self._rules[rules[at, count]] = " | ".join(ways)
                else:
                    rules[at, count] = ways[0] if _is_name(" ".join(ways)) else self._rule(" | ".join(ways))
        return f'"{{" {rules[0, 0]}'

    def _others(self, schema: dict[str, Any], properties: dict[str, Schema]) -> list[tuple[str, str]]:
        """Return the expressions for the names and values of undeclared properties."""
        found = [
            (self._text(parse_pattern(pattern)), self._value(part))
            for pattern, part in cast("dict[str, Schema]", schema.get("patternProperties", {})).items()
        ]
        additional = schema.get("additionalProperties", True)
        if additional is not False:
            names = schema.get("propertyNames")
            key = self._value(names) if names is not None else self._key_beside(list(properties))
            found.append((key, self._value(additional)))
        return found

    def _key_beside(self, names: list[str]) -> str:
        """Return an expression for every name, in its shortest form, except the given ones."""
        if not names or sum(map(len, names)) > _MAX_NAMES or max(map(len, names)) > _MAX_NAME:
            return self._basic("string")
        return f'"\\"" {self._key_after("", names)}'

    def _key_after(self, begun: str, names: list[str]) -> str:
        following: dict[str, list[str]] = {}
        ends = False
        for name in names:
            if len(name) > len(begun):
                following.setdefault(name[len(begun)], []).append(name)
            else:
                ends = True
        self._basic("keyrest")
        ways = [] if ends else ['"\\""']
        # An engine's classes cannot exclude a single non-ASCII character, so these names are not kept apart.
        plain = [char for char in following if char.isascii()]
        left_out = "".join(f"\\u{ord(char):04x}" for char in plain if char not in '"\\' and char >= " ")
        ways.append(f'[^"\\\\\\u0000-\\u001f{left_out}] keyrest')
        escapes = [json.dumps(char)[2] for char in _SPECIAL if char not in following]
        if escapes:
            listed = "".join(f"\\u{ord(char):04x}" for char in escapes)
            ways.append(f'"\\\\" [{listed}] keyrest')
        ways.append('"\\\\u00" [01] [0-9a-f] keyrest')
        ways += [
            f"{literal(json.dumps(char)[1:-1])} {self._key_after(begun + char, following[char])}" for char in plain
        ]
        return self._rule(" | ".join(ways))


def _is_name(body: str) -> bool:
    return body.replace("_", "").isalnum()


def _words(body: str) -> set[str]:
    return {word.strip("()*?+") for word in body.split()}
