"""What the scripts of the Python clients share: checks with names, and where the server is.

A script marks functions with `@check("feature")` and calls `main()`, which runs them and prints one line of JSON for each:
`{"check": …, "passed": …, "why": …}`. What `same(…)` is given must be equal for every client that was asked the same.
"""

import json
import os
import sys
import traceback

URL = os.environ.get("HEFU_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("HEFU_KEY", "none")
MODEL = os.environ.get("HEFU_MODEL", "")
# A model of random weights, for what does not depend on what is said.
TINY = os.environ.get("HEFU_TINY", MODEL)

# Every client asks this, with these settings, and must be told the same.
QUESTION = "What does the sea look like at night?"
SYSTEM = "You answer in one short sentence."
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
TEMPERATURE, SEED, MAX_TOKENS = 0.8, 7, 40

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
WEATHER_TEXT = "The weather of a city at this moment"
COUNT = [{"role": "user", "content": "Write the digits from 0 to 9 in a row, with commas between them, and nothing else."}]
ASK_WEATHER = "What is the weather in Paris, in celsius?"
# More tokens than the context of the real model holds here.
TOO_LONG = "one two three four five six seven eight " * 2000

_checks = []
_same = {}


def check(feature):
    """Marks a function as the check of a feature; several may share one."""

    def mark(function):
        _checks.append((feature, function))
        return function

    return mark


def same(question, answer):
    """What every client must have been told alike."""
    _same[question] = answer


def equal(found, expected):
    """Holds two values to be equal, and shows them where they are not."""
    assert found == expected, f"{found!r}, not {expected!r}"


def raises(kind, call, *words):
    """The error of a call that must fail, by a class or several, with words that its text must have."""
    try:
        call()
    except kind as error:
        for word in words:
            assert word in str(error), f"{word!r} is not in {error}"
        return error
    raise AssertionError(f"no {kind}")


def weather(arguments):
    """Holds a call's arguments to the function's schema."""
    arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    equal(sorted(arguments), ["city", "unit"])
    assert isinstance(arguments["city"], str) and arguments["unit"] in ("celsius", "fahrenheit"), arguments
    return arguments


def main():
    """Runs every check; the exit status is 0 however they end."""
    for feature, function in _checks:
        try:
            function()
            line = {"check": feature, "passed": True, "why": ""}
        except Exception as error:  # A check may fail in any way.
            traceback.print_exc(file=sys.stderr)
            line = {"check": feature, "passed": False, "why": f"{function.__name__}: {type(error).__name__}: {error}"[:600]}
        print(json.dumps(line), flush=True)
    print(json.dumps({"same": _same}), flush=True)
