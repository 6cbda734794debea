"""Questions in the shapes of three well-known tasks, made up by rules: short questions with answers (ARC), beginnings with endings (HellaSwag), and
questions with lettered choices (MMLU). The same every time."""

import json
import random

KINDS = {
    "animal": ["horse", "sparrow", "salmon", "frog", "bee", "goat", "tiger", "whale"],
    "colour": ["red", "green", "blue", "yellow", "black", "white", "brown", "purple"],
    "tool": ["hammer", "saw", "spade", "needle", "brush", "knife", "ladder", "wrench"],
    "fruit": ["apple", "pear", "cherry", "grape", "lemon", "plum", "fig", "peach"],
    "piece of clothing": ["shirt", "sock", "hat", "glove", "coat", "scarf", "shoe", "belt"],
    "country": ["France", "Japan", "Brazil", "Egypt", "Norway", "India", "Canada", "Kenya"],
}
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SCENES = [
    ("{name} was thirsty, so {name} went to the kitchen and", ["drank a glass of water", "painted the roof", "sold the car", "planted a tree"]),
    ("It began to rain, and {name} had no umbrella. {name}", ["ran home and got wet", "ate the umbrella", "switched off the rain", "became a cloud"]),
    ("{name} put the bread into the oven. After half an hour", ["it was baked", "it began to sing", "it was a fish", "the oven flew away"]),
    ("{name} had lost the key, and so the door", ["stayed locked", "was delicious", "wrote a letter", "fell asleep"]),
    ("{name} was tired after the long walk and", ["went to bed early", "swallowed the road", "boiled the shoes", "counted the sea"]),
    ("{name} opened the book at the first page and", ["began to read", "began to bark", "poured it into a cup", "parked it outside"]),
]
NAMES = ["Anna", "Ben", "Carla", "David", "Eva", "Farid", "Grace", "Hugo", "Ines", "Jon", "Kai", "Lena"]


def question(chance):
    """A question, its right answer and three wrong ones."""
    form = chance.randrange(4)
    if form == 0:
        first, second = chance.randrange(1, 50), chance.randrange(1, 50)
        return f"What is {first} plus {second}?", str(first + second), [str(first + second + step) for step in (-10, 1, 10)]
    if form == 1:
        kind, other = chance.sample(sorted(KINDS), 2)
        return f"Which of these is a {kind}?", chance.choice(KINDS[kind]), chance.sample(KINDS[other], 3)
    if form == 2:
        day = chance.randrange(7)
        wrong = chance.sample([other for other in range(7) if other != (day + 1) % 7], 3)
        return f"Which day comes after {DAYS[day]}?", DAYS[(day + 1) % 7], [DAYS[other] for other in wrong]
    word = chance.choice([word for words in KINDS.values() for word in words if word.islower()])
    letters = sorted(set("abcdefghijklmnopqrstuvwxyz") - {word[0]})
    return f'With which letter does the word "{word}" begin?', word[0], chance.sample(letters, 3)


def shuffled(chance, right, wrong):
    """Choices in any order, and where the right one is."""
    choices = [right, *wrong]
    chance.shuffle(choices)
    return choices, choices.index(right)


def arc(count):
    """Questions with answers as they are said."""
    chance = random.Random("arc")
    for _ in range(count):
        text, right, wrong = question(chance)
        choices, answer = shuffled(chance, right, wrong)
        yield {"question": text, "choices": choices, "answer": answer}


def hellaswag(count):
    """Beginnings with endings."""
    chance = random.Random("hellaswag")
    for _ in range(count):
        (beginning, (right, *wrong)), name = chance.choice(SCENES), chance.choice(NAMES)
        choices, answer = shuffled(chance, right, wrong)
        yield {"question": beginning.format(name=name), "choices": [f" {choice}." for choice in choices], "answer": answer}


def mmlu(count):
    """Questions with lettered choices."""
    chance = random.Random("mmlu")
    for _ in range(count):
        text, right, wrong = question(chance)
        choices, answer = shuffled(chance, right, wrong)
        lines = "\n".join(f"{letter}. {choice}" for letter, choice in zip("ABCD", choices))
        yield {"question": f"{text}\n{lines}", "choices": list("ABCD"), "answer": answer, "letter": "ABCD"[answer]}


SHAPES = {"arc": arc, "hellaswag": hellaswag, "mmlu": mmlu}


def write(path, shape, count):
    """Writes so many samples."""
    with open(path, "w", encoding="utf-8") as file:
        for row in SHAPES[shape](count):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
