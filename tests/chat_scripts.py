"""Runs ``browserllm`` with a scripted page in the browser's place: ``python chat_scripts.py NAME chat ...``."""

from __future__ import annotations

import re
import sys

from browserllm.cli import chat, chat_answer
from browserllm.cli.main import main
from browserllm.errors import DeviceLost
from browserllm.testing.host import ScriptedHost
from browserllm.testing.script import HANG, Answer

ROWS = "".join(f"| row {number} | {'x' * number} |\n" for number in range(30))
CODE = "".join(f"line_{number} = {number}\n" for number in range(30))
ITEMS = "".join(f"- item {number} with words that wrap\n" for number in range(15))
TABLE = f"| a | b |\n| - | - |\n{ROWS}"
LONG = f"# Title\n\nHere:\n\n```python\n{CODE}```\n\n{TABLE}\n{ITEMS}\nEnd {'w' * 70} 漢字漢字漢字 fin\n"
EVIL = "a\x1b[2Jb\x07c&#27;[31md&#x9b;5me\u202ef <script>x</script> [link](https://example.org/\x1b]0;t\x07)\n"


def _pieces(text: str) -> Answer:
    return re.findall(r"\S+\s*|\s+", text)


SCRIPTS: dict[str, list[Answer]] = {
    "plain": ["It is **blue**."],
    "talk": ["First answer.", "Second answer.", "Third answer."],
    "hang": [["Half of ", "it", HANG], ["Then this."]],
    "silent": [[HANG], ["Then this."]],
    "long": [_pieces(LONG)],
    "evil": [_pieces(EVIL)],
    "thought": [["<think>\nLet me ", "ponder.\n</think>\n\n", "So there."]],
    "failing": [["Half", DeviceLost("the GPU was lost")], ["Well again."]],
}


class Connecting:
    """Takes the place of a connection to a browser."""

    def __init__(self, name: str) -> None:
        self.host = ScriptedHost(SCRIPTS[name])

    async def __aenter__(self) -> ScriptedHost:
        return self.host

    async def __aexit__(self, *_: object) -> None:
        await self.host.close()


if __name__ == "__main__":
    name = sys.argv.pop(1)
    chat.connect = lambda **options: Connecting(name)  # pyright: ignore[reportAttributeAccessIssue]
    chat_answer.FRAME_S = chat_answer.SHARE = 0  # draw after each piece, so that every state is drawn
    main()
