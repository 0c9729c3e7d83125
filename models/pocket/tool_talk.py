"""Conversations in which the model may call tools: requests, calls, results and answers.

What is to be learned is copying (names, arguments, results) and choosing, not particular tools; `tools.py` makes
those. Some requests fit no tool at all.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from parameters import STRING_KINDS, fresh_value, spoken_list
from talk import talk_turn
from tools import Tool, made_up_tool, make_tool, naming, neighbours
from words import Source

Message = dict[str, Any]

_CONDITIONS = ("sunny", "cloudy", "rain", "snow", "windy", "foggy", "light rain", "clear", "stormy")
_STATUSES = ("ok", "done", "sent", "created", "saved", "shipped", "open", "confirmed", "success", "on the way")
_ERRORS = (
    "not found",
    "timeout",
    "no permission",
    "service unavailable",
    "invalid {p}",
    "unknown {p}",
    "network error",
    "{v} does not exist",
    "no such {p}",
    "too many requests",
    "permission denied",
    "could not find {v}",
)


def _result_value(source: Source, key: str) -> Any:
    match key:
        case "temperature":
            return source.number(-10, 38) if source.chance(0.8) else source.decimal()
        case "condition" | "forecast":
            return source.pick(_CONDITIONS)
        case "status":
            return source.pick(_STATUSES)
        case "id":
            return source.code() if source.chance(0.7) else source.number(1, 99999)
        case "time" | "date" | "url":
            return getattr(source, key)()
        case "price" | "total":
            return source.decimal() if source.chance(0.5) else source.number(1, 5000)
        case "name" | "owner":
            return source.full_name()
        case "place":
            return source.city()
        case "colour":
            return source.word("colour")
        case "population":
            return source.number(1000, 9_999_999)
        case "title" | "translation" | "content":
            return source.pick((source.note(), f"{source.coin()} {source.coin()}", source.coin().capitalize()))
        case "flight":
            return source.code()
        case "result":
            return source.decimal() if source.chance(0.5) else source.number(0, 99999)
    return source.number(0, 500)


def _result(source: Source, tool: Tool) -> tuple[str, str]:
    """Return (what the tool says, what the model then says)."""
    if source.chance(0.13):
        parameter = source.pick(tool.parameters) if tool.parameters else None
        said = parameter.name if parameter else "request"
        value = parameter.value if parameter and isinstance(parameter.value, str) else "it"
        error = source.pick(_ERRORS).format(p=said, v=value)
        if source.chance(0.3):
            error = f"{source.coin()} {source.pick(('failed', 'not available', 'is empty', 'is closed'))}"
        raw = source.pick(
            (
                json.dumps({"error": error}),
                f"Error: {error}",
                json.dumps({"error": error, "ok": False}),
                f"error: {error}",
            )
        )
        return raw, source.pick(
            (
                f"Sorry, that did not work: {error}.",
                f"Sorry, that did not work: {error}.",
                f"The tool reported a problem: {error}.",
            )
        )
    if source.chance(0.12):
        names = [
            source.pick((source.coin().capitalize(), source.full_name(), source.code()))
            for _ in range(source.number(2, 4))
        ]
        raw = (
            json.dumps(names) if source.chance(0.6) else json.dumps({source.pick(("results", "items", "found")): names})
        )
        return raw, f"I found {spoken_list(names)}."
    keys = tool.result_keys
    if source.chance(0.15):
        keys = (
            *keys,
            f"{source.coin()}_{source.pick(('level', 'count', 'id'))}" if source.chance(0.5) else source.coin(),
        )
    values = {key: _result_value(source, key) for key in dict.fromkeys(keys)}
    if source.chance(0.15):
        text = source.pick(
            (
                f"{source.pick(_CONDITIONS)}, {source.number(-9, 35)} degrees",
                f"{source.number(2, 90)} {source.word('thing')}s",
                source.note(),
                source.code(),
                str(source.number(0, 9999)),
                str(source.decimal()),
                f"{source.coin()} {source.coin()}",
            )
        )
        return text, f"The result is: {text}."
    parts = [f"the {key.replace('_', ' ')} is {value}" for key, value in values.items()]
    sentence = spoken_list(parts)
    lead = (
        "Done. " if values.get("status") in ("ok", "done", "sent", "created", "saved", "success", "confirmed") else ""
    )
    compact = source.chance(0.15)
    raw = json.dumps(values, ensure_ascii=False, separators=(",", ":") if compact else None)
    return raw, lead + sentence[0].upper() + sentence[1:] + "."


def _call_message(calls: list[Tool]) -> Message:
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"type": "function", "function": {"name": call.name, "arguments": call.arguments()}} for call in calls
        ],
    }


def _call_turns(source: Source, tool: Tool, offered: list[Tool], with_result: bool) -> list[Message]:
    """Return request, call, result and answer; sometimes two calls at once."""
    if source.chance(0.12):
        second = next((other for other in offered if other is not tool and other.parameters), None)
        if second is not None:
            request = (
                tool.request.rstrip(".!?") + source.pick((". Also, ", " and then ", ". And ", ". ")) + second.request
            )
            turns: list[Message] = [{"role": "user", "content": request}, _call_message([tool, second])]
            if with_result:
                (raw, said), (raw2, said2) = _result(source, tool), _result(source, second)
                turns += [
                    {"role": "tool", "content": raw},
                    {"role": "tool", "content": raw2},
                    {"role": "assistant", "content": f"{said} {said2}"},
                ]
            return turns
    turns = [{"role": "user", "content": tool.request}, _call_message([tool])]
    if with_result:
        raw, said = _result(source, tool)
        turns += [{"role": "tool", "content": raw}, {"role": "assistant", "content": said}]
    return turns


def _same_tool_twice(source: Source, tool: Tool) -> list[Message] | None:
    """Return one request for two cities (or people, or words) that takes two calls, where the tool allows it."""
    if len(tool.parameters) != 1 or tool.request.count(str(tool.parameters[0].value)) != 1:
        return None
    one = tool.parameters[0]
    if one.kind not in STRING_KINDS or not one.phrase or " " in one.value:
        return None
    other_value = fresh_value(source, one.kind)
    if other_value == one.value:
        return None
    other = replace(tool, parameters=[replace(one, value=other_value)])
    request = tool.request.replace(one.value, f"{one.value} and {other_value}")
    (raw, said), (raw2, said2) = _result(source, tool), _result(source, other)
    return [
        {"role": "user", "content": request},
        _call_message([tool, other]),
        {"role": "tool", "content": raw},
        {"role": "tool", "content": raw2},
        {"role": "assistant", "content": f"{one.value}: {said} {other_value}: {said2}"},
    ]


NO_TOOL = (
    "I have no tool for that, sorry.",
    "Sorry, none of my tools can do that.",
    "I cannot do that: there is no tool for it.",
)


def _plain_talk(source: Source) -> tuple[str, str]:
    """Return small talk that no tool could answer."""
    while True:
        question, answer = talk_turn(source)
        if not any(
            word in answer
            for word in ("tool", "clock", "sum", "news", "too hard", "too small", " do not know", "look things")
        ) and not any(letter.isdigit() for letter in question):
            return question, answer


def tool_conversation(source: Source) -> dict[str, Any]:
    """Return a conversation with tools offered: {'messages': [...], 'tools': [...], 'kind': ...}."""
    style = naming(source)
    tool = make_tool(source, style)
    # Tools gathered from several places do not share a style.
    others = naming(source) if source.chance(0.2) else style
    offered = [tool, *neighbours(source, others, tool, source.pick((0, 0, 1, 1, 2, 2, 3, 4, 6)))]
    source.random.shuffle(offered)
    declarations = [one.declaration(source) for one in offered]
    messages: list[Message] = []
    for _ in range(source.pick((0, 0, 0, 0, 1, 1, 2))):
        question, answer = _plain_talk(source)
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    roll = source.random.random()
    kind = "call"
    if roll < 0.10:
        kind = "none"
        question, answer = _plain_talk(source)
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    elif roll < 0.18:
        kind = "none"
        while True:
            stranger = made_up_tool(source, style)
            verb, _, noun = stranger.topic.partition(" ")
            nouns = {word for one in offered for word in one.topic.replace("_", " ").split()}
            if not nouns & set(noun.split()) and not nouns & set(verb.split("_")):
                break
        messages += [
            {"role": "user", "content": stranger.request},
            {"role": "assistant", "content": source.pick(NO_TOOL)},
        ]
    else:
        twice = _same_tool_twice(source, tool) if source.chance(0.2) else None
        messages += twice or _call_turns(source, tool, offered, with_result=True)
        for _ in range(source.pick((0, 0, 0, 1, 1, 2))):
            if source.chance(0.65):
                again = source.pick(offered)
                fresh = _again(source, again)
                if fresh:
                    messages += _call_turns(source, fresh, [], with_result=True)
            else:
                question, answer = _plain_talk(source)
                messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "tools": declarations, "kind": kind}


def _again(source: Source, tool: Tool) -> Tool | None:
    """Return a later request for the same tool with another text argument, or None where its words do not show one."""
    parameter = next((one for one in tool.parameters if one.kind in STRING_KINDS), None)
    if parameter is None or tool.request.count(parameter.value) != 1 or len(parameter.value) < 4:
        return None
    value = fresh_value(source, parameter.kind)
    request = tool.request.replace(parameter.value, value)
    changed = [replace(one, value=value) if one is parameter else one for one in tool.parameters]
    return replace(tool, parameters=changed, request=request)
