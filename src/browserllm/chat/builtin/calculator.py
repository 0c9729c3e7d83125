"""A calculator tool: evaluates arithmetic, exactly where possible, with limits on size, nesting and digits."""

# KEEP_DOCSTRINGS in a page, too: models read them (web/scripts/compile_python.mjs).
from __future__ import annotations

import ast
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ...errors import InvalidRequest
from ..tools import FunctionTool

MAX_CHARS = 400
MAX_NESTING = 40
MAX_BITS = 4096
"""The most bits in a fraction's numerator or denominator; larger numbers become floats."""

Number = Fraction | float

# Typographic signs: times, middle dot, divided by, minus, pi.
_SIGNS = str.maketrans(
    {"^": "**", "\xd7": "*", "\xb7": "*", "\xf7": "/", "\u2212": "-", "\u03c0": "pi", "\n": " ", "\t": " "}
)
_ALLOWED = re.compile(r"[0-9A-Za-z_ .,+\-*/%()<>=!]*")
_UNARY = re.compile(r"(?:[-+]\s*){8}")
_LITERAL = re.compile(r"(?P<digits>[0-9_]*+(?:\.[0-9_]*+)?)(?:[eE](?P<exponent>[+-]?[0-9]{1,4}))?")


def calculator() -> FunctionTool:
    """Return a tool, ``calculator``, that computes an arithmetic expression.

    It reads numbers, ``+ - * / // % **`` (``^`` too), parentheses, comparisons, ``pi``, ``e``, ``tau`` and functions
    (``sqrt``, ``sin``, ``log``, ``round``, ``factorial``, ...). No other Python code is run. Numbers stay exact
    fractions where possible, so ``0.1 + 0.2`` is ``0.3``; other results have 15 digits.
    """

    async def calculator(expression: str) -> str:
        """Compute an arithmetic expression exactly, such as "(3 + 4) * 2 ** 0.5" or "round(100 / 7, 2)".

        Args:
            expression: Numbers, + - * / // % **, parentheses, < <= == != >= >, pi, e, and functions: sqrt, exp, ln,
                log(x, base), log2, log10, sin, cos, tan, asin, acos, atan (all in radians), degrees, radians, abs,
                round(x, digits), floor, ceil, min, max, factorial, comb(n, k), gcd, lcm, hypot.
        """
        return evaluate(expression)

    return FunctionTool(calculator)


def evaluate(expression: str) -> str:
    """Return the value of an expression as text. Raises `InvalidRequest`, which says what is wrong with it."""
    text = expression.translate(_SIGNS).strip()
    if not text:
        raise _wrong("the expression is empty")
    if len(text) > MAX_CHARS:
        raise _wrong(f"the expression has {len(text)} characters; the limit is {MAX_CHARS}; compute it in parts")
    if not _ALLOWED.fullmatch(text):
        odd = next(character for character in text if not _ALLOWED.fullmatch(character))
        raise _wrong(f"{odd!r} is not allowed in an arithmetic expression")
    _check_nesting(text)
    try:
        value = _Evaluation(text).value(_parse(text))
    except ZeroDivisionError:
        raise _wrong("the expression divides by zero") from None
    except OverflowError:
        raise _wrong("a number in the expression is too large") from None
    except RecursionError:
        raise _wrong("the expression is nested too deeply; compute it in parts") from None
    except (ValueError, TypeError) as error:
        if isinstance(error, InvalidRequest):
            raise
        raise _wrong(f"a function is not defined for its arguments ({error})") from None
    return ("true" if value else "false") if isinstance(value, bool) else _as_text(value)


class _Evaluation:
    """Evaluates the syntax tree of one expression."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, node: ast.expr) -> Number | bool:
        if isinstance(node, ast.Compare):
            return self._compare(node)
        return self.number(node)

    def number(self, node: ast.expr) -> Number:
        if isinstance(node, ast.Constant):
            return self._literal(node)
        if isinstance(node, ast.Name):
            if node.id not in _CONSTANTS:
                raise _wrong(f"unknown name {node.id!r}; the constants are {', '.join(_CONSTANTS)}")
            return _CONSTANTS[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
            value = self.number(node.operand)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
            left, right = self.number(node.left), self.number(node.right)
            return _checked(_OPERATIONS[type(node.op)](left, right))
        if isinstance(node, ast.Call):
            return self._call(node)
        raise _wrong(f"{ast.unparse(node)[:60]!r} is not arithmetic; write numbers without commas, such as 1234.5")

    def _literal(self, node: ast.Constant) -> Number:
        written = self._text[node.col_offset : node.end_col_offset]
        match = _LITERAL.fullmatch(written)
        if type(node.value) not in (int, float) or not match or abs(int(match["exponent"] or 0)) > 400:
            raise _wrong(f"{written[:60]!r} is not a number that the calculator supports")
        return _checked(Fraction(written.replace("_", "")))

    def _call(self, node: ast.Call) -> Number:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _FUNCTIONS:
            raise _wrong(
                f"unknown function {ast.unparse(node.func)[:60]!r}; use one of {', '.join(sorted(_FUNCTIONS))}"
            )
        function, least, most = _FUNCTIONS[name]
        if node.keywords or not least <= len(node.args) <= most:
            takes = f"{least}" if least == most else f"{least} to {most}"
            raise _wrong(f"{name} takes {takes} numbers, not {len(node.args) + len(node.keywords)}")
        return _checked(function(*(self.number(argument) for argument in node.args)))

    def _compare(self, node: ast.Compare) -> bool:
        values = [_rounded(self.number(each)) for each in (node.left, *node.comparators)]
        if not all(type(each) in _COMPARISONS for each in node.ops):
            raise _wrong("compare numbers with <, <=, ==, !=, >= or >")
        return all(
            _COMPARISONS[type(operation)](left, right)
            for operation, left, right in zip(node.ops, values, values[1:], strict=False)
        )


def _parse(text: str) -> ast.expr:
    import warnings

    try:
        # Python warns about valid syntax that looks like a mistake, such as 1if.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        at = error.offset or 1
        raise _wrong(
            f"the expression has a syntax error near {text[max(0, at - 6) : at + 5]!r}; write it like '2 * (3 + 4)'"
        ) from None
    except (ValueError, MemoryError):
        raise _wrong("the expression cannot be parsed; write it like '2 * (3 + 4)'") from None


def _check_nesting(text: str) -> None:
    """Refuse deep nesting, because Python's parser has little stack in a page."""
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING or text.count("**") > MAX_NESTING or _UNARY.search(text):
        raise _wrong("the expression is nested too deeply; compute it in parts")


def _checked(value: Number) -> Number:
    """Return the value as a fraction within `MAX_BITS` or a finite float. Raises `OverflowError` if it is too large."""
    from math import isfinite

    if isinstance(value, Fraction):
        if max(value.numerator.bit_length(), value.denominator.bit_length()) <= MAX_BITS:
            return value
        value = float(value)
    if not isfinite(value):
        raise OverflowError
    return value


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        # Estimate the size first: 9**9**9 has 370 million digits.
        if abs(exponent) * bits <= 2 * MAX_BITS:
            return base**exponent.numerator
        if abs(base) == 1:
            return base if exponent.numerator % 2 else Fraction(1)
    result = float(base) ** float(exponent)
    if isinstance(result, complex):
        raise _wrong("the root of a negative number is not a real number")
    return result


def _root(value: Number) -> Number:
    from math import isqrt, sqrt

    if isinstance(value, Fraction) and value >= 0:
        above, below = isqrt(value.numerator), isqrt(value.denominator)
        if (above * above, below * below) == (value.numerator, value.denominator):
            return Fraction(above, below)
    return sqrt(value)


def _round(value: Number, digits: Number = Fraction(0)) -> Number:
    """Round half away from zero, as taught in school."""
    places = _whole(digits)
    if abs(places) > 300:
        raise _wrong(f"round() got {places} digits; use at most 300")
    exact = Fraction(str(value)) if isinstance(value, float) else value
    shifted = abs(exact) * Fraction(10) ** places + Fraction(1, 2)
    rounded = Fraction(shifted.numerator // shifted.denominator) / Fraction(10) ** places
    return -rounded if exact < 0 else rounded


def _factorial(value: Number) -> Number:
    from math import factorial

    return Fraction(factorial(_whole(value, 0, 500)))


def _comb(count: Number, chosen: Number) -> Number:
    from math import comb

    return Fraction(comb(_whole(count, 0, MAX_BITS), _whole(chosen, 0)))


def _whole(value: Number, least: int | None = None, most: int | None = None) -> int:
    if value != int(value) or (least is not None and value < least) or (most is not None and value > most):
        wanted = " a whole number" + (f" from {least}" if least is not None else "") + (f" to {most}" if most else "")
        raise _wrong(f"{_as_text(value)} is not{wanted}")
    return int(value)


def _on_floats(name: str) -> Callable[..., Number]:
    def call(*values: Number) -> Number:
        import math

        result = getattr(math, name)(*map(float, values))
        # Hide the rounding error of pi, so that sin(pi) is 0 and cos(pi / 3) is 0.5.
        return round(result, 15) if name in ("sin", "cos", "tan") else result

    return call


def _on_whole(name: str) -> Callable[..., Number]:
    def call(*values: Number) -> Number:
        import math

        return Fraction(getattr(math, name)(*map(_whole, values)))

    return call


def _floor(value: Number) -> Number:
    return Fraction(value) // 1 + Fraction(0)


def _ceil(value: Number) -> Number:
    return -_floor(-value)


def _absolute(value: Number) -> Number:
    return abs(value)


def _least(*values: Number) -> Number:
    return min(values)


def _greatest(*values: Number) -> Number:
    return max(values)


def _log(value: Number, base: Number | None = None) -> Number:
    from math import log, log2, log10

    if base is None:
        return log(value)
    if base == 2:
        return log2(value)
    return log10(value) if base == 10 else log(value) / log(base)


def _log_of(base: int) -> Callable[[Number], Number]:
    return lambda value: _log(value, Fraction(base))


_CONSTANTS: dict[str, Number] = {"pi": 3.141592653589793, "e": 2.718281828459045, "tau": 6.283185307179586}
_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Number]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: _floor(a / b),
    ast.Mod: lambda a, b: a % b,
    ast.Pow: _power,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.GtE: lambda a, b: a >= b,
    ast.Gt: lambda a, b: a > b,
}
_MANY = 50
_FLOAT_FUNCTIONS = ("exp", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "degrees", "radians")
# Each with the fewest and the most arguments that it takes.
_FUNCTIONS: dict[str, tuple[Callable[..., Number], int, int]] = {
    **{name: (_on_floats(name), 1, 1) for name in _FLOAT_FUNCTIONS},
    "atan2": (_on_floats("atan2"), 2, 2),
    "hypot": (_on_floats("hypot"), 1, _MANY),
    "ln": (_log, 1, 1),
    "log": (_log, 1, 2),
    "log2": (_log_of(2), 1, 1),
    "log10": (_log_of(10), 1, 1),
    "sqrt": (_root, 1, 1),
    "abs": (_absolute, 1, 1),
    "round": (_round, 1, 2),
    "floor": (_floor, 1, 1),
    "ceil": (_ceil, 1, 1),
    "min": (_least, 1, _MANY),
    "max": (_greatest, 1, _MANY),
    "factorial": (_factorial, 1, 1),
    "comb": (_comb, 2, 2),
    "gcd": (_on_whole("gcd"), 1, _MANY),
    "lcm": (_on_whole("lcm"), 1, _MANY),
}


def _rounded(value: Number) -> Number:
    return float(f"{value:.15g}") if isinstance(value, float) else value


def _as_text(value: Number) -> str:
    """Return a number in decimal: exact if its decimals end, else with 15 digits."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if value.denominator == 1:
        return str(value.numerator)
    from decimal import Context, Decimal, Inexact

    context = Context(prec=30, Emin=-9999, Emax=9999)
    decimal = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    if context.flags[Inexact]:
        decimal = Context(prec=15).plus(decimal)
    text = f"{decimal:f}" if -15 < decimal.adjusted() < 30 else f"{decimal}"
    return text.rstrip("0").rstrip(".") if "." in text and "E" not in text else text


def _wrong(why: str) -> InvalidRequest:
    return InvalidRequest(f"not computed: {why}", parameter="expression")
