#!/usr/bin/env python3
"""hefu serve with guesses beside the same without: answers that repeat their prompts, and free text.

    bench/serving_speculation.py --hefu target/release/hefu MODEL.gguf

Two servers run, one as it is by default and one with --speculate off, and are asked in turn, each first every second
round, so that only one of them works at any moment. Clients ask /v1/chat/completions one question after another, at
temperature 0; every answer must be the same text from both. Tokens per second are all generated tokens by the time from
the first request to the last answer. Medians of all rounds. Needs Python's standard library.
"""

import argparse
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from comparison_processes import Failed, check_program
from serving_load import Server, free_port
from speculation import CONVERT, FUNCTION, PORTS, REWRITE

PASSAGE = (
    "The lighthouse stood on the northern cape, eleven miles from the nearest village. Its keeper, a quiet man named "
    "Anselm, wrote the weather into a green book every morning: wind, clouds, the height of the waves, and the ships "
    "that passed. In the winter of that year the book was lost, and with it the only record of the great storm."
)
SCHEMA = {
    "type": "array",
    "minItems": 6,
    "maxItems": 6,
    "items": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
        "required": ["name", "port"],
        "additionalProperties": False,
    },
}
REPEATING = {
    "code edit": {"content": f"{REWRITE}\n\n{FUNCTION}"},
    "quotation": {"content": f"Repeat this passage word for word:\n\n{PASSAGE}"},
    "JSON by a schema": {"content": f"{CONVERT}\n{PORTS}", "schema": SCHEMA},
}
FREE = {"free text": {"content": "Write a short story about a lighthouse keeper who finds a letter."}}
GENERATE = 128
LEVELS = [1, 16]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL.gguf")
    parser.add_argument("--hefu", default="target/release/hefu", help="the program [target/release/hefu]")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured [5]")
    options = parser.parse_args()
    try:
        hefu = check_program(Path(options.hefu), "build it with `cargo build --release`, or name it with --hefu")
        print("| model | text | clients | guesses, tokens/s | none, tokens/s | ratio |")
        print("| --- | --- | ---: | ---: | ---: | ---: |")
        for model in options.models:
            compare(hefu, Path(model), options.rounds)
    except (Failed, OSError) as error:
        sys.exit(f"serving_speculation.py: {error}")


def compare(hefu, model, rounds):
    ports = [free_port(), free_port()]
    commands = [[hefu, "serve", "--model", model, "--context", 4096, "--quiet", "--port", port] for port in ports]
    texts = [(name, [task], LEVELS) for name, task in (REPEATING | FREE).items()]
    texts.append(("the first three, mixed", [*REPEATING.values()], LEVELS[1:]))
    with Server(commands[0], ports[0]) as guessing, Server([*commands[1], "--speculate", "off"], ports[1]) as plain:
        for name, tasks, levels in texts:
            for clients in levels:
                one, other = speeds(guessing, plain, name, tasks, clients, rounds)
                cells = [model.stem, name, clients, f"{one:.1f}", f"{other:.1f}", f"{one / other:.2f}"]
                print(f"| {' | '.join(map(str, cells))} |", flush=True)


def speeds(guessing, plain, name, tasks, clients, rounds):
    """Medians of tokens per second, with guesses and without."""
    found = {guessing: [], plain: []}
    # The first round warms both.
    for turn in range(rounds + 1):
        answers = {}
        for server in (guessing, plain) if turn % 2 else (plain, guessing):
            speed, answers[server] = ask(server, tasks, clients, turn)
            found[server] += [speed] if turn else []
        if answers[guessing] != answers[plain]:
            raise Failed(f"guesses changed an answer to {name}")
    return [statistics.median(found[server]) for server in (guessing, plain)]


def ask(server, tasks, clients, turn):
    """Tokens per second of clients who ask a task each, all at once, and their answers."""

    def answer(client):
        task = tasks[client % len(tasks)]
        # Clients and rounds differ from the first line on, so that they share no more than real ones do.
        system = f"You serve client {client} of round {turn}."
        body = {
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": task["content"]}],
            "temperature": 0,
            "max_tokens": GENERATE,
        }
        if "schema" in task:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "list", "schema": task["schema"]}}
        return server.post("/v1/chat/completions", body)

    started = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(answer, range(clients)))
    seconds = time.monotonic() - started
    tokens = sum(one["usage"]["completion_tokens"] for one in answers)
    return tokens / seconds, [json.dumps(one["choices"][0]["message"]) for one in answers]


if __name__ == "__main__":
    main()
