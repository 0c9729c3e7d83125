"""The device as people see it: its facts, why it has no WebGPU and what to do about that, and which engines can run."""

from __future__ import annotations

from ..models import engines as registry
from ..models.fit import NO_WEBGPU
from ..models.loading import describe_adapter
from ..page.device import DeviceFacts
from ..page.environment import Environment
from ..page.host import Hello
from .state import GPU, Device, Engine, ErrorInfo


def describe_device(facts: DeviceFacts, environment: Environment) -> Device:
    """Return the device of a page."""
    adapter = facts.webgpu.adapter
    gpu = None
    if facts.webgpu.available and adapter is not None:
        gpu = GPU(
            name=describe_adapter(adapter),
            vendor=adapter.vendor,
            software=bool(adapter.fallback),
            max_buffer_bytes=facts.webgpu.limits.get("maxBufferSize"),
            features=tuple(sorted(facts.webgpu.features)),
        )
    return Device(
        browser=facts.browser.name,
        browser_version=facts.browser.version,
        gpu=gpu,
        problem=webgpu_problem(facts),
        memory_gb=facts.memory_gb,
        cores=facts.cores,
        threads=facts.wasm.threads,
        # A browser that does not say is used as if it were online: requests then find out.
        online=environment.online is not False,
        metered=environment.metered,
        save_data=environment.save_data,
    )


def describe_engines(hello: Hello, facts: DeviceFacts) -> tuple[Engine, ...]:
    """Return the known engines, the preferred one first, each with the reason why it cannot run here."""
    present = [info.name for info in hello.engines]
    found: list[Engine] = []
    for engine in registry.known():
        devices = [device for info in hello.engines if info.name == engine.name for device in info.devices]
        devices = devices or list(engine.devices)
        reason: str | None = None
        if engine.name not in present:
            reason = engine.why_missing(present)
        elif "browser" in devices:
            state = facts.engines.get(engine.name)
            reason = "this browser cannot run its own model on this device" if state == "unavailable" else None
        elif not facts.webgpu.available and "wasm" not in devices:
            reason = NO_WEBGPU.get(facts.webgpu.reason or "", "WebGPU is not available")
        found.append(
            Engine(name=engine.name, label=engine.label or engine.name, available=reason is None, reason=reason)
        )
    return tuple(found)


def webgpu_problem(facts: DeviceFacts) -> ErrorInfo | None:
    """Return why the page has no WebGPU or a slow one, with what to do in this browser; ``None`` if all is well."""
    webgpu, adapter = facts.webgpu, facts.webgpu.adapter
    if webgpu.available and not (adapter is not None and adapter.fallback):
        return None
    if webgpu.available:
        return _problem(
            facts,
            "software_adapter",
            "Models run without the GPU",
            "WebGPU runs in software on this device, which is slow.",
            _how_to_get_an_adapter(facts),
        )
    reason = webgpu.reason or "no_adapter"
    if reason == "insecure_context":
        return _problem(
            facts,
            reason,
            "This page cannot use the GPU",
            "Browsers give WebGPU to secure pages only, and this page came over plain http.",
            "Open the page over https, or on localhost.",
        )
    if reason == "turned_off":
        return _problem(
            facts,
            reason,
            "WebGPU is turned off",
            "The program that opened this browser has turned WebGPU off.",
            "Start it with webgpu='auto'.",
        )
    if reason == "no_api":
        named = f"{facts.browser.name} {facts.browser.version}" if facts.browser.name else "This browser"
        return _problem(
            facts, reason, "This browser has no WebGPU", f"{named} offers no WebGPU here.", _how_to_get_the_api(facts)
        )
    what = "found no graphics adapter that it may use" if reason == "no_adapter" else "could not open the adapter"
    return _problem(
        facts, reason, "The GPU cannot be used", f"This browser has WebGPU, but {what}.", _how_to_get_an_adapter(facts)
    )


def _problem(facts: DeviceFacts, reason: str, title: str, message: str, remedy: str) -> ErrorInfo:
    on_cpu = facts.wasm.simd is not False
    consequence = " Small models still run on the CPU." if on_cpu else " WebAssembly is too old here, too."
    software = reason == "software_adapter"
    return ErrorInfo(
        code="unavailable",
        title=title,
        message=message if software else message + consequence,
        remedy=remedy,
        actions=("reload",),
        data={"reason": reason},
    )


def _how_to_get_the_api(facts: DeviceFacts) -> str:
    kind, system, major = _browser(facts), _system(facts), _major(facts)
    if system == "ios":
        return "Update iOS to version 26 or later: every browser there uses Safari's engine."
    if kind == "safari":
        return "Update macOS to version 26 or later: its Safari has WebGPU."
    if kind == "firefox":
        if system == "windows" and major is not None and major < 141:
            return "Update Firefox to version 141 or later."
        if system == "mac" and major is not None and major < 145:
            return "Update Firefox to version 145 or later, on a Mac with Apple silicon."
        return "Open about:config, set dom.webgpu.enabled to true and restart Firefox; or use Chrome or Edge."
    if kind == "chromium":
        least = 121 if system == "android" else 113
        if major is not None and major < least:
            return f"Update the browser to version {least} or later."
        if system == "linux":
            return (
                "Open chrome://flags, enable “Unsafe WebGPU Support” and “Vulkan”, and restart the browser "
                "(in Edge: edge://flags)."
            )
        return "Open chrome://flags, enable “Unsafe WebGPU Support” and restart the browser (in Edge: edge://flags)."
    return "Use a current Chrome, Edge, Firefox or Safari."


def _how_to_get_an_adapter(facts: DeviceFacts) -> str:
    kind, system = _browser(facts), _system(facts)
    if kind == "firefox":
        return (
            "Update the graphics driver, and turn on “Use hardware acceleration when available” in Firefox's settings "
            "(Performance). about:support says more, under Graphics."
        )
    if kind == "safari" or system == "ios":
        return "Restart the browser, and update the system: Safari's driver comes with it."
    steps = (
        "Turn on “Use graphics acceleration when available” in the browser's settings (System), and update the "
        "graphics driver."
    )
    if system == "linux":
        steps += " On Linux, also enable “Unsafe WebGPU Support” and “Vulkan” in chrome://flags."
    return f"{steps} chrome://gpu says more, under WebGPU Status."


def _browser(facts: DeviceFacts) -> str:
    name, agent = (facts.browser.name or "").lower(), facts.user_agent
    if "firefox" in name or "Firefox/" in agent:
        return "firefox"
    if "safari" in name:
        return "safari"
    if "chrom" in name or "edge" in name or "opera" in name or "brave" in name or "Chrome/" in agent:
        return "chromium"
    return ""


def _system(facts: DeviceFacts) -> str:
    agent = facts.user_agent
    words = (
        ("iPhone", "ios"), ("iPad", "ios"), ("Android", "android"), ("Windows", "windows"), ("Mac OS X", "mac"),
        ("CrOS", "chromeos"), ("Linux", "linux"),
    )  # fmt: skip
    return next((system for word, system in words if word in agent), "")


def _major(facts: DeviceFacts) -> int | None:
    first = (facts.browser.version or "").partition(".")[0]
    return int(first) if first.isdecimal() else None
