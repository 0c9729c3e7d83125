"""Tools and a request for each: made-up ones by the thousand, and the usual ones people try first.

Names, descriptions, parameter order and the tools offered beside all vary, so that no single tool can be learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parameters import STRING_KINDS, Parameter, make_parameter
from words import Source, article

# verb in the tool's name: what a user says instead
_VERBS: dict[str, tuple[str, ...]] = {
    "get": ("get", "show me", "fetch", "give me"), "find": ("find", "look for", "find me"), "search": ("search", "search for", "look up"),
    "list": ("list", "show all of", "list all of"), "create": ("create", "make", "set up"), "add": ("add", "add", "put in"),
    "delete": ("delete", "remove", "erase"), "update": ("update", "change", "edit"), "send": ("send", "send", "deliver"),
    "book": ("book", "reserve", "book"), "cancel": ("cancel", "call off", "cancel"), "start": ("start", "launch", "run"),
    "stop": ("stop", "halt", "end"), "open": ("open", "open up", "open"), "close": ("close", "shut", "close"),
    "turn_on": ("turn on", "switch on", "turn on"), "turn_off": ("turn off", "switch off", "turn off"), "play": ("play", "play", "put on"),
    "pause": ("pause", "pause", "hold"), "check": ("check", "check", "look at"), "track": ("track", "follow", "track"),
    "schedule": ("schedule", "plan", "schedule"), "order": ("order", "buy", "order"), "count": ("count", "count", "count up"),
    "save": ("save", "store", "save"), "share": ("share", "share", "pass on"), "print": ("print", "print out", "print"),
    "download": ("download", "download", "pull"), "upload": ("upload", "upload", "push"), "lock": ("lock", "lock", "lock up"),
    "unlock": ("unlock", "unlock", "unlock"), "rate": ("rate", "rate", "give a rating to"), "rename": ("rename", "rename", "rename"),
    "move": ("move", "move", "shift"), "copy": ("copy", "copy", "duplicate"), "approve": ("approve", "approve", "accept"),
    "reject": ("reject", "reject", "refuse"), "pay": ("pay", "pay", "settle"), "clean": ("clean", "clean", "clean up"),
    "repair": ("repair", "fix", "repair"), "set": ("set", "set", "adjust"), "measure": ("measure", "measure", "gauge"),
    "feed": ("feed", "feed", "feed"), "paint": ("paint", "paint", "paint"), "call": ("call", "call", "ring"),
    "register": ("register", "sign up", "register"), "archive": ("archive", "archive", "put away"), "test": ("test", "test", "try"),
}  # fmt: skip
_POLITE = ("{r}!", "Let us {r}.", "{r} for me.", "Hi! {r}.", "Hello, can you {r}?", "I'd like you to {r}.", "Time to {r}.", "We have to {r}.", "It would be great if you could {r}.", "Could you please {r}?", "{r} now", "Use a tool to {r}.", "Go and {r}.", "I have to {r}.", "My boss wants me to {r}.", "Thanks. Now {r}.", "{r}.", "{r}.", "Please {r}.", "Can you {r}?", "Could you {r}?", "I want you to {r}.", "I need you to {r}.", "{r}, please.", "Would you {r}?", "Hey, {r}.", "I would like to {r}.", "Now {r}.", "{r}")  # fmt: skip

_POLITE_BEFORE = ("Please ", "It is late. ", "I am busy, so ", "I am back. ", "My hands are full: ", "One more thing: ", "Listen, ", "It is warm today. ", "I am at home. ", "Hi, ", "Hello! ", "ok, ", "And ", "Thanks! Now ", "Quick question: ", "Hey, ", "Now ", "Also, ", "I wonder, ", "Good morning, ")  # fmt: skip

# The usual suspects: name, description, (kind, parameter, said with), requests, result keys.
_USUAL: tuple[tuple[str, str, tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("get_weather", "Get the current weather for a city", (("city", "city"),), ("What is the weather in {city}?", "Weather in {city}?", "How is the weather in {city}?", "Is it raining in {city}?", "How warm is it in {city}?", "Tell me the weather in {city}."), ("temperature", "condition")),
    ("get_weather", "Look up the weather at a place", (("city", "location"), ("enum:celsius,fahrenheit", "unit")), ("What is the weather in {location} in {unit}?", "Weather in {location}, in {unit} please.", "How warm is it in {location}? Use {unit}."), ("temperature", "condition")),
    ("get_forecast", "Weather forecast for some days", (("city", "city"), ("count", "days")), ("What is the forecast for {city} for the next {days} days?", "Give me a {days} day forecast for {city}.", "Will it rain in {city} in the next {days} days?"), ("forecast",)),
    ("get_time", "Get the current time in a city", (("city", "city"),), ("What time is it in {city}?", "Time in {city}?", "Tell me the time in {city}."), ("time",)),
    ("send_email", "Send an email", (("email", "to"), ("title", "subject"), ("text", "body")), ('Send an email to {to} with the subject "{subject}" and the text "{body}".', 'Write an email to {to}. Subject: {subject}. Text: {body}', 'Email {to}: "{body}", subject "{subject}".'), ("status", "id")),
    ("send_message", "Send a message to a person", (("person", "recipient"), ("text", "text")), ("Send {recipient} a message: {text}", 'Tell {recipient} "{text}".', 'Write to {recipient}: "{text}"', 'Text {recipient} that says "{text}".'), ("status",)),
    ("convert_currency", "Convert money from one currency to another", (("price", "amount"), ("currency", "from"), ("currency", "to")), ("Convert {amount} {from} to {to}.", "How much is {amount} {from} in {to}?", "What are {amount} {from} in {to}?"), ("result",)),
    ("translate", "Translate a text into another language", (("text", "text"), ("language", "language")), ('Translate "{text}" into {language}.', "How do you say '{text}' in {language}?", "Translate into {language}: {text}"), ("translation",)),
    ("set_timer", "Start a timer", (("minutes", "minutes"),), ("Set a timer for {minutes} minutes.", "Timer: {minutes} minutes.", "Wake me in {minutes} minutes.", "Start a {minutes} minute timer."), ("status",)),
    ("create_reminder", "Create a reminder", (("text", "text"), ("time", "time")), ('Remind me to "{text}" at {time}.', "Reminder at {time}: {text}", 'Create a reminder "{text}" for {time}.'), ("status", "id")),
    ("add", "Add two numbers", (("decimal", "a"), ("decimal", "b")), ("What is {a} plus {b}?", "Add {a} and {b}.", "{a} + {b}", "Calculate {a} + {b}."), ("result",)),
    ("multiply", "Multiply two numbers", (("count", "a"), ("count", "b")), ("What is {a} times {b}?", "Multiply {a} by {b}.", "{a} * {b}", "Calculate {a} * {b}."), ("result",)),
    ("calculator", "Evaluate an arithmetic expression", (("expression", "expression"),), ("What is {expression}?", "Calculate {expression}.", "Compute {expression}", "{expression} = ?"), ("result",)),
    ("search_web", "Search the web", (("coin", "query"),), ("Search the web for {query}.", "Look up {query} on the web.", "Google {query}.", "Find pages about {query}."), ("title", "url")),
    ("get_stock_price", "Current price of a share", (("company", "company"),), ("What is the stock price of {company}?", "How much is a share of {company}?", "Price of {company} shares?"), ("price",)),
    ("book_table", "Book a table in a restaurant", (("company", "restaurant"), ("count", "people"), ("time", "time")), ("Book a table at {restaurant} for {people} people at {time}.", "Reserve a table for {people} at {restaurant}, {time}."), ("status", "id")),
    ("play_music", "Play music by an artist", (("person", "artist"),), ("Play something by {artist}.", "Play {artist}.", "I want to hear {artist}."), ("title", "status")),
    ("set_light", "Change a lamp", (("enum:kitchen,bedroom,garden,office", "room"), ("percent", "brightness")), ("Set the {room} light to {brightness} percent.", "Dim the lamp in the {room} to {brightness}%.", "Light in the {room}: {brightness}%"), ("status",)),
    ("roll_dice", "Roll dice with some number of sides", (("count", "sides"),), ("Roll a dice with {sides} sides.", "Roll a {sides}-sided die.", "Throw a dice, {sides} sides."), ("result",)),
    ("create_event", "Put an event into the calendar", (("title", "title"), ("date", "date"), ("time", "time")), ('Create an event "{title}" on {date} at {time}.', "Put {title} into my calendar for {date}, {time}.", 'Add "{title}" to the calendar on {date} at {time}.'), ("id", "status")),
    ("get_population", "Number of people in a city or country", (("city", "place"),), ("How many people live in {place}?", "What is the population of {place}?"), ("population",)),
    ("find_flights", "Find flights between two cities", (("city", "origin"), ("city", "destination"), ("date", "date")), ("Find flights from {origin} to {destination} on {date}.", "I want to fly from {origin} to {destination} on {date}."), ("flight", "price")),
    ("add_todo", "Add a task to the list", (("text", "task"),), ('Add "{task}" to my list.', "New task: {task}", 'Put "{task}" on my to-do list.'), ("status", "id")),
    ("read_file", "Read a file", (("path", "path"),), ("Read the file {path}.", "What is in {path}?", "Show me {path}."), ("content",)),
    ("get_news", "Latest news about a topic", (("coin", "topic"),), ("What is new about {topic}?", "Any news on {topic}?", "Show me the news about {topic}.", "News: {topic}"), ("title", "date")),
    ("find_restaurant", "Find a restaurant", (("enum:italian,indian,thai,mexican,french", "cuisine"), ("city", "city")), ("Find an {cuisine} restaurant in {city}.", "Where can I eat {cuisine} food in {city}?", "I am hungry. {cuisine} food in {city}?"), ("name", "score")),
    ("define_word", "Meaning of a word", (("coin", "word"),), ("What does {word} mean?", "Define {word}.", "What is the meaning of {word}?"), ("result",)),
    ("create_note", "Save a note", (("title", "title"), ("text", "content")), ('Save a note called "{title}": {content}', 'Note "{title}" with the text "{content}".', 'Write down "{content}" under {title}.'), ("id", "status")),
    ("set_alarm", "Set an alarm clock", (("time", "time"),), ("Wake me up at {time}.", "Set an alarm for {time}.", "Alarm at {time}, please."), ("status",)),
    ("call_contact", "Call a person on the phone", (("person", "name"),), ("Call {name}.", "Ring {name} for me.", "I want to talk to {name}.", "Phone {name}, please."), ("status",)),
    ("get_directions", "Directions from one place to another", (("city", "origin"), ("city", "destination"), ("enum:car,train,bike,bus", "mode")), ("How do I get from {origin} to {destination} by {mode}?", "Directions from {origin} to {destination} by {mode}.", "By {mode} from {origin} to {destination}."), ("duration", "total")),
    ("order_pizza", "Order a pizza", (("enum:small,medium,large", "size"), ("item", "topping")), ("Order a {size} pizza with {topping}.", "I would like a {size} pizza with {topping}.", "One {size} pizza, {topping} on top."), ("id", "price")),
    ("convert_units", "Convert a measure from one unit to another", (("decimal", "value"), ("enum:km,miles,meters,feet", "from_unit"), ("enum:inches,yards,cm", "to_unit")), ("Convert {value} {from_unit} to {to_unit}.", "How many {to_unit} are {value} {from_unit}?", "{value} {from_unit} in {to_unit}"), ("result",)),
    ("random_number", "A random number in a range", (("count", "min"), ("count", "max")), ("Give me a random number between {min} and {max}.", "Pick a number from {min} to {max}.", "Random number, {min} to {max}"), ("result",)),
    ("get_user", "Look up a user", (("code", "id"),), ("Who is user {id}?", "Show me user {id}.", "Get the user with id {id}."), ("name", "place")),
    ("delete_file", "Delete a file", (("path", "path"),), ("Delete {path}.", "Remove the file {path}.", "Throw away {path}, please."), ("status",)),
    ("write_file", "Write text into a file", (("path", "path"), ("text", "content")), ('Write "{content}" to {path}.', 'Save "{content}" in the file {path}.', 'Put the text "{content}" into {path}.'), ("status",)),
    ("search_products", "Search the shop", (("item", "query"), ("price", "max_price")), ("Find {query} under {max_price} euros.", "Show me {query} for less than {max_price}.", "I want to buy {query}, at most {max_price}."), ("name", "price")),
    ("track_package", "Where a parcel is", (("code", "tracking_number"),), ("Where is my package {tracking_number}?", "Track {tracking_number}.", "Has parcel {tracking_number} arrived?"), ("status", "place")),
    ("book_hotel", "Book a hotel room", (("city", "city"), ("date", "check_in"), ("count", "nights")), ("Book a hotel in {city} from {check_in} for {nights} nights.", "I need a room in {city} on {check_in}, {nights} nights.", "Hotel in {city}, {nights} nights, starting {check_in}."), ("id", "price")),
    ("subtract", "Subtract b from a", (("decimal", "a"), ("decimal", "b")), ("What is {a} minus {b}?", "{a} - {b}", "Compute {a} minus {b}."), ("result",)),
    ("divide", "Divide two numbers", (("decimal", "a"), ("decimal", "b")), ("What is {a} divided by {b}?", "{a} / {b}", "Divide {a} by {b}."), ("result",)),
    ("calculate_tip", "Tip for a bill", (("price", "bill"), ("percent", "percent")), ("What is a {percent} percent tip on {bill}?", "Tip of {percent}% for a bill of {bill}."), ("result",)),
    ("is_prime", "Whether a number is prime", (("count", "number"),), ("Is {number} a prime number?", "Is {number} prime?", "Check if {number} is prime."), ("result",)),
    ("create_ticket", "Open a support ticket", (("title", "title"), ("enum:low,medium,high", "priority")), ('Open a {priority} priority ticket: {title}', 'Create a ticket "{title}" with {priority} priority.', "New ticket, {priority}: {title}"), ("id", "status")),
    ("play_song", "Play a song", (("title", "title"), ("person", "artist")), ('Play "{title}" by {artist}.', "Put on {title} by {artist}.", "I want to listen to {title} from {artist}."), ("status",)),
    ("get_distance", "Distance between two places", (("city", "a"), ("city", "b")), ("How far is it from {a} to {b}?", "Distance between {a} and {b}?", "What is the distance from {a} to {b}?"), ("total", "duration")),
    ("get_capital", "Capital of a country", (("city", "country"),), ("What is the capital of {country}?", "Capital of {country}?"), ("name",)),
    ("list_files", "List the files in a folder", (("path", "directory"),), ("What files are in {directory}?", "List {directory}.", "Show the files in {directory}."), ("names", "count")),
    ("get_battery", "Battery level of the device", (), ("How full is my battery?", "Battery level?", "Check the battery.", "How much battery is left?"), ("result",)),
    ("get_date", "Today's date", (), ("What day is it today?", "What is the date?", "Today's date, please."), ("date",)),
    ("get_location", "Where the user is", (), ("Where am I?", "What is my location?", "Find out where I am."), ("place",)),
    ("lock_doors", "Lock all doors of the house", (), ("Lock the doors.", "Please lock all doors.", "Lock up the house."), ("status",)),
    ("get_user_email", "Email address of a person", (("person", "name"),), ("What is the email of {name}?", "Email address of {name}?", "How can I write to {name}?"), ("result",)),
    ("set_thermostat", "Set the heating", (("enum:kitchen,bedroom,office,bathroom", "room"), ("count", "temperature")), ("Set the {room} to {temperature} degrees.", "Make the {room} {temperature} degrees warm.", "Heat the {room} to {temperature}."), ("status",)),
    ("add_to_cart", "Put a product into the cart", (("item", "product"), ("count", "quantity")), ("Add {quantity} {product} to my cart.", "Put {quantity} {product} into the cart.", "I will take {quantity} {product}."), ("total",)),
    ("schedule_meeting", "Plan a meeting with somebody", (("person", "person"), ("date", "date"), ("time", "time")), ("Schedule a meeting with {person} on {date} at {time}.", "Meeting with {person}, {date}, {time}.", "Set up a call with {person} on {date} at {time}."), ("id", "status")),
    ("count_letters", "Count the letters of a word", (("coin", "word"),), ("How many letters are in {word}?", "Count the letters in {word}.", "How long is the word {word}?"), ("count",)),
    ("open_url", "Open a web page", (("url", "url"),), ("Open {url}.", "Go to {url}.", "Show me the page {url}."), ("title",)),
    ("set_temperature", "Change the temperature of a room", (("room", "room"), ("decimal", "degrees")), ("Make it {degrees} degrees in the {room}.", "Heat the {room} to {degrees} degrees.", "{degrees} degrees in the {room}, please.", "The {room} should have {degrees} degrees.", "It is cold in the {room}, make it {degrees}."), ("status",)),
    ("turn_on_lamp", "Switch on the lamp of a room", (("room", "room"),), ("Light in the {room}!", "I need light in the {room}.", "The {room} is dark, put the lamp on.", "Switch on the {room} lamp.", "Lamp on in the {room}, please.", "I cannot see anything in the {room}."), ("status",)),
    ("turn_off_lamp", "Switch off the lamp of a room", (("room", "room"),), ("No light in the {room}, please.", "Lamp off in the {room}.", "Make the {room} dark.", "I leave the {room}, put the lamp out."), ("status",)),
    ("open_blinds", "Open the blinds in a room", (("room", "room"),), ("Let the sun into the {room}.", "Open the blinds in the {room}.", "Blinds up in the {room}."), ("status",)),
    ("rename_path", "Give a file another name", (("path", "path"), ("path", "new_name")), ("Change the name of {path} to {new_name}.", "{path} should be called {new_name}.", "Call {path} {new_name} from now on.", "Rename the file {path} into {new_name}."), ("status",)),
    ("copy_path", "Copy a file", (("path", "source"), ("path", "target")), ("Copy {source} to {target}.", "Make a copy of {source} called {target}.", "Duplicate {source} as {target}."), ("status",)),
    ("search_trips", "Find connections between two cities on a day", (("city", "from"), ("city", "to"), ("date", "date")), ("I want to go from {from} to {to} on {date}.", "How do I get to {to} from {from} on {date}?", "A train from {from} to {to}, {date}.", "{from} to {to} on {date}, please.", "Travel from {from} to {to} on {date}."), ("code", "price")),
    ("find_offers", "Search the products of the shop", (("item", "query"), ("price", "max_price")), ("I need {query}, not more than {max_price} euros.", "Is there {query} under {max_price}?", "Look for {query} up to {max_price} euros.", "Show {query} that cost at most {max_price} euros."), ("name", "price")),
    ("add_product", "Put something into the basket", (("item", "product"), ("count", "quantity")), ("{quantity} {product}, please.", "I take {quantity} {product}.", "{quantity} times {product} into my basket.", "Order {quantity} of {product}."), ("total",)),
    ("get_phone_number", "Telephone number of a person", (("person", "name"),), ("How can I reach {name}?", "Which number has {name}?", "I want to phone {name}, what is the number?", "The phone number of {name}, please."), ("result",)),
    ("post_message", "Write to somebody in the chat", (("person", "user"), ("text", "message")), ('Tell {user}: {message}', 'Let {user} know: "{message}"', 'Message for {user}: {message}', 'Write {user} "{message}".'), ("status",)),
    ("send_letter", "Send an email", (("email", "recipient"), ("title", "subject"), ("text", "body")), ('Mail {recipient} about "{subject}": {body}', 'Write to {recipient}, subject "{subject}", text "{body}".', 'Send "{body}" to {recipient} with the subject {subject}.', 'An email to {recipient}, please. Subject: {subject}. It says: {body}'), ("status", "id")),
    ("set_reminder", "Remind the user later", (("text", "what"), ("time", "when")), ("At {when} I have to {what}, remind me.", "Do not let me forget to {what} at {when}.", "Remind me at {when}: {what}", "{when}: {what}. Remind me."), ("status",)),
    ("play_station", "Play a radio station", (("company", "station"),), ("Put {station} on.", "I want to hear {station}.", "Radio: {station}", "Turn on {station}, please."), ("status",)),
    ("book_room", "Reserve a hotel room", (("city", "city"), ("count", "nights")), ("{nights} nights in {city}, please.", "I stay in {city} for {nights} nights, find me a room.", "A room in {city}, {nights} nights.", "Hotel in {city} for {nights} nights."), ("id", "price")),
    ("get_temperature", "How warm it is somewhere", (("city", "city"), ("enum:celsius,fahrenheit", "unit")), ("How many degrees in {city}, in {unit}?", "Temperature in {city} in {unit}, please.", "Is it warm in {city}? Say it in {unit}.", "{city}, {unit}: how warm is it?"), ("temperature",)),
    ("run_sum", "Add two numbers", (("decimal", "a"), ("decimal", "b")), ("How much is {a} plus {b}?", "{a} and {b} together?", "The sum of {a} and {b}, please.", "Sum up {a} and {b}."), ("result",)),
    ("run_product", "Multiply two numbers", (("decimal", "a"), ("decimal", "b")), ("How much is {a} times {b}?", "The product of {a} and {b}.", "{a} multiplied by {b}?", "What do {a} times {b} make?"), ("result",)),
    ("create_invoice", "Write an invoice for a customer", (("company", "customer"), ("price", "amount")), ("Bill {customer} for {amount} euros.", "An invoice over {amount} for {customer}.", "{customer} owes us {amount}, write the invoice."), ("id",)),
    ("assign_task", "Give a task to a person", (("text", "task"), ("person", "assignee")), ('{assignee} should "{task}".', 'Give {assignee} the task "{task}".', "New task for {assignee}: {task}"), ("id", "status")),
    ("close_ticket", "Close a support ticket", (("code", "ticket"),), ("Ticket {ticket} is done.", "Close {ticket}.", "{ticket} can be closed.", "We solved ticket {ticket}."), ("status",)),
    ("run_command", "Run a program in the shell", (("coin", "command"),), ("Run {command}.", "Execute {command} in the shell.", "Start {command} for me.", "What does {command} print?"), ("result",)),
    ("get_recipe", "Find a recipe", (("item", "dish"), ("count", "people")), ("How do I cook {dish} for {people} people?", "A recipe for {dish}, we are {people}.", "{dish} for {people}, please.", "I want to cook {dish} for {people} guests."), ("title", "duration")),
    ("log_workout", "Note a workout", (("enum:running,swimming,cycling,yoga", "sport"), ("minutes", "minutes")), ("I did {minutes} minutes of {sport}.", "Log {sport}, {minutes} minutes.", "{minutes} minutes {sport} today."), ("total",)),
    ("check_availability", "Whether a person is free", (("person", "person"), ("date", "date")), ("Is {person} free on {date}?", "Can {person} meet on {date}?", "Does {person} have time on {date}?"), ("status",)),
    ("lookup_order", "Find an order by its number", (("code", "order_id"),), ("Where is my order {order_id}?", "What is the status of order {order_id}?", "Look up {order_id}."), ("status", "date")),
)  # fmt: skip
_RESULT_KEYS = (
    "id",
    "status",
    "price",
    "total",
    "count",
    "name",
    "date",
    "time",
    "temperature",
    "condition",
    "score",
    "title",
    "place",
    "colour",
    "owner",
    "duration",
    "result",
)


@dataclass
class Tool:
    """A tool and one request that it answers."""

    name: str
    description: str
    parameters: list[Parameter]
    request: str
    result_keys: tuple[str, ...]
    topic: str
    """Verb and object (or the name), so that offered neighbours can be told apart."""

    def arguments(self) -> dict[str, Any]:
        """Return the arguments the user's request implies, in the schema's order."""
        return {parameter.name: parameter.value for parameter in self.parameters if parameter.phrase}

    def declaration(self, source: Source) -> dict[str, Any]:
        """Return the tool as callers declare it, in the shapes seen in the wild."""
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {parameter.name: parameter.schema for parameter in self.parameters},
        }
        required = [parameter.name for parameter in self.parameters if parameter.required]
        if required or source.chance(0.3):
            schema["required"] = required
        if source.chance(0.15):
            schema["additionalProperties"] = False
        function = {"name": self.name, "description": self.description, "parameters": schema}
        if not self.description:
            del function["description"]
        return {"type": "function", "function": function}


def naming(source: Source) -> Naming:
    """Return how a set of tools writes its names: one separator, sometimes a common prefix, as real sets have."""
    roll = source.random.random()
    separator = "_" if roll < 0.55 else "-" if roll < 0.74 else "" if roll < 0.92 else "^"
    prefix = ""
    if source.chance(0.14):
        prefix = source.pick((source.coin(), source.coin(), source.pick(("app", "my", "api", "mcp", "home", "tool"))))
    return Naming(separator, prefix, double=source.chance(0.3), noun_first=source.chance(0.06))


@dataclass(frozen=True)
class Naming:
    """A style of names: separator `_`, `-`, `` (camelCase) or `^` (PascalCase)."""

    separator: str
    prefix: str
    double: bool
    """Two separators after the prefix, as servers' names are put before their tools'."""
    noun_first: bool

    def write(self, words: str) -> str:
        """Return 'turn on lamp' as one name."""
        parts = words.replace("_", " ").replace("-", " ").split()
        if self.separator in ("_", "-"):
            name = self.separator.join(parts)
            return f"{self.prefix}{self.separator * (1 + self.double)}{name}" if self.prefix else name
        joined = "".join(part[0].upper() + part[1:] for part in ([self.prefix] if self.prefix else []) + parts)
        return joined if self.separator == "^" else joined[0].lower() + joined[1:]

    def tool(self, source: Source, verb: str, noun: str) -> str:
        """Return the name of the tool that does this to that."""
        if source.chance(0.01):
            return source.coin()
        return self.write(f"{noun} {verb}" if self.noun_first else f"{verb} {noun}")


_IN_NOUN = "(said with the noun)"
_ASKING = ("get", "find", "search", "list", "check", "track", "count", "measure")
_QUESTIONS = (
    "what is the {n}", "how is the {n}", "where is the {n}", "do you have the {n}", "I need the {n}", "which {n} is there", "is there a {n}",
    "what about the {n}", "can I see the {n}", "I am looking for the {n}", "tell me about the {n}", "what do you know about the {n}", "{n}",
)  # fmt: skip


def _natural_phrases(source: Source, parameters: list[Parameter]) -> str:
    """Let a value that its type alone identifies be said plainly; return one that is said before the noun, or ''."""
    said = [one for one in parameters if one.phrase]
    numbers = [one for one in said if one.schema["type"] in ("integer", "number")]
    texts = [one for one in said if one.schema["type"] == "string" and "enum" not in one.schema]
    enums = [one for one in said if "enum" in one.schema]
    if len(numbers) == 1 and source.chance(0.4):
        plain = (
            "to {v}",
            "of {v}",
            "by {v}",
            "at {v}",
            "with {v}",
            "to {v} degrees",
            "for {v} people",
            "{v}",
            "{v} {p}",
        )
        numbers[0].phrase = source.pick(plain).format(v=numbers[0].value, p=numbers[0].name.replace("_", " "))
    if len(texts) == 1 and source.chance(0.35):
        texts[0].phrase = source.pick(
            ("{v}", '"{v}"', "'{v}'", "of {v}", "for {v}", "called {v}", "{v}", "with {v}", "named {v}")
        ).format(v=texts[0].value)
    if len(enums) == 1 and source.chance(0.4):
        enums[0].phrase = _IN_NOUN
        return enums[0].value
    return ""


def _tell_apart(source: Source, parameters: list[Parameter]) -> None:
    """Name the parameter where the user's words alone could mean either of two ('to Anna to Oslo')."""
    seen: set[str] = set()
    for parameter in parameters:
        first = parameter.phrase.split(" ")[0]
        if parameter.schema["type"] == "string" and first in seen:
            form = source.pick(("with {p} {v}", "{p} {v}", "{p}: {v}", "with {p} = {v}"))
            parameter.phrase = form.format(p=parameter.name.replace("_", " "), v=parameter.value)
        seen.add(first)


def made_up_tool(source: Source, style: Naming, verb: str | None = None, noun: str | None = None) -> Tool:
    """Return a tool composed of a verb, an object and up to four parameters."""
    verb = verb or source.pick(tuple(_VERBS))
    noun = noun or source.pick(
        (source.word("object"), source.word("object"), source.coin(), f"{source.coin()} {source.word('object')}")
    )
    taken: set[str] = set()
    parameters: list[Parameter] = []
    kinds = source.some(
        list(STRING_KINDS) * 1
        + ["count", "minutes", "percent", "price", "decimal", "enum", "enum", "enum", "flag", "flag", "list", "list"],
        source.pick((0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4)),
    )
    for kind in kinds:
        parameter = make_parameter(source, kind, taken)
        if parameter:
            parameters.append(parameter)
    for index, parameter in enumerate(parameters):
        if index > 0 and source.chance(0.3):
            parameter.required = False
            if source.chance(0.5):
                # Optional and not mentioned: it must stay out of the call.
                parameter.phrase = ""
    said = source.pick(_VERBS[verb])
    _tell_apart(source, parameters)
    adjective = _natural_phrases(source, parameters)
    spoken_noun = f"{adjective} {noun}" if adjective else noun
    if verb in _ASKING and source.chance(0.3):
        request = source.pick(_QUESTIONS).format(n=spoken_noun)
        question = True
    else:
        request = f"{said} {source.pick(('the', 'the', 'the', 'my', article(spoken_noun).split()[0]))} {spoken_noun}"
        question = False
    phrases = [parameter.phrase for parameter in parameters if parameter.phrase and parameter.phrase != _IN_NOUN]
    if source.chance(0.4):
        source.random.shuffle(phrases)
    for phrase in phrases:
        request += (
            ", " if phrase.startswith(("make", "set", "not", "it is", "and")) or source.chance(0.15) else " "
        ) + phrase
    lead = ""
    if len(phrases) > 1 and not question and source.chance(0.12):
        # "For Anna, at 10 am, book the table."
        lead = phrases[0][0].upper() + phrases[0][1:] + ", "
        request = request.replace(phrases[0], "", 1).replace("  ", " ").replace(" ,", ",").rstrip(" ,")
        request = lead + request
    request = (
        request + source.pick("??.") if question else request + "." if lead else source.pick(_POLITE).format(r=request)
    )
    request = request[0].upper() + request[1:] if source.chance(0.93) else request
    description = source.pick(
        (
            f"{verb.replace('_', ' ').capitalize()} {article(noun)}",
            f"{verb.replace('_', ' ').capitalize()} the {noun}.",
            f"Use this to {source.pick(_VERBS[verb])} {article(noun)}",
            f"{source.pick(_VERBS[verb]).capitalize()} {noun}s",
            f"{source.pick(_VERBS[verb]).capitalize()} the user's {noun}",
            f"{source.pick(_VERBS[verb]).capitalize()} {article(noun)} {source.pick(('by name', 'in the app', 'for a user', 'of the company', 'with options', 'and return the result'))}",
            f"Tool to {verb.replace('_', ' ')} {noun}s",
            f"This function can {source.pick(_VERBS[verb])} {article(noun)}.",
        )
    )
    name = style.tool(source, verb, noun)
    if source.chance(0.08) and noun.split()[-1] in name.lower():
        description = ""
    keys = tuple(source.some(_RESULT_KEYS, source.number(1, 3)))
    return Tool(name, description, parameters, request, keys, f"{verb} {noun}")


def _usual_parameter(source: Source, kind: str, name: str) -> Parameter:
    if kind.startswith("enum:"):
        options = kind[5:].split(",")
        return Parameter(name, {"type": "string", "enum": options}, source.pick(options), "-")
    if kind == "room":
        return Parameter(name, {"type": "string"}, source.pick(_ROOMS), "-")
    if kind == "currency":
        pool = ("EUR", "USD", "GBP", "CHF", "JPY", "SEK", "NOK", "euros", "dollars", "pounds", "francs", "yen")
        return Parameter(name, {"type": "string"}, source.pick(pool), "-")
    if kind == "expression":
        parts = [str(source.number(1, source.pick((20, 999))))]
        for _ in range(source.number(1, 3)):
            parts += [source.pick("+-*/"), str(source.number(1, source.pick((20, 999))))]
        return Parameter(name, {"type": "string"}, source.pick((" ", " ", "")).join(parts), "-")
    while True:
        made = make_parameter(source, kind, set())
        assert made is not None
        if made.name.islower():
            return Parameter(name, made.schema, made.value, "-", kind=kind)


_ROOMS = ("kitchen", "bedroom", "bathroom", "hall", "cellar", "attic", "garage", "studio", "library", "nursery", "balcony", "workshop", "guest room", "dining room", "lounge", "corridor", "terrace", "pantry", "lobby", "sauna")  # fmt: skip

# Words of usual names that others would choose: the name has to be read, not known.
_SYNONYMS = {
    "get": ("fetch", "lookup", "query", "show", "read", "check", "current"), "create": ("add", "new", "make", "save"),
    "set": ("start", "create", "change", "update"), "send": ("post", "write", "deliver"), "find": ("search", "get", "list", "lookup"),
    "search": ("find", "query", "lookup", "browse"), "add": ("create", "append", "insert", "put"), "play": ("start", "queue"),
    "book": ("reserve", "make", "order"), "convert": ("change", "exchange", "calculate"), "lookup": ("get", "find", "track", "check"),
    "delete": ("remove", "erase", "drop"), "translate": ("convert",), "read": ("open", "load", "get", "cat"), "write": ("save", "store", "create"),
    "list": ("get", "show", "all"), "order": ("buy", "request"), "call": ("phone", "dial", "ring"), "track": ("find", "follow", "check"),
}  # fmt: skip
_NOUN_SYNONYMS = {
    "email": ("mail", "letter", "message"), "weather": ("conditions", "climate", "weather_info"), "flights": ("flight", "connections", "trips", "tickets"),
    "trips": ("flights", "trains", "journeys"), "lamp": ("light", "lights", "bulb"), "light": ("lamp", "lights"), "products": ("items", "shop", "articles", "goods"),
    "offers": ("products", "articles", "items"), "product": ("item", "to_basket", "article", "to_cart"), "reminder": ("note", "alert", "notification"), "file": ("document", "text_file", "path"),
    "path": ("file", "document", "entry"), "temperature": ("heating", "degrees", "climate"), "number": ("phone", "contact"), "sum": ("add", "plus", "addition"), "station": ("radio", "channel"),
    "room": ("hotel", "stay", "accommodation"), "user": ("account", "member", "profile"), "note": ("memo", "text"), "event": ("appointment", "entry", "date"), "order": ("purchase", "delivery"),
    "message": ("text", "sms", "chat"), "letter": ("email", "mail"), "timer": ("countdown", "clock"), "music": ("song", "audio", "track"), "task": ("todo", "job"), "ticket": ("issue", "case"),
}  # fmt: skip
_PARAMETER_SYNONYMS = {
    "city": ("location", "place", "town", "where", "city_name"), "location": ("city", "place", "loc"), "days": ("num_days", "count", "n"),
    "to": ("recipient", "receiver", "to_address", "target"), "recipient": ("to", "name", "contact", "person"), "subject": ("title", "headline"),
    "body": ("text", "content", "message"), "text": ("message", "content", "body", "note", "input"), "amount": ("value", "sum", "money"),
    "language": ("target_language", "lang", "to"), "minutes": ("duration", "time", "duration_minutes", "length"), "time": ("when", "at", "start", "due"),
    "query": ("q", "search", "keywords", "question", "term"), "company": ("symbol", "name", "stock"), "people": ("guests", "seats", "party_size"),
    "artist": ("name", "singer", "band"), "room": ("place", "area", "where", "location", "room_name"), "degrees": ("temperature", "value", "target", "celsius"), "from": ("origin", "start", "source"), "new_name": ("name", "to", "target"), "max_price": ("limit", "budget", "price"), "station": ("channel", "name", "radio"), "nights": ("days", "count", "duration"), "quantity": ("amount", "count", "number"), "product": ("item", "article", "name"), "brightness": ("level", "percent"), "sides": ("faces", "n"),
    "title": ("name", "summary", "label"), "date": ("day", "when", "on"), "place": ("city", "location"), "origin": ("from", "start", "from_city"),
    "destination": ("to", "end", "to_city"), "task": ("item", "text", "todo", "title"), "path": ("file", "filename", "file_path", "name"),
    "order_id": ("id", "order_number", "order"), "expression": ("formula", "input", "expr"), "restaurant": ("name", "place", "venue"),
    "a": ("x", "first", "left"), "b": ("y", "second", "right"), "content": ("text", "data", "body"), "name": ("contact", "person", "who"),
    "word": ("term", "text"), "topic": ("subject", "about", "category"), "number": ("n", "value", "x"), "country": ("nation", "where"),
    "size": ("pizza_size", "portion"), "priority": ("level", "urgency"), "unit": ("units", "scale"),
}  # fmt: skip


def usual_tool(source: Source, style: Naming) -> Tool:
    """Return one of the tools that everybody's first example has, under the usual names or others."""
    topic, description, slots, requests, keys = source.pick(_USUAL)
    parameters = [_usual_parameter(source, kind, slot) for kind, slot in slots]
    request = source.pick(requests).format(**{parameter.name: parameter.value for parameter in parameters})
    words = topic.split("_")
    if source.chance(0.5):
        words[0] = source.pick(_SYNONYMS.get(words[0], (words[0],)))
    if source.chance(0.4):
        words[-1] = source.pick(_NOUN_SYNONYMS.get(words[-1], (words[-1],)))
    if source.chance(0.08):
        words.append(source.coin())
    name = style.write(" ".join(words))
    # 'a' and 'b' change together, into 'x' and 'y' or 'first' and 'second'.
    index = source.number(0, 2)
    for parameter in parameters if source.chance(0.6) else ():
        others = _PARAMETER_SYNONYMS.get(parameter.name, (parameter.name,))
        other = others[index] if parameter.name in ("a", "b") else source.pick(others)
        if other not in {one.name for one in parameters}:
            parameter.name = other
    if source.chance(0.3):
        source.random.shuffle(parameters)
    if source.chance(0.25):
        begins = request if request.startswith("I ") else request[0].lower() + request[1:]
        request = source.pick(_POLITE_BEFORE) + begins
    description = source.pick(
        ("{d}", "{d}", "{d}", "{d}.", "Use this to {l}", "Tool: {l}", "{d} for the user", "{l}", "")
    ).format(d=description, l=description[0].lower() + description[1:])
    return Tool(name, description, parameters, request, keys, topic)


def make_tool(source: Source, style: Naming) -> Tool:
    """Return a tool with a request for it."""
    return usual_tool(source, style) if source.chance(0.46) else made_up_tool(source, style)


def neighbours(source: Source, style: Naming, tool: Tool, count: int) -> list[Tool]:
    """Return other tools to offer; some share the verb or the object, so choosing takes reading both."""
    others: list[Tool] = []
    verb, _, noun = tool.topic.partition(" ")
    while len(others) < count:
        if noun and source.chance(0.35):
            other = made_up_tool(source, style, noun=noun)
        elif noun and source.chance(0.3):
            other = made_up_tool(source, style, verb=verb)
        else:
            other = make_tool(source, style)
        names = {tool.name, *(one.name for one in others)}
        topics = {tool.topic, *(one.topic for one in others)}
        # Verbs that mean nearly the same would make the right choice a matter of taste.
        said = set(_VERBS.get(verb, ())) & set(_VERBS.get(other.topic.partition(" ")[0], ()))
        same_family = not noun and other.topic.split("_")[-1][:6] == tool.topic.split("_")[-1][:6]
        if (
            other.name in names
            or other.topic in topics
            or same_family
            or (noun and noun in other.topic and (said or _close(verb, other.topic.split(" ")[0])))
        ):
            continue
        others.append(other)
    return others


_CLOSE = (
    {"get", "find", "search", "list", "check", "open", "track", "download", "play"}, {"create", "add", "book", "schedule", "order", "register", "start", "save", "set", "upload"},
    {"delete", "cancel", "stop", "close", "turn_off", "archive", "reject", "pause", "lock"}, {"start", "turn_on", "open", "play", "unlock"},
    {"update", "set", "rename", "move", "repair", "clean"}, {"send", "share", "call"}, {"check", "test", "measure", "count", "rate"}, {"save", "archive", "copy", "download"},
)  # fmt: skip


def _close(one: str, other: str) -> bool:
    return any(one in group and other in group for group in _CLOSE)
