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
    """Return why the page has no WebGPU or a slow one, with what to do in this browser; ``None`` if all is well.

    Its data have what the sentences are made of, for other languages: ``reason``, ``how`` (keys of `HOW`), ``version``,
    ``browser`` and ``cpu`` (whether small models still run).
    """
    webgpu, adapter = facts.webgpu, facts.webgpu.adapter
    if webgpu.available and not (adapter is not None and adapter.fallback):
        return None
    reason = "software_adapter" if webgpu.available else webgpu.reason or "no_adapter"
    title, message = PROBLEMS.get(reason, PROBLEMS["device_failed"])
    named = f"{facts.browser.name} {facts.browser.version}" if facts.browser.name else "This browser"
    how = _how(facts, reason)
    version = how[1] if isinstance(how, tuple) else None
    keys = [how[0]] if isinstance(how, tuple) else how
    on_cpu = facts.wasm.simd is not False
    message = message.format(browser=named)
    if not webgpu.available:
        message += " Small models still run on the CPU." if on_cpu else " WebAssembly is too old here, too."
    return ErrorInfo(
        code="unavailable",
        title=title,
        message=message,
        remedy=" ".join(HOW[key].format(version=version) for key in keys),
        actions=("reload",),
        data={
            "reason": reason,
            "how": keys,
            "version": version,
            "browser": named if facts.browser.name else None,
            "cpu": None if webgpu.available else on_cpu,
        },
    )


PROBLEMS = {
    "software_adapter": ("Models run without the GPU", "WebGPU runs in software on this device, which is slow."),
    "insecure_context": (
        "This page cannot use the GPU",
        "Browsers give WebGPU to secure pages only, and this page came over plain http.",
    ),
    "turned_off": ("WebGPU is turned off", "The program that opened this browser has turned WebGPU off."),
    "no_api": ("This browser has no WebGPU", "{browser} offers no WebGPU here."),
    "no_adapter": (
        "The GPU cannot be used",
        "This browser has WebGPU, but found no graphics adapter that it may use.",
    ),
    "device_failed": ("The GPU cannot be used", "This browser has WebGPU, but could not open the adapter."),
}
"""Title and message for each reason."""

HOW = {
    "https": "Open the page over https, or on localhost.",
    "start_with_webgpu": "Start it with webgpu='auto'.",
    "update_ios": "Update iOS to version {version} or later: every browser there uses Safari's engine.",
    "update_macos": "Update macOS to version {version} or later: its Safari has WebGPU.",
    "update_firefox": "Update Firefox to version {version} or later.",
    "update_firefox_mac": "Update Firefox to version {version} or later, on a Mac with Apple silicon.",
    "firefox_flag": ("Open about:config, set dom.webgpu.enabled to true and restart Firefox; or use Chrome or Edge."),
    "update_browser": "Update the browser to version {version} or later.",
    "chrome_flags_linux": (
        "Open chrome://flags, enable “Unsafe WebGPU Support” and “Vulkan”, and restart the browser "
        "(in Edge: edge://flags)."
    ),
    "chrome_flag": (
        "Open chrome://flags, enable “Unsafe WebGPU Support” and restart the browser (in Edge: edge://flags)."
    ),
    "current_browser": "Use a current Chrome, Edge, Firefox or Safari.",
    "firefox_acceleration": (
        "Update the graphics driver, and turn on “Use hardware acceleration when available” in Firefox's settings "
        "(Performance). about:support says more, under Graphics."
    ),
    "update_system": "Restart the browser, and update the system: Safari's driver comes with it.",
    "chrome_acceleration": (
        "Turn on “Use graphics acceleration when available” in the browser's settings (System), and update the "
        "graphics driver."
    ),
    "chrome_vulkan": "On Linux, also enable “Unsafe WebGPU Support” and “Vulkan” in chrome://flags.",
    "chrome_gpu": "chrome://gpu says more, under WebGPU Status.",
}
"""What to do about it, one sentence or two for each key."""


def _how(facts: DeviceFacts, reason: str) -> list[str] | tuple[str, int]:
    """Return keys of `HOW`, or one key and the version that it names."""
    if reason == "insecure_context":
        return ["https"]
    if reason == "turned_off":
        return ["start_with_webgpu"]
    return _how_to_get_the_api(facts) if reason == "no_api" else _how_to_get_an_adapter(facts)


def _how_to_get_the_api(facts: DeviceFacts) -> list[str] | tuple[str, int]:
    kind, system, major = _browser(facts), _system(facts), _major(facts)
    if system == "ios":
        return "update_ios", 26
    if kind == "safari":
        return "update_macos", 26
    if kind == "firefox":
        if system == "windows" and major is not None and major < 141:
            return "update_firefox", 141
        if system == "mac" and major is not None and major < 145:
            return "update_firefox_mac", 145
        return ["firefox_flag"]
    if kind == "chromium":
        least = 121 if system == "android" else 113
        if major is not None and major < least:
            return "update_browser", least
        return ["chrome_flags_linux" if system == "linux" else "chrome_flag"]
    return ["current_browser"]


def _how_to_get_an_adapter(facts: DeviceFacts) -> list[str]:
    kind, system = _browser(facts), _system(facts)
    if kind == "firefox":
        return ["firefox_acceleration"]
    if kind == "safari" or system == "ios":
        return ["update_system"]
    return ["chrome_acceleration", *(["chrome_vulkan"] if system == "linux" else []), "chrome_gpu"]


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
