"""Which model of one backend stands for a model of another one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from fnmatch import translate

from ...errors import InvalidRequest

Translations = Mapping[str, Mapping[str, str]]
"""For a model, or a pattern of models (``"gpt-*"``; ``"*"`` is the default): by backend, the model to take there."""


class Translator:
    """A table of `Translations`, checked and ready: a name first, then the patterns in their order."""

    def __init__(self, translations: Translations, names: Collection[str]) -> None:
        """Read ``translations`` between the backends of these ``names``; `InvalidRequest` for any other name."""
        self._names: dict[str, Mapping[str, str]] = {}
        self._patterns: list[tuple[re.Pattern[str], Mapping[str, str]]] = []
        for model, targets in translations.items():
            for backend, target in targets.items():
                if backend not in names:
                    raise InvalidRequest(
                        f"translations[{model!r}] names the backend {backend!r}; there are {', '.join(sorted(names))}",
                        parameter="translations",
                    )
                if not target:
                    raise InvalidRequest(
                        f"translations[{model!r}][{backend!r}]={target!r} names no model", parameter="translations"
                    )
            if any(sign in model for sign in "*?["):
                self._patterns.append((re.compile(translate(model)), targets))
            else:
                self._names[model] = targets

    def by_name(self, model: str, backend: str) -> str | None:
        """Return what the table says for this very model."""
        return self._names.get(model, {}).get(backend)

    def by_pattern(self, model: str, backend: str) -> str | None:
        """Return what the first pattern says that fits the model and knows the backend."""
        for pattern, targets in self._patterns:
            if backend in targets and pattern.match(model):
                return targets[backend]
        return None
