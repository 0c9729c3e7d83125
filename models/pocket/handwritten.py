"""Tools and requests written by hand, as a newcomer would write them: for evaluation alone, training never sees them.

Each case is (tools, request, the one right call). A tool is written short: its name, what it does, and its parameters
as `name: type` or `name: a|b|c` for a list of allowed values.
"""

from __future__ import annotations

from typing import Any

Tool = tuple[str, str, str]

_HOME: tuple[Tool, ...] = (
    ("turn_on_light", "Turn on the light in a room", "room: string"),
    ("set_temperature", "Set the temperature of a room in degrees Celsius", "room: string, degrees: number"),
    ("play_radio", "Play a radio station", "station: string"),
)
_OFFICE: tuple[Tool, ...] = (
    ("send_mail", "Send an email", "recipient: string, subject: string, body: string"),
    ("add_reminder", "Remind the user of something", "text: string, time: string"),
    ("find_contact", "Find a person's telephone number", "name: string"),
)
_SHOP: tuple[Tool, ...] = (
    ("search-products", "Search the shop", "query: string, max_price: number"),
    ("add-to-basket", "Put a product into the basket", "product: string, quantity: integer"),
    ("track-order", "Say where an order is", "order_number: string"),
)
_TRAVEL: tuple[Tool, ...] = (
    ("searchFlights", "Search flights", "from: string, to: string, date: string"),
    ("bookHotel", "Book a hotel room", "city: string, nights: integer"),
    ("getWeather", "Current weather in a city", "city: string, unit: celsius|fahrenheit"),
)
_FILES: tuple[Tool, ...] = (
    ("fs__read_file", "Read a text file", "path: string"),
    ("fs__delete_file", "Delete a file", "path: string"),
    ("fs__rename_file", "Rename a file", "path: string, new_name: string"),
)
_SUMS: tuple[Tool, ...] = (
    ("add_numbers", "Add two numbers", "a: number, b: number"),
    ("multiply_numbers", "Multiply two numbers", "a: number, b: number"),
)

CASES: tuple[tuple[tuple[Tool, ...], str, str, dict[str, Any]], ...] = (
    (_HOME, "Turn on the light in the kitchen.", "turn_on_light", {"room": "kitchen"}),
    (_HOME, "It is dark in the hallway, switch the light on please", "turn_on_light", {"room": "hallway"}),
    (_HOME, "Set the bedroom to 19 degrees.", "set_temperature", {"room": "bedroom", "degrees": 19}),
    (_HOME, "I want 21.5 degrees in the office", "set_temperature", {"room": "office", "degrees": 21.5}),
    (_HOME, "Play Radio Bergen.", "play_radio", {"station": "Radio Bergen"}),
    (_OFFICE, "Remind me to call the dentist at 14:30.", "add_reminder", {"text": "call the dentist", "time": "14:30"}),
    (_OFFICE, "What is the number of Hannah Vogel?", "find_contact", {"name": "Hannah Vogel"}),
    (
        _OFFICE,
        'Send an email to otto@mail.test with the subject "Lunch" and the text "See you at noon".',
        "send_mail",
        {"recipient": "otto@mail.test", "subject": "Lunch", "body": "See you at noon"},
    ),
    (_SHOP, "Where is my order B-2291?", "track-order", {"order_number": "B-2291"}),
    (_SHOP, "Put 3 lamps into my basket.", "add-to-basket", {"product": "lamps", "quantity": 3}),
    (_SHOP, "Find a bicycle for less than 400 euros", "search-products", {"query": "bicycle", "max_price": 400}),
    (
        _TRAVEL,
        "Find a flight from Oslo to Madrid on 3 May.",
        "searchFlights",
        {"from": "Oslo", "to": "Madrid", "date": "3 May"},
    ),
    (_TRAVEL, "Book a hotel in Vienna for 4 nights.", "bookHotel", {"city": "Vienna", "nights": 4}),
    (_TRAVEL, "How is the weather in Lisbon in celsius?", "getWeather", {"city": "Lisbon", "unit": "celsius"}),
    (_FILES, "Read notes/today.txt", "fs__read_file", {"path": "notes/today.txt"}),
    (_FILES, "Please delete logs/old.log", "fs__delete_file", {"path": "logs/old.log"}),
    (_FILES, "Rename a.txt to b.txt.", "fs__rename_file", {"path": "a.txt", "new_name": "b.txt"}),
    (_SUMS, "What is 12 plus 30?", "add_numbers", {"a": 12, "b": 30}),
    (_SUMS, "Multiply 7 by 8.", "multiply_numbers", {"a": 7, "b": 8}),
    (_SUMS, "How much is 2.5 times 4?", "multiply_numbers", {"a": 2.5, "b": 4}),
)


def declaration(tool: Tool) -> dict[str, Any]:
    """Return a tool as callers declare it."""
    name, description, written = tool
    properties: dict[str, Any] = {}
    for parameter in written.split(", "):
        key, kind = parameter.split(": ")
        properties[key] = {"type": "string", "enum": kind.split("|")} if "|" in kind else {"type": kind}
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}
