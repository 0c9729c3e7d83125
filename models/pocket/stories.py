"""Short stories (and small poems) about a subject the user names.

A story is a plot, and a plot is a row of beats with several wordings each, filled from one cast. So the text varies
while its order makes sense, and no sentence needs to come twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from words import Source, article

ASKS = (
    "Tell me a story about {s}.",
    "Tell me a short story about {s}.",
    "Write a story about {s}.",
    "Write a short story about {s}.",
    "Can you tell me a story about {s}?",
    "Could you write a little story about {s}?",
    "I would like a story about {s}.",
    "I want to hear a story about {s}.",
    "Please tell a story about {s}.",
    "Make up a story about {s}.",
    "Story about {s}, please.",
    "A bedtime story about {s}, please.",
    "Do you know a story about {s}?",
    "Give me a story about {s}.",
    "Please write a small tale about {s}.",
    "Tell me a tale about {s}.",
    "Invent a story about {s}.",
    "write me a story about {s}",
    "short story: {s}",
    "Tell us a story about {s}!",
    "Once upon a time: {s}. Go on!",
    "My child wants a story about {s}.",
    "story: {s}",
    "Story: {s}",
    "a story: {s}",
    "tale: {s}",
    "a tale about {s}",
    "little story: {s}",
    "bedtime story: {s}",
    "a short story: {s}",
    "Short story about {s}",
    "Write a tale: {s}",
    "I need a story about {s}.",
    "I need a short story about {s}, please.",
    "We want a story about {s}!",
    "Let us hear a story about {s}.",
    "Can I have a story about {s}?",
    "May I hear a tale about {s}?",
    "Would you tell a story about {s}?",
    "How about a story about {s}?",
    "Another story, about {s}, please.",
    "Now a story about {s}.",
    "Hi! Please tell me a story about {s}.",
    "Tell a funny story about {s}.",
    "Tell me a little story with {s} in it.",
    "Write something about {s}, like a story.",
)
OPENINGS = (
    "Once upon a time, {hero} lived {where}.",
    "Long ago, {hero} lived {where}.",
    "There once was {hero} who lived {where}.",
    "{where_cap}, there lived {hero}.",
    "In a quiet year, {hero} lived {where}.",
)
MOODS = (
    "{name} was small but very curious.",
    "{name} liked to wake up early and look around.",
    "{name} had a kind heart and a loud laugh.",
    "{name} was shy, but loved to help.",
    "Every day {name} learned something new.",
    "{name} liked quiet mornings and warm tea.",
    "Everybody knew {name}, because {name} sang all day.",
    "{name} dreamed of seeing the whole world.",
)
# Each plot: beats in order; each beat: wordings. {it} is the subject with an article, {thing} without one.
PLOTS_THING = (
    (
        ("One morning {name} found {it} near the {place}.", "One day {name} saw {it} on the path to the {place}."),
        ("It was old and covered with dust.", "It was shiny, and nobody else had seen it.", "It looked lonely there."),
        ('"Who lost this {thing}?" asked {name}.', '"Whose {thing} is this?" {name} wondered.'),
        (
            "{name} carried the {thing} from door to door and asked everyone.",
            "{name} asked the neighbours, but nobody knew.",
        ),
        (
            "At last {friend} smiled and said that it was lost last winter.",
            "Then {friend} ran up and began to cry with joy.",
        ),
        (
            "{friend} had looked for the {thing} for many weeks.",
            "The {thing} had been a gift from {friend}'s grandmother.",
        ),
        ("{friend} thanked {name} and shared a {treat}.", "To say thank you, {friend} baked a {treat}."),
        ("From that day on, the two were best friends.", "They stayed friends for a long, long time."),
    ),
    (
        ("{name} had {it} and loved it more than anything.", "{name}'s dearest treasure was {it}."),
        ("One night a strong wind came from the {place}.", "One evening a storm rolled over the {place}."),
        ("In the morning the {thing} was gone.", "When the sun came up, the {thing} was nowhere to be seen."),
        (
            "{name} looked under the bed, behind the door and on the roof.",
            "{name} searched every corner and found nothing.",
        ),
        (
            "A little {animal} came by and offered to help.",
            "{friend} the {animal} heard the sad news and came to help.",
        ),
        ("Together they followed the marks in the mud.", "Side by side they walked through the wet grass."),
        ("They found the {thing} in a tall tree, safe and dry.", "There, beside a stream, lay the {thing}."),
        ("{name} laughed and hugged the {animal}.", "What a happy moment that was!"),
        ("That night everyone slept well.", "Since then, {name} ties every knot twice."),
    ),
    (
        (
            "One day {name} decided to make {it}.",
            "{name} wished for {it} but had no money, so {name} began to build one.",
        ),
        ("First {name} drew a plan on a big sheet of paper.", "The work began with paper, glue and a lot of hope."),
        ("The first try fell apart at once.", "At first everything went wrong."),
        ('"Never mind," said {friend}. "We will try again."', "{friend} came along with tools and good ideas."),
        ("All week they worked, and they sang while they worked.", "They measured, cut and painted until late."),
        (
            "On {weekday} the {thing} was finally done.",
            "At the end of the week, the {thing} stood there, bright and new.",
        ),
        ("People came from the {place} to see it.", "Even the mayor came to look at the {thing}."),
        ("{name} was proud, but most of all thankful for a good friend.", "{name} learned that good things need time."),
    ),
    (
        ("Everybody in town talked about {it} hidden in the {place}.", "An old map told of {it} in the {place}."),
        ("{name} packed bread, water and a lamp.", "{name} put on warm boots and left before sunrise."),
        ("The way was long, and the fog was thick.", "The path went up and down and around."),
        (
            "On the way {name} met {friend}, {a_animal} with a hurt foot.",
            "Soon {name} heard {friend}, {a_animal}, calling for help.",
        ),
        ("{name} stopped to help, although it was getting late.", "{name} wrapped the foot and shared the bread."),
        ('"I know where the {thing} is," said {friend}.', "Thankful, {friend} showed a secret path to the {thing}."),
        ("And there it was, shining in the evening light.", "Behind a curtain of leaves they saw it at last."),
        (
            "They looked at the {thing} for a long time and then went home.",
            "They took nothing, because it was beautiful right there.",
        ),
        ("A good friend is worth more than treasure, thought {name}.", '"The best part was the way," said {name}.'),
    ),
)
PLOTS_CREATURE = (
    (
        (
            "{hero_the} wanted to see the {place}, but was afraid of the dark.",
            "Every night {hero_the} was afraid of the dark.",
        ),
        ("One evening the moon was hidden behind clouds.", "One night all the lamps went out."),
        ('"Help!" called a tiny voice.', "Then {name} heard somebody cry."),
        ("It was {friend}, who had lost the way home.", "Little {friend} sat under a tree and could not find the way."),
        ("{name} took a deep breath and stepped into the dark.", "{name}'s heart beat fast, but {name} went on."),
        ("Step by step they walked, and they counted the stars.", "They held on to each other and sang a quiet song."),
        ("Soon they saw a warm light in a window.", "At last the door of {friend}'s house opened."),
        ("{friend}'s mother gave them {food} and warm milk.", "There was {food} for everyone."),
        ("Since that night, {name} is not afraid any more.", "Now {hero_the} loves the night and all its stars."),
    ),
    (
        ("{hero_the} could do many things, but could not swim.", "{hero_the} wanted to learn to swim."),
        ("The others in the {place} laughed.", "At the {place}, some of the others made jokes."),
        ('Only {friend} said, "I will teach you."', "But {friend} did not laugh and offered to help."),
        ("They practised every morning in the shallow water.", "Day after day they went to the shore."),
        ("{name} fell, got wet, and tried again.", "It was hard, and the water was cold."),
        (
            "One day a small {thing} fell into the deep water.",
            "Then one day {friend}'s favourite {thing} floated away.",
        ),
        ("{name} jumped in without thinking and brought it back.", "Without a word {name} swam out and fetched it."),
        ("Everyone cheered, and nobody laughed any more.", "The others could not believe their eyes."),
        ('"You see," said {friend}, "you only had to begin."', "{name} was wet, tired and very happy."),
    ),
    (
        (
            "One winter there was very little food in the {place}.",
            "It was a cold winter, and snow covered the {place}.",
        ),
        ("{hero_the} had saved a basket of {food}.", "In the cellar {name} still had some {food}."),
        ("Then somebody knocked at the door.", "One evening there was a soft knock."),
        ("It was {friend}, {a_animal}, hungry and cold.", "Outside stood {friend}, {a_animal}, covered with snow."),
        (
            '"Come in," said {name}. "There is enough for two."',
            "{name} opened the door wide and put more wood on the fire.",
        ),
        ("They ate, told jokes and listened to the wind.", "They shared everything and talked until midnight."),
        (
            "In spring {friend} brought a surprise: a new {thing}.",
            "When the snow melted, {friend} came back with a gift.",
        ),
        ("{name} had never been so happy.", '"You helped me first," said {friend}.'),
        ("And every winter since then, they eat together.", "So a cold winter made a warm friendship."),
    ),
    (
        ("One day there was a big race around the {place}.", "Every summer there was a race to the {place} and back."),
        ("{hero_the} was not the fastest, but wanted to try.", '"I will run too," said {name}.'),
        ("At the start everyone was nervous.", "A whistle blew, and the race began."),
        ("{friend} was in front and did not look back.", "The others were soon far ahead."),
        ("Halfway, {name} saw {a_animal} stuck in the mud.", "Near the bridge {a_animal} was caught in a fence."),
        ("{name} stopped and pulled with all strength.", "There was no time to lose, yet {name} stopped to help."),
        ("When {name} reached the finish, the race was long over.", "{name} came last, with muddy feet."),
        (
            "But all the others clapped the loudest for {name}.",
            "The judge gave {name} a special prize: a golden {thing}.",
        ),
        ("Being kind is better than being first.", "That evening nobody talked about the winner."),
    ),
    (
        (
            "{hero_the} had a secret: a little {thing} that could sing.",
            "One day {hero_the} found a {thing} that could talk.",
        ),
        ('"Take me to the {place}," it whispered.', '"Please bring me home to the {place}," it said.'),
        ("{name} asked {friend} to come along.", "So {name} and {friend} left at dawn."),
        ("They crossed a river and climbed a steep hill.", "They walked for three days and two nights."),
        ("A grumpy {animal} blocked the road.", "In the middle of the road sat a grumpy {animal}."),
        (
            "{friend} offered it some {food}, and it let them pass.",
            "{name} told a joke, and the {animal} laughed so hard that it fell over.",
        ),
        ("At the {place} the {thing} began to glow.", "When they arrived, a soft music filled the air."),
        ('"Thank you," it sang. "Now make a wish."', "All the flowers opened at the same time."),
        (
            "{name} wished for many more days like this one.",
            "They went home slowly, and they hummed the song all the way.",
        ),
    ),
)
PLOTS_TOPIC = (
    (
        ("One day {name} heard a strange word at school: {thing}.", "{name} often thought about {thing}."),
        ('"What do you know about {thing}?" {name} asked {friend}.', "{name} asked {friend} about {thing}."),
        ("{friend} did not know, so they went to the {place} together.", '"Let us find out," said {friend}.'),
        ("There they met an old {animal} with big glasses.", "They asked the wise old {animal} who lived there."),
        ("The {animal} thought for a while and smiled.", '"That is a good question," said the {animal}.'),
        (
            '"You will learn about {thing} when you help somebody," it said.',
            '"Look with your heart," said the {animal}, "and then ask again."',
        ),
        ("On the way home they saw a child with a broken {toy}.", "Later they met a boy who had lost his {toy}."),
        ("They stayed and helped until it was dark.", "They helped at once, and it took all afternoon."),
        (
            "That night {name} understood a little more about {thing}.",
            '"I think I see it now," said {name}, and {friend} nodded.',
        ),
    ),
    (
        ("All the people of the {place} loved {thing}.", "{name} loved {thing} more than anything else."),
        ("Every {weekday} {name} told {friend} about it.", "{name} drew pictures of it on every wall."),
        ("But one day it rained and rained.", "Then a hard week came, and everyone was sad."),
        ("{friend} had an idea and ran to the {place}.", "So {name} invited everybody to a party."),
        ("They put up lamps and cooked {food}.", "There were lamps, music and plenty of {food}."),
        ("{name} told a long tale about {thing}.", "In the middle of the room, {name} spoke about {thing}."),
        ("Even the old {animal} came out and listened.", "Soon everybody laughed again."),
        ("When the sun came back, nobody wanted to go home.", "The rain stopped, but the party went on."),
        ("And that is how {thing} made everyone happy.", "It was the best party of the year."),
    ),
)
ENDINGS = ("The end.", "And they all lived happily.", "", "", "", "Sleep well!", "And that was a very good day.")
TREATS = ("honey cake", "pot of soup", "plate of cookies", "warm apple pie", "loaf of bread", "bowl of berries")
TOYS = ("kite", "wagon", "doll", "toy boat", "drum", "toy train")
NATURE = ("by the sea", "on a high hill", "at the edge of a forest", "in a tiny village", "near a blue lake")
NATURE_MORE = (
    "in a small house by the river",
    "in a sunny valley",
    "on a little island",
    "under an old oak tree",
    "far away in the north",
)
TOPICS = """friendship courage music rain snow winter summer love kindness time dreams colours magic space trains robots
    dinosaurs pirates flowers clouds numbers letters silence laughter school birthdays holidays football baking painting
    computers dancing stars planets ghosts dragons bees horses castles wind thunder sleep sharing trust hope peace""".split()
TWISTS = (
    " who could not sleep", " who learned to fly", " who lost a friend", " who went to school", " who was afraid of water",
    " that could talk", " in the snow", " and a friend", " on a journey", " who found a home", " at night",
)  # fmt: skip

POEM_ASKS = (
    "Write a poem about {s}.",
    "Write a short poem about {s}.",
    "Can you write a poem about {s}?",
    "A poem about {s}, please.",
    "Please write me a little poem about {s}.",
    "Make a rhyme about {s}.",
    "I would like a poem about {s}.",
    "write a haiku about {s}",
)
POEMS = (
    ("I think of {t} when day is new,", "when grass is wet with morning dew.", "I think of {t} at night as well,", "and hear the ringing of a bell."),
    ("Oh {t}, so quiet and so near,", "you make the cloudy evening clear.", "The wind may come, the rain may fall,", "with {t} I do not mind at all."),
    ("A little song for {t} today,", "to sing along the windy way.", "It is not long, it is not loud,", "but soft and floating like a cloud."),
    ("When I was small I did not see", "what {t} could ever mean to me.", "Now I am still a little small,", "but I love {t} most of all."),
    ("The moon is up, the lamps are low,", "and {t} is all I want to know.", "Good night, good night, the stars are bright,", "and {t} will keep me warm tonight."),
)  # fmt: skip


# Heroes share the first letter of their subject: a rule that the model can learn, so that greedy stories differ.
_HEROES = """Anna Ada Ben Bea Carla Cleo Dora Dan Emma Eli Fiona Finn Greta Gus Hana Hugo Ida Ivo Jana Jim Kim Kai Lily
    Leo Mia Max Nina Nils Olga Otto Pia Paul Quinn Rosa Rob Sara Sam Tina Tom Uma Udo Vera Vic Wanda Will Xenia Yara Yuri
    Zoe Zack""".split()
_FRIENDS = "Aki Lola Momo Nilo Pim Rio Tilda Tula Juna Enzo Bibi Fred".split()


def _by_letter(source: Source, options: Sequence, letter: str, faithful: float = 0.75):
    """Return the option that belongs to a letter, most of the time; otherwise any."""
    return options[ord(letter.lower()) % len(options)] if source.chance(faithful) else source.pick(options)


def subject(source: Source) -> tuple[str, str]:
    """Return (kind, noun); kind is creature, thing, topic or person."""
    kind = source.pick(("creature", "creature", "thing", "thing", "topic", "person"))
    if kind == "creature":
        return kind, source.coin() if source.chance(0.15) else source.word("animal")
    if kind == "thing":
        return kind, source.coin() if source.chance(0.3) else source.word("thing" if source.chance(0.8) else "place")
    if kind == "topic":
        return kind, source.phrasing(TOPICS) if source.chance(0.7) else source.coin()
    return kind, source.name()


def story(source: Source) -> tuple[str, str, str]:
    """Return (request, story, subject)."""
    kind, noun = subject(source)
    adjective = source.pick(("little", "brave", "young", "old", "happy", "lonely", "clever", "friendly", "tiny"))
    letter = noun[0]
    namesakes = [one for one in _HEROES if one[0].lower() == letter.lower()]
    name = noun if kind == "person" else source.pick(namesakes) if source.chance(0.9) else source.name()
    friend = _by_letter(source, _FRIENDS, noun[-1])
    animal = source.word("animal")
    while animal == noun:
        animal = source.word("animal")
    species = (
        noun if kind == "creature" else source.pick(("boy", "girl", "child", source.word("job"), source.word("animal")))
    )
    described = f"{adjective} {species}" if source.chance(0.6) else species
    if kind == "person":
        hero = (
            f"{noun}, {article(described)},"
            if source.chance(0.5)
            else f"a {source.pick(('child', 'girl', 'boy'))} called {noun}"
        )
    else:
        hero = f"{article(described)} {source.pick(('named', 'called'))} {name}"
    place = source.word("place")
    while place == noun:
        place = source.word("place")
    toy = source.word("thing")
    where = _by_letter(source, NATURE + NATURE_MORE, noun[-1])
    cast = {
        "name": name,
        "friend": friend,
        "animal": animal,
        "a_animal": article(animal),
        "hero": hero,
        "hero_the": f"{name} the {species}" if kind == "creature" or source.chance(0.3) else name,
        "place": place,
        "where": where,
        "where_cap": where[0].upper() + where[1:],
        "thing": toy if kind in ("creature", "person") else noun,
        "it": article(noun),
        "treat": source.pick(TREATS),
        "toy": source.pick(TOYS),
        "food": source.word("food"),
        "weekday": source.word("weekday"),
    }
    plots = {"thing": PLOTS_THING, "topic": PLOTS_TOPIC}.get(kind, PLOTS_CREATURE)
    beats = [_by_letter(source, OPENINGS, letter)]
    if source.chance(0.7):
        beats.append(_by_letter(source, MOODS, letter))
    beats += [source.pick(beat) for beat in _by_letter(source, plots, noun[-1], 0.6)]
    ending = source.pick(ENDINGS)
    text = " ".join(beats + ([ending] if ending else [])).format(**cast).replace(",.", ".")
    if kind in {"topic", "person"}:
        asked = noun
    else:
        asked = source.pick(
            (
                article(noun),
                article(noun),
                article(f"{adjective} {noun}"),
                noun,
                f"my {noun}",
                f"the {noun}",
                f"{noun}s",
            )
        )
        if kind == "creature" and source.chance(0.25):
            asked = article(noun) + source.pick(TWISTS)
    return source.phrasing(ASKS).format(s=asked), text, noun


def poem(source: Source) -> tuple[str, str]:
    """Return (request, poem of four lines)."""
    kind, noun = subject(source)
    said = noun if kind in ("topic", "person") else f"the {noun}"
    return source.pick(POEM_ASKS).format(s=said), "\n".join(source.pick(POEMS)).format(t=said)


def story_turn(source: Source) -> tuple[str, str]:
    """Return (request, answer) with a story or, now and then, a poem."""
    if source.chance(0.15):
        return poem(source)
    ask, text, _ = story(source)
    return ask, text
