"""The options of the commands that answer: which model, where it runs, and how it answers."""

from __future__ import annotations

from collections.abc import Callable

import click

from ..models import engines
from ..models.manager import DEFAULT_MODEL


def answer_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add them."""
    for option in (
        click.option("--visible", is_flag=True, help="Show the browser's window."),
        click.option("--thinking/--no-thinking", default=None, help="Think before answering or not, if the model can."),
        click.option("--seed", type=int, help="The same seed gives the same answer."),
        click.option("--temperature", type=click.FloatRange(0, 2), help="0 always picks the likeliest token."),
        click.option("--max-tokens", type=click.IntRange(min=1), help="Stop after this many tokens."),
        click.option("--system", help="A system message to begin with."),
        click.option("--device", type=click.Choice(engines.devices()), help="Use only this device."),
        click.option("--engine", type=click.Choice(engines.names()), help="Use only this engine."),
        click.option("--model", default=DEFAULT_MODEL, show_default=True, help="The model that answers."),
    ):
        command = option(command)
    return command
