"""LocalBackend: chats over a host, with the route, the warnings and the numbers of the page."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import CLOSE, HANG

MINE = bl.models.ModelCard(
    id="mine", artifacts=[bl.models.Artifact(engine="webllm", device="webgpu", url="u", bundled=True)]
)

SEEING = bl.models.ModelCard(
    id="seeing",
    vision=True,
    artifacts=[
        bl.models.Artifact(engine=engine, device="webgpu", url="u", bundled=True, model_type="vision")
        for engine in ("transformersjs", "webllm")
    ],
)

BROWSERS = bl.models.ModelCard(
    id="browsers", artifacts=[bl.models.Artifact(engine="prompt-api", device="browser", url="u", bundled=True)]
)

CATALOG = bl.models.Catalog([MINE, SEEING, BROWSERS])
ENGINES = ["webllm", "transformersjs", "prompt-api"]


def chats(host: ScriptedHost) -> list[dict[str, Any]]:
    """The chats the page was asked for, without the validation of each load."""
    found: list[dict[str, Any]] = []
    proven = False
    for op, args in host.requests:
        if op == "load":
            proven = False
        elif op == "chat":
            if proven:
                found.append(args)
            proven = True
    return found


async def test_an_answer_streams_with_everything_known_about_it() -> None:
    """Text, usage, timings, engine, device and adapter come from the page; it costs nothing."""
    host = ScriptedHost("one two three")
    stream = bl.LocalBackend(host).stream("hi", max_tokens=50, temperature=0.5)
    chunks = [chunk async for chunk in stream]
    start = chunks[0]
    assert isinstance(start, bl.types.ChatStart)
    assert (start.backend, start.model, start.engine, start.device) == ("local", "pocket", "webllm", "webgpu")
    response = stream.response
    assert (response.text, response.finish_reason) == ("one two three", "stop")
    assert (response.engine, response.device, response.adapter) == ("webllm", "webgpu", "scripted paper")
    assert response.usage.completion_tokens == 3
    assert response.timings.first_token_ms == 0.0
    assert response.cost_usd == 0.0
    assert response.route == []
    expected = {
        "model": "pocket",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 50,
        "temperature": 0.5,
    }
    assert chats(host) == [expected]


async def test_the_start_comes_before_the_first_token() -> None:
    """The answering engine is known before the first token."""
    stream = bl.LocalBackend(ScriptedHost([[HANG]])).stream("hi")
    chunk = await anext(aiter(stream))
    assert isinstance(chunk, bl.types.ChatStart)
    assert chunk.engine == "webllm"
    await stream.aclose()


async def test_the_route_is_on_the_response() -> None:
    """What was passed over is told with every answer, not only the first."""
    backend = bl.LocalBackend(ScriptedHost(facts=device_facts(webgpu=False)))
    for _ in range(2):
        response = await backend.complete("hi")
        assert (response.engine, response.device) == ("transformersjs", "wasm")
        assert [hop.engine for hop in response.route] == ["webllm", "transformersjs"]
        assert all("WebGPU" in hop.reason for hop in response.route)


async def test_every_option_reaches_the_page() -> None:
    """The page gets each option under the protocol's name, and none that was not set."""
    host = ScriptedHost(facts=device_facts(webgpu=False))  # Transformers.js honours every option
    await bl.LocalBackend(host).complete(
        "hi",
        max_tokens=5,
        temperature=0.1,
        top_p=0.2,
        top_k=3,
        stop=["x"],
        seed=4,
        frequency_penalty=0.5,
        presence_penalty=0.6,
        logit_bias={7: 8},
        logprobs=True,
        top_logprobs=2,
        response_format={"type": "json_object"},
        metadata={"mine": 1},
        deadline_s=60,
    )
    (args,) = chats(host)
    assert args == {
        "model": "pocket",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 5,
        "temperature": 0.1,
        "top_p": 0.2,
        "top_k": 3,
        "stop": ["x"],
        "seed": 4,
        "frequency_penalty": 0.5,
        "presence_penalty": 0.6,
        "logit_bias": {"7": 8.0},
        "logprobs": True,
        "top_logprobs": 2,
        "response_format": {"type": "json_object"},
    }


async def test_system_messages_become_one() -> None:
    """Engines take one system message, at the start; parts of text become text."""
    host = ScriptedHost()
    messages = [
        bl.Message("system", "a"),
        bl.Message("system", "b"),
        bl.Message("user", [bl.TextPart("c"), bl.TextPart("d")]),
        bl.Message("assistant", "e"),
        bl.Message("tool", [bl.ToolResultPart("1", "f")]),
    ]
    await bl.LocalBackend(host).complete(messages)
    assert chats(host)[0]["messages"] == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "user", "content": "cd"},
        {"role": "assistant", "content": "e"},
        {"role": "tool", "content": "f"},
    ]


UNSUPPORTED: list[tuple[dict[str, Any], str]] = [
    ({"n": 2}, "n"),
    (
        {"messages": [bl.Message("user", [bl.TextPart("t"), bl.ImagePart(url="https://x.test/a.png")])]},
        "messages[0].content",
    ),
    ({"messages": [bl.Message("user", [bl.TextPart("t"), bl.AudioPart(url="u")])]}, "messages[0].content"),
]


@pytest.mark.parametrize(("options", "parameter"), UNSUPPORTED)
async def test_an_unsupported_option_is_a_warning(options: dict[str, Any], parameter: str) -> None:
    """By default the answer comes, with a warning that names what was left out."""
    response = await bl.LocalBackend(ScriptedHost()).complete("hi", **options)
    assert [warning.parameter for warning in response.warnings] == [parameter]
    assert response.text


@pytest.mark.parametrize(("options", "parameter"), UNSUPPORTED)
async def test_an_unsupported_option_can_be_an_error(options: dict[str, Any], parameter: str) -> None:
    """With ``unsupported="error"`` nothing is generated."""
    host = ScriptedHost()
    with pytest.raises(bl.errors.Unsupported) as caught:
        await bl.LocalBackend(host).complete("hi", unsupported="error", **options)
    assert caught.value.data["parameter"] == parameter
    assert chats(host) == []


# What the engine that would answer does not honour, with the model that is for it.
LACKING: list[tuple[str, dict[str, Any], str]] = [
    ("mine", {"top_k": 3}, "top_k"),
    ("mine", {"logprobs": True, "top_logprobs": 6}, "top_logprobs"),
    ("mine", {"thinking": True}, "thinking"),
    ("browsers", {"seed": 4}, "seed"),
    ("browsers", {"logprobs": True}, "logprobs"),
    ("browsers", {"logit_bias": {1: 2.0}}, "logit_bias"),
    ("browsers", {"thinking": False}, "thinking"),
    ("browsers", {"n": 2}, "n"),
]


@pytest.mark.parametrize(("model", "options", "parameter"), LACKING)
async def test_an_option_that_the_engine_lacks_is_an_error_if_asked(
    model: str, options: dict[str, Any], parameter: str
) -> None:
    """Nothing is generated, and the error says how to get a warning instead."""
    host = ScriptedHost(engines=ENGINES)
    backend = bl.LocalBackend(host, model, catalog=CATALOG)
    with pytest.raises(bl.errors.Unsupported, match="unsupported='warn'") as caught:
        await backend.complete("hi", unsupported="error", **options)
    assert caught.value.data["parameter"] == parameter
    assert chats(host) == []


@pytest.mark.parametrize(("model", "options", "parameter"), LACKING)
async def test_an_option_that_the_engine_lacks_is_a_warning(
    model: str, options: dict[str, Any], parameter: str
) -> None:
    """The option is not sent, or with the largest value that the engine honours; a second chat warns again."""
    host = ScriptedHost(engines=ENGINES)
    backend = bl.LocalBackend(host, model, catalog=CATALOG)
    for _ in range(2):
        response = await backend.complete("hi", **options)
        assert [warning.parameter for warning in response.warnings] == [parameter]
    assert chats(host)[-1].get(parameter) == (5 if parameter == "top_logprobs" else None)


@pytest.mark.parametrize(("model", "options", "parameter"), LACKING)
async def test_a_router_passes_over_an_engine_that_lacks_an_option(
    model: str, options: dict[str, Any], parameter: str
) -> None:
    """With ``unsupported="error"`` the page is not even asked to load the model; without, it answers with a warning."""
    host = ScriptedHost("from the page", engines=ENGINES)
    local = bl.LocalBackend(host, model, catalog=CATALOG)
    cloud = bl.ScriptedBackend("from the cloud", name="cloud")
    router = bl.Router([local, cloud], bl.backends.router.Explicit("local", "cloud"))
    response = await router.complete("hi", unsupported="error", **options)
    assert (response.text, response.warnings) == ("from the cloud", [])
    assert [(hop.backend, hop.code) for hop in response.route] == [("local", "unsupported")]
    assert "load" not in [op for op, _ in host.requests]
    assert (await router.complete("hi", unsupported="error")).text == "from the page"
    assert [warning.parameter for warning in (await router.complete("hi", **options)).warnings] == [parameter]


async def test_the_loaded_model_may_honour_less_than_its_engine() -> None:
    """The page says so with the load: a chat template without a switch for thinking, a browser with a limit."""
    host = ScriptedHost(facts=device_facts(webgpu=False))
    host.engine.options = {"thinking": False, "temperature": 1}
    backend = bl.LocalBackend(host)
    await backend.prepare(bl.ChatRequest(messages=[]))
    assert {"seed", "top_k", "tools", "deadline_s"} <= backend.capabilities.parameters
    with pytest.raises(bl.errors.Unsupported, match=r"at most 1, not 1\.5"):
        await backend.complete("hi", temperature=1.5, unsupported="error")
    assert (await backend.facts(bl.ChatRequest(messages=[], temperature=1.5))).unhonoured == ("temperature",)
    assert (await backend.facts(bl.ChatRequest(messages=[], temperature=1, top_k=2))).unhonoured == ()


async def test_the_capabilities_after_a_load_are_those_of_the_engine() -> None:
    """Before it, they are those that any engine may have."""
    host = ScriptedHost(engines=ENGINES)
    for model, missing in (("mine", {"top_k", "thinking"}), ("browsers", {"seed", "top_p", "logprobs", "thinking"})):
        backend = bl.LocalBackend(host, model, catalog=CATALOG)
        assert missing <= backend.capabilities.parameters
        await backend.complete("hi")
        assert missing.isdisjoint(backend.capabilities.parameters)
        assert {"temperature", "stop", "tools", "messages"} <= backend.capabilities.parameters
        known = backend.capabilities
        await backend.complete("hi")
        assert backend.capabilities is known


async def test_an_engine_that_takes_images_first_gets_them_first() -> None:
    """With a warning that names the message, or an error before anything is generated."""
    host = ScriptedHost()
    backend = bl.LocalBackend(host, "seeing", engine="webllm", catalog=CATALOG)
    image = bl.ImagePart(url="https://x.test/a.png")
    late = bl.Message("user", [bl.TextPart("c"), image])
    with pytest.raises(bl.errors.Unsupported, match=r"messages\[0\].content: .* images only before the text"):
        await backend.complete([late], unsupported="error")
    assert chats(host) == []
    response = await backend.complete([late])
    assert [warning.parameter for warning in response.warnings] == ["messages[0].content"]
    assert [part["type"] for part in chats(host)[-1]["messages"][0]["content"]] == ["image", "text"]
    early = bl.Message("user", [image, bl.TextPart("c")])
    assert (await backend.complete([early], unsupported="error")).warnings == []


async def test_a_warning_of_the_page_is_an_error_if_asked() -> None:
    """The page may find something that was not known before the chat."""
    host = ScriptedHost(warnings=[{"parameter": "messages", "message": "the oldest were dropped"}])
    with pytest.raises(bl.errors.Unsupported, match="messages: the oldest were dropped") as caught:
        await bl.LocalBackend(host).complete("hi", unsupported="error")
    assert caught.value.data["parameter"] == "messages"


async def test_images_go_to_a_model_that_takes_them() -> None:
    """Addresses as they are, bytes as a data: URL, the texts between them; a chat of texts stays texts."""
    host = ScriptedHost()
    backend = bl.LocalBackend(host, "seeing", engine="transformersjs", catalog=bl.models.Catalog([SEEING]))
    assert backend.capabilities.images
    messages = [
        bl.Message("system", "a"),
        bl.Message("system", "b"),
        bl.Message("user", [bl.TextPart("c"), bl.ImagePart(url="https://x.test/a.png"), bl.TextPart("d")]),
        bl.Message("assistant", "e"),
        bl.Message("user", [bl.ImagePart(data=b"png", media_type="image/png")]),
    ]
    response = await backend.complete(messages, unsupported="error")
    assert response.warnings == []
    assert chats(host)[0]["messages"] == [
        {"role": "system", "content": "a\n\nb"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "c"},
                {"type": "image", "url": "https://x.test/a.png"},
                {"type": "text", "text": "d"},
            ],
        },
        {"role": "assistant", "content": "e"},
        {"role": "user", "content": [{"type": "image", "url": "data:image/png;base64,cG5n"}]},
    ]
    assert await backend.count_tokens("one two") == 2


async def test_the_loaded_model_decides_whether_images_are_supported() -> None:
    """Not its card; the position in the warning counts system messages, too."""
    boast = msgspec.structs.replace(MINE, vision=True)
    backend = bl.LocalBackend(ScriptedHost(), "mine", catalog=bl.models.Catalog([boast]))
    assert backend.capabilities.images
    image = bl.ImagePart(url="https://x.test/a.png")
    messages = [bl.Message("system", "a"), bl.Message("system", "b"), bl.Message("user", [bl.TextPart("c"), image])]
    response = await backend.complete(messages)
    (warning,) = response.warnings
    assert (warning.parameter, "'mine' takes text only" in warning.message) == ("messages[2].content", True)
    assert not backend.capabilities.images
    with pytest.raises(bl.errors.Unsupported, match=r"messages\[2\].content: model 'mine' takes text only"):
        await backend.complete(messages, unsupported="error")


async def test_an_image_of_the_assistant_from_middleware_is_left_out() -> None:
    """With a warning: only users send images, whatever the model supports."""
    backend = bl.LocalBackend(ScriptedHost(), "seeing", catalog=bl.models.Catalog([SEEING]))
    said = bl.Message("assistant", [bl.TextPart("a"), bl.ImagePart(url="https://x.test/a.png")])
    request = bl.ChatRequest(messages=[said, bl.Message("user", "b")])
    draft = Draft(request, "local", "chat-1")
    async with aclosing(backend.generate(request, draft)) as deltas:
        async for _ in deltas:
            pass
    (warning,) = draft.warnings
    assert "'image' from role 'assistant'" in warning.message


async def test_a_wrong_image_is_refused_before_anything_is_loaded() -> None:
    """The error names its place."""
    host = ScriptedHost()
    backend = bl.LocalBackend(host)
    with pytest.raises(bl.InvalidRequest, match=r"messages\[0\].content\[1\]: .*'image/tiff'") as caught:
        image = bl.ImagePart(data=b"x", media_type="image/tiff")
        await backend.complete([bl.Message("user", [bl.TextPart("a"), image])])
    assert caught.value.data["parameter"] == "messages[0].content[1]"
    assert "load" not in [op for op, _ in host.requests]


async def test_tool_choice_none_without_tools_is_not_a_warning() -> None:
    """``tool_choice="none"`` without tools asks for nothing."""
    assert (await bl.LocalBackend(ScriptedHost()).complete("hi", tool_choice="none")).warnings == []


async def test_the_pages_warnings_are_on_the_response() -> None:
    """What an engine could not honour comes back."""
    host = ScriptedHost(warnings=[{"parameter": "seed", "message": "this engine has no seed"}])
    response = await bl.LocalBackend(host).complete("hi", seed=1)
    assert response.warnings == [bl.types.ChatWarning("seed", "this engine has no seed")]


async def test_logprobs_of_the_page_come_through() -> None:
    """Entries ride on the chunks and are gathered on the response."""
    host = ScriptedHost()
    backend = bl.LocalBackend(host)
    await backend.models.load()
    stream = backend.stream("hi", logprobs=True)
    iterator = aiter(stream)
    await anext(iterator)
    request_id = max(host.page._tasks)
    host.page.say({"id": request_id, "type": "chunk", "data": {"text": "x", "tokens": 1, "logprobs": [{"token": "x"}]}})
    chunk = await anext(iterator)
    assert isinstance(chunk, bl.types.TextDelta)
    assert (chunk.text, chunk.logprobs) == ("x", [{"token": "x"}])
    assert (await stream.finish()).logprobs == [{"token": "x"}]


async def test_stop_reaches_the_page_and_its_numbers_come_back() -> None:
    """The page ends the answer as cancelled; usage and timings are those of what was generated."""
    host = ScriptedHost([["one ", "two ", HANG]])
    stream = bl.LocalBackend(host).stream("hi")
    async for chunk in stream:
        if chunk.text == "two ":
            stream.stop()
    assert host.cancelled == ["chat"]
    assert stream.response.finish_reason == "cancelled"
    assert stream.response.usage.completion_tokens == 2
    assert stream.response.timings.first_token_ms == 0.0


async def test_stop_during_the_load_stops_the_load() -> None:
    """The wait for a model is a wait like any other."""
    host = ScriptedHost(load_steps=[HANG])
    stream = bl.LocalBackend(host).stream("hi")
    reading = asyncio.create_task(stream.finish())
    while "load" not in [op for op, _ in host.requests]:
        await asyncio.sleep(0)
    stream.stop()
    assert (await reading).finish_reason == "cancelled"
    while not host.cancelled:
        await asyncio.sleep(0)
    assert host.cancelled == ["load"]


@pytest.mark.parametrize("way", ["break", "aclose", "cancel", "deadline"])
async def test_every_way_to_leave_reaches_the_page(way: str) -> None:
    """The page stops, and the next request is answered."""
    host = ScriptedHost([["one ", HANG], "fine"])
    backend = bl.LocalBackend(host)
    await backend.models.load()
    if way == "break":
        async for chunk in backend.stream("hi"):
            if chunk.text:
                break
        del chunk
    elif way == "aclose":
        async with backend.stream("hi") as stream:
            async for chunk in stream:
                if chunk.text:
                    break
        assert stream.response.usage.completion_tokens == 1
    elif way == "cancel":
        task = asyncio.create_task(backend.complete("hi"))
        while not chats(host):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        assert (await backend.complete("hi", deadline_s=0.01)).finish_reason == "cancelled"
    import gc

    gc.collect()
    assert (await backend.complete("again")).text == "fine"
    assert host.cancelled == ["chat"]


async def test_errors_of_the_page_are_raised_typed() -> None:
    """An overlong prompt is a ContextExceeded with the page's numbers."""
    exceeded = bl.ContextExceeded("too long", data={"prompt_tokens": 3000, "context_window": 2048})
    with pytest.raises(bl.ContextExceeded) as caught:
        await bl.LocalBackend(ScriptedHost([[exceeded]])).complete("hi")
    assert caught.value.data == {"prompt_tokens": 3000, "context_window": 2048}


async def test_a_browser_that_dies_fails_the_stream_at_once() -> None:
    """What was generated is there; the error says that the connection closed."""
    backend = bl.LocalBackend(ScriptedHost([["one ", CLOSE]]))
    stream = backend.stream("hi")
    with pytest.raises(bl.Unavailable, match="killed") as caught:
        await stream.finish()
    assert caught.value.reason == "closed"
    assert stream.response.text == "one "
    with pytest.raises(bl.Unavailable):
        await backend.complete("hi")
    assert not (await backend.health()).ok


async def test_a_model_that_was_lost_is_loaded_again_once() -> None:
    """The page may lose a model without a word: the chat loads it again, and gives up the second time."""
    host = ScriptedHost("fine")
    backend = bl.LocalBackend(host)
    await backend.complete("hi")
    host.loaded.clear()
    assert (await backend.complete("hi")).text == "fine"
    assert [op for op, _ in host.requests].count("load") == 2
    lost = ScriptedHost([[bl.errors.ModelNotLoaded("not here")]])
    with pytest.raises(bl.errors.ModelNotLoaded):
        await bl.LocalBackend(lost).complete("hi")


async def test_the_model_is_the_requests_then_the_backends_then_the_loaded_one() -> None:
    """The request's model wins over the backend's; an unknown one is an error that names it."""
    catalog = bl.models.Catalog([MINE])
    host = ScriptedHost()
    backend = bl.LocalBackend(host, catalog=catalog)
    assert (await backend.complete("hi")).model == "pocket"
    assert (await backend.complete("hi", model="mine")).model == "mine"
    assert (await backend.complete("hi")).model == "mine"
    assert (await bl.LocalBackend(host, "pocket").complete("hi")).model == "pocket"
    with pytest.raises(bl.errors.ModelNotFound, match="'nope'"):
        await backend.complete("hi", model="nope")


async def test_the_backend_lists_models_health_cost_and_progress() -> None:
    """Models with what is loaded, health, a cost of zero, and the progress of loads that a chat starts."""
    progress: list[bl.page.Progress] = []
    async with bl.LocalBackend(ScriptedHost(), on_progress=progress.append) as backend:
        before = {model.id: (model.downloaded, model.loaded) for model in await backend.list_models()}
        assert before["pocket"] == (True, False)
        assert before["Qwen3-0.6B"] == (False, False)
        await backend.complete("hi")
        after = {model.id: (model.downloaded, model.loaded) for model in await backend.list_models()}
        assert after == {**before, "pocket": (True, True)}
        assert (await backend.health()).ok
        assert await backend.estimate_cost("hi") == 0.0
        assert "temperature" in backend.capabilities.parameters
    assert progress


async def test_an_invalid_result_is_a_protocol_error() -> None:
    """The page's last message is validated."""
    host = ScriptedHost()
    host.engine.finish_reason = "surprise"
    with pytest.raises(bl.errors.ProtocolError, match="'chat'"):
        await bl.LocalBackend(host).complete("hi")


async def test_two_chats_queue_in_the_page() -> None:
    """Two answers asked for at once both come, whole."""
    backend = bl.LocalBackend(ScriptedHost(["a b c", "d e f"]))
    responses = await asyncio.gather(backend.complete("1"), backend.complete("2"))
    assert [response.text for response in responses] == ["a b c", "d e f"]


async def test_texts_become_vectors() -> None:
    """An embedding model is loaded at the first use; one text is a list of one, and none is refused."""
    embedder = bl.models.ModelCard(
        id="vectors",
        type="embedding",
        artifacts=[bl.models.Artifact(engine="webllm", device="webgpu", url="u", bundled=True)],
    )
    host = ScriptedHost()
    backend = bl.LocalBackend(host, "vectors", catalog=bl.models.Catalog([embedder]))
    made = await backend.embed(["one two", "three"])
    assert (made.model, len(made.vectors), made.usage.prompt_tokens) == ("vectors", 2, 3)
    assert (await backend.embed("three")).vectors == [made.vectors[1]]
    assert [args["input"] for op, args in host.requests if op == "embed"][-2:] == [["one two", "three"], ["three"]]
    with pytest.raises(bl.InvalidRequest, match="no texts"):
        await backend.embed([])


async def test_tokens_are_counted_as_a_chat_would_feed_them() -> None:
    """The messages go to the page as a chat's do; what the model cannot take is refused."""
    host = ScriptedHost()
    backend = bl.LocalBackend(host)
    messages = [bl.Message("system", "a"), bl.Message("system", "b"), bl.Message("user", "one two")]
    assert await backend.count_tokens(messages) == 4
    asked = next(args for op, args in host.requests if op == "count_tokens")
    assert asked == {
        "model": "pocket",
        "messages": [{"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "one two"}],
    }
    with pytest.raises(bl.errors.Unsupported, match="takes text only"):
        await backend.count_tokens([bl.Message("user", [bl.ImagePart(url="https://x.test/a.png")])])


async def test_a_model_that_the_page_has_lost_is_not_swapped_for_another() -> None:
    """Without a model by name it is the one loaded last, and stays that one when it has to be loaded again."""
    host = ScriptedHost("an answer")
    backend = bl.LocalBackend(host, catalog=bl.models.Catalog([MINE]))
    await backend.models.load("mine")
    host.loaded.clear()
    assert (await backend.complete("hi")).model == "mine"
