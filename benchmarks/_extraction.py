"""Thirty-five texts of facts, and the object that each holds: written by hand, none of it from the training text.

They are short, because the pocket model is small: this is about what a constraint changes, not what a model knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal


class Priority(Enum):
    """How urgent a task is."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass
class Person:
    """Someone."""

    name: str
    age: int
    city: str


@dataclass
class Worker:
    """Someone with a job."""

    name: str
    job: str
    married: bool


@dataclass
class Order:
    """An order."""

    item: str
    quantity: int
    customer: str
    express: bool


@dataclass
class Event:
    """Something that people come to."""

    title: str
    date: str
    place: str
    guests: list[str]


@dataclass
class Product:
    """Something on sale."""

    name: str
    price: float
    colours: list[str]


@dataclass
class Trip:
    """A journey."""

    passenger: str
    origin: str
    destination: str
    bags: int


@dataclass
class Recipe:
    """A dish."""

    title: str
    ingredients: list[str]
    minutes: int


@dataclass
class Task:
    """Something to do."""

    text: str
    priority: Priority


@dataclass
class Weather:
    """The weather somewhere."""

    city: str
    degrees: float
    sky: Literal["sunny", "cloudy", "rainy"]


@dataclass
class Review:
    """A review of a product."""

    product: str
    stars: int
    mood: Literal["positive", "negative"]


@dataclass
class Contact:
    """How to reach someone."""

    name: str
    email: str
    phone: str | None


@dataclass
class Address:
    """Where something is."""

    street: str
    city: str


@dataclass
class Company:
    """A firm and where it is."""

    name: str
    address: Address
    employees: int


@dataclass(frozen=True)
class Extraction:
    """A text of facts, and the object that it holds."""

    text: str
    answer: Any

    @property
    def prompt(self) -> str:
        """What the model is asked."""
        return f"Extract the data from the text.\n\nText: {self.text}"


EXTRACTIONS: tuple[Extraction, ...] = (
    Extraction("Ludmila is 34 years old and lives in Trieste.", Person("Ludmila", 34, "Trieste")),
    Extraction("I met Casimir, who is 71, in Aarhus, his home.", Person("Casimir", 71, "Aarhus")),
    Extraction("Name: Oyelaran. Age: 19. City: Ibadan.", Person("Oyelaran", 19, "Ibadan")),
    Extraction("Gudrun from Tartu has just turned 50.", Person("Gudrun", 50, "Tartu")),
    Extraction("Petronella is a glazier. She is married.", Worker("Petronella", "glazier", married=True)),
    Extraction("Anselm works as a notary and is not married.", Worker("Anselm", "notary", married=False)),
    Extraction(
        "This is Fenella. She is an optician. She is not married.", Worker("Fenella", "optician", married=False)
    ),
    Extraction(
        "Please send 12 teapots to Wendelin. It is not urgent, no express.",
        Order("teapots", 12, "Wendelin", express=False),
    ),
    Extraction(
        "The customer Ottilie orders 3 ladders. Express delivery, please.", Order("ladders", 3, "Ottilie", express=True)
    ),
    Extraction(
        "Ordered by Balthasar: 40 candles, with express delivery.", Order("candles", 40, "Balthasar", express=True)
    ),
    Extraction(
        "Come to the Harvest Ball on 2031-10-04 in Ghent. Guests: Imke, Joost and Lieve.",
        Event("Harvest Ball", "2031-10-04", "Ghent", ["Imke", "Joost", "Lieve"]),
    ),
    Extraction(
        "The event is called Chess Night. It is on 5 March in Basel. Ruedi and Vreni will be there.",
        Event("Chess Night", "5 March", "Basel", ["Ruedi", "Vreni"]),
    ),
    Extraction(
        "We plan the Kite Festival in Dieppe on 2029-07-21. We invited Solange.",
        Event("Kite Festival", "2029-07-21", "Dieppe", ["Solange"]),
    ),
    Extraction(
        "The Kestrel Lamp costs 24.5 euros. It comes in red and green.", Product("Kestrel Lamp", 24.5, ["red", "green"])
    ),
    Extraction(
        "Product: Bramble Kettle. The price is 39.9 euros. Colours: black, white and blue.",
        Product("Bramble Kettle", 39.9, ["black", "white", "blue"]),
    ),
    Extraction(
        "The new Tundra Chair is here, only 115 euros! It comes in yellow.", Product("Tundra Chair", 115, ["yellow"])
    ),
    Extraction("Eleonore flies from Porto to Riga. There are 2 bags.", Trip("Eleonore", "Porto", "Riga", 2)),
    Extraction(
        "The passenger is Thaddeus. He goes from Lviv to Bergen with 1 bag.", Trip("Thaddeus", "Lviv", "Bergen", 1)
    ),
    Extraction("From Cork to Malaga: Sieglinde, 3 bags.", Trip("Sieglinde", "Cork", "Malaga", 3)),
    Extraction(
        "Today we cook Leek Soup. You need leeks, cream and salt. It takes 35 minutes.",
        Recipe("Leek Soup", ["leeks", "cream", "salt"], 35),
    ),
    Extraction(
        "Recipe: Plum Cake. Ingredients: plums, flour, sugar. Ready in 60 minutes.",
        Recipe("Plum Cake", ["plums", "flour", "sugar"], 60),
    ),
    Extraction(
        "The dish is Bean Salad. It is made of beans and onions. It takes 15 minutes.",
        Recipe("Bean Salad", ["beans", "onions"], 15),
    ),
    Extraction("Task: water the ferns. Priority: low.", Task("water the ferns", Priority.LOW)),
    Extraction("Task: call the plumber. Priority: high.", Task("call the plumber", Priority.HIGH)),
    Extraction("Text: pay the gas bill. The priority is normal.", Task("pay the gas bill", Priority.NORMAL)),
    Extraction("In Zadar it is 27.5 degrees and sunny.", Weather("Zadar", 27.5, "sunny")),
    Extraction("The weather in Umea: 3 degrees, rainy.", Weather("Umea", 3, "rainy")),
    Extraction("City: Cadiz. Degrees: 19. Sky: cloudy.", Weather("Cadiz", 19, "cloudy")),
    Extraction(
        "I bought the Ember Toaster. I give it 5 stars. The mood is positive.", Review("Ember Toaster", 5, "positive")
    ),
    Extraction("Product: Gale Fan. It gets 1 star. Mood: negative.", Review("Gale Fan", 1, "negative")),
    Extraction(
        "You can write to Hedda at hedda@fjord.test. Her number is 555-0147.",
        Contact("Hedda", "hedda@fjord.test", "555-0147"),
    ),
    Extraction("Name: Ivo. Email: ivo@karst.test. There is no phone.", Contact("Ivo", "ivo@karst.test", None)),
    Extraction("Meet Maud: maud@fen.test, phone 555-0162.", Contact("Maud", "maud@fen.test", "555-0162")),
    Extraction(
        "The company is Orrin Works. The street is Mill Lane, the city is Leeds. It has 80 employees.",
        Company("Orrin Works", Address("Mill Lane", "Leeds"), 80),
    ),
    Extraction(
        "Company: Velda Tools. Street: Kiln Road. City: Graz. Employees: 12.",
        Company("Velda Tools", Address("Kiln Road", "Graz"), 12),
    ),
)
