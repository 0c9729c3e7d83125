"""ScriptedHost: a host whose page follows a script (see `browserllm.testing.script`), for tests without a browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from .._internal import lazy_asyncio as asyncio
from ..errors import BrowserLLMError, Cancelled, ModelNotLoaded, ProtocolError, Unavailable, to_wire
from ..models import engines as registry
from ..page.device import AdapterInfo, DeviceFacts, WasmFacts, WebGPUFacts
from ..page.protocol import PROTOCOL_VERSION, ChannelHost
from ..types import Timings, Usage
from .files import OPS, PageSide, ScriptedFile, ScriptedFiles
from .script import CLOSE, DEAF, HANG, Answer, Clock, Cue, Script, Step, Wait, count_words


def device_facts(
    *,
    webgpu: bool = True,
    reason: str | None = "no_adapter",
    adapter: AdapterInfo | None = None,
    features: Sequence[str] = (),
    wasm: bool = True,
) -> DeviceFacts:
    """Return the facts of a scripted device; ``reason`` says why it has no WebGPU."""
    return DeviceFacts(
        webgpu=WebGPUFacts(
            available=webgpu,
            reason=None if webgpu else reason,
            adapter=(adapter or AdapterInfo(vendor="scripted", architecture="paper")) if webgpu else None,
            features=list(features),
        ),
        wasm=WasmFacts(simd=wasm, threads=wasm),
    )


def _environment_of(facts: DeviceFacts) -> dict[str, Any]:
    return {name: msgspec.to_builtins(getattr(facts, name)) for name in ("online", "connection", "battery")}


def _engines(names: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the engines for ``hello``; without names, those that every page has."""
    if names is None:
        names = [engine.name for engine in registry.known() if engine.in_every_page]
    found = {name: registry.find(name) for name in names}
    return [
        {"name": name, "capabilities": ["chat"]}
        if engine is None
        else {"name": name, "capabilities": engine.capabilities, "options": engine.options}
        for name, engine in found.items()
    ]


Target = str | tuple[str, str]
"""An engine (``"webllm"``), or an engine on a device (``("transformersjs", "wasm")``)."""


class ScriptedHost(ChannelHost):
    """A host whose page follows a script. It speaks the whole protocol, so that tests exercise all of `ChannelHost`.

    ``requests`` lists every ``(op, args)`` that the page received, ``cancelled`` the ops that were stopped, ``loaded``
    the models in memory. The first chat after a load counts as its validation: ``fail_validation`` decides about it,
    not the script.
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
        """Return ``answers`` in order on a device with ``facts``.

        ``fail_load`` and ``fail_validation`` give the errors of loads and validations, by engine or by engine and
        device. ``files`` is the web and the browser's storage, or the web alone. ``engines`` are the page's engines, by
        default all registered ones that every page has. ``prompt_end`` is the end of each prompt, with ``<think>`` if
        the chat template opens a thought.
        """
        self.clock = clock or Clock()
        self.files = files if isinstance(files, ScriptedFiles) else ScriptedFiles(files)
        self.engine = ScriptedEngine(
            Script(answers, self.clock),
            facts=facts or device_facts(),
            fail_load=fail_load or {},
            fail_validation=fail_validation or {},
            load_steps=load_steps,
            warnings=warnings,
            prompt_end=prompt_end,
        )
        self.page = _Page(
            engine=self.engine,
            files=self.files,
            hello={
                "protocol": protocol,
                "page_version": "scripted",
                "engines": _engines(engines),
                "environment": _environment_of(facts or device_facts()),
            },
        )
        super().__init__(self.page)
        # The script's hello is available before the first call.
        self.page.open(self._on_text, self._on_closed)

    @property
    def requests(self) -> list[tuple[str, dict[str, Any]]]:
        """Every request that the page received, in order."""
        return self.page.requests

    @property
    def cancelled(self) -> list[str]:
        """The ops that were stopped."""
        return self.page.cancelled

    @property
    def loaded(self) -> dict[str, dict[str, Any]]:
        """The models in the page's memory."""
        return self.engine.loaded

    def emit(self, name: str, **data: Any) -> None:
        """Send an event from the page."""
        self.page.say({"type": "event", "name": name, "data": data})

    def break_connection(self, why: str = "the page was closed") -> None:
        """Close the connection from the page's side."""
        self.page.drop(why)


class ScriptedEngine:
    """The engines of a `ScriptedHost`'s page: loaded models, failures, and chats."""

    def __init__(
        self,
        script: Script,
        *,
        facts: DeviceFacts,
        fail_load: Mapping[Target, BrowserLLMError],
        fail_validation: Mapping[Target, BrowserLLMError],
        load_steps: Sequence[Wait | Cue],
        warnings: Sequence[Mapping[str, str]],
        prompt_end: str | None,
    ) -> None:
        """Follow ``script`` on a device with ``facts``; see `ScriptedHost` for the rest."""
        self.script = script
        self.facts = facts
        self.fail_load = fail_load
        self.fail_validation = fail_validation
        self.load_steps = list(load_steps)
        self.warnings = [dict(warning) for warning in warnings]
        self.prompt_end = prompt_end
        self.options: dict[str, bool | float] = {}  # what a loaded model changes about its engine's options
        self.finish_reason = "stop"
        self.validation: list[Step] = ["ok"]
        self.loaded: dict[str, dict[str, Any]] = {}
        self._unvalidated: set[str] = set()

    async def answer(self, op: str, args: dict[str, Any], request: _Request) -> Any:
        """Perform one of the operations on models."""
        return await getattr(self, f"_{op}")(args, request)

    async def _probe(self, args: dict[str, Any], request: _Request) -> Any:
        return msgspec.to_builtins(self.facts)

    async def _status(self, args: dict[str, Any], request: _Request) -> Any:
        return {"loaded": list(self.loaded.values()), "queue": 0}

    async def _load(self, args: dict[str, Any], request: _Request) -> Any:
        engine, device, model = args["engine"], args["device"], args["model"]
        for fraction in (0.0, 0.5, 1.0):
            progress = {"phase": "loading", "fraction": fraction, "text": f"loading {model}"}
            request.report(progress)
            if fraction == 0.0:
                for step in self.load_steps:
                    if await request.wait(step):
                        raise Cancelled(f"the load of {model!r} was stopped")
        failure = self.fail_load.get((engine, device)) or self.fail_load.get(engine)
        if failure is not None:
            raise failure
        known = registry.find(engine)
        adapter = self.facts.webgpu.adapter if device == "webgpu" else None
        self.loaded[model] = {
            "model": model,
            "engine": engine,
            "device": device,
            "adapter": f"{adapter.vendor} {adapter.architecture}" if adapter is not None else None,
            "context_window": 2048,
            "input": ["text", "image"] if args["artifact"].get("model_type") == "vision" else ["text"],
            "options": None if known is None else {**known.options, **self.options},
        }
        self._unvalidated.add(model)
        return {**self.loaded[model], "load_ms": 1.0}

    async def _unload(self, args: dict[str, Any], request: _Request) -> Any:
        models = [args["model"]] if args.get("model") else list(self.loaded)
        gone = [model for model in models if self.loaded.pop(model, None) is not None]
        for model in gone:
            request.page.say({"type": "event", "name": "unloaded", "data": {"model": model}})
        return {"unloaded": gone}

    async def _embed(self, args: dict[str, Any], request: _Request) -> Any:
        self._check_loaded(args["model"])
        # An arbitrary vector, always the same for the same text.
        vectors = [[float(len(text)), float(len(text.split())), 1.0] for text in args["input"]]
        usage = msgspec.to_builtins(Usage(prompt_tokens=count_words(args["input"])))
        return {"vectors": vectors, "usage": usage}

    async def _count_tokens(self, args: dict[str, Any], request: _Request) -> Any:
        self._check_loaded(args["model"])
        return {"tokens": count_words([message["content"] for message in args["messages"]])}

    def _check_loaded(self, model: str) -> None:
        if model not in self.loaded:
            raise ModelNotLoaded(f"model {model!r} is not loaded")

    async def _chat(self, args: dict[str, Any], request: _Request) -> Any:
        model = args["model"]
        self._check_loaded(model)
        if model in self._unvalidated:
            self._unvalidated.discard(model)
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
                stopped = await request.wait(step)
            elif step is CLOSE:
                request.drop()
                return {}
            else:
                tokens += 1
                end = {"prompt_end": self.prompt_end} if tokens == 1 and self.prompt_end is not None else {}
                request.say("chunk", {"text": step, "tokens": 1, **end})
                stopped = await request.wait(Wait(0))
            if stopped:
                finish = "cancelled"
                break
            if args.get("max_tokens") is not None and tokens >= args["max_tokens"]:
                finish = "length"
                break
        return {
            "finish_reason": finish,
            "usage": msgspec.to_builtins(Usage(prompt_tokens=count_words(args["messages"]), completion_tokens=tokens)),
            "timings": msgspec.to_builtins(Timings(queue_ms=0.0, first_token_ms=0.0, decode_ms=0.0)),
            "warnings": self.warnings,
        }


class _Request(NamedTuple):
    """One request to the page, with the functions to answer it."""

    page: _Page
    id: int
    op: str

    def say(self, kind: str, data: Mapping[str, Any]) -> None:
        self.page.say({"id": self.id, "type": kind, "data": data})

    def report(self, progress: Mapping[str, Any]) -> None:
        self.say("progress", progress)

    def drop(self) -> None:
        self.page.drop("the browser was killed")

    async def wait(self, step: Wait | Cue) -> bool:
        """Wait for a step to pass; return whether the request was stopped meanwhile."""
        stopped = await self.page.wait(self.id, step)
        if stopped:
            self.page.cancelled.append(self.op)
        return stopped


class _Page:
    """The page's end of a `ScriptedHost`: a channel that passes requests to the scripted engine and files."""

    def __init__(self, *, engine: ScriptedEngine, files: ScriptedFiles, hello: dict[str, Any]) -> None:
        self.engine = engine
        self.files = files
        self.hello = hello
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.cancelled: list[str] = []
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
        """Send a message, or arbitrary text, to the program."""
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
        request = _Request(self, request_id, op)
        try:
            if op in ("load", "chat", "unload", "embed", "count_tokens"):
                async with self._turn:
                    data = await self.engine.answer(op, args, request)
            elif op in {"probe", "status"}:
                data = await self.engine.answer(op, args, request)
            elif op in OPS:
                data = await self.files.answer(op, args, PageSide(request.report, request.wait, request.drop))
            else:
                raise ProtocolError(f"unknown op {op!r}")
        except BrowserLLMError as error:
            self.say({"id": request_id, "type": "error", "error": to_wire(error)})
        else:
            self.say({"id": request_id, "type": "result", "data": data})

    async def wait(self, request_id: int, step: Wait | Cue) -> bool:
        """Wait for a step to pass; return whether the request was stopped meanwhile."""
        stop = self._stops[request_id]
        if isinstance(step, Cue):
            await (stop if step is HANG else asyncio.get_running_loop().create_future())
        elif step.seconds > 0:
            sleep = asyncio.ensure_future(self.engine.script.clock.sleep(step.seconds))
            await asyncio.wait([sleep, stop], return_when=asyncio.FIRST_COMPLETED)
            sleep.cancel()
        else:
            await asyncio.sleep(0)
        return stop.done()
