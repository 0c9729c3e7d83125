"""Objects from real engines: types of every kind, with the pocket model constrained by each of them, in both worlds.

What an engine's constraint itself can do is tested beside it; here it is `generate`, from the type to the object.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

import browserllm as bl
from browserllm.structured.text import grows
from drivers import Launched
from in_page import open_python, run_python


@dataclass
class Person:
    """Someone."""

    name: str
    age: int
    city: str


@dataclass
class Address:
    """Where something is."""

    street: str
    city: str


@dataclass
class Company:
    """A firm and where it is."""

    name: str
    address: Address


class Priority(Enum):
    """How urgent something is."""

    LOW = "low"
    HIGH = "high"


@dataclass
class Task:
    """Something to do."""

    text: str
    priority: Priority


@dataclass
class Contact:
    """How to reach someone."""

    name: str
    phone: str | None


@dataclass
class Train:
    """A way to go."""

    train: str


@dataclass
class Folder:
    """A folder, with a folder in it or none."""

    name: str
    inner: Folder | None


QUESTIONS: dict[str, tuple[Any, str]] = {
    "dataclass": (Person, "Ludmila is 34 years old and lives in Trieste."),
    "nested": (Company, "The company is Orrin Works. The street is Mill Lane, the city is Leeds."),
    "enum": (Task, "Task: call the plumber. Priority: high."),
    "list": (list[str], "Guests: Imke, Joost and Lieve."),
    "optional": (Contact, "Name: Ivo. There is no phone."),
    "union": (int | Train, "The train is ICE 75."),
    "recursive": (Folder, "The folder is called home. The inner folder is called docs. It has no inner folder."),
}
DEVICES = {"webllm": "webgpu", "transformersjs": "wasm"}
ASKED = [*(("webllm", kind) for kind in QUESTIONS), *(("transformersjs", kind) for kind in ("nested", "enum", "union"))]
RIGHT: dict[str, Any] = {
    "dataclass": Person("Ludmila", 34, "Trieste"),
    "enum": Task("call the plumber", Priority.HIGH),
    "optional": Contact("Ivo", None),
}
"""What the model knows for sure, on both engines."""


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """One browser for the file."""
    driver = Launched(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.close()


def asked(launched: Launched, engine: str, kind: str, **options: Any) -> tuple[list[Any], bl.structured.Generated[Any]]:
    """All that is shown, and the object, greedily and without a repair."""
    output, text = QUESTIONS[kind]
    llm = bl.LocalBackend(launched.host, model="pocket", engine=engine, device=DEVICES[engine])

    async def ask() -> tuple[list[Any], bl.structured.Generated[Any]]:
        prompt = f"Extract the data from the text.\n\nText: {text}"
        options_ = {"temperature": 0, "max_tokens": 120, "repairs": 0, **options}
        async with bl.stream_generate(llm, prompt, output=output, **options_) as stream:
            return [value async for value in stream], await stream.finish()

    return launched.run(ask())


@pytest.mark.parametrize(("engine", "kind"), ASKED)
def test_every_type_is_answered_at_once(launched: Launched, engine: str, kind: str) -> None:
    """Constrained by the schema, the first answer fits the type, has the right value if that is simple, and grows."""
    values, made = asked(launched, engine, kind)
    assert (made.mode, made.repairs, made.response.engine) == ("constrained", 0, engine)
    assert (made.response.finish_reason, made.response.warnings) == ("stop", [])
    assert values
    assert all(grows(before, after) and before != after for before, after in itertools.pairwise(values))
    shown = json.loads(made.text)
    assert values[-1] == (shown["value"] if kind in ("list", "union") else shown)
    assert made.output == RIGHT.get(kind, made.output)


def test_a_repair_computes_only_the_new_tokens(launched: Launched) -> None:
    """The chat continues in the engine's KV cache: only the repair prompt is added."""
    schema = {
        "type": "object",
        # No grammar holds a model to what must not follow, and here nothing may.
        "properties": {"name": {"type": "string", "pattern": "^(?!)"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
    }
    llm = bl.LocalBackend(launched.host, model="pocket", engine="webllm")
    text = "Extract the data from the text.\n\nText: Ludmila is 34 years old."
    stream = bl.stream_generate(llm, text, output=schema, repairs=1, temperature=0, max_tokens=60)
    with pytest.raises(bl.InvalidOutput) as caught:
        launched.run(stream.finish())
    assert (caught.value.data["attempts"], caught.value.data["mode"]) == (2, "constrained")
    usage = stream.response.usage
    assert usage.cached_tokens > usage.prompt_tokens / 2
    assert any("pattern" in warning.message for warning in stream.response.warnings)


IN_PAGE = """
import json
from dataclasses import asdict, dataclass
import browserllm as bl

@dataclass
class Person:
    name: str
    age: int
    city: str

async with bl.connect() as host:
    llm = bl.LocalBackend(host, model="pocket", engine="webllm")
    text = "Extract the data from the text.\\n\\nText: Ludmila is 34 years old and lives in Trieste."
    stream = bl.stream_generate(llm, text, output=Person, temperature=0, max_tokens=120)
    values = [value async for value in stream]
    made = await stream.finish()
json.dumps([asdict(made.output), made.mode, values[-1], len(values)])
"""


def test_python_in_the_page_gets_the_same(start_browser: Callable[..., BrowserContext], site_url: str) -> None:
    """The same object, in the page itself."""
    output, mode, last, count = run_python(open_python(start_browser(), site_url), IN_PAGE)
    assert output == last == {"name": "Ludmila", "age": 34, "city": "Trieste"}
    assert mode == "constrained" and count > 3
