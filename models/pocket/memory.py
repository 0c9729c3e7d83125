"""Facts that the user tells and later asks for, with other talk in between."""

from __future__ import annotations

from typing import Any

from stories import story_turn
from talk import talk_turn
from words import Source, article

# key: (statements, acknowledgements, questions, answers, questions answered with "you have not told me")
_MEMORIES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "name": (
        ("My name is {v}.", "I am {v}.", "I'm {v}.", "Hi, I am {v}.", "Hello, my name is {v}.", "Call me {v}.", "You can call me {v}.", "This is {v}.", "Hi! My name is {v}.", "People call me {v}.", "My name is {v}, nice to meet you.", "Hey, {v} here.", "Hello! I'm {v}."),
        ("Nice to meet you, {v}!", "Hello, {v}! How can I help you?", "Hi {v}! What can I do for you?"),
        ("What is my name?", "What is my name?", "And what is my name?", "So what is my name?", "My name is?", "What's my name?", "Do you remember my name?", "Who am I?", "Can you tell me my name?", "Do you know my name?", "What was my name again?", "Tell me my name.", "Say my name.", "Do you still know my name?", "How am I called?"),
        ("Your name is {v}.",),
    ),
    "city": (
        ("I live in {v}.", "I live in {v} now.", "I am in {v}.", "I am from {v}.", "My home is in {v}.", "I come from {v}.", "My city is {v}.", "I moved to {v} last year.", "My home town is {v}."),
        ("{v} sounds like a nice place!", "I will remember that you live in {v}.", "Oh, {v}! How nice."),
        ("Where do I live?", "In which city do I live?", "Do you know where I live?", "What city am I from?", "Which city do I live in?", "Where am I from?", "Do you remember where I live?", "What is my city?", "What is my home town?", "Tell me where I live."),
        ("You live in {v}.",),
    ),
    "colour": (
        ("My favourite colour is {v}.", "I love the colour {v}.", "The colour that I like most is {v}.", "My favorite color is {v}."),
        ("{V} is a beautiful colour!", "I like {v} too."),
        ("What is my favourite colour?", "Which colour do I like?", "Do you remember my favourite colour?", "What is my favorite color?", "Which colour do I love?"),
        ("Your favourite colour is {v}.",),
    ),
    "food": (
        ("My favourite food is {v}.", "I love to eat {v}.", "I like {v} most of all food.", "The food I like best is {v}."),
        ("{V}: that sounds tasty!", "Good choice! I will remember {v}."),
        ("What is my favourite food?", "What do I like to eat?", "Which food do I like?", "Do you remember my favourite food?"),
        ("Your favourite food is {v}.",),
    ),
    "animal": (
        ("My favourite animal is the {v}.", "I like the {v} most of all animals.", "The animal I love most is the {v}."),
        ("The {v} is a great animal!", "Good choice: the {v}."),
        ("What is my favourite animal?", "Which animal do I like?", "Do you remember my favourite animal?"),
        ("Your favourite animal is the {v}.",),
    ),
    "job": (
        ("I work as {a}.", "I am {a}.", "My job is {v}.", "I earn my money as {a}."),
        ("{A}! That must be interesting.", "It is good to talk to {a}."),
        ("What is my job?", "What do I do for work?", "What do I work as?", "Do you remember my job?", "What is my profession?"),
        ("You work as {a}.",),
    ),
    "hobby": (
        ("My hobby is {v}.", "I like {v} in my free time.", "On weekends I enjoy {v}."),
        ("{V} sounds fun!", "How nice, {v} is a good hobby."),
        ("What is my hobby?", "What do I like to do in my free time?", "Do you remember my hobby?"),
        ("Your hobby is {v}.",),
    ),
    "age": (
        ("I am {v} years old.", "My age is {v}.", "I turned {v} this year."),
        ("{v} is a good age!", "Thank you, I will remember that you are {v}."),
        ("How old am I?", "What is my age?", "Do you remember how old I am?", "Tell me my age."),
        ("You are {v} years old.",),
    ),
    "pet": (
        ("My {p} is called {v}.", "I have {q} named {v}.", "My {p}'s name is {v}."),
        ("{v} is a lovely name for {q}!", "Say hello to {v} from me!"),
        ("What is my {p} called?", "What is the name of my {p}?", "Do you remember my {p}'s name?"),
        ("Your {p} is called {v}.",),
    ),
    "relative": (
        ("My {r} is called {v}.", "My {r}'s name is {v}.", "I have a {r} named {v}."),
        ("{v} is a nice name. Greetings to your {r}!", "I will remember your {r} {v}."),
        ("What is the name of my {r}?", "What is my {r} called?", "Do you remember my {r}'s name?", "Who is my {r}?"),
        ("Your {r} is called {v}.",),
    ),
    "code": (
        ("The code is {v}.", "Remember the code {v}.", "The secret code is {v}.", "Please remember this code: {v}", "Keep this code in mind: {v}.", "My code is {v}."),
        ("I will remember the code {v}.", "Got it: {v}."),
        ("What is the code?", "What was the code?", "Do you remember the code?", "Tell me the code.", "What was the secret code?", "Which code did I tell you?"),
        ("The code is {v}.",),
    ),
    "word": (
        ("Remember the word {v}.", "The secret word is {v}.", "Please remember the word {v}.", "Keep this word in mind: {v}.", "The magic word is {v}."),
        ("I will remember the word {v}.", "Got it: {v}."),
        ("What is the word?", "What was the word?", "Which word should you remember?", "Do you remember the word?", "What was the secret word?"),
        ("The word is {v}.",),
    ),
    "number": (
        ("My lucky number is {v}.", "My favourite number is {v}.", "Remember the number {v}."),
        ("{v}, good to know!", "I will remember the number {v}."),
        ("What is my lucky number?", "What is my number?", "Which number did I tell you?", "What was the number?", "What is my favourite number?"),
        ("The number is {v}.",),
    ),
    "any": (
        ("My {r} is {v}.", "The {r} is {v}.", "Note that my {r} is {v}.", "For your information, my {r} is {v}."),
        ("I will remember that your {r} is {v}.", "Got it: your {r} is {v}."),
        ("What is my {r}?", "Do you remember my {r}?", "What was my {r}?", "Tell me my {r}."),
        ("Your {r} is {v}.",),
    ),
}  # fmt: skip
_RELATIVES = (
    "brother",
    "sister",
    "mother",
    "father",
    "friend",
    "boss",
    "neighbour",
    "teacher",
    "son",
    "daughter",
    "wife",
    "husband",
    "cousin",
)
_PETS = ("cat", "dog", "bird", "horse", "rabbit", "fish", "hamster", "parrot")
_NOT_TOLD = ("You have not told me that yet.", "I do not know: you have not told me yet.")


def _value(source: Source, kind: str) -> str:
    match kind:
        case "name":
            return source.full_name() if source.chance(0.12) else source.name()
        case "city":
            return source.city()
        case "pet":
            return source.word("animal_name") if source.chance(0.5) else source.name()
        case "relative":
            return source.name()
        case "code":
            return source.code()
        case "word":
            return source.coin() if source.chance(0.5) else source.word("thing")
        case "age":
            return str(source.number(6, 99))
        case "number":
            return str(source.number(1, 9999))
        case "any":
            return source.pick(
                (
                    source.coin(),
                    source.code(),
                    source.city(),
                    source.name(),
                    source.coin().capitalize(),
                    str(source.number(2, 999)),
                )
            )
    return source.word(kind) if source.chance(0.85) else source.coin()


def make_memory(source: Source, kind: str | None = None) -> dict[str, str]:
    """Return one remembered thing: its words, as 'state', 'ack', 'ask', 'answer', 'value', 'kind'."""
    kind = kind or source.pick(("name", "name", "name", *_MEMORIES))
    statements, acks, asks, answers = _MEMORIES[kind]
    value = _value(source, kind)
    relation = (
        source.pick(_RELATIVES)
        if kind == "relative"
        else source.pick(
            (source.coin(), f"{source.word('thing')} number", source.coin(), f"favourite {source.word('object')}")
        )
    )
    pet = source.pick(_PETS)
    slots = {
        "v": value,
        "V": value[0].upper() + value[1:],
        "a": article(value),
        "A": article(value).capitalize(),
        "p": pet,
        "q": article(pet),
        "r": relation,
    }
    if kind == "job":
        slots["A"] = slots["a"][0].upper() + slots["a"][1:]
    return {
        "kind": kind,
        "value": value,
        "state": source.pick(statements).format(**slots),
        "ack": source.pick(acks).format(**slots),
        "ask": source.pick(asks).format(**slots),
        "answer": source.pick(answers).format(**slots),
        "key": kind + (relation if kind in ("relative", "any") else pet if kind == "pet" else ""),
    }


def filler(source: Source, me: str = "Pocket") -> tuple[str, str]:
    """Return a turn that has nothing to do with what is to be remembered."""
    return story_turn(source) if source.chance(0.12) else talk_turn(source, me)


def memory_conversation(source: Source, turns_between: int | None = None) -> dict[str, Any]:
    """Return a conversation that states facts, talks of other things, and asks for the facts."""
    messages: list[dict[str, str]] = []

    def say(question: str, answer: str) -> None:
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})

    def chat(count: int) -> None:
        for _ in range(count):
            say(*filler(source))

    memories: dict[str, dict[str, str]] = {}
    for _ in range(source.pick((1, 1, 2, 3))):
        memory = make_memory(source)
        memories.setdefault(memory["key"], memory)
    chat(source.pick((0, 0, 0, 1)))
    for memory in memories.values():
        if source.chance(0.2):
            # The fact comes along with a question of another kind.
            question, answer = talk_turn(source)
            say(f"{memory['state']} {question}", answer)
        else:
            say(memory["state"], memory["ack"])
        chat(source.pick((0, 0, 1)))
    if source.chance(0.1):
        # A correction: the newest value counts.
        key = source.pick(tuple(memories))
        if memories[key]["kind"] in ("name", "city", "code", "colour"):
            changed = make_memory(source, memories[key]["kind"])
            say(
                f"{source.pick(('Sorry, I was wrong. ', 'No, wait. ', 'Actually, that changed. ', 'I made a mistake. '))}{changed['state']}",
                changed["ack"],
            )
            memories[key] = changed
    chat(turns_between if turns_between is not None else source.pick((0, 1, 1, 2, 2, 3, 4, 6)))
    asked = source.some(list(memories.values()), source.number(1, len(memories)))
    for memory in asked:
        say(memory["ask"], memory["answer"])
        if source.chance(0.2):
            chat(1)
    if source.chance(0.1):
        unknown = make_memory(source)
        if unknown["kind"] not in ("any", "code", "word", "number") and all(
            memory["kind"] != unknown["kind"] for memory in memories.values()
        ):
            say(unknown["ask"], source.pick(_NOT_TOLD))
    return {"messages": messages, "kind": "memory", "answer": asked[0]["answer"], "value": asked[0]["value"]}
