"""Check the WebLLM build in a real browser against the float reference, and measure it.

    python verify.py --web-llm .../node_modules/@mlc-ai/web-llm/lib/index.js

Needs torch, tokenizers, jinja2 and playwright (with any Chromium), and WebLLM's module from npm.
"""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page

from browser import chromium_page, served
from float_reference import CONFIG, DIST, Pocket, reference_logits, reference_model, template_ids

TOLERANCE = 0.05
"""The largest difference of a logit; more means a wrong kernel, not rounding."""
GREEDY = {"temperature": 0}


class Report:
    """Prints a line per check and remembers whether all passed."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def check(self, name: str, passed: bool, detail: object = "") -> None:
        print(f"{'ok  ' if passed else 'FAIL'}  {name:<46} {detail}", flush=True)
        if not passed:
            self.failed.append(name)


class Conversation:
    """Talks to the page and compares every step with the reference."""

    def __init__(self, page: Page, folder: Path, model: Pocket, report: Report) -> None:
        self.page, self.folder, self.model, self.report = page, folder, model, report
        self.in_cache: list[int] = []
        """Tokens that should be in the KV cache."""
        self.answers: list[list[int]] = []
        """The token ids of the answers so far."""
        self.end_of_turn = json.loads((folder / "mlc-chat-config.json").read_text())["conv_template"]["stop_token_ids"][
            -1
        ]

    def chat(self, request: dict[str, Any], **options: Any) -> dict[str, Any]:
        """One request, as the page answers it."""
        options.setdefault("stopToken", self.end_of_turn)
        return self.page.evaluate("([request, options]) => pocket.chat(request, options)", [request, options])

    def expected_prompt(self, messages: list[dict[str, str]]) -> list[int]:
        """Ids by the chat template, with earlier answers as they were generated.

        A model may write a text with other tokens than the tokenizer would (an untrained one always does); the cache
        holds the tokens that were written.
        """
        turns: list[list[int]] = [[]]
        for token in template_ids(self.folder, messages, answer_follows=True):
            turns[-1].append(token)
            if token == self.end_of_turn:
                turns.append([])
        header = turns[-1]
        # Without a system message in the request, the template adds one in front.
        shift = len(turns) - 1 - len(messages)
        answered = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        generated = answered[len(answered) - len(self.answers) :]
        for i, answer in zip(generated, self.answers, strict=True):
            turns[i + shift] = [*header, *answer, self.end_of_turn]
        return [token for turn in turns for token in turn]

    def turn(self, name: str, messages: list[dict[str, str]], steps: int, fresh: bool) -> str:
        """A greedy turn that must end after `steps` tokens; compares fed ids, logits and tokens; returns the text."""
        result = self.chat({"messages": messages, **GREEDY, "max_tokens": steps + 8}, stopAfter=steps, logits=True)
        if fresh:
            self.in_cache, self.answers = [], []
        self.in_cache = self.in_cache + [token for chunk in result["fed"] for token in chunk]
        written = result["tokens"][:-1]
        prompt = self.in_cache[: len(self.in_cache) - len(written)]
        expected = self.expected_prompt(messages)
        self.answers.append(written)
        self.report.check(f"{name}: token ids are the template's", prompt == expected, f"{len(prompt)} tokens")
        got = np.stack([np.frombuffer(base64.b64decode(text), np.float32) for text in result["logits"]])
        want = reference_logits(self.model, self.in_cache, len(got))
        difference = float(np.abs(got - want).max())
        spread = float(want.std())
        self.report.check(
            f"{name}: logits", difference < TOLERANCE, f"max difference {difference:.6f} (their spread is {spread:.2f})"
        )
        same = int((want.argmax(1)[: len(written)] == np.array(written)).sum())
        self.report.check(f"{name}: greedy tokens", same == len(written), f"{same} of {len(written)}")
        return result["text"]


def check_numbers(talk: Conversation) -> None:
    """Single turns, prompts longer than a chunk, and turns that continue."""
    history = [{"role": "user", "content": "Hello! Who are you?"}]
    for turn, question in enumerate(("What can you do?", "Count from one to five.", "")):
        answer = talk.turn(f"turn {turn + 1}", history, 24, fresh=turn == 0)
        history += [{"role": "assistant", "content": answer}, {"role": "user", "content": question}]
    system = [{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": "Is water wet?"}]
    talk.turn("own system message", system, 8, fresh=True)
    history[-1]["content"] = "Read it all again."
    talk.turn("a history read afresh", history, 8, fresh=True)
    call = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
    tool = [
        {"role": "user", "content": "How is the weather in Oslo?"},
        {"role": "assistant", "content": call},
        {"role": "tool", "content": '{"temperature": 7, "sky": "cloudy"}'},
    ]
    talk.turn("a tool's result", tool, 16, fresh=True)
    sentence = "The quick brown fox jumps over the lazy dog near the river bank. "
    for count, more in ((24, 20), (55, 12)):
        long = [{"role": "user", "content": sentence * count + "How many animals were there?"}]
        answer = talk.turn(f"prompt of {count} sentences", long, 8, fresh=True)
        long += [{"role": "assistant", "content": answer}, {"role": "user", "content": sentence * more}]
        talk.turn(f"and then {more}", long, 8, fresh=False)


def check_sampling(talk: Conversation) -> None:
    """The sampling options."""
    report, say = talk.report, [{"role": "user", "content": "Tell me a story about the sea."}]

    def text(**options: Any) -> str:
        return talk.chat({"messages": say, "max_tokens": 24, **options})["text"]

    greedy = text(**GREEDY)
    report.check("top_p 1e-5 is greedy", text(temperature=1.0, top_p=1e-5, seed=1) == greedy)
    for top_p in (1.0, 0.9):
        first, again, other = (text(temperature=1.0, top_p=top_p, seed=seed) for seed in (7, 7, 8))
        report.check(f"top_p {top_p}: seed repeats", first == again and first != other)
    repeated = text(**GREEDY, logit_bias={"300": 100})
    report.check(
        "logit_bias forces a token", len(set(repeated.split())) <= 1 and repeated != greedy, repr(repeated[:24])
    )
    penalties = {"frequency_penalty": 1.2, "presence_penalty": 0.6, "repetition_penalty": 1.3}
    result = talk.chat({"messages": say, "max_tokens": 40, **GREEDY, **penalties}, logits=True)
    same, changed, seen = 0, 0, np.zeros(CONFIG.vocab_size)
    for text_logits, token in zip(result["logits"], result["tokens"], strict=True):
        raw = np.frombuffer(base64.b64decode(text_logits), np.float32)
        logits = np.where(seen > 0, raw - 0.6 - 1.2 * seen, raw)
        logits = np.where(seen > 0, np.where(logits > 0, logits / 1.3, logits * 1.3), logits)
        same += int(logits.argmax() == token)
        changed += int(raw.argmax() != token)
        seen[token] += 1
    steps = len(result["tokens"])
    report.check("penalties", same == steps and changed > 0, f"{same} of {steps} tokens, {changed} by penalty")
    probable = talk.chat({"messages": say, "max_tokens": 4, **GREEDY, "logprobs": True, "top_logprobs": 3})["logprobs"]
    report.check("logprobs", bool(probable) and all(len(p["top_logprobs"]) == 3 for p in probable), len(probable))


def check_top_p(talk: Conversation) -> None:
    """Draw many tokens from one distribution and compare their frequencies with it."""
    draws, top_p, temperature = 300, 0.5, 0.8
    request = {"messages": [{"role": "user", "content": "Say something."}], "max_tokens": draws, "ignore_eos": True}
    # One seed, many draws: the first draws of neighbouring small seeds are alike.
    options = {"temperature": temperature, "top_p": top_p, "seed": 12345}
    result = talk.chat({**request, **options}, repeatFirst=True, logits=True)
    logits = np.frombuffer(base64.b64decode(result["logits"][0]), np.float32).astype(np.float64)
    p = np.exp((logits - logits.max()) / temperature)
    p /= p.sum()
    order = np.argsort(-p, kind="stable")
    nucleus = order[: int(np.searchsorted(np.cumsum(p[order]), top_p)) + 1]
    share = p[nucleus] / p[nucleus].sum()
    drawn = np.bincount(result["tokens"], minlength=len(p))
    outside = draws - int(drawn[nucleus].sum())
    distance = float(0.5 * np.abs(drawn[nucleus] / draws - share).sum())
    noise = float(0.5 * np.sqrt(2 / np.pi * share * (1 - share) / draws).sum())
    talk.report.check(
        "top_p draws from the nucleus", outside == 0, f"{outside} of {draws} not in {len(nucleus)} tokens"
    )
    talk.report.check("and with its frequencies", distance < 1.5 * noise + 0.01, f"{distance:.3f}, chance {noise:.3f}")


def check_engine(talk: Conversation) -> None:
    """JSON schema, interruption, unload and reload."""
    page, report = talk.page, talk.report
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 8},
            "age": {"type": "integer", "maximum": 99, "minimum": 0},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    for options in ({"temperature": 0}, {"temperature": 1.0, "top_p": 1.0, "seed": 3}):
        result = talk.chat(
            {
                "messages": [{"role": "user", "content": "A person as JSON."}],
                "response_format": {"type": "json_object", "schema": json.dumps(schema)},
                "max_tokens": 200,
                **options,
            }
        )
        try:
            # xgrammar lets control characters into strings; an untrained model writes some.
            value = json.loads(result["text"], strict=False)
            valid = set(value) == {"name", "age"} and isinstance(value["age"], int)
        except ValueError:
            valid = False
        report.check(f"JSON schema at temperature {options['temperature']}", valid, repr(result["text"][:90]))
    request = {
        "messages": [{"role": "user", "content": "Count to one hundred."}],
        "max_tokens": 200,
        "ignore_eos": True,
    }
    stopped = page.evaluate("(request) => pocket.interrupt(request, 5)", request)
    report.check("interruptGenerate", stopped["later"] <= 3 and stopped["finish"] == "abort", stopped)
    page.evaluate("pocket.unload()")
    seconds = page.evaluate("pocket.reload()")
    result = talk.chat({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, **GREEDY})
    report.check("unload and reload", bool(result["text"]), f"{seconds:.1f} s")


def messages_of(folder: Path, prompt: list[int]) -> list[dict[str, str]]:
    """Take a prompt's token ids apart into the messages that WebLLM is given."""
    from tokenizers import Tokenizer

    text = Tokenizer.from_file(str(folder / "tokenizer.json")).decode(prompt, skip_special_tokens=False)
    messages = []
    for part in text.split("<|im_start|>")[1:-1]:
        role, _, content = part.removesuffix("\n").removesuffix("<|im_end|>").partition("\n")
        if role == "tool":
            content = content.removeprefix("<tool_response>\n").removesuffix("\n</tool_response>")
        messages.append({"role": role, "content": content})
    return messages


def check_reference_file(talk: Conversation) -> None:
    """The committed greedy answers: prompts, tokens and the five best logits of every step."""
    path = Path(__file__).parent.parent / "reference" / "q4.json"
    for conversation in json.loads(path.read_text(encoding="utf-8"))["conversations"]:
        messages: list[dict[str, str]] = []
        in_cache: list[int] = []
        tokens, same, difference, prompts_agree = 0, 0, 0.0, True
        for turn in conversation["turns"]:
            if turn["user"] is None:
                messages = messages_of(talk.folder, turn["prompt"])
            else:
                messages.append({"role": "user", "content": turn["user"]})
            result = talk.chat({"messages": messages, "max_tokens": len(turn["tokens"]), **GREEDY}, logits=True)
            messages.append({"role": "assistant", "content": result["text"]})
            in_cache += [token for chunk in result["fed"] for token in chunk]
            prompts_agree &= in_cache[: len(turn["prompt"])] == turn["prompt"]
            tokens += len(turn["tokens"])
            same += sum(a == b for a, b in zip(result["tokens"], turn["tokens"], strict=False))
            for text, step in zip(result["logits"], turn["steps"], strict=False):
                logits = np.frombuffer(base64.b64decode(text), np.float32)
                difference = max(difference, float(np.abs(logits[step["ids"]] - step["logits"]).max()))
        talk.report.check(
            f"reference {conversation['id']} ({conversation['kind']})",
            prompts_agree and same == tokens and difference < TOLERANCE,
            f"{same} of {tokens} tokens, max difference {difference:.6f}{'' if prompts_agree else ', other prompt'}",
        )


def measure(page: Page, worker: bool) -> None:
    """Load without recording and print the speed."""
    seconds = page.evaluate("(worker) => pocket.load({ worker })", worker)
    prompt = "The quick brown fox jumps over the lazy dog near the river bank. " * 30
    request = {
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": 100,
        "temperature": 0.7,
        "ignore_eos": True,
    }
    extras = [page.evaluate("(request) => pocket.chat(request)", request)["usage"]["extra"] for _ in range(2)]
    where = "web worker" if worker else "page"
    speeds = " ".join(
        f"decode {extra['decode_tokens_per_s']:.1f} tok/s, prefill {extra['prefill_tokens_per_s']:.0f} tok/s;"
        for extra in extras
    )
    print(f"      {where}: load {seconds:.1f} s; {speeds}")


def main() -> None:
    """Run every check; exit 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=DIST, help="the folder with the WebLLM files")
    parser.add_argument("--web-llm", type=Path, required=True, help="lib/index.js of @mlc-ai/web-llm 0.2.86")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--only", default="", help="run only checks whose name contains this")
    parser.add_argument("--verbose", action="store_true", help="print the page's console")
    arguments = parser.parse_args()
    report = Report()
    checks: list[Callable[[Conversation], None]] = [
        check_numbers,
        check_reference_file,
        check_sampling,
        check_top_p,
        check_engine,
    ]
    chosen = [check for check in checks if arguments.only in check.__name__]
    with served(arguments.model, arguments.web_llm) as address:
        if chosen:
            with chromium_page(address, arguments.chromium, arguments.verbose) as page:
                print(f"      adapter {page.evaluate('pocket.adapter()')}")
                print(f"      load {page.evaluate('pocket.load({ record: true })'):.1f} s")
                talk = Conversation(page, arguments.model, reference_model(arguments.model), report)
                for check in chosen:
                    check(talk)
        if arguments.only in "measure":
            for worker in (False, True):
                with chromium_page(address, arguments.chromium, arguments.verbose) as page:
                    measure(page, worker)
    print(f"wasm {(arguments.model / 'pocket.wasm').stat().st_size:,} bytes; context {CONFIG.context_window_size}")
    if report.failed:
        raise SystemExit(f"{len(report.failed)} failed: {report.failed}")


if __name__ == "__main__":
    main()
