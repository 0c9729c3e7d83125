"""Requests without a conversation: a text or an object, with events while it grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from ..backends.base import Backend
from ..backends.split_characters import CharacterJoiner, whole_text
from ..backends.stream import Delta
from ..errors import InvalidRequest
from ..types import ChatRestart, ChatStart, Message, ReasoningDelta, TextDelta
from .actions import Generate, Generated, GenerateEvent, PlainMessage
from .answer_info import answer_info
from .answering import Answering
from .app import App, Emit
from .chat_settings import check_settings
from .messages import check_user_parts, plain_message
from .state import ConversationSettings

TOOLS_ID = "generate"
"""Stands for a conversation where tools keep something by conversation."""


class Generation:
    """Carries out the action `Generate`. Cancelling the call stops the backend."""

    def __init__(self, app: App, answering: Answering) -> None:
        """Ask the backends that ``answering`` asks."""
        self._answering = answering
        app.on_events(Generate, self._generate)

    async def _generate(self, action: Generate, emit: Emit) -> Generated:
        settings = action.settings
        check_settings(settings)
        messages = _checked(action.messages, settings)
        backend = self._answering.backend_for(settings)
        if settings.schema is not None:
            return await self._object(backend, messages, settings, settings.schema, emit)
        return await self._text(backend, messages, settings, emit)

    async def _object(
        self,
        backend: Backend,
        messages: list[Message],
        settings: ConversationSettings,
        schema: dict[str, Any],
        emit: Emit,
    ) -> Generated:
        from ..structured.generate import stream_generate

        options = self._answering.options(settings)
        begun = False
        async with stream_generate(backend, messages, output=schema, **options) as stream:
            async for value in stream:
                if not begun:
                    begun = True
                    emit(GenerateEvent(type="start"))
                emit(GenerateEvent(type="object", value=value))
            made = await stream.finish()
        response = replace(made.response, usage=made.usage)
        info = answer_info(backend, [response], response.warnings, cost_usd=response.cost_usd, first_ms=None)
        self._answering.note(info)
        return Generated(text=made.text, reasoning=response.reasoning, value=made.output, answer=info)

    async def _text(
        self, backend: Backend, messages: list[Message], settings: ConversationSettings, emit: Emit
    ) -> Generated:
        from ..chat.hooks import Deny
        from ..chat.session import Session
        from ..types import Usage

        *earlier, last = messages
        system = [message.text for message in earlier if message.role == "system"]
        history = [message for message in earlier if message.role != "system"]
        tools = self._answering.tools_of(settings, TOOLS_ID, keep=False)
        leaving = {tool.tool.name for tool in tools if tool.leaves_device}
        session = Session(
            backend,
            system="\n\n".join(system) or None,
            tools=tools,
            # Only a conversation can show a question to the user.
            hooks=[lambda call: Deny("only a conversation can ask for approval") if call.name in leaving else None],
            history=_history(history, [Usage() for message in history if message.role == "user"]),
            **self._answering.options(settings),
        )
        began = False
        halves = CharacterJoiner()
        async with session.stream(last) as stream:
            async for chunk in stream:
                if isinstance(chunk, ChatStart) and not began:
                    began = True
                    emit(GenerateEvent(type="start"))
                elif isinstance(chunk, (TextDelta, ReasoningDelta)):
                    _emit(halves.join(chunk), emit)
                elif isinstance(chunk, ChatRestart):
                    halves = CharacterJoiner()
                    emit(GenerateEvent(type="restart", text=chunk.hop.reason))
        for half in halves.rest():
            _emit(half, emit)
        reply = stream.reply
        info = answer_info(backend, reply.responses, reply.warnings, cost_usd=reply.cost_usd, first_ms=None)
        self._answering.note(info)
        return Generated(text=whole_text(reply.text), reasoning=whole_text(reply.reasoning), answer=info)


def _emit(delta: Delta, emit: Emit) -> None:
    if isinstance(delta, ReasoningDelta):
        text, kind = delta.reasoning, "reasoning"
    else:
        text, kind = (delta if isinstance(delta, str) else delta.text), "text"
    if text:
        emit(GenerateEvent(type=kind, text=text))


def _history(messages: list[Message], usage: list[Any]) -> Any:
    from ..chat.history import History

    return History(messages=messages, usage=usage)


def _checked(given: Sequence[PlainMessage], settings: ConversationSettings) -> list[Message]:
    """Return the messages for a backend, the settings' system message first. Raises `InvalidRequest`."""
    messages = [Message("system", settings.system)] if settings.system else []
    for message in given:
        parts = check_user_parts(message.parts) if message.role == "user" else message.parts
        messages.append(plain_message(message.role, parts))
    if not messages or messages[-1].role != "user":
        raise InvalidRequest("the last message must be the user's; add one with role 'user'", parameter="messages")
    return messages
