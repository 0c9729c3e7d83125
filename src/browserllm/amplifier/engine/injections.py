# pyright: reportMissingTypeStubs=false
"""What hooks inject into the context: read from a result, and joined into one."""

from __future__ import annotations

from typing import Any


def injections_of(result: Any, hook_name: str, event: str) -> list[Any]:
    """Return what a result injects as ``ContextInjection`` objects; an older one has a text instead of a list."""
    from amplifier_core.models import ContextInjection

    if result.context_injections:
        return list(result.context_injections)
    if not result.context_injection:
        return []
    return [
        ContextInjection(
            content=result.context_injection,
            role=result.context_injection_role,
            ephemeral=result.ephemeral,
            append_to_last_tool_result=result.append_to_last_tool_result,
            hook_name=hook_name,
            event=event,
        )
    ]


def joined(injections: list[Any]) -> dict[str, Any]:
    """Return the fields of a ``HookResult`` that injects all of these, the first one's role and place for all."""
    first = injections[0]
    return {
        "action": "inject_context",
        "context_injection": "\n\n".join(each.content for each in injections),
        "context_injection_role": first.role,
        "ephemeral": first.ephemeral,
        "append_to_last_tool_result": first.append_to_last_tool_result,
        "context_injections": injections,
    }
