"""The words the training text is made of, and the one rule that keeps some of them for evaluation.

A word or phrasing is *held out* when its checksum says so (`is_held_out`). Training never draws a held-out one,
evaluation draws nothing else, so an evaluated name, city, tool or subject was never seen in training.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Sequence

HELD_OUT_ONE_IN = 9


def is_held_out(text: str) -> bool:
    """Say whether `text` is reserved for evaluation."""
    return zlib.crc32(text.lower().encode()) % HELD_OUT_ONE_IN == 0


_LISTS = {
    "name": """Ada Adam Alan Alex Alice Amir Amy Ana Anders Andrea Anna Anton Aria Arjun Astrid Bea Ben Bruno Carla Carlos
        Chen Chloe Clara Dana Daniel Daria David Diego Dora Edith Elena Eli Ella Emil Emma Erik Eva Farid Felix Fiona
        Frank Freya George Grace Greta Hana Hannah Hassan Hugo Ida Igor Ines Ingrid Ivan Jack James Jana Jasmin Jens Jim
        Joan John Jonas Julia Kai Karim Kate Kenji Kim Lara Lars Laura Lea Lena Leo Lily Lina Linus Lisa Louis Lucia
        Lucy Luis Maja Marco Maria Marie Mark Marta Mateo Max Maya Mei Mia Mila Mina Mohamed Nadia Nils Nina Noah Nora
        Olga Oliver Omar Oscar Otto Pablo Paul Peter Petra Pia Priya Rafael Ravi Rita Robin Rosa Ruth Sam Sara Sofia
        Stella Sven Tara Theo Thomas Tina Tom Uma Vera Victor Viola Wei Will Yara Yuki Yusuf Zara Zoe""",
    "surname": """Abbott Anderson Baker Bauer Becker Bell Berg Brown Carter Chan Clark Cohen Costa Cruz Dahl Diaz Dubois
        Evans Fischer Fox Garcia Gupta Haas Hall Hansen Hill Ito Jensen Jones Keller King Klein Kumar Lang Larsen Lee
        Lopez Lund Martin Meyer Miller Moore Mori Nguyen Novak Olsen Patel Perez Popov Reed Rossi Sato Schmidt Scott
        Silva Smith Stone Tanaka Taylor Torres Vogel Wagner Walker Weber West White Wilson Wolf Wong Wood Young""",
    "city": """Accra Amsterdam Ankara Athens Auckland Baku Bangkok Barcelona Basel Beijing Bergen Berlin Bern Bogota
        Bonn Boston Bremen Bristol Brussels Cairo Calgary Chicago Cologne Copenhagen Cork Dakar Dallas Delhi Denver Doha
        Dresden Dubai Dublin Florence Geneva Genoa Ghent Glasgow Graz Hamburg Hanoi Havana Helsinki Houston Istanbul
        Jakarta Kathmandu Kyoto Lagos Lausanne Leeds Leipzig Lima Lisbon Liverpool London Lyon Madrid Malaga Manila
        Marseille Melbourne Miami Milan Montreal Moscow Mumbai Munich Nairobi Nantes Naples Nice Osaka Oslo Ottawa
        Oxford Palermo Paris Perth Phoenix Porto Prague Quito Reykjavik Riga Rome Salzburg Santiago Seattle Seoul
        Seville Shanghai Singapore Sofia Stockholm Sydney Taipei Tallinn Tampere Tokyo Toronto Trieste Tunis Turin
        Utrecht Valencia Vancouver Venice Vienna Vilnius Warsaw York Zagreb Zurich""",
    "animal": """ant badger bat bear beaver bee beetle bird butterfly camel cat chicken cow crab crow deer dog dolphin
        donkey dragon duck eagle elephant falcon fish fox frog giraffe goat goose hamster hare hedgehog hen horse
        kitten koala lamb lion lizard lynx mole monkey moose mouse octopus otter owl panda parrot penguin pig pony
        puppy rabbit raccoon raven robin seal sheep snail sparrow spider squirrel stork swan tiger toad turtle whale
        wolf worm zebra unicorn""",
    "thing": """acorn anchor apple balloon basket bell bicycle blanket boat book bottle box bridge broom bucket button
        cake candle carpet castle chair clock cloud coat coin compass crown cup door drum engine feather fence flag
        flower flute garden gate guitar hammer harp hat hut island jar kettle key kite ladder lake lamp lantern leaf
        letter lighthouse map mirror moon mountain nest paintbrush pear pebble pen pencil piano pillow pocket puzzle
        radio ring river road robot rocket rope rose sail scarf sea shell ship shoe snowman spoon star stone stool sun
        sword table teapot telescope tent tower train tree truck trumpet tunnel umbrella violin wagon wall watch wheel
        whistle window""",
    "place": """barn bay beach cabin canyon castle cave city cliff cottage desert farm field forest garden harbour hill
        island jungle lake library market meadow mill mountain museum orchard palace park pond port river school shore
        square station swamp tower town valley village woods workshop""",
    "food": """apples bacon bananas beans beef bread broccoli burgers butter cabbage cake carrots cheese cherries chicken
        chocolate coffee cookies corn crackers cream cucumbers curry dumplings eggs fish flour garlic grapes ham honey
        jam juice lemons lentils lettuce mangoes milk mushrooms mustard noodles nuts oats olives onions oranges pancakes
        pasta peaches peanuts pears peas peppers pizza plums potatoes pumpkin raisins rice salad salmon salt sausages
        soup spinach strawberries sugar sushi tea toast tofu tomatoes tuna waffles walnuts yoghurt""",
    "colour": """amber beige black blue bronze brown coral crimson cyan gold green grey indigo ivory lilac lime magenta
        maroon navy olive orange peach pink purple red ruby scarlet silver teal turquoise violet white yellow""",
    "job": """actor architect artist baker barber builder carpenter chef clerk dancer dentist designer doctor driver
        editor engineer farmer firefighter fisher gardener guard journalist judge lawyer librarian mechanic musician
        nurse painter pilot plumber poet potter sailor scientist singer student tailor teacher translator vet waiter
        writer""",
    "hobby": """baking boxing camping chess climbing cooking cycling dancing diving drawing fishing gardening hiking
        juggling knitting painting photography pottery reading rowing running sailing sewing singing skating skiing
        surfing swimming tennis walking writing yoga""",
    "language": """Arabic Bengali Chinese Czech Danish Dutch English Finnish French German Greek Hebrew Hindi Hungarian
        Italian Japanese Korean Norwegian Polish Portuguese Russian Spanish Swedish Thai Turkish Ukrainian Urdu""",
    "company": """Acorn Alpine Apex Aurora Beacon Bluebird Bolt Cedar Cobalt Comet Copper Delta Ember Falcon Granite
        Harbor Horizon Juniper Lumen Maple Meridian Nimbus Nova Oak Orbit Pebble Pioneer Pixel Prism Quartz Raven River
        Summit Terra Vertex Willow Zenith""",
    "tag": """art budget cats code draft family finance fun garden health home ideas music notes office personal photos
        plans project reading recipes research school science sport summer team travel urgent weekend winter work""",
    "object": """account album alarm appointment archive article backup badge balance bill blog board booking bug calendar
        camera campaign card cart channel chart chat class client comment contact contract course customer deck
        delivery device dish document draft drone elevator email employee event expense fan feed file flight folder form
        gadget game garage gate group guest heater hotel image inventory invoice issue item job journal label lamp
        lesson library light list lock log machine mail meal meeting memo menu message mission movie newsletter note
        offer oven package page parcel payment permit photo plan playlist podcast poll post printer product profile
        project pump query quiz receipt recipe record refund reminder rental repair report request reservation review
        ride robot room route schedule score seat sensor server session shift shipment shop signal sprinkler station
        stock stream student survey switch table tank task team template tenant thermostat ticket timer toaster tour
        train transfer trip truck vacuum valve vehicle video visit voucher voyage webinar window workout""",
    "month": "January February March April May June July August September October November December",
    "weekday": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "animal_name": """Rex Bella Coco Milo Luna Max Rocky Daisy Nala Simba Toby Misty Oreo Pepper Shadow Ginger Biscuit
        Waffle Pickle Ziggy Bubbles Tiger Fluffy Socks Patch Snowy Buddy Honey Teddy Lucky""",
}

_ONSETS = "b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sh sk sl sn sp st str t th tr v w y z".split()
_VOWELS = "a a e e i i o o u ai ea ee ia io oa oo ou".split()
_CODAS = ["", "", "", *"b d g k l m n p r s t x ck ll lt mp nd ng nt rd rk rn sh sk st th".split()]

_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")


class Source:
    """Where a generator draws from: a random stream and the side (training or held out) of every word list."""

    def __init__(self, seed: int, held_out: bool = False, pieces: Sequence[str] = ()) -> None:
        """`pieces` are the tokenizer's letter pieces: words made of them let every token be seen as copied text."""
        self.random = random.Random(seed * 2 + held_out)
        self.held_out = held_out
        self.pieces = pieces
        self.lists = {
            kind: [word for word in text.split() if is_held_out(word) == held_out] or text.split()
            for kind, text in _LISTS.items()
        }
        # Months and weekdays are closed sets: nothing could be held out of them.
        for kind in ("month", "weekday"):
            self.lists[kind] = _LISTS[kind].split()
        self._phrasings: dict[int, list] = {}

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.random.random() < probability

    def pick(self, options: Sequence):
        """Return one of `options`."""
        return options[int(self.random.random() * len(options))]

    def some(self, options: Sequence, count: int) -> list:
        """Return `count` different members of `options`, in random order."""
        return self.random.sample(options, min(count, len(options)))

    def number(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included."""
        return low + int(self.random.random() * (high - low + 1))

    def phrasing(self, options: Sequence[str]) -> str:
        """Return one wording from this side's share of `options`; the whole list if this side has no share."""
        mine = self._phrasings.get(id(options))
        if mine is None:
            mine = [text for text in options if is_held_out(text) == self.held_out] or list(options)
            self._phrasings[id(options)] = mine
        return self.pick(mine)

    def expand(self, patterns: Sequence[str]) -> str:
        """Return one wording of one pattern: '(Give|Show) me' stands for two. Held-out wordings stay apart."""
        for _ in range(12):
            text = _CHOICE.sub(lambda match: self.pick(match[1].split("|")), self.pick(patterns))
            if is_held_out(text) == self.held_out:
                break
        return text

    def word(self, kind: str) -> str:
        """Return a word of a kind named in the lists above."""
        return self.pick(self.lists[kind])

    def coin(self) -> str:
        """Return a pronounceable lower-case word that probably means nothing."""
        while True:
            syllables = self.pick((1, 2, 2, 2, 3))
            if self.pieces and self.chance(0.6):
                word = "".join(self.pick(self.pieces) for _ in range(self.pick((1, 1, 2, 2, 3))))
                if 2 <= len(word) <= 13 and is_held_out(word) == self.held_out:
                    return word
                continue
            word = "".join(self.pick(_ONSETS) + self.pick(_VOWELS) for _ in range(syllables)) + self.pick(_CODAS)
            if 3 <= len(word) <= 11 and is_held_out(word) == self.held_out:
                return word

    def name(self) -> str:
        """Return a first name, known or made up (made-up ones teach copying)."""
        return self.coin().capitalize() if self.chance(0.35) else self.word("name")

    def full_name(self) -> str:
        """Return a first name and a surname."""
        return f"{self.name()} {self.coin().capitalize() if self.chance(0.4) else self.word('surname')}"

    def city(self) -> str:
        """Return a city, known or made up."""
        return self.coin().capitalize() if self.chance(0.3) else self.word("city")

    def company(self) -> str:
        """Return a company's name."""
        stem = self.coin().capitalize() if self.chance(0.5) else self.word("company")
        return stem + self.pick(("", "", " Labs", " Systems", " Ltd", " Works", " Foods", " Studio", " Group"))

    def code(self) -> str:
        """Return an identifier such as 'KX-204' or 'ord_5512'."""
        letters = "".join(self.pick("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(self.number(1, 3)))
        digits = "".join(self.pick("0123456789") for _ in range(self.number(2, 5)))
        form = self.number(0, 4)
        if form == 0:
            return f"{letters}{digits}"
        if form == 1:
            return f"{letters.lower()}_{digits}"
        if form == 2:
            return f"#{digits}"
        return f"{letters}-{digits}"

    def email(self) -> str:
        """Return an address at a reserved or made-up domain."""
        user = self.name().lower() + self.pick(("", "", f".{self.coin()}", str(self.number(1, 99))))
        return f"{user}@{self.pick(('example.com', 'example.org', 'mail.test', self.coin() + '.com', self.coin() + '.org'))}"

    def url(self) -> str:
        """Return a web address."""
        return f"https://{self.pick(('', 'www.'))}{self.coin()}.{self.pick(('com', 'org', 'net', 'dev'))}" + (
            f"/{self.coin()}" if self.chance(0.5) else ""
        )

    def path(self) -> str:
        """Return a file's path or name."""
        stem = self.pick(("", "", f"{self.coin()}/", f"/home/{self.coin()}/", "docs/"))
        return f"{stem}{self.coin()}{self.pick(('', f'_{self.number(1, 40)}'))}.{self.pick('txt md csv pdf json png py'.split())}"

    def date(self) -> str:
        """Return a day, written in one of the usual ways."""
        form = self.number(0, 3)
        if form == 0:
            return f"{self.number(2023, 2031)}-{self.number(1, 12):02d}-{self.number(1, 28):02d}"
        if form == 1:
            return f"{self.word('month')} {self.number(1, 28)}"
        if form == 2:
            return f"{self.number(1, 28)} {self.word('month')} {self.number(2023, 2031)}"
        return self.word("weekday")

    def time(self) -> str:
        """Return a time of day."""
        if self.chance(0.5):
            return f"{self.number(0, 23):02d}:{self.pick(('00', '15', '30', '45', f'{self.number(0, 59):02d}'))}"
        return f"{self.number(1, 12)} {self.pick(('am', 'pm'))}"

    def phone(self) -> str:
        """Return a telephone number."""
        return f"{self.pick(('+1 ', '+44 ', '0', ''))}{self.number(200, 999)}-{self.number(100, 999)}-{self.number(10, 9999)}"

    def decimal(self) -> float:
        """Return a number with one or two places."""
        return round(self.random.random() * self.pick((10, 100, 1000)) + 0.5, self.pick((1, 2)))

    def note(self) -> str:
        """Return a short piece of text, such as a reminder says."""
        thing, food, name = self.word("thing"), self.word("food"), self.name()
        return self.pick(
            (
                f"buy {food}",
                f"call {name}",
                f"water the {self.pick(('plants', 'roses', 'garden'))}",
                f"fix the {thing}",
                f"pick up {food} and {self.word('food')}",
                f"I will be {self.number(5, 50)} minutes late",
                f"the {thing} is ready",
                f"see you at {self.time()}",
                f"bring the {self.word('colour')} {thing}",
                f"{self.coin()} {self.coin()}",
                f"send the {self.coin()} to {name}",
                f"thank you for the {thing}",
                f"Meeting moved to {self.word('weekday')}",
                f"Hello {name}, how are you?",
                f"happy birthday {name}",
                f"The {self.coin()} needs {self.number(2, 90)} {self.word('thing')}s",
                f"pay the {self.pick(('rent', 'bill', 'plumber', 'gas bill'))}",
                f"clean the {self.word('place')}",
                f"{self.coin()} the {self.coin()} before {self.word('weekday')}",
            )
        )


def article(noun: str) -> str:
    """Return 'a noun' or 'an noun'."""
    return f"{'an' if noun[:1].lower() in 'aeiou' and not noun.startswith(('uni', 'eu')) else 'a'} {noun}"
