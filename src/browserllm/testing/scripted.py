"""ScriptedBackend and ScriptedHost: the two foundations played from a script, for tests without a browser.

A script is a list of answers, one for each chat; the last one is used again when the list is at its end. An answer is a
text, which is cut into words, or a list of steps:

==================  =================================================================
a text              one chunk
`ReasoningDelta`    a piece of thinking (`ScriptedBackend` only)
`ToolCallPart`      a whole tool call (`ScriptedBackend` only)
`Wait`              seconds on the script's `Clock`, which the test moves
an exception        fails the answer at this point
`HANG`              nothing more comes until the answer is stopped
`DEAF`              nothing more comes, and a stop is not heard either
`CLOSE`             the connection closes here (`ScriptedHost` only)
==================  =================================================================
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

import msgspec

from .._internal import lazy_asyncio as asyncio
from .._internal.identity import Hashed
from ..backends.base import Backend
from ..backends.facts import BackendFacts
from ..backends.request import Prompt, build_request
from ..backends.stream import Delta, Draft
from ..errors import BrowserLLMError, Cancelled, ModelNotLoaded, ProtocolError, Unavailable, to_wire
from ..models import engines as registry
from ..page.device import AdapterInfo, DeviceFacts, WasmFacts, WebGPUFacts
from ..page.environment import Environment
from ..page.protocol import PROTOCOL_VERSION, ChannelHost
from ..types import Capabilities, ChatRequest, FinishReason, ReasoningDelta, Timings, ToolCallDelta, ToolCallPart, Usage
from .files import OPS, PageSide, ScriptedFile, ScriptedFiles
from .script import CLOSE, DEAF, HANG, Clock, Cue, Wait

Step = str | Cue | Wait | BaseException | ReasoningDelta | ToolCallPart
Answer = str | Sequence[Step]


class _Script:
    def __init__(self, answers: str | Sequence[Answer], clock: Clock) -> None:
        self._answers: list[Answer] = [answers] if isinstance(answers, str) else list(answers)
        self.clock = clock

    def next(self) -> list[Step]:
        if not self._answers:
            return []
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        return _words(answer) if isinstance(answer, str) else list(answer)


def _words(text: str) -> list[Step]:
    return list(re.findall(r"\A\s*\S+\s*|\S+\s*", text))


def _count_words(request: Sequence[Any]) -> int:
    return sum(len(str(message).split()) for message in request)


class ScriptedBackend(Backend):
    """A backend that plays answers. ``requests`` holds every request, ``stopped`` those that were ended early."""

    def __init__(
        self,
        answers: str | Sequence[Answer] = "Hello from the script.",
        *,
        name: str = "scripted",
        model: str = "scripted",
        finish_reason: FinishReason | None = None,
        capabilities: Capabilities | None = None,
        clock: Clock | None = None,
        leaves_device: bool = False,
        facts: BackendFacts | None = None,
        environment: Environment | None = None,
    ) -> None:
        """Play ``answers``; ``finish_reason`` is ``tool_calls`` after a tool call and else ``stop``, or this one.

        ``leaves_device``, ``facts`` and ``environment`` are what a router is told.
        """
        self.name = name
        self.leaves_device = self.needs_network = leaves_device
        self.known_facts = facts
        self.known_environment = environment
        self.prepared: list[ChatRequest] = []
        self.model = model
        self.capabilities = capabilities or Capabilities(
            tools=True,
            structured_output=("json_schema", "json", "tool"),
            parameters=frozenset(ChatRequest.__struct_fields__),
        )
        self.clock = clock or Clock()
        self.requests: list[ChatRequest] = []
        self.stopped: list[ChatRequest] = []
        self.closed = False
        self._finish_reason: FinishReason | None = finish_reason
        self._identity = repr(answers)
        self._script = _Script(answers, self.clock)

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the name, the model and the whole script."""
        return [self.name, self.model, self._finish_reason, self._identity]

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Play the next answer."""
        self.requests.append(request)
        draft.model = request.model or self.model
        draft.cost_usd = 0.0
        tokens = calls = 0
        ended = False
        try:
            for step in self._script.next():
                if isinstance(step, BaseException):
                    ended = True
                    raise step
                if isinstance(step, Wait):
                    await self.clock.sleep(step.seconds)
                elif isinstance(step, Cue):
                    await asyncio.get_running_loop().create_future()
                elif isinstance(step, ToolCallPart):
                    yield ToolCallDelta(
                        sequence=0,
                        index=calls,
                        id=step.id,
                        name=step.name,
                        arguments=step.arguments,
                        signature=step.signature,
                    )
                    calls += 1
                else:
                    tokens += 1
                    yield step
            ended = True
            draft.finish_reason = self._finish_reason or ("tool_calls" if calls else "stop")
        finally:
            draft.usage = Usage(prompt_tokens=_count_words(request.messages), completion_tokens=tokens)
            if not ended:
                self.stopped.append(request)

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int | None:
        """Count the words."""
        return _count_words(build_request(prompt, {} if model is None else {"model": model}).messages)

    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Say what the script says (``known_facts``), or that nothing stands in the way."""
        if self.known_facts is not None:
            return self.known_facts
        return BackendFacts(
            leaves_device=self.leaves_device,
            needs_network=self.needs_network,
            model=request.model or self.model,
            cost_usd=0.0,
        )

    async def estimate_cost(self, prompt: Prompt, **options: Any) -> float | None:
        """Return what its facts say."""
        return (await self.facts(build_request(prompt, options))).cost_usd

    def environment(self) -> Environment | None:
        """Say what the script says (``known_environment``)."""
        return self.known_environment

    async def prepare(self, request: ChatRequest) -> None:
        """Note it in ``prepared``."""
        self.prepared.append(request)

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


def device_facts(
    *,
    webgpu: bool = True,
    reason: str | None = "no_adapter",
    adapter: AdapterInfo | None = None,
    features: Sequence[str] = (),
    wasm: bool = True,
) -> DeviceFacts:
    """Return the facts of a device for a script: with WebGPU, or without and then why."""
    return DeviceFacts(
        webgpu=WebGPUFacts(
            available=webgpu,
            reason=None if webgpu else reason,
            adapter=(adapter or AdapterInfo(vendor="scripted", architecture="paper")) if webgpu else None,
            features=list(features),
        ),
        wasm=WasmFacts(simd=wasm, threads=wasm),
    )


def _surroundings(facts: DeviceFacts) -> dict[str, Any]:
    return {name: msgspec.to_builtins(getattr(facts, name)) for name in ("online", "connection", "battery")}


def _engines(names: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return what ``hello`` says of the engines of these names; without names, of those that every page has."""
    if names is None:
        names = [engine.name for engine in registry.known() if engine.in_every_page]
    found = {name: registry.find(name) for name in names}
    return [
        {"name": name, "capabilities": ["chat"] if engine is None else engine.capabilities}
        for name, engine in found.items()
    ]


Target = str | tuple[str, str]
"""An engine (``"webllm"``), or an engine on a device (``("transformersjs", "wasm")``)."""


class ScriptedHost(ChannelHost):
    """A host whose page is a script. It speaks the whole protocol, so all of `ChannelHost` is at work.

    ``requests`` holds every ``(op, args)`` the page was asked, ``cancelled`` the ops that were stopped, ``loaded`` the
    models in memory. The first chat after a load is taken for its validation and answered from
    ``fail_validation``, not from the script.
    """

    def __init__(
        self,
        answers: str | Sequence[Answer] = "Hello from the page.",
        *,
        facts: DeviceFacts | None = None,
        fail_load: Mapping[Target, BrowserLLMError] | None = None,
        fail_validation: Mapping[Target, BrowserLLMError] | None = None,
        load_steps: Sequence[Wait | Cue] = (),
        warnings: Sequence[Mapping[str, str]] = (),
        files: ScriptedFiles | Mapping[str, str | int | ScriptedFile] | None = None,
        engines: Sequence[str] | None = None,
        protocol: int = PROTOCOL_VERSION,
        clock: Clock | None = None,
        prompt_end: str | None = None,
    ) -> None:
        """Play ``answers`` on a device of ``facts``; fail loads and validations where told.

        ``files`` is the web by address and the storage of the browser, or the web alone. ``engines`` are those of the
        page, else all registered ones that every page has. ``prompt_end`` is how prompts end, with ``<think>`` where
        a chat template opens a thought.
        """
        self.clock = clock or Clock()
        self.files = files if isinstance(files, ScriptedFiles) else ScriptedFiles(files)
        self.page = _Page(
            script=_Script(answers, self.clock),
            facts=facts or device_facts(),
            fail_load=fail_load or {},
            fail_validation=fail_validation or {},
            load_steps=list(load_steps),
            warnings=[dict(warning) for warning in warnings],
            files=self.files,
            hello={
                "protocol": protocol,
                "page_version": "scripted",
                "engines": _engines(engines),
                "environment": _surroundings(facts or device_facts()),
            },
        )
        self.page.prompt_end = prompt_end
        super().__init__(self.page)
        # A script needs no waiting: its hello is there before the first call.
        self.page.open(self._on_text, self._on_closed)

    @property
    def requests(self) -> list[tuple[str, dict[str, Any]]]:
        """Every request the page got, in order."""
        return self.page.requests

    @property
    def cancelled(self) -> list[str]:
        """The ops that were stopped."""
        return self.page.cancelled

    @property
    def loaded(self) -> dict[str, dict[str, Any]]:
        """The models in the page's memory."""
        return self.page.loaded

    def emit(self, name: str, **data: Any) -> None:
        """Let the page report an event."""
        self.page.say({"type": "event", "name": name, "data": data})

    def break_connection(self, why: str = "the page was closed") -> None:
        """Close the connection from the page's side."""
        self.page.drop(why)


class _Page:
    """The other end of a `ScriptedHost`: a channel whose far side is a script."""

    def __init__(
        self,
        *,
        script: _Script,
        facts: DeviceFacts,
        fail_load: Mapping[Target, BrowserLLMError],
        fail_validation: Mapping[Target, BrowserLLMError],
        load_steps: list[Wait | Cue],
        warnings: list[dict[str, str]],
        files: ScriptedFiles,
        hello: dict[str, Any],
    ) -> None:
        self.script = script
        self.facts = facts
        self.fail_load = fail_load
        self.fail_validation = fail_validation
        self.load_steps = load_steps
        self.warnings = warnings
        self.files = files
        self.hello = hello
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.cancelled: list[str] = []
        self.loaded: dict[str, dict[str, Any]] = {}
        self.validation: list[Step] = ["ok"]
        self.finish_reason = "stop"
        self.prompt_end: str | None = None
        self._unproven: set[str] = set()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._stops: dict[int, asyncio.Future[None]] = {}
        self._turn: asyncio.Lock | None = None
        self._on_text: Callable[[str | bytes], None] | None = None
        self._on_closed: Callable[[str], None] | None = None

    def open(self, on_text: Callable[[str | bytes], None], on_closed: Callable[[str], None]) -> None:
        self._on_text, self._on_closed = on_text, on_closed
        self.say({"type": "hello", "data": self.hello})

    def send(self, text: str) -> None:
        message = msgspec.json.decode(text)
        if self._on_closed is None:
            raise Unavailable("the scripted page is closed", reason="closed")
        loop = asyncio.get_running_loop()
        request_id = int(message["id"])
        if message["op"] == "cancel":
            stop = self._stops.get(request_id)
            if stop is not None and not stop.done():
                stop.set_result(None)
            return
        self.requests.append((message["op"], message["args"]))
        self._stops[request_id] = loop.create_future()
        task = loop.create_task(self._serve(request_id, message["op"], message["args"]))
        self._tasks[request_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(request_id, None))

    async def close(self) -> None:
        self.drop("closed")

    def say(self, message: Mapping[str, Any] | str) -> None:
        """Send a message, or any text at all, to the program."""
        if self._on_text is not None:
            text = message if isinstance(message, str) else msgspec.json.encode({"v": PROTOCOL_VERSION, **message})
            self._on_text(text)

    def drop(self, why: str) -> None:
        on_closed, self._on_text, self._on_closed = self._on_closed, None, None
        for task in list(self._tasks.values()):
            task.cancel()
        if on_closed is not None:
            on_closed(why)

    async def _serve(self, request_id: int, op: str, args: dict[str, Any]) -> None:
        if self._turn is None:
            self._turn = asyncio.Lock()
        try:
            if op in ("load", "chat", "unload", "embed", "count_tokens"):
                async with self._turn:
                    data = await getattr(self, f"_{op}")(request_id, args)
            elif op in {"probe", "status"}:
                data = getattr(self, f"_{op}")(args)
            elif op in OPS:
                data = await self.files.answer(op, args, self._side(request_id, op))
            else:
                raise ProtocolError(f"there is no op {op!r}")
        except BrowserLLMError as error:
            self.say({"id": request_id, "type": "error", "error": to_wire(error)})
        else:
            self.say({"id": request_id, "type": "result", "data": data})

    def _side(self, request_id: int, op: str) -> PageSide:
        async def wait(step: Wait | Cue) -> bool:
            stopped = await self._wait(request_id, step)
            if stopped:
                self.cancelled.append(op)
            return stopped

        return PageSide(
            report=lambda progress: self.say({"id": request_id, "type": "progress", "data": progress}),
            wait=wait,
            drop=lambda: self.drop("the browser was killed"),
        )

    def _probe(self, args: dict[str, Any]) -> Any:
        return msgspec.to_builtins(self.facts)

    def _status(self, args: dict[str, Any]) -> Any:
        return {"loaded": list(self.loaded.values()), "queue": 0}

    async def _load(self, request_id: int, args: dict[str, Any]) -> Any:
        engine, device, model = args["engine"], args["device"], args["model"]
        for fraction in (0.0, 0.5, 1.0):
            progress = {"phase": "loading", "fraction": fraction, "text": f"loading {model}"}
            self.say({"id": request_id, "type": "progress", "data": progress})
            if fraction == 0.0:
                for step in self.load_steps:
                    if await self._wait(request_id, step):
                        self.cancelled.append("load")
                        raise Cancelled(f"the load of {model!r} was stopped")
        failure = self.fail_load.get((engine, device)) or self.fail_load.get(engine)
        if failure is not None:
            raise failure
        adapter = self.facts.webgpu.adapter if device == "webgpu" else None
        self.loaded[model] = {
            "model": model,
            "engine": engine,
            "device": device,
            "adapter": f"{adapter.vendor} {adapter.architecture}" if adapter is not None else None,
            "context_window": 2048,
            "input": ["text", "image"] if args["artifact"].get("model_type") == "vision" else ["text"],
        }
        self._unproven.add(model)
        return {**self.loaded[model], "load_ms": 1.0}

    async def _unload(self, request_id: int, args: dict[str, Any]) -> Any:
        models = [args["model"]] if args.get("model") else list(self.loaded)
        gone = [model for model in models if self.loaded.pop(model, None) is not None]
        for model in gone:
            self.say({"type": "event", "name": "unloaded", "data": {"model": model}})
        return {"unloaded": gone}

    async def _embed(self, request_id: int, args: dict[str, Any]) -> Any:
        self._must_be_loaded(args["model"])
        # Some vector, always the same for the same text.
        vectors = [[float(len(text)), float(len(text.split())), 1.0] for text in args["input"]]
        usage = msgspec.to_builtins(Usage(prompt_tokens=_count_words(args["input"])))
        return {"vectors": vectors, "usage": usage}

    async def _count_tokens(self, request_id: int, args: dict[str, Any]) -> Any:
        self._must_be_loaded(args["model"])
        return {"tokens": _count_words([message["content"] for message in args["messages"]])}

    def _must_be_loaded(self, model: str) -> None:
        if model not in self.loaded:
            raise ModelNotLoaded(f"model {model!r} is not loaded")

    async def _chat(self, request_id: int, args: dict[str, Any]) -> Any:
        model = args["model"]
        self._must_be_loaded(model)
        if model in self._unproven:
            self._unproven.discard(model)
            engine, device = self.loaded[model]["engine"], self.loaded[model]["device"]
            failure = self.fail_validation.get((engine, device)) or self.fail_validation.get(engine)
            if failure is not None:
                raise failure
            steps = list(self.validation)
        else:
            steps = self.script.next()
        tokens = 0
        finish = self.finish_reason
        for step in steps:
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, Wait) or step in {HANG, DEAF}:
                stopped = await self._wait(request_id, step)
            elif step is CLOSE:
                self.drop("the browser was killed")
                return {}
            else:
                tokens += 1
                end = {"prompt_end": self.prompt_end} if tokens == 1 and self.prompt_end is not None else {}
                self.say({"id": request_id, "type": "chunk", "data": {"text": step, "tokens": 1, **end}})
                stopped = await self._wait(request_id, Wait(0))
            if stopped:
                finish = "cancelled"
                self.cancelled.append("chat")
                break
            if args.get("max_tokens") is not None and tokens >= args["max_tokens"]:
                finish = "length"
                break
        return {
            "finish_reason": finish,
            "usage": msgspec.to_builtins(Usage(prompt_tokens=_count_words(args["messages"]), completion_tokens=tokens)),
            "timings": msgspec.to_builtins(Timings(queue_ms=0.0, first_token_ms=0.0, decode_ms=0.0)),
            "warnings": self.warnings,
        }

    async def _wait(self, request_id: int, step: Wait | Cue) -> bool:
        """Wait out a step; return whether the request was stopped meanwhile."""
        stop = self._stops[request_id]
        if isinstance(step, Cue):
            await (stop if step is HANG else asyncio.get_running_loop().create_future())
        elif step.seconds > 0:
            sleep = asyncio.ensure_future(self.script.clock.sleep(step.seconds))
            await asyncio.wait([sleep, stop], return_when=asyncio.FIRST_COMPLETED)
            sleep.cancel()
        else:
            await asyncio.sleep(0)
        return stop.done()
