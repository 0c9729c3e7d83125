"""Write ranges of numbers, and the multiples of a number, as EBNF.

Numbers are written out: ``-12.5``, never ``-1.25e1``, with at most `MAX_DIGITS` digits on each side of the point.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

MAX_DIGITS = 40
"""The most digits before the point, and after it: stops a model that would write digits forever."""
_MORE = f"{{0,{MAX_DIGITS - 1}}}"

INTEGER = f'"-"? ("0" | [1-9] [0-9]{_MORE})'
NUMBER = f'{INTEGER} ("." [0-9]{{1,{MAX_DIGITS}}})? ([eE] [+-]? [0-9]{{1,3}})?'


class Bound(NamedTuple):
    """The end of a range, and whether the range includes it."""

    value: Decimal
    included: bool = True


class _Tail(NamedTuple):
    """What may follow a point: nothing (if ``empty``), or one of ``some``."""

    empty: bool
    some: list[str]


def bounds_of(schema: dict[str, Any]) -> tuple[Bound | None, Bound | None]:
    """Return the bounds that a schema's keywords set."""
    found: list[Bound | None] = []
    for plain, exclusive, largest in (("minimum", "exclusiveMinimum", True), ("maximum", "exclusiveMaximum", False)):
        ends = [Bound(Decimal(str(schema[name])), name == plain) for name in (plain, exclusive) if name in schema]
        ends.sort(key=lambda end: (end.value, not end.included if largest else end.included))
        found.append((ends[-1] if largest else ends[0]) if ends else None)
    return found[0], found[1]


def integers(least: int | None, most: int | None) -> str:
    """Return the whole numbers of a range as EBNF."""
    if least is None and most is None:
        return f"({INTEGER})"
    found: list[str] = []
    if least is None or least < 0:
        end = None if least is None else -least
        found += [f'"-" {digits}' for digits in _naturals(1 if most is None or most >= 0 else -most, end)]
    if most is None or most >= 0:
        found += _naturals(0 if least is None or least < 0 else least, most)
    return _one_of(found)


def numbers(least: Bound | None, most: Bound | None, places: int = MAX_DIGITS) -> str:
    """Return the numbers of a range, with at most ``places`` digits after the point, as EBNF."""
    found: list[str] = []
    if least is None or least.value < 0:
        end = None if least is None else Bound(-least.value, least.included)
        start = Bound(Decimal(0), False)
        if most is not None and most.value < 0:
            start = Bound(-most.value, most.included)
        found += [f'"-" {digits}' for digits in _magnitudes(start, end, places)]
    if most is None or most.value >= 0:
        start = Bound(Decimal(0)) if least is None or least.value < 0 else least
        found += _magnitudes(start, most, places)
    return _one_of(found)


def multiples(divisor: int) -> dict[str, str]:
    """Return the rules for the multiples of a number; ``multiple`` is the first one.

    There is a rule for each remainder of the digits so far.
    """
    rules = {"multiple": '"0" | "-"? ' + _one_of([f'"{digit}" rest{digit % divisor}' for digit in range(1, 10)])}
    for rest in range(divisor):
        more = [f'"{digit}" rest{(rest * 10 + digit) % divisor}' for digit in range(10)]
        rules[f"rest{rest}"] = " | ".join((['""'] if rest == 0 else []) + more)
    return rules


def _one_of(parts: list[str]) -> str:
    return f"({' | '.join(parts)})"


def _naturals(least: int, most: int | None) -> list[str]:
    """Return the numbers from ``least`` to ``most``, both not negative, digit by digit."""
    found: list[str] = []
    if most is None:
        size = len(str(least))
        found = _between(str(least), "9" * size)
        return [*found, f"[1-9] [0-9]{{{size},{MAX_DIGITS}}}"]
    for size in range(len(str(least)), len(str(most)) + 1):
        first = max(least, 10 ** (size - 1) if size > 1 else 0)
        found += _between(str(first), str(min(most, 10**size - 1)))
    return found


def _between(low: str, high: str) -> list[str]:
    """Return the digits between two numbers of the same length."""
    if not low:
        return [""]
    if low.strip("0") == "" and high.strip("9") == "":
        return [f"[0-9]{{{len(low)}}}"]
    if low[0] == high[0]:
        return [f'"{low[0]}" {rest}'.strip() for rest in _between(low[1:], high[1:])]
    first, last = int(low[0]), int(high[0])
    found: list[str] = []
    size = len(low) - 1
    if low[1:].strip("0"):
        found += [f'"{first}" {rest}' for rest in _between(low[1:], "9" * size)]
        first += 1
    tops: list[str] = []
    if high[1:].strip("9"):
        tops = [f'"{last}" {rest}' for rest in _between("0" * size, high[1:])]
        last -= 1
    if first <= last:
        found.append(f"[{first}-{last}]" + (f" [0-9]{{{size}}}" if size else ""))
    return found + tops


def _magnitudes(low: Bound, high: Bound | None, places: int) -> list[str]:
    """Return the numbers between two bounds, both not negative: a whole part, and its possible fractions."""
    first, below = _split(low.value)
    if high is None:
        return [
            *_joined([f'"{first}"'], _from(below, low.included, places)),
            *_joined(_naturals(first + 1, None), _from("", True, places)),
        ]
    last, above = _split(high.value)
    if first > last:
        return []
    if first == last:
        return _joined([f'"{first}"'], _within(below, low.included, above, high.included, places))
    found = _joined([f'"{first}"'], _from(below, low.included, places))
    if last > first + 1:
        found += _joined(_naturals(first + 1, last - 1), _from("", True, places))
    return found + _joined([f'"{last}"'], _up_to(above, high.included, places))


def _split(value: Decimal) -> tuple[int, str]:
    whole, _, fraction = f"{value:f}".partition(".")
    return int(whole), fraction.rstrip("0")


def _joined(wholes: list[str], tail: _Tail) -> list[str]:
    found: list[str] = []
    for whole in wholes:
        found += [whole] if tail.empty else []
        found += [f'{whole} "." {_one_of(tail.some)}'] if tail.some else []
    return found


def _from(low: str, included: bool, room: int) -> _Tail:
    """Return the fractions of at least ``0.low``."""
    if room <= 0:
        return _Tail(included and not low, [])
    if not low:
        return _Tail(True, [f"[0-9]{{1,{room}}}"]) if included else _Tail(False, [_not_zero(room)])
    found = _after(low[0], _from(low[1:], included, room - 1))
    if low[0] < "9":
        found.append(f"[{int(low[0]) + 1}-9] [0-9]{{0,{room - 1}}}")
    return _Tail(False, found)


def _up_to(high: str, included: bool, room: int) -> _Tail:
    """Return the fractions of at most ``0.high``."""
    if not high:
        return _Tail(included, [f'"0"{{1,{room}}}'] if included and room > 0 else [])
    if room <= 0:
        return _Tail(True, [])
    found = _after(high[0], _up_to(high[1:], included, room - 1))
    if high[0] > "0":
        found.append(f"[0-{int(high[0]) - 1}] [0-9]{{0,{room - 1}}}")
    return _Tail(True, found)


def _within(low: str, with_low: bool, high: str, with_high: bool, room: int) -> _Tail:
    """Return the fractions from ``0.low`` to ``0.high``."""
    empty = not low and with_low and (bool(high) or with_high)
    if room <= 0 or not (low or high):
        return _Tail(empty, [f'"0"{{1,{room}}}'] if empty and room > 0 else [])
    first, last = low[:1] or "0", high[:1] or "0"
    if first > last:
        return _Tail(False, [])
    if first == last:
        return _Tail(empty, _after(first, _within(low[1:], with_low, high[1:], with_high, room - 1)))
    found = _after(first, _from(low[1:], with_low, room - 1))
    found += _after(last, _up_to(high[1:], with_high, room - 1))
    if int(last) - int(first) > 1:
        found.append(f"[{int(first) + 1}-{int(last) - 1}] [0-9]{{0,{room - 1}}}")
    return _Tail(empty, found)


def _after(digit: str, tail: _Tail) -> list[str]:
    return ([f'"{digit}"'] if tail.empty else []) + [f'"{digit}" {rest}' for rest in tail.some]


def _not_zero(room: int) -> str:
    return f'"0"{{0,{room - 1}}} [1-9] [0-9]{{0,{room - 1}}}'
