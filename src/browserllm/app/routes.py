"""Routes: who would answer the next message of a conversation, and why."""

from __future__ import annotations

from ..backends.base import Backend
from ..backends.router.router import Router
from ..errors import InvalidRequest
from ..types import ChatRequest, ImagePart, Message, TextPart
from . import threads
from .actions import ExplainRoute
from .answer_info import router_of, where_of
from .answering import Answering
from .app import App
from .conversations import Conversations
from .messages import history_of
from .state import RouteChoice, RouteInfo

MAX_FILES = 100
MAX_FILE_CHARS = 1_000_000
"""More text fits no model, so its length makes no difference."""

_IMAGE = ImagePart(
    url="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Routes:
    """Explains where a message would go, without sending anything."""

    def __init__(self, app: App, conversations: Conversations, answering: Answering) -> None:
        """Explain the requests that ``answering`` would send."""
        self._app = app
        self._conversations = conversations
        self._answering = answering
        app.on(ExplainRoute, self._explain)

    async def _explain(self, action: ExplainRoute) -> RouteInfo:
        settings = self._app.state.value.settings.defaults
        history: list[Message] = []
        if action.conversation is not None:
            history = history_of(threads.shown(await self._conversations.opened(action.conversation)))
            settings = self._conversations.get(action.conversation).settings
        backend = self._answering.backend_for(settings)
        draft = _draft_of(action)
        if draft is not None or not history:
            history.append(draft or Message("user", ""))
        system = [Message("system", settings.system)] if settings.system else []
        request = ChatRequest(messages=[*system, *history], **self._answering.options(settings))
        router = router_of(backend)
        info = await (_of_backend(backend, request) if router is None else _of_router(router, request))
        if action.conversation is not None and action.conversation in self._app.state.value.threads:
            self._app.state.change("threads", action.conversation, route=info)
        return info


def _draft_of(action: ExplainRoute) -> Message | None:
    """Return the message that is being written, with stand-ins for what is attached; ``None`` if it is empty."""
    if not 0 <= action.images <= MAX_FILES:
        raise InvalidRequest(f"images={action.images} is not valid; use 0 to {MAX_FILES}", parameter="images")
    if action.file_chars < 0:
        raise InvalidRequest(f"file_chars={action.file_chars} is not valid; use 0 or more", parameter="file_chars")
    if not (action.text or action.images or action.file_chars):
        return None
    files = "x" * min(action.file_chars, MAX_FILE_CHARS)
    text = "\n\n".join(filter(None, (files, action.text)))
    return Message("user", [*[_IMAGE] * action.images, TextPart(text)] if action.images else text)


async def _of_router(router: Router, request: ChatRequest) -> RouteInfo:
    explained = await router.explain(request, shortened=True)
    return RouteInfo(
        policy=explained.policy,
        ranked=tuple(
            RouteChoice(
                backend=choice.name, where=where_of(router, choice.name), reason=choice.reason, model=choice.model
            )
            for choice in explained.ranked
        ),
        excluded=tuple(
            RouteChoice(backend=excluded.name, where=where_of(router, excluded.name), reason=excluded.reason)
            for excluded in explained.excluded
        ),
    )


async def _of_backend(backend: Backend, request: ChatRequest) -> RouteInfo:
    """Return the route of a request that only one backend can answer."""
    facts = await backend.facts(request)
    reason = "it is the only one" if facts.available is not False else facts.reason
    choice = RouteChoice(
        backend=backend.name, where=where_of(backend, backend.name), reason=reason or "it cannot answer now",
        model=facts.model,
    )  # fmt: skip
    return RouteInfo(policy="only", **{"excluded" if facts.available is False else "ranked": (choice,)})
