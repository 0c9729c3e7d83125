"""Measures what the model can do, on prompts made of words and wordings that training never drew.

    python evaluate.py                       # the committed weights, float and 4-bit
    python evaluate.py --weights work/pocket.safetensors --show

Decoding is greedy. Every figure is counted over `--count` prompts (a tenth more or less).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from about import BROWSERLLM, SELF
from config import CONFIG, DIST
from data import Conversation, assistant_text, prompt_text
from extraction import extraction_conversation
from facts import FACTS
from handwritten import CASES, declaration
from memory import memory_conversation
from model import Pocket, quantize_state
from stories import story
from talk import DIRECT, INDIRECT, SMALL_TALK, arithmetic, capital, unknown
from tokenizer import load_tokenizer
from tool_talk import tool_conversation
from train import held_out_perplexity
from words import Source, is_held_out

Case = tuple[Conversation, Callable[[str], bool]]
"""A conversation that ends before the model's turn, and whether an answer is right."""


class Runner:
    """Greedy decoding of many prompts at once with the torch reference."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = Pocket().to(self.device).eval()
        self.model.load_state_dict(state)
        self.tokenizer = load_tokenizer()
        self.end = self.tokenizer.token_to_id("<|im_end|>")

    @torch.no_grad()
    def answer(self, conversations: list[Conversation], limit: int = 260, batch: int = 64) -> list[str]:
        """Return the model's next turn for each conversation."""
        prompts = [self.tokenizer.encode(prompt_text(one)).ids for one in conversations]
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
        answers = [""] * len(prompts)
        for first in range(0, len(order), batch):
            chosen = order[first : first + batch]
            for index, ids in zip(chosen, self._decode([prompts[i] for i in chosen], limit), strict=True):
                answers[index] = self.tokenizer.decode(ids, skip_special_tokens=True)
        return answers

    def _decode(self, prompts: list[list[int]], limit: int) -> list[list[int]]:
        longest = max(map(len, prompts))
        count = len(prompts)
        tokens = torch.zeros(count, longest, dtype=torch.long, device=self.device)
        real = torch.zeros(count, longest, dtype=torch.bool, device=self.device)
        for row, ids in enumerate(prompts):
            tokens[row, longest - len(ids) :] = torch.tensor(ids)
            real[row, longest - len(ids) :] = True
        positions = (real.cumsum(1) - 1).clamp_min(0)
        causal = torch.ones(longest, longest, dtype=torch.bool, device=self.device).tril()
        # Padding sees itself, so that no row of the attention is empty.
        mask = (causal & real[:, None, :]) | torch.eye(longest, dtype=torch.bool, device=self.device)
        logits, caches = self.model.step(tokens, None, positions, mask[:, None])
        limit = min(limit, CONFIG.context_window_size - longest)
        out: list[list[int]] = [[] for _ in prompts]
        open_rows = set(range(count))
        position = positions[:, -1]
        for _ in range(limit):
            following = logits[:, -1].argmax(-1)
            for row, token in enumerate(following.tolist()):
                if row in open_rows:
                    if token == self.end:
                        open_rows.discard(row)
                    else:
                        out[row].append(token)
            if not open_rows:
                break
            position = position + 1
            real = torch.cat((real, torch.ones(count, 1, dtype=torch.bool, device=self.device)), dim=1)
            logits, caches = self.model.step(following[:, None], caches, position[:, None], real[:, None, None, :])
        return out


def sentences(text: str) -> list[str]:
    """Split into sentences."""
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]


def parse_calls(text: str) -> list[dict[str, Any]] | None:
    """Return the tool calls in an answer, or None if one is not valid JSON."""
    try:
        return [json.loads(body) for body in re.findall(r"<tool_call>\n(.*?)\n</tool_call>", text, re.DOTALL)]
    except json.JSONDecodeError:
        return None


def _single(question: str, good: Callable[[str], bool]) -> Case:
    return {"messages": [{"role": "user", "content": question}]}, good


def _one_of(answers: tuple[str, ...], **slots: str) -> Callable[[str], bool]:
    allowed = {answer.format(**slots) if slots else answer for answer in answers}
    return lambda text: text in allowed


def question_cases(groups: Any, count: int, **slots: str) -> list[Case]:
    """Return questions whose right answers are a closed list, two or three of each kind."""
    cases = [
        _single(question, _one_of(answers, **slots))
        for questions, answers in groups
        for question in [one for one in questions if "|" not in one][::3]
    ]
    return cases[:count]


# A wording that training does not have, and the first question of the group whose answers are right.
UNSEEN = (
    ("Morning!", "Hi!"), ("Hello my friend", "Hi!"), ("Hey you", "Hi!"), ("How have you been?", "How are you?"),
    ("Are you feeling well today?", "How are you?"), ("I am feeling sad today", "I am sad."), ("My day was really bad", "I am sad."),
    ("Thanks so much for the help", "Thank you!"), ("thank you my friend", "Thank you!"), ("Okay, goodbye then", "Bye!"),
    ("See you next week", "Bye!"), ("Got any jokes?", "Tell me a joke."), ("Please tell me one more joke", "Tell me a joke."),
    ("I want to hear a joke", "Tell me a joke."), ("What are you called?", "Who are you?"), ("Please tell me who you are", "Who are you?"),
    ("Which things can you do?", "What can you do?"), ("Tell me what you can do", "What can you do?"), ("Who is the person that made you?", "Who made you?"),
    ("Is it true that you are a robot?", "Are you a human?"), ("Tell me how big you are", "How big are you?"),
    ("I want to install browserllm on my machine", "How do I install browserllm?"), ("Installation of browserllm?", "How do I install browserllm?"),
    ("What is the way to install it?", "How do I install browserllm?"), ("Is a GPU really needed?", "Does browserllm need a GPU?"),
    ("I do not have a GPU", "Does browserllm need a GPU?"), ("Will my text stay private?", "Is browserllm private?"),
    ("Do you keep my data private?", "Is browserllm private?"), ("Can I use browserllm when I am offline?", "Does browserllm work offline?"),
    ("How is it possible to stop the answer?", "How do I stop an answer?"), ("I want to stop the model", "How do I stop an answer?"),
    ("Give me a list of the models", "How do I list the models?"), ("I want to load a model", "How do I load a model?"),
    ("Under which licence is browserllm?", "What is the licence?"), ("Is there an engine called WebLLM?", "Which engines does browserllm use?"),
    ("Name the engines of browserllm", "Which engines does browserllm use?"), ("Which Python do you need?", "Which Python version do I need?"),
    ("So what is this browserllm thing?", "What is browserllm?"), ("What does the command browserllm doctor do?", "What does browserllm doctor do?"),
    ("Can I run it in a Jupyter notebook?", "Does it run in a notebook?"),
)  # fmt: skip


def unseen_cases() -> list[Case]:
    """Return paraphrases written for evaluation alone."""
    answers = {questions[0]: allowed for groups in (SMALL_TALK, SELF, BROWSERLLM) for questions, allowed in groups}
    # 'What model are you?' and 'Who are you?' answer each other.
    answers["Who are you?"] += answers["What model are you?"]
    return [_single(question, _one_of(answers[group], me="Pocket")) for question, group in UNSEEN]


def sum_cases(count: int) -> list[Case]:
    """Return sums; those with large numbers must be declined."""
    source = Source(17, held_out=True)
    cases = []
    for _ in range(count):
        question, answer = arithmetic(source, "Pocket")
        declined = " is " not in answer or "too hard" in answer
        cases.append(
            _single(
                question,
                lambda text, a=answer, d=declined: ("too hard" in text or "cannot" in text) if d else text == a,
            )
        )
    return cases


def fact_cases(count: int) -> list[Case]:
    """Return every fact in a held-out wrapping."""
    wrappers = [(wrapper, wrapper in DIRECT) for wrapper in (*DIRECT, *INDIRECT) if is_held_out(wrapper)]
    cases = []
    for index in range(count):
        direct, indirect, answers = FACTS[index % len(FACTS)]
        wrapper, is_direct = wrappers[index // len(FACTS) % len(wrappers)] if wrappers else ("{q}?", True)
        question = wrapper.format(q=direct if is_direct else indirect)
        cases.append(_single(question[0].upper() + question[1:], _one_of(answers)))
    return cases


def story_cases(count: int) -> list[Case]:
    """Return stories on held-out subjects: the subject appears, and no sentence comes twice."""
    source = Source(11, held_out=True)

    def check(subject: str) -> Callable[[str], bool]:
        def good(text: str) -> bool:
            parts = sentences(text)
            return len(parts) >= 5 and len(set(parts)) == len(parts) and subject.lower().rstrip("s") in text.lower()

        return good

    cases = []
    for _ in range(count):
        ask, _, subject = story(source)
        cases.append(_single(ask, check(subject)))
    return cases


def memory_cases(count: int) -> list[Case]:
    """Return conversations that ask for a fact told at least two turns earlier."""
    source = Source(12, held_out=True)
    cases: list[Case] = []
    while len(cases) < count:
        made = memory_conversation(source)
        messages = made["messages"]
        answer = made["answer"]
        where = next(
            index for index in range(len(messages) - 1, -1, -1) if messages[index]["content"] == answer and index % 2
        )
        told = next(index for index, message in enumerate(messages) if made["value"] in message["content"])
        if where - told >= 4:
            value = made["value"]
            cases.append(({"messages": messages[:where]}, lambda text, value=value: value in text))
    return cases


def tool_cases(count: int) -> tuple[list[Case], list[Case], list[Case], list[Case]]:
    """Return (calls, no call wanted, answers from results, several calls at once)."""
    source = Source(13, held_out=True)
    calls: list[Case] = []
    refusals: list[Case] = []
    results: list[Case] = []
    several: list[Case] = []

    def exactly(wanted: list[dict[str, Any]]) -> Callable[[str], bool]:
        return lambda text: parse_calls(text) == [one["function"] for one in wanted]

    while min(len(calls), len(refusals), len(results)) < count:
        made = tool_conversation(source)
        messages, tools = made["messages"], made["tools"]
        asked = False
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            before = {"messages": messages[:index], "tools": tools}
            if message.get("tool_calls"):
                wanted = message["tool_calls"]
                if not asked or len(wanted) > 1:
                    # A later request often repeats the first one with another value: it would count a miss twice.
                    (calls if len(wanted) == 1 else several).append((before, exactly(wanted)))
                asked = True
            elif messages[index - 1]["role"] == "tool":
                expected = assistant_text(message)
                loose = expected.split(": ", 1)[-1] if expected.startswith(("Sorry", "The tool reported")) else expected
                results.append((before, lambda text, loose=loose: text.endswith(loose)))
        if made["kind"] == "none":
            refusals.append(({"messages": messages[:-1], "tools": tools}, lambda text: "<tool_call>" not in text))
    return calls[:count], refusals[:count], results[:count], several[: count // 2]


def handwritten_cases() -> list[Case]:
    """Return requests for tools written by hand: the one right call, its arguments in any order."""

    def calls(name: str, arguments: dict[str, Any]) -> Callable[[str], bool]:
        return lambda text: parse_calls(text) == [{"name": name, "arguments": arguments}]

    return [
        (
            {
                "messages": [{"role": "user", "content": request}],
                "tools": [declaration(tool) for tool in tools],
            },
            calls(name, arguments),
        )
        for tools, request, name, arguments in CASES
    ]


def extraction_cases(count: int) -> list[Case]:
    """Return texts to turn into JSON; every key and value must be right."""
    source = Source(14, held_out=True)

    def same(wanted: dict[str, Any]) -> Callable[[str], bool]:
        def good(text: str) -> bool:
            try:
                return json.loads(text) == wanted
            except json.JSONDecodeError:
                return False

        return good

    cases = []
    for _ in range(count):
        messages = extraction_conversation(source)["messages"]
        cases.append(({"messages": messages[:-1]}, same(json.loads(messages[-1]["content"]))))
    return cases


def generated_cases(maker: Any, seed: int, count: int) -> list[Case]:
    """Return questions of one of talk.py's generators whose answer is unique or names what is unknown."""
    source = Source(seed, held_out=True)
    cases = []
    for _ in range(count):
        question, answer = maker(source, "Pocket")
        cases.append(_single(question, lambda text, answer=answer: text == answer))
    return cases


def unknown_cases(count: int) -> list[Case]:
    """Return questions nobody could answer; an honest answer says that it does not know or cannot."""
    source = Source(16, held_out=True)
    honest = re.compile(r"do not know|never heard|too hard|too small|cannot|do not know anything", re.IGNORECASE)
    return [_single(unknown(source, "Pocket")[0], lambda text: bool(honest.search(text))) for _ in range(count)]


def all_cases(count: int) -> dict[str, list[Case]]:
    """Return every group of cases by its name in the table."""
    calls, refusals, results, several = tool_cases(count)
    return {
        "story: names its subject, no sentence twice": story_cases(count),
        "small talk, wordings from training": question_cases(SMALL_TALK, count),
        "about itself, wordings from training": question_cases(SELF, count, me="Pocket"),
        "about browserllm, wordings from training": question_cases(BROWSERLLM, count),
        "talk and browserllm, wordings never trained on": unseen_cases(),
        "well-known facts, new wordings": fact_cases(count),
        "capitals": generated_cases(capital, 15, count // 2),
        "sums: small ones right, large ones declined": sum_cases(count),
        "says that it does not know": unknown_cases(count),
        "remembers a fact, two or more turns later": memory_cases(count),
        "tool call: right tool, right arguments": calls,
        "tool call: tools and requests written by hand": handwritten_cases(),
        "no call when no tool fits": refusals,
        "answer from a tool's result": results,
        "several calls at once": several,
        "extraction: valid JSON, all fields right": extraction_cases(count),
    }


def evaluate(state: dict[str, torch.Tensor], count: int, show: int = 0) -> dict[str, float]:
    """Return the share of right answers by group, and perplexities."""
    runner = Runner(state)
    figures: dict[str, float] = {}
    for name, cases in all_cases(count).items():
        answers = runner.answer([case[0] for case in cases])
        good = [case[1](answer) for case, answer in zip(cases, answers, strict=True)]
        figures[name] = round(sum(good) / max(1, len(good)), 4)
        print(f"{figures[name]:7.1%} of {len(good):4d}  {name}", flush=True)
        wrong = [(case, answer) for case, answer, right in zip(cases, answers, good, strict=True) if not right]
        for (conversation, _), answer in wrong[:show]:
            last = conversation["messages"][-1]["content"]
            print("      asked:", repr(last[-400:]), "\n      said: ", repr(answer[:400]))
    perplexity = held_out_perplexity(runner.model, runner.device, quantized=False)
    figures |= {f"perplexity, {key} text": round(value, 3) for key, value in perplexity.items()}
    print({key: value for key, value in figures.items() if key.startswith("perplexity")}, flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="a checkpoint; the default is what dist/ holds")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--show", type=int, default=0, help="print this many wrong answers of each group")
    parser.add_argument("--only", choices=("float", "q4"))
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    if options.weights:
        state = load_file(options.weights)
    else:
        from export import load_master

        state = {name: torch.from_numpy(value) for name, value in load_master(DIST).items()}
    figures = {}
    for kind in ("float", "q4"):
        if options.only in (None, kind):
            print(kind)
            figures[kind] = evaluate(state if kind == "float" else quantize_state(state), options.count, options.show)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
