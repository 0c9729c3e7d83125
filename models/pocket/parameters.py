"""Typed arguments of made-up tools: a JSON schema, a value, and the words a user says it with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from words import Source


@dataclass
class Parameter:
    """One parameter of a tool, with the value the user asks for."""

    name: str
    schema: dict[str, Any]
    value: Any
    phrase: str
    """What the user says, for example 'in Oslo'."""
    required: bool = True
    kind: str = ""
    """Which of `_KINDS` its values come from; empty for other values."""


# kind: (names, descriptions, phrases). {v} is the value, {p} the parameter's name in words.
_KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "city": (("city", "location", "place", "town"), ("The city", "Name of the city", "Where to look", "City name, e.g. Rome"), ("in {v}", "in {v}", "for {v}", "at {v}")),
    "origin": (("origin", "from_city", "start", "departure"), ("Where the trip starts", "City of departure"), ("from {v}", "starting in {v}")),
    "destination": (("destination", "to_city", "target", "arrival"), ("Where the trip ends", "City of arrival"), ("to {v}", "going to {v}")),
    "person": (("name", "person", "user", "customer", "guest", "contact"), ("Name of the person", "The person's name", "Who it is for"), ("for {v}", "for {v}", "with {v}", "under the name {v}")),
    "recipient": (("recipient", "to", "receiver"), ("Who receives it", "Name of the receiver"), ("to {v}",)),
    "owner": (("owner", "assignee", "author"), ("Who owns it", "The responsible person"), ("owned by {v}", "by {v}")),
    "email": (("email", "address", "email_address", "to"), ("Email address", "The address to send to"), ("to {v}", "for {v}", "at {v}")),
    "date": (("date", "day", "when", "start_date"), ("The date", "Day, as the user wrote it", "On which day"), ("on {v}", "on {v}", "for {v}")),
    "time": (("time", "at", "start_time"), ("Time of day", "When, e.g. 14:30"), ("at {v}",)),
    "text": (("text", "message", "content", "body", "note"), ("The text", "What to say", "Content of the message"), ('with the text "{v}"', "saying: {v}", 'that says "{v}"', "'{v}'", '"{v}"')),
    "title": (("title", "subject", "label", "headline"), ("The title", "A short title"), ('called "{v}"', "titled {v}", "named {v}", 'with the title "{v}"')),
    "code": (("id", "code", "reference", "order_id", "number"), ("The identifier", "Code of the item", "Reference number"), ("{v}", "with id {v}", "number {v}", "with code {v}")),
    "item": (("item", "product", "thing", "object"), ("The item", "Name of the product"), ("for the {v}", "of the {v}", "with the {v}")),
    "colour": (("colour", "color"), ("The colour", "Colour name"), ("in {v}", "coloured {v}")),
    "language": (("language", "lang", "target_language"), ("The language", "Language to use"), ("in {v}", "in {v}")),
    "url": (("url", "link", "website"), ("The web address", "Link to open"), ("at {v}", "from {v}", "for {v}")),
    "path": (("path", "file", "filename"), ("Path of the file", "Which file"), ("from {v}", "in {v}", "with the file {v}")),
    "phone": (("phone", "phone_number"), ("Telephone number",), ("with the number {v}", "at {v}")),
    "company": (("company", "supplier", "shop"), ("Name of the company",), ("from {v}", "at {v}")),
    "job": (("role", "profession", "job"), ("The person's job",), ("as a {v}", "for a {v}")),
    "coin": (("keyword", "query", "term", "topic", "type"), ("What to search for", "The keyword", "The topic"), ("about {v}", "for {v}", "on {v}")),
    "count": (("count", "amount", "quantity", "limit", "number", "seats"), ("How many", "Number of items", "The amount"), ("with {p} {v}", "{v} times", "with a {p} of {v}", "{p} {v}")),
    "minutes": (("minutes", "duration", "duration_minutes"), ("Length in minutes", "How long, in minutes"), ("for {v} minutes", "lasting {v} minutes")),
    "percent": (("level", "percent", "volume", "brightness"), ("From 0 to 100", "Level in percent"), ("to {v} percent", "at {v}%", "to {v}%")),
    "price": (("price", "max_price", "budget", "amount"), ("Price in euros", "The amount of money"), ("for {v} euros", "up to {v} euros", "for ${v}")),
    "decimal": (("value", "weight", "temperature", "distance", "size"), ("A number", "The value"), ("with {p} {v}", "at {p} {v}", "{p} {v}")),
    "enum": (("mode", "priority", "size", "unit", "format", "status", "category", "kind", "style"), ("One of the listed values", "Choose one", ""), ("with {p} {v}", "in {v} {p}", "{p} {v}", "set to {v}")),
    "flag": (("urgent", "private", "notify", "repeat", "public", "express", "silent", "active", "recurring"), ("Yes or no", "Whether it is so", ""), ()),
    "list": (("tags", "labels", "items", "names", "people", "ingredients", "keywords"), ("A list of values", "All of them", "One or more"), ("with {p} {v}", "with the {p} {v}", "{p}: {v}")),
}  # fmt: skip
_ENUMS = (
    ("low", "medium", "high"), ("small", "medium", "large"), ("celsius", "fahrenheit"), ("metric", "imperial"), ("fast", "slow"),
    ("open", "closed"), ("pdf", "csv", "json"), ("light", "dark"), ("daily", "weekly", "monthly"), ("work", "home", "school"),
    ("eco", "normal", "turbo"), ("bus", "train", "car", "bike"), ("new", "used"), ("asc", "desc"), ("red", "green", "blue"),
    ("breakfast", "lunch", "dinner"), ("single", "double", "suite"), ("rock", "jazz", "pop", "classical"), ("vegan", "meat", "fish"),
)  # fmt: skip
_INTEGERS = ("count", "minutes", "percent")
_SUFFIXES = ("id", "name", "count", "code", "level", "type")
STRING_KINDS = tuple(kind for kind in _KINDS if kind not in (*_INTEGERS, "price", "decimal", "enum", "flag", "list"))


def fresh_value(source: Source, kind: str) -> Any:
    """Return a value of this kind, as it stands in the call."""
    match kind:
        case "city" | "origin" | "destination":
            return source.city()
        case "person" | "recipient" | "owner":
            return source.full_name() if source.chance(0.3) else source.name()
        case "email" | "date" | "time" | "code" | "url" | "path" | "phone" | "company":
            return getattr(source, kind)()
        case "text":
            return source.note()
        case "title":
            return source.pick(
                (
                    source.note(),
                    source.coin().capitalize(),
                    f"{source.word('thing')} {source.coin()}",
                    f"The {source.word('colour')} {source.word('thing')}",
                )
            )
        case "item":
            return source.pick(
                (
                    source.word("thing"),
                    source.coin(),
                    f"{source.word('colour')} {source.word('thing')}",
                    source.word("food"),
                )
            )
        case "colour" | "language" | "job":
            return source.word(kind)
        case "coin":
            return source.pick(
                (
                    source.coin(),
                    source.word("hobby"),
                    source.word("animal"),
                    f"{source.coin()} {source.word('thing')}",
                    source.word("food"),
                )
            )
        case "count":
            return source.number(1, source.pick((9, 30, 500)))
        case "minutes":
            return source.number(1, 24) * 5 if source.chance(0.6) else source.number(1, 180)
        case "percent":
            return source.number(0, 100)
        case "price":
            return source.decimal() if source.chance(0.4) else source.number(2, 900)
        case "decimal":
            return source.decimal() if source.chance(0.8) else source.number(1, 200)
        case "list":
            maker = source.pick((lambda: source.word("tag"), source.coin, source.name, lambda: source.word("food")))
            values: list[str] = []
            for _ in range(source.number(1, 4)):
                value = maker()
                if value not in values:
                    values.append(value)
            return values
    raise ValueError(f"no such kind of parameter: {kind!r}")


def spoken_list(values: list[str]) -> str:
    """Return 'a, b and c'."""
    return values[0] if len(values) == 1 else ", ".join(values[:-1]) + " and " + values[-1]


def make_parameter(source: Source, kind: str, taken: set[str]) -> Parameter | None:
    """Return a parameter of this kind with a fresh name, or None if all its names are taken."""
    names, descriptions, phrases = _KINDS[kind]
    name = source.pick(names)
    odd = source.chance(0.06) and kind in (*STRING_KINDS, "count", "decimal")
    if odd:
        name = f"{source.coin()}_{source.pick(_SUFFIXES)}" if source.chance(0.6) else source.coin()
    if name in taken:
        return None
    taken.add(name)
    said_name = name.replace("_", " ")
    description = source.pick(descriptions)
    schema: dict[str, Any] = {"type": "string"}
    if kind in _INTEGERS:
        schema = {"type": "integer"}
    elif kind in ("price", "decimal"):
        schema = {"type": "number"}
    elif kind == "flag":
        schema = {"type": "boolean"}
    elif kind == "list":
        schema = {"type": "array", "items": {"type": "string"}}
    elif kind == "enum":
        options = (
            list(source.pick(_ENUMS)) if source.chance(0.7) else [source.coin() for _ in range(source.number(2, 4))]
        )
        schema = {"type": "string", "enum": options}
    if description and source.chance(0.7):
        # Schemas in the wild put the description before or after the other keys.
        schema = (
            {"description": description, **schema} if source.chance(0.25) else {**schema, "description": description}
        )
    if kind == "flag":
        value = source.chance(0.6)
        yes = (
            f"make it {said_name}",
            f"with {said_name} on",
            f"set {said_name} to true",
            f"{said_name}: yes",
            f"it is {said_name}",
        )
        no = (
            f"not {said_name}",
            f"with {said_name} off",
            f"set {said_name} to false",
            f"{said_name}: no",
            f"without {said_name}",
        )
        phrase = source.pick(yes if value else no)
        return Parameter(name, schema, value, phrase, kind=kind)
    value = source.pick(schema["enum"]) if kind == "enum" else fresh_value(source, kind)
    spoken = spoken_list(value) if kind == "list" else str(value)
    if kind == "list" and source.chance(0.25):
        spoken = ", ".join(value)
    if odd or source.chance(0.18):
        quoted = f'"{spoken}"' if kind in STRING_KINDS and source.chance(0.3) else spoken
        phrase = source.pick(
            ("with {p} {v}", "{p} {v}", "{p}: {v}", "{p} = {v}", "set the {p} to {v}", "and {p} should be {v}")
        ).format(p=said_name, v=quoted)
    else:
        phrase = source.pick(phrases).format(p=said_name, v=spoken)
    return Parameter(name, schema, value, phrase, kind=kind)
