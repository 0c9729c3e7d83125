"""Texts to turn into JSON: the fields are named in prose, by a JSON schema or by an example."""

from __future__ import annotations

import json
from typing import Any

from parameters import spoken_list
from words import Source, article

Field = tuple[str, str, Any, str]
"""Name, JSON type, value, sentence that tells it (with {who} already filled in)."""


def _field(source: Source, name: str, kind: str, value: Any, *sentences: str, said: str | None = None) -> Field:
    return name, kind, value, source.pick(sentences).format(v=said if said is not None else value)


def _together(source: Source, fields: list[Field], chance: float, *sentences: str) -> list[Field]:
    """Tell the first fields in one sentence, sometimes: it names them as {0}, {1} and so on. The rest stay apart."""
    if not source.chance(chance):
        return fields
    sentence = source.pick(sentences)
    count = 1 + max(index for index in range(len(fields)) if f"{{{index}}}" in sentence)
    text = sentence.format(*(value for _, _, value, _ in fields[:count]))
    core = [
        (name, kind, value, text if index == 0 else "") for index, (name, kind, value, _) in enumerate(fields[:count])
    ]
    return core + fields[count:]


def _person(source: Source) -> list[Field]:
    who = source.full_name() if source.chance(0.5) else source.name()
    first = who.split()[0]
    hobbies = (
        source.some(source.lists["hobby"], source.number(1, 3))
        if len(source.lists["hobby"]) > 2
        else [source.coin(), source.coin()]
    )
    yes = source.chance(0.5)
    fields = [
        _field(source, source.pick(("name", "name", "person", "full_name")), "string", who, "This is {v}.", "My friend is called {v}.", "The name is {v}.", "Meet {v}.", "{v} wrote to us."),
        _field(source, "age", "integer", source.number(3, 99), first + " is {v} years old.", "Age: {v}.", first + " turned {v} last week."),
        _field(source, source.pick(("city", "home", "town", "lives_in")), "string", source.city(), first + " lives in {v}.", "Home is {v}.", "The address is in {v}."),
        _field(source, source.pick(("job", "profession", "occupation")), "string", job := source.word("job"), first + " works as {v}.", first + " is {v}.", "The job: {v}.", said=article(job)),
        _field(source, "email", "string", source.email(), "You can write to {v}.", "Email: {v}.", "The address is {v}."),
        _field(source, "phone", "string", source.phone(), "Call {v}.", "The number is {v}.", "Phone: {v}."),
        _field(source, "hobbies", "array", hobbies, first + " likes {v}.", "Hobbies: {v}.", "In the free time it is {v}.", said=spoken_list(hobbies)),
        _field(source, source.pick(("married", "is_married")), "boolean", yes, first + (" is married." if yes else " is not married.")),
        _field(source, source.pick(("company", "employer")), "string", source.company(), first + " works for {v}.", "The company is {v}."),
        _field(source, "favourite_colour", "string", source.word("colour"), first + " loves the colour {v}.", "The favourite colour is {v}."),
        _field(source, "pet", "string", pet := source.word("animal"), first + " has {v}.", "There is {v} at home.", said=article(pet)),
    ]  # fmt: skip
    return _together(
        source,
        fields,
        0.5,
        "{0}, {1}, lives in {2} and works as a {3}.",
        "{0} is a {1}-year-old {3} from {2}.",
        "My name is {0}, I am {1} years old and I live in {2}.",
        "{0} ({1}) is from {2}.",
        "{0} is {1}.",
        "I met {0}, a {3} from {2}, who is {1} years old.",
        "Hi, I'm {0}, {1}, from {2}.",
        "{0}, age {1}, {2}, {3}",
        "Name: {0}, age: {1}, city: {2}, job: {3}.",
        "At {1}, {0} moved to {2} to become a {3}.",
    )


def _order(source: Source) -> list[Field]:
    yes = source.chance(0.5)
    item = source.pick(
        (
            source.word("thing") + "s",
            source.word("food"),
            f"{source.word('colour')} {source.word('thing')}s",
            source.coin() + "s",
        )
    )
    count = source.number(1, 90)
    return [
        (source.pick(("item", "product", "article")), "string", item, f"Please send {count} {item}."),
        (source.pick(("quantity", "count", "amount")), "integer", count, ""),
        _field(source, source.pick(("customer", "name", "buyer")), "string", source.full_name(), "The customer is {v}.", "It is for {v}.", "Ordered by {v}."),
        _field(source, source.pick(("price", "total")), "number", source.decimal(), "The price is {v} euros.", "It costs {v}.", "Total: ${v}."),
        _field(source, source.pick(("order_id", "id", "order_number")), "string", source.code(), "The order number is {v}.", "Order {v}.", "Reference: {v}."),
        _field(source, source.pick(("city", "ship_to")), "string", source.city(), "Ship it to {v}.", "It goes to {v}."),
        _field(source, source.pick(("date", "delivery_date")), "string", source.date(), "It must arrive on {v}.", "Delivery: {v}.", "The date is {v}."),
        _field(source, source.pick(("express", "urgent")), "boolean", yes, "Express delivery, please." if yes else "It is not urgent, no express needed."),
        _field(source, source.pick(("paid", "is_paid")), "boolean", yes := source.chance(0.5), "It is already paid." if yes else "It is not paid yet."),
    ]  # fmt: skip


def _event(source: Source) -> list[Field]:
    people = [source.name() for _ in range(source.number(1, 4))]
    people = list(dict.fromkeys(people))
    what = source.pick(
        (
            f"{source.coin().capitalize()} {source.pick(('meeting', 'party', 'concert', 'workshop', 'conference'))}",
            f"{source.word('hobby')} class",
            f"{source.word('month')} festival",
            f"{source.word('company')} summit",
        )
    )
    yes = source.chance(0.5)
    fields = [
        _field(source, source.pick(("title", "event", "name")), "string", what, "The event is called {v}.", "Come to the {v}!", "We plan the {v}."),
        _field(source, "date", "string", source.date(), "It is on {v}.", "The date: {v}.", "It takes place on {v}."),
        _field(source, source.pick(("time", "start", "start_time")), "string", source.time(), "It starts at {v}.", "We begin at {v}."),
        _field(source, source.pick(("place", "location", "city")), "string", source.city(), "The place is {v}.", "We meet in {v}.", "It happens in {v}."),
        _field(source, source.pick(("guests", "people", "participants", "attendees")), "array", people, "{v} will be there.", "Guests: {v}.", "We invited {v}.", said=spoken_list(people)),
        _field(source, source.pick(("room", "building")), "string", source.code(), "It is in room {v}.", "Room {v}."),
        _field(source, source.pick(("price", "fee", "ticket_price")), "number", source.number(0, 90) if source.chance(0.6) else source.decimal(), "A ticket costs {v} euros.", "The fee is {v}."),
        _field(source, source.pick(("online", "is_online")), "boolean", yes, "You can join online." if yes else "You cannot join online."),
        _field(source, source.pick(("seats", "capacity", "max_guests")), "integer", source.number(4, 900), "There are {v} seats.", "It is for up to {v} people."),
    ]  # fmt: skip
    return _together(
        source,
        fields,
        0.5,
        "{0}: {1} at {2} in {3}.",
        "The {0} is on {1} at {2} in {3}.",
        "Join us for the {0} in {3} on {1}, {2}.",
        "On {1} at {2} there is the {0} in {3}.",
        "{0}, {1}, {2}, {3}.",
        "Do not miss the {0} on {1}!",
        "Let us meet for the {0} on {1} at {2}.",
    )


def _product(source: Source) -> list[Field]:
    yes = source.chance(0.5)
    colours = source.some(source.lists["colour"], source.number(1, 3))
    fields = [
        _field(source, source.pick(("product", "name", "title")), "string", f"{source.coin().capitalize()} {source.word('thing')}", "The new {v} is here.", "Product: {v}.", "I bought the {v}."),
        _field(source, source.pick(("brand", "maker", "company")), "string", source.company(), "It is made by {v}.", "The brand is {v}.", "It comes from {v}."),
        _field(source, "price", "number", source.decimal(), "It costs {v} euros.", "The price is {v}."),
        _field(source, source.pick(("rating", "stars", "score")), "integer", source.number(1, 5), "I give it {v} stars.", "Rating: {v} of 5.", "It gets {v} out of 5."),
        _field(source, source.pick(("colours", "colors")), "array", colours, "It comes in {v}.", "Colours: {v}.", said=spoken_list(colours)),
        _field(source, source.pick(("weight", "weight_kg")), "number", source.decimal(), "It weighs {v} kg.", "Weight: {v} kg."),
        _field(source, source.pick(("in_stock", "available")), "boolean", yes, "It is in stock." if yes else "It is out of stock at the moment."),
        _field(source, source.pick(("sku", "code", "model")), "string", source.code(), "The code is {v}.", "Model {v}."),
        _field(source, source.pick(("warranty_years", "warranty")), "integer", source.number(1, 10), "It has {v} years of warranty.", "Warranty: {v} years."),
    ]  # fmt: skip
    return _together(
        source,
        fields,
        0.5,
        "The {0} by {1} costs {2} euros.",
        "{0} from {1}, only {2} euros!",
        "I paid {2} for the {0} by {1}, and I give it {3} stars.",
        "{1} sells the {0} for ${2}.",
        "{0} ({1}): {2} euros, {3} stars.",
    )


def _trip(source: Source) -> list[Field]:
    yes = source.chance(0.5)
    fields = [
        _field(source, source.pick(("passenger", "name", "traveller")), "string", source.full_name(), "The passenger is {v}.", "{v} is going on a trip.", "Ticket for {v}."),
        _field(source, source.pick(("origin", "from")), "string", source.city(), "The trip starts in {v}.", "Departure from {v}."),
        _field(source, source.pick(("destination", "to")), "string", source.city(), "The trip goes to {v}.", "Arrival in {v}."),
        _field(source, source.pick(("date", "departure_date")), "string", source.date(), "The date is {v}.", "Leaving on {v}."),
        _field(source, source.pick(("flight", "train", "number")), "string", source.code(), "The number is {v}.", "It is number {v}."),
        _field(source, source.pick(("seat", "seat_number")), "string", f"{source.number(1, 60)}{source.pick('ABCDEF')}", "The seat is {v}.", "Seat {v}."),
        _field(source, source.pick(("bags", "luggage")), "integer", source.number(0, 5), "There are {v} bags.", "Bags: {v}."),
        _field(source, source.pick(("price", "cost")), "number", source.decimal(), "It costs {v} euros.", "The price was {v}."),
        _field(source, source.pick(("window_seat", "window")), "boolean", yes, "It is a window seat." if yes else "It is not a window seat."),
    ]  # fmt: skip
    return _together(
        source,
        fields,
        0.5,
        "{0} flies from {1} to {2} on {3}.",
        "{0} takes the train from {1} to {2} on {3}.",
        "On {3}, {0} goes from {1} to {2}.",
        "From {1} to {2}: {0}, {3}.",
        "Ticket: {0}, {1} - {2}, {3}, number {4}.",
    )


def _recipe(source: Source) -> list[Field]:
    things = source.some(source.lists["food"], source.number(2, 5))
    yes = source.chance(0.5)
    fields = [
        _field(source, source.pick(("title", "dish", "name")), "string", f"{source.coin().capitalize()} {source.pick(('soup', 'salad', 'pie', 'stew', 'curry', 'cake'))}", "Today we cook {v}.", "The dish is {v}.", "Recipe: {v}."),
        _field(source, "ingredients", "array", things, "You need {v}.", "Ingredients: {v}.", "It is made of {v}.", said=spoken_list(things)),
        _field(source, source.pick(("minutes", "time_minutes", "duration")), "integer", source.number(2, 40) * 5, "It takes {v} minutes.", "Ready in {v} minutes."),
        _field(source, source.pick(("servings", "people", "portions")), "integer", source.number(1, 12), "It serves {v} people.", "Enough for {v}."),
        _field(source, "vegetarian", "boolean", yes, "It is vegetarian." if yes else "It is not vegetarian."),
        _field(source, source.pick(("author", "cook", "chef")), "string", source.name(), "The cook is {v}.", "By {v}."),
    ]  # fmt: skip
    return _together(
        source,
        fields,
        0.5,
        "{0} is easy to cook.",
    )


def _made_up(source: Source) -> list[Field]:
    """Fields nobody has seen: the sentence names the field, the value must be copied."""
    fields: list[Field] = []
    for _ in range(source.number(3, 7)):
        name = (
            source.coin()
            if source.chance(0.6)
            else f"{source.coin()}_{source.pick(('id', 'level', 'name', 'count', 'type'))}"
        )
        said = name.replace("_", " ")
        kind = source.pick(("string", "string", "string", "integer", "number", "boolean", "array"))
        value: Any = source.pick(
            (source.coin(), source.coin().capitalize(), source.code(), source.city(), source.note(), source.full_name())
        )
        spoken = None
        if kind == "integer":
            value = source.number(0, source.pick((20, 500, 90000)))
        elif kind == "number":
            value = source.decimal()
        elif kind == "boolean":
            value = source.chance(0.5)
            spoken = source.pick(("yes", "true", "on")) if value else source.pick(("no", "false", "off"))
        elif kind == "array":
            value = list(dict.fromkeys(source.coin() for _ in range(source.number(1, 4))))
            spoken = spoken_list(value)
        fields.append(
            _field(
                source,
                name,
                kind,
                value,
                f"The {said} is {{v}}.",
                f"{said}: {{v}}.",
                f"As {said} we have {{v}}.",
                f"The {said} was set to {{v}}.",
                said=spoken,
            )
        )
    return fields


_DOMAINS = (_person, _person, _order, _event, _product, _trip, _recipe, _made_up, _made_up)
_FILLER = (
    "Thank you very much!", "Best regards.", "It was a sunny day.", "Please let me know.", "More news soon.", "We are very happy.",
    "I hope you are well.", "Hello!", "Dear all,", "Have a nice day.", "This is important.", "That is all for now.",
)  # fmt: skip
_PROSE = (
    "(Extract|Extract|Pull out|Find|Get|Take|Read|Pick out|Identify|Collect|Grab|Please extract|Please find|Can you extract|Look for|Copy) (the fields |the values |the keys |the |the following: ||||){f} (from|from|in|out of) (this|the|the following|my) (text|text|message|note|sentence|email|paragraph)(| as JSON| as JSON| as a JSON object| in JSON format| in JSON| and answer in JSON| and return JSON|, JSON only| and write them as JSON|. Answer with JSON only|. Answer as JSON|. Reply only with JSON|. Reply with JSON|. JSON only, please|. Output JSON|. Only JSON|. Return JSON| and put them into JSON| into a JSON object).",
    "(Return|Give me|Write|Produce|Make|Create|Output|I need|I want|Answer with|Reply with|Build|Respond with|Show me) (JSON|JSON|a JSON object|only JSON|one JSON object|a JSON) (with|with|with the keys|with the fields|that has|containing|that contains|for|of) {f}(| from the text| from the text| from this text| for the text| based on the text| from the message below).",
    "(Turn|Convert|Change|Parse|Put|Translate|Transform|Rewrite|Please turn|Please convert) (this|the|the following) (text|text|message|note|sentence) (into|to|into) (JSON|JSON|a JSON object) (with|with|with the fields|with the keys|using the keys|having) {f}.",
    "(Give me|I need|I want|Show me|Tell me|Put|Write|List|Return) {f} (as JSON|as JSON|as a JSON object|in JSON|into JSON|in JSON format)(|, please| only|, nothing else).",
    "What (are|is) {f}? (Answer as JSON|Reply in JSON|JSON, please|Use JSON|Answer in JSON|Give JSON).",
    "(Fields|Keys|Wanted|Extract|JSON fields|Needed): {f}. (Answer with JSON|Output JSON|Format: JSON|As JSON|Reply with JSON only|Write JSON).",
    "(Extract|Get|Read) (the data|the information|the details|the facts|all data) (from the text |from this text |)(as|into|and write) JSON with {f}.",
    "JSON with {f}, please.",
    "(Read|Look at) the text and (return|write|give me|make|answer with) (a JSON object|JSON) with (the keys |the fields ||){f}.",
)  # fmt: skip
_SCHEMA = (
    "(Extract|Get|Read|Take|Find|Please extract|Pull) the (data|data|information|details|facts|fields|values) (from the text |from this text ||)(as JSON|as JSON|in JSON|into JSON) (that matches|matching|that follows|following|according to|valid for|that fits|with) (this|the|the following) (JSON schema|schema): {s}",
    "(Answer|Reply|Respond|Please answer|Answer only|Reply only|Respond only) with (JSON|JSON|a JSON object|valid JSON|one JSON object) (that matches|that matches|matching|that follows|following|according to|that fits|that conforms to|for) (this|the following|the) (JSON schema|schema):(\n| |\n\n){s}",
    "(JSON schema|Schema|Output schema|Format|Format|format|FORMAT|The format|Format of the JSON|Use this format|Form|Answer format|Expected output|Output format|JSON Schema of the answer): {s}",
    "The (answer|output|reply|JSON|result) (must|should|has to) (match|follow|fit|conform to|satisfy) (this|the following) (JSON schema|schema):(\n| ){s}",
    "(Fill in|Fill|Use|Follow|Apply) (this|the following) (JSON schema|schema)( from the text| for the answer| with the text||):(\n| ){s}",
    "(Return|Write|Produce|Output|Give me|Make) (JSON|a JSON object|only JSON) (matching|that matches|for|following|with) (this|the|the following) (JSON schema|schema):(\n| ){s}",
    "(Turn|Convert|Parse) the text into JSON (with|for|by|that matches) (this|the following) (JSON schema|schema):(\n| ){s}",
)  # fmt: skip
_EXAMPLE = (
    "(Extract|Get|Read|Take) the (data|information|details|fields) (from the text |)as JSON(, like this|, for example| like this| in this form| in the same form|. Example): {e}",
    "(Answer|Reply|Respond) (with|only with|in) JSON (in this form|like this|in this format|of this shape|like in this example):(\n| ){e}",
    "(Example|Example of the output|Example output|Sample|Output example|Format|The output looks like this|Form): {e}",
    "(Turn|Convert|Parse|Put) the text into JSON(. Example| like this|. Use this form|, for example):(\n| ){e}",
    "Use the same (keys|fields|names) as (here|in this example|this JSON): {e}",
    "(Return|Write|Give me|Output|Produce) (JSON|a JSON object) (like|in the form|of the form|similar to|such as) {e}",
    "(Fill in|Fill|Complete) this (JSON|JSON object|form|template)( with the text| from the text||): {e}",
)  # fmt: skip
_LAYOUTS = (
    "{i}\n\n{t}",
    "{i}\n\nText: {t}",
    "{i}\n{t}",
    '{i}\n\n"{t}"',
    "{t}\n\n{i}",
    "Text: {t}\n\n{i}",
    "{i} Text: {t}",
)


def json_schema(source: Source, fields: list[Field], missing: set[str]) -> dict[str, Any]:
    """Return the schema of these fields, in the shapes that pydantic and people write."""
    titled = source.chance(0.2)
    properties: dict[str, Any] = {}
    for name, kind, _, _ in fields:
        schema: dict[str, Any] = {"type": kind}
        if kind == "array":
            schema["items"] = {"type": "string"}
        if name in missing:
            schema = (
                {"type": [kind, "null"]}
                if source.chance(0.6) and kind != "array"
                else {"anyOf": [schema, {"type": "null"}]}
            )
        if titled:
            schema = {"title": name.replace("_", " ").title(), **schema}
        properties[name] = schema
    whole: dict[str, Any] = {"type": "object", "properties": properties, "required": [name for name, *_ in fields]}
    if titled:
        whole = {
            "properties": properties,
            "required": whole["required"],
            "title": source.coin().capitalize(),
            "type": "object",
        }
    if source.chance(0.15):
        whole["additionalProperties"] = False
    return whole


def _placeholder(source: Source, kind: str) -> Any:
    match kind:
        case "integer":
            return source.number(0, 99)
        case "number":
            return source.decimal()
        case "boolean":
            return source.chance(0.5)
        case "array":
            return source.pick((["..."], [source.coin(), source.coin()], ["a", "b"]))
    return source.pick(("...", "string", source.coin(), source.word("name")))


def extraction(source: Source) -> dict[str, Any]:
    """Return {'instruction', 'text', 'answer', 'system'}: the request in parts and the JSON text that is right."""
    domain = source.pick(_DOMAINS)
    fields = list({field[0]: field for field in domain(source)}.values())
    told = fields
    # Fields without a sentence of their own are told by the first one's, so all of these are told together.
    core = max((index + 1 for index, field in enumerate(fields) if not field[3]), default=0)
    told = fields[:core] + source.some(fields[core:], source.number(0 if core > 1 else 2, 5))
    wanted = source.some(told, source.number(1, min(5, len(told))))
    missing: set[str] = set()
    if source.chance(0.2):
        absent = [field for field in fields if field not in told]
        if absent:
            name, kind, _, _ = source.pick(absent)
            wanted.insert(source.number(0, len(wanted)), (name, kind, None, ""))
            missing.add(name)
    if source.chance(0.6):
        order = {field[0]: index for index, field in enumerate(fields)}
        told = sorted(told, key=lambda field: order[field[0]])
    sentences = [field[3] for field in told if field[3]]
    if source.chance(0.35):
        sentences.insert(source.number(0, len(sentences)), source.pick(_FILLER))
    if source.chance(0.2):
        sentences.append(source.pick(_FILLER))
    text = " ".join(sentences)
    form = source.random.random()
    if form < 0.42:
        names = [f'"{field[0]}"' if source.chance(0.1) else field[0] for field in wanted]
        if source.chance(0.3):
            names = [f"{name} ({kind})" for name, (_, kind, _, _) in zip(names, wanted, strict=True)]
        listed = ", ".join(names) if source.chance(0.4) else spoken_list(names)
        instruction = source.expand(_PROSE).format(f=listed)
        if missing and source.chance(0.7):
            instruction += source.pick(
                (
                    " Use null if something is missing.",
                    " Missing values are null.",
                    " If a field is not in the text, write null.",
                )
            )
    elif form < 0.8:
        schema = json_schema(source, wanted, missing)
        style = source.random.random()
        dumped = (
            json.dumps(schema, indent=2)
            if style < 0.1
            else json.dumps(schema, separators=(",", ":") if style < 0.3 else None)
        )
        instruction = source.expand(_SCHEMA).format(s=dumped)
    else:
        example = {name: _placeholder(source, kind) for name, kind, _, _ in wanted}
        instruction = source.expand(_EXAMPLE).format(e=json.dumps(example))
    answer = json.dumps({name: value for name, _, value, _ in wanted}, ensure_ascii=False)
    return {"instruction": instruction, "text": text, "answer": answer}


def extraction_turn(source: Source) -> tuple[str, str]:
    """Return (request, JSON)."""
    made = extraction(source)
    return source.pick(_LAYOUTS).format(i=made["instruction"], t=made["text"]), made["answer"]


def extraction_conversation(source: Source) -> dict[str, Any]:
    """Return a conversation that extracts once or a few times, the instruction sometimes in the system message."""
    if source.chance(0.2):
        made = extraction(source)
        messages = [
            {
                "role": "system",
                "content": source.pick(
                    ("{i}", "You are a helpful assistant. {i}", "You extract data from text. {i}", "{i}")
                ).format(i=made["instruction"]),
            }
        ]
        messages += [{"role": "user", "content": made["text"]}, {"role": "assistant", "content": made["answer"]}]
        return {"messages": messages, "kind": "extraction"}
    messages = []
    for _ in range(source.pick((1, 1, 1, 2))):
        question, answer = extraction_turn(source)
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "kind": "extraction"}


_CREATE = (
    ("recipe", ("A quick pasta", "A recipe for {f}", "Something with {f}", "A simple soup", "Dinner with {f}", "A recipe, please")),
    ("person", ("Make up a person", "Invent a character", "A character called {n}", "A new user", "Somebody from {c}")),
    ("book", ("Recommend a book", "Invent a book about {t}", "A book for children", "A book about {t}")),
    ("place", ("A nice place to visit", "Describe {c}", "A trip to {c}", "A city")),
)  # fmt: skip


def creation_conversation(source: Source) -> dict[str, Any]:
    """Return a conversation that asks for a new object of some schema, which any sensible values satisfy."""
    theme, requests = source.pick(_CREATE)
    food, name, city, thing = source.word("food"), source.name(), source.city(), source.word("thing")
    request = source.pick(requests)
    foods = source.some(source.lists["food"], 3)
    if "{f}" in request:
        foods = [food, *(one for one in foods if one != food)]
    values: dict[str, Any] = {
        "recipe": {
            "title": f"{food.capitalize()} soup" if "{f}" in request else source.pick(("Quick pasta", "Simple soup", "Fresh salad")),
            "name": f"Simple {food}",
            "ingredients": foods,
            "steps": ["Cut everything.", "Cook it slowly.", "Serve warm."],
            "minutes": source.pick((10, 15, 20, 30)),
            "servings": source.pick((2, 4)),
            "vegetarian": True,
        },
        "person": {"name": name, "age": source.number(20, 60), "city": city, "job": source.word("job"), "hobbies": ["reading", "music"], "email": f"{name.lower()}@example.com", "active": True},
        "book": {"title": f"The {thing}" if "{t}" in request else "The quiet river", "author": source.full_name(), "year": source.number(1950, 2024), "pages": source.number(80, 400), "genre": "novel", "rating": source.number(3, 5)},
        "place": {"name": city, "city": city, "country": source.pick(("Norway", "Italy", "Japan", "Spain")), "population": source.number(2, 900) * 1000, "sights": ["old town", "harbour"], "description": "A nice place by the water."},
    }[theme]  # fmt: skip
    wanted = source.some(list(values), source.number(2, 5))
    types = {str: "string", int: "integer", bool: "boolean", list: "array"}
    fields: list[Field] = [(key, types[type(values[key])], values[key], "") for key in wanted]
    schema = json.dumps(json_schema(source, fields, set()))
    instruction = source.expand(_SCHEMA).format(s=schema)
    said = request.format(f=food, n=name, c=city, t=f"a {thing}")
    answer = json.dumps({key: values[key] for key in wanted})
    if source.chance(0.4):
        messages = [{"role": "system", "content": instruction}, {"role": "user", "content": said}]
    else:
        messages = [
            {
                "role": "user",
                "content": source.pick(
                    (f"{said}\n\n{instruction}", f"{said}. {instruction}", f"{instruction}\n\n{said}")
                ),
            }
        ]
    return {"messages": [*messages, {"role": "assistant", "content": answer}], "kind": "creation"}
