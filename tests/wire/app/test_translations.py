"""What Python says in English, pages say in their language: by a code, so each code has its sentence there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from browserllm import errors
from browserllm.app import error_info
from browserllm.app.device import HOW, PROBLEMS
from browserllm.app.state import Notice

ROOT = Path(__file__).parents[3]
APP = ROOT / "src" / "browserllm" / "app"
STRINGS = ROOT / "web" / "app" / "strings"
LANGUAGES = [folder.name for folder in STRINGS.iterdir() if folder.is_dir() and folder.name != "en"]


def notice_codes() -> set[str]:
    return {code for code in get_args(get_type_hints(Notice)["code"]) if code}


def keys(language: str, part: str) -> set[str]:
    """Return the keys of an object of a language's ``python.ts``; they are two spaces further in than its name."""
    text = (STRINGS / language / "python.ts").read_text()
    found = re.search(rf"^  {part}: \{{\n(.*?)^  \}},$", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return set(re.findall(r"^    (\w+):", found[1], re.MULTILINE))


def all_codes() -> set[str]:
    """Return the codes of our errors; a program's own classes have other codes."""
    return {errors.BrowserLLMError.code, *errors.ERRORS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_that_python_sends_has_its_sentence(language: str) -> None:
    assert keys(language, "errors") == set(error_info.WORDS) | all_codes()
    assert keys(language, "reasons") == set(error_info.REASONS)
    assert keys(language, "device") == set(PROBLEMS)
    assert keys(language, "how") == set(HOW)
    assert keys(language, "notices") == notice_codes()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_that_is_always_the_same_has_its_words(language: str) -> None:
    """Those that a policy gives as one text: the others have numbers or names in them."""
    policies = (ROOT / "src/browserllm/backends/router/policies.py").read_text()
    fixed = {"it is the only one", *re.findall(r'_choice\(candidate, "([^"]+)"', policies)}
    fixed |= set(re.findall(r'"(on this device[^"]*(?<! )|free|not measured yet)"', policies))
    text = (STRINGS / language / "python.ts").read_text()
    found = re.search(r"^  routes: \{\n(.*?)^  \},$", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    assert set(re.findall(r'^    "?([^":]+)"?: "', found[1], re.MULTILINE)) == fixed


def test_there_are_languages_besides_english() -> None:
    assert {"de", "ar"} <= set(LANGUAGES)


def test_every_notice_has_a_code() -> None:
    """A call of `Notices.add` or `Notices.guard` without one would stay English everywhere."""
    calls = []
    for file in sorted(APP.glob("*.py")):
        for found in re.finditer(r"notices\.(?:add|guard)\(", file.read_text()):
            rest = file.read_text()[found.end() :]
            depth, end = 1, 0
            while depth:
                depth += {"(": 1, ")": -1}.get(rest[end], 0)
                end += 1
            calls.append((file.name, re.findall(r'code="(\w+)"', rest[:end]), rest[:end]))
    assert len(calls) > 10
    assert [(name, text) for name, codes, text in calls if not codes] == []
    sent = {code for _, codes, _ in calls for code in codes} | {"record_damaged", "records_damaged"}
    assert sent == notice_codes()
