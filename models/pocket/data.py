"""The training text: a stream of conversations in ChatML, the same for the same seed.

`python data.py` prints a few. Rendering here and the chat template in tokenizer_config.json must agree to the letter;
`export.py` checks that on samples before it writes anything.
"""

from __future__ import annotations

import json
from typing import Any

from config import SYSTEM
from extraction import creation_conversation, extraction_conversation, extraction_turn
from memory import filler, make_memory, memory_conversation
from stories import story_turn
from talk import talk_turn
from tool_talk import tool_conversation
from words import Source

Conversation = dict[str, Any]

TOOLS_BEFORE = (
    "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
)
TOOLS_AFTER = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)
_SYSTEMS = (
    "You are a helpful assistant.", "You are a helpful, friendly assistant.", "You are an assistant.", "Answer briefly.",
    "You are a friendly chat bot.", "Be kind and short.", "You are an AI assistant in a web page.", "You are a helpful AI.",
    "Answer in one sentence.", "You help people with browserllm.", "You are helpful and honest.",
)  # fmt: skip


def call_text(call: dict[str, Any]) -> str:
    """Return one tool call as the model writes it."""
    function = call["function"]
    arguments = json.dumps(function["arguments"], ensure_ascii=False)
    return f'<tool_call>\n{{"name": "{function["name"]}", "arguments": {arguments}}}\n</tool_call>'


def assistant_text(message: dict[str, Any]) -> str:
    """Return an assistant message's text, its tool calls included."""
    parts = [message["content"]] if message["content"] else []
    return "\n".join(parts + [call_text(call) for call in message.get("tool_calls", ())])


def render(conversation: Conversation, compact_tools: bool = False) -> list[tuple[str, bool]]:
    """Return the conversation as (text, written by the model) pieces, to be joined without anything between."""
    messages = conversation["messages"]
    system = SYSTEM
    if messages[0]["role"] == "system":
        system, messages = messages[0]["content"], messages[1:]
    head = f"<|im_start|>system\n{system}"
    if conversation.get("tools"):
        separators = (",", ":") if compact_tools else None
        lines = [json.dumps(tool, ensure_ascii=False, separators=separators) for tool in conversation["tools"]]
        head += TOOLS_BEFORE + "".join(f"\n{line}" for line in lines) + TOOLS_AFTER
    pieces = [(head + "<|im_end|>\n", False)]
    for message in messages:
        role = message["role"]
        if role == "assistant":
            pieces += [
                ("<|im_start|>assistant\n", False),
                (assistant_text(message) + "<|im_end|>", True),
                ("\n", False),
            ]
        elif role == "tool":
            text = f"<tool_response>\n{message['content']}\n</tool_response>"
            pieces.append((f"<|im_start|>tool\n{text}<|im_end|>\n", False))
        else:
            pieces.append((f"<|im_start|>{role}\n{message['content']}<|im_end|>\n", False))
    return pieces


def prompt_text(conversation: Conversation) -> str:
    """Return the text up to and with the opening of the next assistant turn."""
    return "".join(text for text, _ in render(conversation)) + "<|im_start|>assistant\n"


def _persona(source: Source) -> tuple[str, str]:
    """Return (system message, the name the model goes by)."""
    roll = source.random.random()
    if roll < 0.6:
        return SYSTEM, "Pocket"
    if roll < 0.87:
        return source.pick(_SYSTEMS), "Pocket"
    me = source.name()
    kind = source.pick(
        (
            "a friendly robot",
            "a helpful assistant",
            "a small assistant",
            "a clever " + source.word("animal"),
            "an assistant",
        )
    )
    return source.pick((f"You are {me}, {kind}.", f"Your name is {me}. You are {kind}.", f"You are {me}.")), me


def chat_conversation(source: Source, turns: int) -> Conversation:
    """Return a conversation of this many turns about anything, with facts to remember on the way."""
    system, me = _persona(source)
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}]
    pending: list[dict[str, str]] = []
    for _ in range(turns):
        roll = source.random.random()
        if pending and roll < 0.12:
            memory = pending[int(source.random.random() * len(pending))]
            question, answer = memory["ask"], memory["answer"]
        elif roll < 0.22 and turns > 2:
            memory = make_memory(source)
            if any(memory["key"] == known["key"] for known in pending):
                question, answer = talk_turn(source, me)
            else:
                pending.append(memory)
                question, answer = memory["state"], memory["ack"]
        elif roll < 0.26 and turns > 2:
            question, answer = extraction_turn(source)
        else:
            question, answer = filler(source, me) if turns > 2 else talk_turn(source, me)
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "kind": "chat"}


def story_conversation(source: Source) -> Conversation:
    """Return one to three stories or poems."""
    messages: list[dict[str, Any]] = []
    for _ in range(source.pick((1, 1, 1, 1, 2, 3))):
        question, answer = story_turn(source)
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    if source.chance(0.25):
        messages.insert(0, {"role": "system", "content": _persona(source)[0]})
    return {"messages": messages, "kind": "story"}


def conversation(source: Source) -> Conversation:
    """Return the next conversation of the mix."""
    roll = source.random.random()
    if roll < 0.54:
        made = tool_conversation(source)
        if source.chance(0.35):
            made["messages"].insert(0, {"role": "system", "content": _persona(source)[0]})
        return made
    if roll < 0.71:
        return extraction_conversation(source)
    if roll < 0.73:
        return creation_conversation(source)
    if roll < 0.80:
        made = memory_conversation(source)
        if source.chance(0.2):
            made["messages"].insert(0, {"role": "system", "content": _persona(source)[0]})
        return made
    if roll < 0.87:
        return story_conversation(source)
    if roll < 0.985:
        return chat_conversation(source, source.pick((1, 1, 1, 1, 2, 3, 4, 6)))
    return chat_conversation(source, source.number(12, 28))


def training_pieces(source: Source) -> list[tuple[str, bool]]:
    """Return the next conversation rendered; some callers write the tool list without spaces, so some do here."""
    made = conversation(source)
    return render(made, compact_tools=source.chance(0.15))


if __name__ == "__main__":
    sample = Source(1)
    for _ in range(8):
        print("".join(text for text, _ in training_pieces(sample)))
        print("-" * 80)
