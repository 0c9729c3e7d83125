"""The device as people see it: what it is, and what to do where it has no WebGPU."""

from __future__ import annotations

import msgspec
import pytest

from browserllm.app.device import describe_device, describe_engines
from browserllm.page.device import AdapterInfo, BrowserFacts, DeviceFacts, WebGPUFacts
from browserllm.page.environment import Environment
from browserllm.page.host import EngineInfo, Hello
from browserllm.testing.host import device_facts

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
LINUX = "Mozilla/5.0 (X11; Linux x86_64)"
ANDROID = "Mozilla/5.0 (Linux; Android 14)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X)"


def without_webgpu(reason: str, browser: str | None, version: str, agent: str) -> DeviceFacts:
    return DeviceFacts(
        webgpu=WebGPUFacts(available=False, reason=reason), browser=BrowserFacts(browser, version), user_agent=agent
    )


@pytest.mark.parametrize(
    ("reason", "browser", "version", "agent", "words"),
    [
        ("insecure_context", "Google Chrome", "150", WINDOWS, ["https"]),
        ("turned_off", "Google Chrome", "150", WINDOWS, ["webgpu='auto'"]),
        ("no_api", "Google Chrome", "109", WINDOWS, ["113"]),
        ("no_api", "Google Chrome", "150", LINUX, ["chrome://flags", "Vulkan"]),
        ("no_api", "Microsoft Edge", "150", MAC, ["edge://flags"]),
        ("no_api", "Chrome", "118", ANDROID, ["121"]),
        ("no_api", "Firefox", "128", WINDOWS, ["141"]),
        ("no_api", "Firefox", "150", LINUX, ["dom.webgpu.enabled"]),
        ("no_api", "Firefox", "140", MAC, ["145"]),
        ("no_api", "Safari", "17.4", MAC, ["macOS", "26"]),
        ("no_api", "Safari", "17.4", IPHONE, ["iOS", "26"]),
        ("no_api", "Chrome", "140", IPHONE, ["iOS", "26"]),
        ("no_api", None, "", "", ["current"]),
        ("no_adapter", "Google Chrome", "150", WINDOWS, ["graphics driver", "chrome://gpu"]),
        ("no_adapter", "Google Chrome", "150", LINUX, ["graphics driver", "Vulkan"]),
        ("no_adapter", "Firefox", "150", WINDOWS, ["hardware acceleration", "about:support"]),
        ("no_adapter", "Safari", "26", MAC, ["Restart the browser", "update the system"]),
        ("no_adapter", "Chrome", "140", IPHONE, ["update the system"]),
        ("device_failed", "Google Chrome", "150", WINDOWS, ["graphics driver"]),
        ("something_new", "Google Chrome", "150", WINDOWS, ["graphics driver"]),
    ],
)
def test_the_remedy_is_that_of_this_browser(
    reason: str, browser: str | None, version: str, agent: str, words: list[str]
) -> None:
    """Which flag, driver or setting, or which version to update to."""
    problem = describe_device(without_webgpu(reason, browser, version, agent), Environment()).problem
    assert problem is not None
    assert problem.data["reason"] == reason
    assert problem.remedy is not None
    assert [word for word in words if word not in problem.remedy] == []


def test_a_good_device_has_no_problem() -> None:
    """It has a GPU with a name, and is online unless the browser says otherwise."""
    device = describe_device(device_facts(), Environment())
    assert (device.problem, device.online, device.metered) == (None, True, None)
    assert device.gpu is not None
    assert (device.gpu.name, device.gpu.software) == ("scripted paper", False)
    assert not describe_device(device_facts(), Environment(online=False)).online


def test_a_software_adapter_is_a_problem_that_still_works() -> None:
    """It is called slow, and the GPU is marked."""
    adapter = AdapterInfo(vendor="google", architecture="swiftshader", fallback=True)
    device = describe_device(device_facts(adapter=adapter), Environment())
    assert device.gpu is not None
    assert device.gpu.software
    assert device.problem is not None
    assert device.problem.data["reason"] == "software_adapter"


def test_each_engine_says_why_it_cannot_run() -> None:
    """Without WebGPU WebLLM cannot; the browser's own model is not in every page."""
    hello = Hello(
        protocol=1,
        engines=[
            EngineInfo("webllm", devices=["webgpu"]),
            EngineInfo("transformersjs", devices=["webgpu", "wasm"]),
        ],
    )
    engines = {engine.name: engine for engine in describe_engines(hello, device_facts(webgpu=False))}
    assert [name for name, engine in engines.items() if engine.available] == ["transformersjs"]
    assert "WebGPU" in (engines["webllm"].reason or "")
    assert engines["prompt-api"].reason
    assert engines["webllm"].label == "WebLLM"
    assert all(engine.available for engine in describe_engines(hello, device_facts())[:2])


@pytest.mark.parametrize(
    ("engines", "reason"),
    [({}, None), ({"prompt-api": "available"}, None), ({"prompt-api": "unavailable"}, "cannot run its own model")],
)
def test_the_browsers_own_model_runs_unless_the_browser_says_otherwise(
    engines: dict[str, str], reason: str | None
) -> None:
    """WebGPU has nothing to do with it."""
    hello = Hello(protocol=1, engines=[EngineInfo("prompt-api", devices=["browser"])])
    facts = msgspec.structs.replace(device_facts(webgpu=False), engines=engines)
    (found,) = [engine for engine in describe_engines(hello, facts) if engine.name == "prompt-api"]
    assert (found.available, found.reason is None) == (reason is None, reason is None)
    assert (reason or "") in (found.reason or "")
