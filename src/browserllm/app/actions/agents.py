"""The actions of agents, which are sessions of Amplifier: see `actions`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from ..state import ConversationSettings, Part
from .base import Action


class PageTool(Part, frozen=True, kw_only=True):
    """A tool that the page runs. ``parameters`` is a JSON Schema of an object."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None


class AgentEvent(Part, frozen=True, kw_only=True):
    """What an agent does.

    ``stage``: how far its opening is. ``text`` and ``thinking``: a piece of an answer; ``restart``: what came since the
    last tool call is void. ``tool-call`` and ``tool-result`` (``output``, or ``error``): a tool begins and ends.
    ``message``: a hook has something to say. The page answers ``page-tool`` (run this tool) and ``approval`` (ask the
    user about a tool call; one of ``options`` is chosen) with `ReplyToAgent`, until ``question-withdrawn`` takes that
    ``id`` back.
    """

    type: Literal[
        "stage",
        "text",
        "thinking",
        "restart",
        "tool-call",
        "tool-result",
        "message",
        "page-tool",
        "question-withdrawn",
        "approval",
    ]
    text: str = ""
    id: str | None = None
    name: str | None = None
    arguments: dict[str, Any] | None = None
    output: Any = None
    error: str | None = None
    options: tuple[str, ...] = ()
    call_id: str | None = None


class AgentInfo(Part, frozen=True, kw_only=True):
    """An open agent. ``id`` is that of its session, ``tools`` are the names of its tools.

    Other actions take either ``id``, which means the session that has it at that time, or ``handle``, which means this
    opening alone: when the session is opened again, on the page or in another tab, it names no agent any more.
    """

    id: str
    tools: tuple[str, ...]
    handle: str = ""


class AgentAnswer(Part, frozen=True, kw_only=True):
    """An agent's answer. The tokens are those of all calls of the model; the cost is unknown if one's is."""

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    model: str | None = None
    """Who gave the last part of the answer."""


class OpenAgent(Action, frozen=True, kw_only=True):
    """Open an agent: a session of Amplifier. It answers with ``settings.model``, then with those of ``fallback``.

    ``settings.tools`` are built-in tools. ``ask`` names the tools that the user has to allow each time, ``"*"`` all of
    them; by default those that send something off the device. ``messages`` are those of an earlier session
    (`AgentHistory`); without a system prompt in the settings, theirs is kept. An agent with the same ``id`` that is
    open ends: the page that opened it may have been reloaded. A page fetches amplifier-core and pydantic with the first
    agent.
    """

    name: ClassVar[str] = "agent.open"
    result: ClassVar[Any] = AgentInfo
    event: ClassVar[Any] = AgentEvent
    settings: ConversationSettings = ConversationSettings()
    fallback: tuple[str, ...] = ()
    page_tools: tuple[PageTool, ...] = ()
    ask: tuple[str, ...] | None = None
    max_iterations: int | None = None
    id: str | None = None
    messages: tuple[dict[str, Any], ...] = ()


class AskAgent(Action, frozen=True, kw_only=True):
    """Give an agent a prompt; one at a time. Cancelling the call stops it at once, `CancelAgent` as one says."""

    name: ClassVar[str] = "agent.execute"
    result: ClassVar[Any] = AgentAnswer
    event: ClassVar[Any] = AgentEvent
    agent: str
    prompt: str


class ReplyToAgent(Action, frozen=True, kw_only=True):
    """Answer an event of an agent: ``value`` is what the tool returned, or the option that the user chose."""

    name: ClassVar[str] = "agent.reply"
    agent: str
    id: str
    value: Any = None
    error: str | None = None


class CancelAgent(Action, frozen=True, kw_only=True):
    """Stop what an agent does: the model at once; running tools end first, or not if ``immediate``."""

    name: ClassVar[str] = "agent.cancel"
    agent: str
    immediate: bool = False


class ChangeAgent(Action, frozen=True, kw_only=True):
    """Change what is given: the system prompt, one more tool of the page, an empty history, the models that answer.

    ``model`` and ``fallback`` are changed together. The history is not cleared while a prompt is answered. Returns the
    names of the tools.
    """

    name: ClassVar[str] = "agent.change"
    result: ClassVar[Any] = tuple[str, ...]
    agent: str
    system: str | None = None
    page_tool: PageTool | None = None
    clear: bool = False
    model: str | None = None
    fallback: tuple[str, ...] = ()


class AgentHistory(Action, frozen=True, kw_only=True):
    """Return an agent's messages, as Amplifier has them."""

    name: ClassVar[str] = "agent.history"
    result: ClassVar[Any] = list[dict[str, Any]]
    agent: str


class CloseAgent(Action, frozen=True, kw_only=True):
    """End an agent's session. One that is not open is fine."""

    name: ClassVar[str] = "agent.close"
    agent: str
