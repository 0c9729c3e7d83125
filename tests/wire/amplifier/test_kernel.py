"""The kernel's pieces, each statement on amplifier-core's native engine and on ours."""

from __future__ import annotations

import asyncio
import json
import logging
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from amplifier_core import ContextInjection, HookResult, _engine
from amplifier_core.testing import MockTool

from browserllm.amplifier import engine as ours
from browserllm.amplifier.install import install_engine


@pytest.fixture(params=[_engine, ours], ids=["native", "ours"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


PLAN = {"session": {"orchestrator": "o", "context": "c"}}


def answering(**answer: Any) -> Any:
    """Return a handler that answers this."""

    async def handler(event: str, data: dict[str, Any]) -> HookResult:
        return HookResult(**answer)

    return handler


# Names


def test_every_name_of_the_native_engine_is_there() -> None:
    """Its own classes for modules of WebAssembly aside, which only it makes."""
    native = {name for name in dir(_engine) if not name.startswith("__") and not name.startswith("Wasm")}
    assert native - {"RustUnregisterFn"} <= set(dir(ours))
    for name in native:
        if name.isupper() and name != "RUST_AVAILABLE":
            assert getattr(ours, name) == getattr(_engine, name)


@pytest.mark.parametrize("name", ["resolve_module", "load_and_mount_wasm", "proto_chat_request_to_json"])
def test_what_is_not_covered_says_so(name: str) -> None:
    with pytest.raises(NotImplementedError, match=name):
        getattr(ours, name)("x")


def test_ours_does_not_replace_an_engine_in_use() -> None:
    assert install_engine() is False
    with pytest.raises(RuntimeError, match="imported already"):
        install_engine(force=True)


# Hooks


async def test_handlers_run_by_priority_and_change_the_data_for_the_next(kernel: ModuleType) -> None:
    hooks, seen = kernel.RustHookRegistry(), list[Any]()

    async def second(event: str, data: dict[str, Any]) -> HookResult:
        seen.append(data)
        return HookResult()

    def third(event: str, data: dict[str, Any]) -> None:
        seen.append(data)

    hooks.register("e", second, 10, "second")
    hooks.register("e", answering(action="modify", data={"x": 2}), 5, "first")
    hooks.on("e", third, 20, "third")
    result = await hooks.emit("e", {"x": 1})
    assert (result.action, result.data, seen) == ("continue", {"x": 2}, [{"x": 2}, {"x": 2}])
    assert hooks.list_handlers("e") == {"e": ["first", "second", "third"]}
    assert hooks.list_handlers("other") == {"other": []}


async def test_data_gets_default_fields_and_a_time(kernel: ModuleType) -> None:
    hooks, seen = kernel.RustHookRegistry(), list[Any]()

    async def see(event: str, data: dict[str, Any]) -> HookResult:
        seen.append(data)
        return HookResult()

    hooks.register("e", see)
    hooks.set_default_fields(session_id="s", x=0)
    await hooks.emit("e", {"x": 1})
    assert (seen[0]["session_id"], seen[0]["x"]) == ("s", 1)
    assert seen[0]["timestamp"].endswith("+00:00")
    assert (await hooks.emit("nobody", {"x": 1})).data == {"x": 1}


async def test_data_becomes_json(kernel: ModuleType) -> None:
    hooks = kernel.RustHookRegistry()
    hooks.register("e", answering())
    data = (await hooks.emit("e", {"d": Decimal("1.5"), "t": (1, 2), "s": {3}, "b": b"x"})).data
    assert {name: data[name] for name in "dtsb"} == {"d": "1.5", "t": [1, 2], "s": "{3}", "b": "b'x'"}


@pytest.mark.parametrize(
    ("answers", "action"),
    [
        ([{"action": "inject_context", "context_injection": "a"}, {"action": "ask_user"}, {"action": "deny"}], "deny"),
        ([{"action": "inject_context", "context_injection": "a"}, {"action": "ask_user"}], "ask_user"),
        (
            [{"action": "modify", "data": {"x": 2}}, {"action": "inject_context", "context_injection": "a"}],
            "inject_context",
        ),
        ([{"action": "modify"}], "continue"),
        ([{"user_message": "hello"}], "continue"),
    ],
)
async def test_the_strongest_answer_counts(kernel: ModuleType, answers: list[dict[str, Any]], action: str) -> None:
    hooks = kernel.RustHookRegistry()
    for priority, answer in enumerate(answers):
        hooks.register("e", answering(**answer), priority)
    result = await hooks.emit("e", {"x": 1})
    assert result.action == action
    if action == "ask_user":
        assert result.approval_prompt is None


async def test_the_first_question_counts(kernel: ModuleType) -> None:
    hooks = kernel.RustHookRegistry()
    for prompt in ("first?", "second?"):
        hooks.register("e", answering(action="ask_user", approval_prompt=prompt), 0)
    assert (await hooks.emit("e", {})).approval_prompt == "first?"


async def test_injections_are_joined(kernel: ModuleType) -> None:
    hooks = kernel.RustHookRegistry()
    hooks.register("e", answering(action="inject_context", context_injection="a", suppress_output=True), 0, "one")
    injected = {"context_injection": "b", "context_injection_role": "user", "ephemeral": True}
    hooks.register("e", answering(action="inject_context", **injected), 1, "two")
    result = await hooks.emit("e", {})
    assert result.context_injection == "a\n\nb"
    assert [(each.content, each.role, each.ephemeral, each.hook_name) for each in result.context_injections] == [
        ("a", "system", False, "one"),
        ("b", "user", True, "two"),
    ]


@pytest.mark.parametrize(
    ("answer", "action"), [({"action": "deny", "reason": "d"}, "deny"), (5, "deny"), (None, "continue")]
)
async def test_answers_that_are_no_result(kernel: ModuleType, answer: Any, action: str) -> None:
    """A dict is read; what cannot be read denies."""
    hooks = kernel.RustHookRegistry()

    async def handler(event: str, data: dict[str, Any]) -> Any:
        return answer

    hooks.register("e", handler)
    assert (await hooks.emit("e", {})).action == action


async def test_a_failing_handler_is_skipped(kernel: ModuleType) -> None:
    hooks = kernel.RustHookRegistry()

    async def broken(event: str, data: dict[str, Any]) -> HookResult:
        raise ValueError("broken")

    hooks.register("e", broken, 0)
    hooks.register("e", answering(action="deny", reason="later"), 1)
    assert (await hooks.emit("e", {})).reason == "later"


async def test_handlers_are_removed(kernel: ModuleType) -> None:
    hooks = kernel.RustHookRegistry()
    remove = hooks.register("e", answering(action="deny"), name="one")
    assert repr(remove) == "<unregister 'one'>"
    remove()
    hooks.register("e", answering(action="deny"), name="two")
    hooks.unregister("two")
    hooks.unregister("never there")
    assert (await hooks.emit("e", {})).action == "continue"


async def test_data_is_collected_within_a_time(kernel: ModuleType) -> None:
    hooks = kernel.RustHookRegistry()

    async def slow(event: str, data: dict[str, Any]) -> HookResult:
        await asyncio.Event().wait()
        return HookResult()

    hooks.register("e", slow, 0)
    hooks.register("e", answering(data={"q": 1}), 1)
    hooks.register("e", answering(), 2)
    assert await hooks.emit_and_collect("e", {}, timeout=0.05) == [{"q": 1}]


# Cancellation


async def test_a_cancellation_only_grows(kernel: ModuleType) -> None:
    token = kernel.RustCancellationToken()
    assert (token.state, token.is_cancelled) == ("none", False)
    assert (token.request_graceful(), token.request_graceful(), token.is_graceful) == (True, False, True)
    assert (token.request_immediate(), token.request_graceful(), token.is_immediate) == (True, False, True)
    token.reset()
    assert token.state == "none"
    token.request_cancellation()
    assert token.state == "graceful"


async def test_children_are_cancelled_too(kernel: ModuleType) -> None:
    parent, early, late = (kernel.RustCancellationToken() for _ in range(3))
    parent.register_child(early)
    parent.request_graceful()
    parent.register_child(late)
    assert (early.state, late.state) == ("graceful", "graceful")
    parent.unregister_child(late)
    parent.request_immediate()
    parent.reset()
    assert (early.state, late.state) == ("immediate", "graceful")


async def test_running_tools_are_listed(kernel: ModuleType) -> None:
    token = kernel.RustCancellationToken()
    token.register_tool_start("1", "add")
    assert (token.running_tools, token.running_tool_names) == ({"1"}, ["add"])
    token.register_tool_complete("1")
    token.register_tool_complete("2")
    assert token.running_tools == set()


async def test_callbacks_are_called_although_one_fails(kernel: ModuleType) -> None:
    token, called = kernel.RustCancellationToken(), list[str]()

    async def broken() -> None:
        raise ValueError("broken")

    async def fine() -> None:
        called.append("fine")

    token.on_cancel(broken)
    token.on_cancel(fine)
    token.on_cancel(lambda: called.append("plain"))
    await token.trigger_callbacks()
    assert called == ["fine", "plain"]


# The coordinator


class Context:
    """Keeps messages."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    async def add_message(self, message: dict[str, Any]) -> None:
        self.messages.append(message)


class Person:
    """Answers questions, and sees messages."""

    def __init__(self, answer: Any = "Allow") -> None:
        self.answer, self.asked, self.shown = answer, list[Any](), list[Any]()

    async def request_approval(self, *question: Any) -> Any:
        self.asked.append(question)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def show_message(self, *message: Any) -> None:
        self.shown.append(message)


def coordinator_of(kernel: ModuleType, person: Person | None = None, **limits: Any) -> Any:
    """Return the coordinator of a new session."""
    plan = {"session": {**PLAN["session"], **limits}}
    return kernel.RustSession(plan, approval_system=person, display_system=person).coordinator


async def test_modules_are_mounted(kernel: ModuleType) -> None:
    coordinator = coordinator_of(kernel)
    await coordinator.mount("tools", MockTool("one"))
    await coordinator.mount("tools", object(), name="two")
    await coordinator.mount("orchestrator", "loop")
    assert set(coordinator.get("tools")) == {"one", "two"}
    assert coordinator.get("tools", "one").name == "one"
    assert (coordinator.get("tools", "none"), coordinator.get("context")) == (None, None)
    assert coordinator.get("hooks") is not None
    described = coordinator.to_dict()
    assert (sorted(described["tools"]), described["has_orchestrator"], described["has_context"]) == (
        ["one", "two"],
        True,
        False,
    )
    await coordinator.unmount("tools", "one")
    await coordinator.unmount("tools", "one")
    await coordinator.unmount("orchestrator")
    assert (set(coordinator.get("tools")), coordinator.get("orchestrator")) == ({"two"}, None)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda each: each.mount("session", 1), "Unknown mount point: session"),
        (lambda each: each.mount("hooks", 1), "Hooks should be registered directly with the HookRegistry"),
        (lambda each: each.mount("tools", object()), "Name required for tools"),
        (lambda each: each.unmount("tools"), "Name required to unmount from tools"),
        (lambda each: each.unmount("session"), "Unknown mount point: session"),
        (lambda each: each.get("session"), "Unknown mount point: session"),
    ],
)
async def test_wrong_mount_points(kernel: ModuleType, call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        await call(coordinator_of(kernel))


async def test_capabilities_and_contributions(kernel: ModuleType) -> None:
    coordinator = coordinator_of(kernel)
    coordinator.register_capability("x", 3)
    assert (coordinator.get_capability("x"), coordinator.get_capability("y")) == (3, None)

    async def later() -> int:
        return 2

    def broken() -> None:
        raise ValueError("broken")

    for name, callback in (("a", lambda: 1), ("b", later), ("c", lambda: None), ("d", broken)):
        coordinator.register_contributor("channel", name, callback)
    assert await coordinator.collect_contributions("channel") == [1, 2]
    assert await coordinator.collect_contributions("other") == []
    assert [each["name"] for each in coordinator.channels["channel"]] == list("abcd")


async def test_cleanup_runs_backwards_and_to_its_end(kernel: ModuleType) -> None:
    coordinator, called = coordinator_of(kernel), list[str]()

    async def first() -> None:
        called.append("first")

    def broken() -> None:
        called.append("broken")
        raise ValueError("broken")

    for each in (first, broken, None, 3):
        coordinator.register_cleanup(each)
    await coordinator.cleanup()
    assert called == ["broken", "first"]


@pytest.mark.parametrize("answer", ["Allow", "allow", "Allow once", "Allow always", "Deny", "deny", "yes", "No"])
async def test_a_person_is_asked(kernel: ModuleType, answer: str) -> None:
    """Only the words for yes allow."""
    person = Person(answer)
    question = HookResult(action="ask_user", approval_prompt="Run?", approval_options=["Allow", "Deny"])
    result = await coordinator_of(kernel, person).process_hook_result(question, "tool:pre", "hook")
    assert person.asked == [("Run?", ["Allow", "Deny"], 300.0, "deny")]
    if answer.lower().startswith("allow"):
        assert result.action == "continue"
    else:
        assert (result.action, result.reason) == ("deny", "User denied: Run?")


async def test_questions_without_words_or_person(kernel: ModuleType) -> None:
    person, question = Person(), HookResult(action="ask_user", approval_default="allow")
    await coordinator_of(kernel, person).process_hook_result(question, "tool:pre", "hook")
    assert person.asked == [("Allow this operation?", ["Allow", "Deny"], 300.0, "allow")]
    alone = await coordinator_of(kernel).process_hook_result(question, "tool:pre", "hook")
    assert (alone.action, alone.reason) == ("deny", "No approval system available")


@pytest.mark.parametrize(("answer", "error"), [(True, TypeError), (TimeoutError(), TimeoutError)])
async def test_a_person_who_fails(kernel: ModuleType, answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        await coordinator_of(kernel, Person(answer)).process_hook_result(HookResult(action="ask_user"), "e", "hook")


async def test_messages_are_shown(kernel: ModuleType) -> None:
    person = Person()
    coordinator = coordinator_of(kernel, person)
    await coordinator.process_hook_result(HookResult(user_message="a", user_message_level="error"), "e", "hook")
    await coordinator.process_hook_result(
        HookResult(action="deny", user_message="b", user_message_source="other"), "e", "hook"
    )
    assert person.shown == [("a", "error", "hook:hook"), ("b", "info", "hook:other")]


async def test_context_is_injected(kernel: ModuleType) -> None:
    coordinator, context = coordinator_of(kernel), Context()
    injection = HookResult(action="inject_context", context_injection="abcdefgh", context_injection_role="user")
    nowhere = await coordinator.process_hook_result(injection, "e", "hook")
    assert (nowhere.action, coordinator._current_turn_injections) == ("continue", 2)
    await coordinator.mount("context", context)
    await coordinator.process_hook_result(injection, "e", "hook")
    assert (context.messages[0]["role"], context.messages[0]["content"]) == ("user", "abcdefgh")
    metadata = context.messages[0]["metadata"]
    assert (metadata["hook_name"], metadata["event"], metadata["persisted"]) == ("hook", "e", True)
    assert coordinator._current_turn_injections == 4
    coordinator.reset_turn()
    assert coordinator._current_turn_injections == 0


async def test_ephemeral_context_is_left_to_the_orchestrator(kernel: ModuleType) -> None:
    coordinator, context = coordinator_of(kernel), Context()
    await coordinator.mount("context", context)
    injections = [ContextInjection(content="kept"), ContextInjection(content="once", ephemeral=True)]
    answer = HookResult(action="inject_context", context_injections=injections)
    left = await coordinator.process_hook_result(answer, "e", "hook")
    assert [each["content"] for each in context.messages] == ["kept"]
    assert (left.action, [each.content for each in left.context_injections]) == ("inject_context", ["once"])


async def test_injections_are_limited(kernel: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    coordinator, context = coordinator_of(kernel, injection_size_limit=20, injection_budget_per_turn=4), Context()
    await coordinator.mount("context", context)
    with pytest.raises(ValueError, match="Context injection exceeds 20 characters"):
        await coordinator.process_hook_result(
            HookResult(action="inject_context", context_injection="x" * 21), "e", "hook"
        )
    with caplog.at_level(logging.WARNING):
        await coordinator.process_hook_result(
            HookResult(action="inject_context", context_injection="x" * 20), "e", "hook"
        )
    assert "injection budget exceeded" in caplog.text
    assert (len(context.messages), coordinator._current_turn_injections) == (1, 5)
    assert (coordinator.injection_size_limit, coordinator.injection_budget_per_turn) == (20, 4)


async def test_other_answers_pass(kernel: ModuleType) -> None:
    answer = HookResult(action="modify", data={"a": 1})
    assert (await coordinator_of(kernel).process_hook_result(answer, "e", "hook")).data == {"a": 1}


# The session


class Orchestrator:
    """Does what the prompt says."""

    async def execute(self, prompt: str, **given: Any) -> Any:
        if prompt == "fail":
            raise ValueError("broken")
        if prompt == "cancel":
            await given["coordinator"].request_cancel(False)
        return 5 if prompt == "number" else f"{prompt}!"


class Loader:
    """Mounts the orchestrator and the context."""

    def __init__(self) -> None:
        self.ready: list[Any] = []

    async def load(self, module_id: str, config: Any = None, source_hint: Any = None, coordinator: Any = None) -> Any:
        async def mount(coordinator: Any) -> None:
            await coordinator.mount("orchestrator" if module_id == "o" else "context", Orchestrator())

        return mount

    def get_on_session_ready_queue(self) -> list[Any]:
        return self.ready

    def clear_on_session_ready_queue(self) -> None:
        self.ready = []


def opened(kernel: ModuleType, plan: dict[str, Any] | None = None, **options: Any) -> tuple[Any, list[Any]]:
    """Return a session and what it tells."""
    session, told = kernel.RustSession(plan or PLAN, session_id="me", **options), list[Any]()
    session.coordinator.loader = Loader()

    async def tell(event: str, data: dict[str, Any]) -> HookResult:
        told.append((event, {name: value for name, value in data.items() if name not in ("timestamp", "session_id")}))
        return HookResult()

    for event in [*_engine.ALL_EVENTS, "session:config"]:
        session.coordinator.hooks.register(event, tell)
    return session, told


async def test_the_life_of_a_session(kernel: ModuleType) -> None:
    session, told = opened(kernel)
    with pytest.raises(RuntimeError, match=r"Session not initialized\. Call initialize\(\) first\."):
        await session.execute("early")
    await session.initialize()
    await session.initialize()
    assert session.initialized
    assert [await session.execute("one"), await session.execute("two")] == ["one!", "two!"]
    await session.cleanup()
    await session.cleanup()
    assert not session.initialized
    assert told == [("session:start", {"parent_id": None}), ("session:end", {"parent_id": None})]
    assert (session.session_id, session.parent_id, session.config) == ("me", None, PLAN)
    assert (session.coordinator.session_id, session.coordinator.config) == ("me", PLAN)
    assert session.coordinator.session.session_id == "me"


async def test_errors_of_the_orchestrator(kernel: ModuleType) -> None:
    session, told = opened(kernel)
    async with session:
        with pytest.raises(RuntimeError, match="Execution failed: ValueError: broken"):
            await session.execute("fail")
        with pytest.raises(TypeError, match="is not an instance of 'str'"):
            await session.execute("number")
        assert await session.execute("go on") == "go on!"
    assert [event for event, _ in told] == ["session:start", "session:end"]


async def test_a_cancelled_session_says_so(kernel: ModuleType) -> None:
    session, told = opened(kernel)
    async with session:
        await session.execute("cancel")
        with pytest.raises(RuntimeError):
            await session.execute("fail")
    assert told[1:3] == [
        ("cancel:completed", {"parent_id": None, "was_immediate": False}),
        ("cancel:completed", {"parent_id": None, "was_immediate": False, "error": "ValueError: broken"}),
    ]


async def test_a_child_session_and_its_configuration(kernel: ModuleType) -> None:
    plan = {"session": {**PLAN["session"], "metadata": {"a": 1}, "raw": True}}
    session, told = opened(kernel, plan, parent_id="parent")
    async with session:
        await session.execute("hi")
    assert [event for event, _ in told] == ["session:fork", "session:start", "session:config", "session:end"]
    assert told[1][1] == {"metadata": {"a": 1}, "parent_id": "parent"}


async def test_a_resumed_session(kernel: ModuleType) -> None:
    session, told = opened(kernel, is_resumed=True)
    async with session:
        await session.execute("hi")
    assert (told[0][0], session.is_resumed) == ("session:resume", True)


@pytest.mark.parametrize(
    ("plan", "error", "message"),
    [
        ({}, ValueError, "Configuration is required"),
        ({"session": {}}, ValueError, "Configuration must specify session.orchestrator"),
        ({"session": {"orchestrator": "a"}}, ValueError, "Configuration must specify session.context"),
        (None, TypeError, "'None' is not an instance of 'dict'"),
    ],
)
def test_wrong_plans(kernel: ModuleType, plan: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        kernel.RustSession(plan)


# Retries


@pytest.mark.parametrize(
    ("attempt", "options", "delay"),
    [
        (0, {}, 1.0),
        (3, {}, 8.0),
        (8, {}, 60.0),
        (0, {"retry_after": 9.0}, 9.0),
        (5, {"retry_after": 2.0}, 32.0),
        (0, {"retry_after": 100.0}, 100.0),
        (2, {"retry_after": -9.0}, 4.0),
        (2, {"delay_multiplier": 10.0}, 40.0),
        (8, {"delay_multiplier": 10.0}, 600.0),
        (2, {"delay_multiplier": -1.0}, 4.0),
        (2, {"delay_multiplier": float("inf")}, 4.0),
        (2, {"retry_after": 9.0, "delay_multiplier": 10.0}, 40.0),
    ],
)
def test_delays(kernel: ModuleType, attempt: int, options: dict[str, float], delay: float) -> None:
    assert kernel.compute_delay(kernel.RetryConfig(jitter=False), attempt, **options) == delay


def test_delays_vary_with_jitter(kernel: ModuleType) -> None:
    delays = [kernel.compute_delay(kernel.RetryConfig(), 3) for _ in range(500)]
    assert 4 <= min(delays) < 5 and 11 < max(delays) <= 12
    assert kernel.compute_delay(kernel.RetryConfig(jitter=False, honor_retry_after=False), 0, retry_after=9.0) == 1.0


def test_retry_settings(kernel: ModuleType) -> None:
    config = kernel.RetryConfig(max_retries=5, initial_delay=2.0, backoff_factor=3.0)
    names = ("max_retries", "initial_delay", "max_delay", "backoff_factor", "jitter", "honor_retry_after")
    assert [getattr(config, name) for name in names] == [5, 2.0, 60.0, 3.0, 0.2, True]
    with pytest.warns(DeprecationWarning, match="use initial_delay"):
        assert config.min_delay == 2.0
    with pytest.warns(DeprecationWarning, match="use backoff_factor"):
        assert config.backoff_multiplier == 3.0
    with pytest.warns(DeprecationWarning, match="backoff_multiplier is deprecated"):
        assert kernel.RetryConfig(backoff_multiplier=4.0).backoff_factor == 4.0
    with pytest.warns(DeprecationWarning, match="min_delay is deprecated"):
        assert kernel.RetryConfig(min_delay=4.0).initial_delay == 4.0
    with pytest.warns(DeprecationWarning, match="jitter is deprecated"):
        assert kernel.RetryConfig(jitter=0.5).jitter == 0.2


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Rate limit exceeded", "rate_limit"),
        ("429", "rate_limit"),
        ("timed out", "timeout"),
        ("Authentication failed", "authentication"),
        ("maximum context", "context_length"),
        ("safety", "content_filter"),
        ("404", "not_found"),
        ("overloaded", "provider_unavailable"),
        ("connection refused", "unknown"),
    ],
)
def test_kinds_of_errors(kernel: ModuleType, message: str, kind: str) -> None:
    assert kernel.classify_error_message(message) == kind


def test_errors_of_providers(kernel: ModuleType) -> None:
    error = kernel.ProviderError("m", provider="p", model="x", retryable=True)
    assert (str(error), repr(error)) == ("m", 'ProviderError("m", provider="p", model="x", retryable=True)')
    assert (error.retry_after, error.delay_multiplier, error.error_type) == (None, None, "Other")


# Tool results

PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ([{"type": "text", "text": "a", "visibility": "user"}], [{"type": "text", "text": "a"}]),
        ([{"type": "image", "source": PNG}], [{"type": "image", "source": PNG}]),
        ([], None),
        (None, None),
    ],
)
def test_content_is_kept(kernel: ModuleType, content: Any, kept: Any) -> None:
    text = kernel._normalize_tool_result_content(json.dumps(content))
    assert (json.loads(text) if text else None) == kept


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x", "invalid tool result content"),
        ([{"type": "audio"}], "invalid tool result content"),
        ([{"type": "text"}], "invalid tool result content"),
        ([{"type": "image", "source": {"type": "url", "url": "http://x/a.png"}}], "invalid tool result image source"),
        ([{"type": "image", "source": {**PNG, "media_type": "text/html"}}], "invalid tool result image media type"),
        ([{"type": "image", "source": {**PNG, "data": "!!"}}], "invalid tool result image data"),
    ],
)
def test_other_content_is_refused(kernel: ModuleType, content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kernel._normalize_tool_result_content(json.dumps(content))


def test_hooks_see_no_images(kernel: ModuleType) -> None:
    result = {"success": True, "output": "x", "error": None}
    shown = kernel._tool_result_safe_hook_presentation(json.dumps({**result, "content": None}))
    assert json.loads(shown) == result
    content = [{"type": "image", "source": PNG}, {"type": "text", "text": "t"}]
    shown = json.loads(kernel._tool_result_safe_hook_presentation(json.dumps({**result, "content": content})))
    assert [block["text"][:13] for block in shown["content"]] == ["[Image omitte", "t"]
