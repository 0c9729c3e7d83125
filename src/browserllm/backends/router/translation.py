"""Which model of one backend replaces a model of another one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from fnmatch import translate

from ..._internal.arguments import check_kind
from ...errors import InvalidRequest

Translations = Mapping[str, Mapping[str, str]]
"""For a model or a pattern of models (``"gpt-*"``; ``"*"`` is the default): the model to use, by backend."""


def read_translations(translations: Translations) -> dict[str, dict[str, str]]:
    """Return a copy. Raises `InvalidRequest` for anything that is not a dict of dicts of names."""
    write = "use {'model': {'backend': 'its model'}}"
    check_kind("translations", translations, Mapping, "a dict", write=write)
    for model, targets in translations.items():
        check_kind("a model in translations", model, str, "the name of a model", write=write)
        check_kind(f"translations[{model!r}]", targets, Mapping, "a dict", write=write)
        for backend, target in targets.items():
            check_kind(f"translations[{model!r}][{backend!r}]", target, str, "the name of a model", write=write)
    return {model: dict(targets) for model, targets in translations.items()}


class Translator:
    """Looks models up in `Translations`: exact names first, then the patterns in order."""

    def __init__(self, translations: Translations, names: Collection[str]) -> None:
        """Read ``translations``. Raises `InvalidRequest` for a backend that is not in ``names``."""
        self._names: dict[str, Mapping[str, str]] = {}
        self._patterns: list[tuple[re.Pattern[str], Mapping[str, str]]] = []
        for model, targets in translations.items():
            for backend, target in targets.items():
                if backend not in names:
                    raise InvalidRequest(
                        f"translations[{model!r}] names the unknown backend {backend!r}. "
                        f"Choose one of: {', '.join(sorted(names))}",
                        parameter="translations",
                    )
                if not target:
                    raise InvalidRequest(
                        f"translations[{model!r}][{backend!r}]={target!r} must be the name of a model",
                        parameter="translations",
                    )
            if any(sign in model for sign in "*?["):
                self._patterns.append((re.compile(translate(model)), targets))
            else:
                self._names[model] = targets

    def by_name(self, model: str, backend: str) -> str | None:
        """Return the translation of exactly this model, if any."""
        return self._names.get(model, {}).get(backend)

    def by_pattern(self, model: str, backend: str) -> str | None:
        """Return the translation of the first pattern that matches the model and names the backend."""
        for pattern, targets in self._patterns:
            if backend in targets and pattern.match(model):
                return targets[backend]
        return None
