"""How the work of a parser grows with its input, in steps rather than seconds.

`counted` imports a module of browserllm a second time, from its own source, with a counter in it. A step is one call,
one turn of a loop, or one character or item that is handed to code written in C: a slice, a sum of two texts, a join,
a search. So ``text = text[1:]`` in a loop costs what it costs, although Python's tracing would see one line.

    fields = counted("backends.cloud.sse")
    assert_linear(lambda size: "x" * size, lambda text: fields.parse(text))

Regular expressions are counted too, by doing what they do once more (`regex_steps`). What is not seen is how C code of
others grows by itself.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from typing import Any, TypeVar

from regex_steps import Steps

T = TypeVar("T")

PACKAGE = "browserllm"
COUNTED = "counted_browserllm"
MAX_STEPS = 30_000_000

_SIZED = (str, bytes, bytearray, list, tuple, dict, set, frozenset)
_LAZY = {"len", "isinstance", "issubclass", "getattr", "hasattr", "setattr", "id", "callable", "iter", "next", "type"}
_LAZY |= {
    "range",
    "enumerate",
    "zip",
    "reversed",
    "map",
    "filter",
    "ord",
    "chr",
    "super",
    "cast",
    "islice",
    "memoryview",
}
_FREE: dict[type, set[str]] = {
    list: {"append", "clear", "reverse"},
    dict: {"get", "pop", "setdefault", "items", "keys", "values", "clear", "popitem"},
    set: {"add", "discard", "remove", "pop", "clear"},
    deque: {"append", "appendleft", "pop", "popleft", "clear"},
}


class TooManySteps(BaseException):
    """More was done than any linear reading of the input would do."""


class Meter:
    """Counts steps."""

    def __init__(self) -> None:
        self.steps = 0
        self.limit = MAX_STEPS

    def add(self, steps: int) -> None:
        self.steps += steps
        if self.steps > self.limit:
            raise TooManySteps(f"more than {self.limit:,} steps")

    def count(self, run: Callable[[], object], limit: int = MAX_STEPS) -> int:
        """Return how many steps ``run`` takes."""
        self.steps, self.limit = 0, limit
        try:
            run()
        finally:
            steps, self.steps, self.limit = self.steps, 0, sys.maxsize
        return steps


METER = Meter()


def counted(name: str) -> Any:
    """Return ``browserllm.<name>`` with counters in it. Its classes are others than those of ``browserllm``."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    METER.limit = sys.maxsize
    return importlib.import_module(f"{COUNTED}.{name}" if name else COUNTED)


def assert_linear(
    make: Callable[[int], T],
    run: Callable[[T], object],
    sizes: Sequence[int] = (500, 1000, 2000, 4000),
    most: float = 2.3,
    limit: int = MAX_STEPS,
) -> None:
    """Assert that for an input of twice the size ``run`` takes at most ``most`` times the steps."""
    seen: list[tuple[int, int]] = []
    for size in sizes:
        value = make(size)
        most_steps = int(seen[-1][1] * most * size / seen[-1][0] / 2) + 1000 if seen else limit
        try:
            seen.append((size, METER.count(lambda value=value: run(value), most_steps)))
        except TooManySteps as error:
            raise AssertionError(f"size {size}: {error}; before that (size, steps): {seen}") from None
    assert seen[0][1] > 0, "nothing was counted: does the code under test come from `counted`?"


def pieces(text: str, length: int = 1) -> Iterator[str]:
    """Cut a text into pieces."""
    for at in range(0, len(text), length):
        yield text[at : at + length]


class _Finder(MetaPathFinder, Loader):
    """Finds ``counted_browserllm.x`` in the source of ``browserllm.x``."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] != COUNTED:
            return None
        real = find_spec(PACKAGE + fullname.removeprefix(COUNTED))
        if real is None or real.origin is None:
            return None
        spec = spec_from_loader(
            fullname, self, origin=real.origin, is_package=real.submodule_search_locations is not None
        )
        if spec is not None:
            spec.has_location = True
        return spec

    def exec_module(self, module: types.ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None and spec.origin is not None
        with open(spec.origin, encoding="utf-8") as file:
            tree = ast.parse(file.read(), spec.origin)
        tree = ast.fix_missing_locations(_Counters().visit(tree))
        module.__dict__.update(_HELPERS)
        exec(compile(tree, spec.origin, "exec", dont_inherit=True), module.__dict__)  # noqa: S102


class _Counters(ast.NodeTransformer):
    """Puts counters into the functions of a module."""

    def __init__(self) -> None:
        self.inside = 0

    def visit_FunctionDef(self, node: Any) -> Any:
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        self.inside += 1
        body = [self.visit(each) for each in node.body]
        node.body = [line for each in body for line in (each if isinstance(each, list) else [each])]
        self.inside -= 1
        first = 1 if ast.get_docstring(node, clean=False) is not None else 0
        node.body.insert(first, _tick())
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        self.inside += 1
        node.body = self.visit(node.body)
        self.inside -= 1
        return node

    def visit_For(self, node: Any) -> Any:
        self.generic_visit(node)
        if self.inside:
            node.body.insert(0, _tick())
        return node

    visit_AsyncFor = visit_For  # noqa: N815
    visit_While = visit_For  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        self.generic_visit(node)
        if self.inside and not node.is_async:
            node.iter = _helper("_g_each", node.iter)
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if not self.inside or (isinstance(node.func, ast.Name) and node.func.id in {"super", "cast", "locals"}):
            return node
        return ast.copy_location(
            ast.Call(ast.Name("_g_call", ast.Load()), [node.func, *node.args], node.keywords), node
        )

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        return _helper("_g_made", node) if self.inside else node

    visit_JoinedStr = visit_BinOp  # noqa: N815

    def visit_FormattedValue(self, node: ast.FormattedValue) -> Any:
        node.value = self.visit(node.value)  # its format is no text of its own
        return node

    def visit_List(self, node: Any) -> Any:
        self.generic_visit(node)
        starred = any(isinstance(each, ast.Starred) for each in node.elts)
        return _helper("_g_made", node) if self.inside and starred and isinstance(_context(node), ast.Load) else node

    visit_Tuple = visit_List  # noqa: N815
    visit_Set = visit_List  # noqa: N815

    def visit_Dict(self, node: ast.Dict) -> Any:
        self.generic_visit(node)
        return _helper("_g_made", node) if self.inside and None in node.keys else node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        self.generic_visit(node)
        if self.inside and isinstance(node.ctx, ast.Load):
            return _helper("_g_item", node.value, node.slice)
        return node

    def visit_Delete(self, node: ast.Delete) -> Any:
        self.generic_visit(node)
        if not self.inside:
            return node
        before = [
            ast.Expr(_helper("_g_removed", target.value, target.slice))
            for target in node.targets
            if isinstance(target, ast.Subscript)
        ]
        return [ast.copy_location(each, node) for each in before] + [node]

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        if not self.inside:
            return node
        node.value = _helper("_g_added", node.value)
        if not isinstance(node.target, (ast.Name, ast.Attribute)):
            return node
        read: ast.expr
        if isinstance(node.target, ast.Name):
            read = ast.Name(node.target.id, ast.Load())
        else:
            read = ast.Attribute(node.target.value, node.target.attr, ast.Load())
        return [node, ast.copy_location(ast.Expr(_helper("_g_grown", read)), node)]

    def visit_Compare(self, node: ast.Compare) -> Any:
        self.generic_visit(node)
        if not self.inside or len(node.ops) != 1:
            return node
        name = _COMPARED.get(type(node.ops[0]))
        return _helper(name, node.left, node.comparators[0]) if name else node

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        targets = [target for target in node.targets if isinstance(target, ast.Subscript)]
        slices = [target for target in targets if isinstance(target.slice, ast.Slice)]
        if self.inside and slices:
            node.value = _helper("_g_made", node.value)
        return node


_COMPARED: dict[type, str] = {ast.In: "_g_in", ast.NotIn: "_g_not_in", ast.Eq: "_g_equal", ast.NotEq: "_g_other"}


def _context(node: Any) -> ast.expr_context:
    return getattr(node, "ctx", ast.Load())


def _helper(name: str, *arguments: Any) -> Any:
    call = ast.Call(ast.Name(name, ast.Load()), list(arguments), [])
    return ast.copy_location(call, arguments[0])


def _tick() -> ast.stmt:
    return ast.Expr(ast.Call(ast.Name("_g_tick", ast.Load()), [], []))


# What the counters call


# They run at each step of what is counted, so what is known of a type is looked up, not asked of each value anew.


def _g_tick() -> None:
    METER.add(1)


def _size(value: Any) -> int:
    kind = type(value)
    if kind is int:
        return value.bit_length() // 64
    return len(value) if _is_sized(kind) else 0


@cache
def _is_sized(kind: type) -> bool:
    return issubclass(kind, _SIZED)


def _g_made(value: T) -> T:
    METER.add(1 + _size(value))
    return value


_g_added = _g_made


def _g_grown(value: object) -> None:
    if isinstance(value, (str, bytes, tuple)):
        METER.add(len(value))


def _g_each(items: Iterable[T]) -> Iterator[T]:
    for item in items:
        METER.add(1)
        yield item


def _g_item(value: Any, key: Any) -> Any:
    item = value[key]
    if isinstance(key, slice) or isinstance(value, re.Match):
        METER.add(1 + _size(item))
    return item


def _g_removed(value: Any, key: Any) -> None:
    if isinstance(value, list):
        first = key.start if isinstance(key, slice) else key
        METER.add(len(value) - (first or 0) if (first or 0) >= 0 else -first)
    elif isinstance(value, bytearray):
        METER.add(len(value[key]) if isinstance(key, slice) else 1)  # CPython moves where it starts


def _g_in(value: Any, container: Any) -> bool:
    found = value in container
    if isinstance(container, (str, bytes, bytearray)):
        at = container.find(value)
        METER.add(at + _size(value) if found else len(container))
    elif isinstance(container, (list, tuple, deque)):
        METER.add(len(container))
    return found


def _g_not_in(value: Any, container: Any) -> bool:
    return not _g_in(value, container)


def _compared(left: Any, right: Any) -> None:
    if type(left) is type(right) and left is not right and isinstance(left, _SIZED) and len(left) == len(right):
        METER.add(len(left))


def _g_equal(left: Any, right: Any) -> Any:
    _compared(left, right)
    return left == right


def _g_other(left: Any, right: Any) -> Any:
    _compared(left, right)
    return left != right


def _g_call(function: Any, /, *arguments: Any, **named: Any) -> Any:
    result = function(*arguments, **named)
    kind = type(function)
    if kind is types.FunctionType or kind is types.MethodType:
        if not _is_counted(function.__module__):
            METER.add(1 + sum(map(_size, arguments)) + _size(result))  # the standard library's Python
    elif _is_in_c(kind):
        METER.add(1 + _cost(function.__self__, function.__name__, arguments, result))
    elif isinstance(function, type) and function.__module__ != "builtins":
        METER.add(1)
    else:
        name = getattr(function, "__name__", "")
        METER.add(1 if name in _LAZY else 1 + sum(map(_size, arguments)) + _size(result))
    return result


@cache
def _is_in_c(kind: type) -> bool:
    return issubclass(kind, (types.BuiltinFunctionType, types.MethodWrapperType))


@cache
def _is_counted(module: str | None) -> bool:
    return str(module).startswith((COUNTED, "tests"))


def _cost(owner: Any, name: str, arguments: tuple[Any, ...], result: Any) -> int:
    """Return the cost of a call of something written in C."""
    kind = _kind_of_cost(type(owner), name)
    if kind is _Cost.TEXT:
        return _text_cost(owner, name, arguments, result)
    if kind is _Cost.NOTHING:
        return 0
    if kind is _Cost.PATTERN:
        return _matching_cost(owner, name, arguments) + _size(result)
    if kind is _Cost.POP:
        first = arguments[0] if arguments else -1
        return len(owner) - first if first >= 0 else -first
    return sum(map(_size, arguments)) + _size(result) + (len(owner) if kind is _Cost.WHOLE else 0)


class _Cost(Enum):
    NOTHING = auto()
    POP = auto()
    PATTERN = auto()
    TEXT = auto()
    WHOLE = auto()
    GIVEN = auto()


@cache
def _kind_of_cost(owner: type, name: str) -> _Cost:
    if issubclass(owner, (type(None), types.ModuleType)):
        return _Cost.NOTHING if name in _LAZY else _Cost.GIVEN
    if name in next((free for kind, free in _FREE.items() if issubclass(owner, kind)), ()):
        return _Cost.NOTHING
    if issubclass(owner, list) and name == "pop":
        return _Cost.POP
    if issubclass(owner, re.Pattern):
        return _Cost.PATTERN
    if issubclass(owner, (str, bytes, bytearray)):
        return _Cost.TEXT
    return _Cost.WHOLE if issubclass(owner, _SIZED) else _Cost.GIVEN


def _text_cost(owner: Any, name: str, arguments: tuple[Any, ...], result: Any) -> int:
    if name in {"startswith", "endswith"}:
        tried = arguments[0] if isinstance(arguments[0], tuple) else (arguments[0],)
        return sum(map(len, tried))
    if name in {"find", "index"}:
        start, end, _ = slice(*(arguments[1:] or (None,))).indices(len(owner)) if arguments[1:2] else (0, len(owner), 1)
        if len(arguments) == 2:
            start, end = min(arguments[1], len(owner)), len(owner)
        return (result - start if result >= 0 else max(end - start, 0)) + _size(arguments[0])
    if name in {"rfind", "rindex"} and len(arguments) == 1:
        return len(owner) - result if result >= 0 else len(owner)
    if name == "join":
        return _size(arguments[0]) + _size(result)
    if isinstance(owner, bytearray) and name in {"extend", "append"}:
        return _size(arguments[0])
    return len(owner) + sum(map(_size, arguments)) + _size(result)


def _matching_cost(pattern: re.Pattern[Any], name: str, arguments: tuple[Any, ...]) -> int:
    """Return how many steps Python's regular expressions take for this."""
    if name not in {"match", "fullmatch", "search", "finditer", "findall", "split", "sub", "subn"}:
        return 1
    text, *rest = arguments[1:] if name in {"sub", "subn"} else arguments
    start = rest[0] if rest and name in {"match", "fullmatch", "search", "finditer"} else 0
    steps = Steps(pattern)
    if name in {"match", "fullmatch"}:
        steps.match(text, start, full=name == "fullmatch")
    elif name == "search":
        steps.search(text, start)
    else:
        deque(steps.every(text, start), maxlen=0)
    return steps.steps


_HELPERS = {name: value for name, value in globals().items() if name.startswith("_g_")}
