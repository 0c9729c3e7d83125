"""The options of a chat as the page takes them, and which of them an engine would not honour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..page.host import HonouredOptions
from ..types import ENGINE_OPTIONS, ChatRequest


class Unhonoured(NamedTuple):
    """An option that an engine does not honour: the problem, and the largest value that it does honour, if any."""

    parameter: str
    problem: str
    most: float | None = None


def page_options(request: ChatRequest) -> dict[str, Any]:
    """Return a request's options for the page; ``thinking`` depends on the model, so it is added later."""
    options: dict[str, Any] = {}
    for name in ENGINE_OPTIONS:
        value = getattr(request, name)
        if value is not None:
            options[name] = value
    if request.stop:
        options["stop"] = request.stop
    if request.logit_bias:
        options["logit_bias"] = {str(token): bias for token, bias in request.logit_bias.items()}
    if request.logprobs:
        options["logprobs"] = True
    return options


def find_unhonoured(options: Mapping[str, Any], honoured: HonouredOptions | None, engine: str) -> list[Unhonoured]:
    """Return the page's options that an engine does not honour; none if ``honoured`` is ``None``, which is unknown."""
    found: list[Unhonoured] = []
    if honoured is None:
        return found
    for name, value in options.items():
        if name == "messages":
            continue
        most = honoured.get(name, False)
        if most is False:
            found.append(Unhonoured(name, f"engine {engine!r} does not support {name} with this model"))
        elif most is not True and value > most:
            found.append(Unhonoured(name, f"engine {engine!r} supports at most {most:g}, not {value:g}", most))
    return found
