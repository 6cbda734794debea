#!/usr/bin/env python3
"""hefu serve beside llama-server: many clients at once, with prompts of their own and with a shared beginning.

    bench/serve.py --hefu target/release/hefu --peer-dir PATH/bin MODEL.gguf [MODEL.gguf ...]

Both servers run at the same time and are asked in turn, A B A B ..., so that only one of them works at any moment. Each
client streams answers of 64 tokens over /v1/completions, one after another; all begin at once. Prompts are random words
of exactly the stated number of tokens by both servers' own /tokenize, new in every round. Tokens per second are all
generated tokens by the time from the first request to the last byte; the time to the first token is that from a
request to the first text of its answer. Medians of all rounds; the ratio is hefu's figure by the peer's. Needs
Python's standard library.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from pathlib import Path

import comparison_measures as measures
from compare import processor, say
from comparison_processes import Failed, check_program, words
from serving_load import Server, free_port, load, percentile, prompt

PROMPT = 128
PREFIX = 1000
GENERATE = 64
LEVELS = [1, 8, 16, 32]
WORKLOADS = {"distinct": "128 tokens of its own", "prefix": "1,000 shared and 128 of its own"}
# Positions of one request, with some to spare.
POSITIONS = PREFIX + PROMPT + GENERATE + 64
# What of the peer's settings is tried; the fastest at TRIED clients is used in the rounds.
PEER_SETTINGS = {"a cache for each slot": ["-no-kvu"], "one cache for all slots": ["-kvu"]}
TRIED = 8
# Cached chunks from this size on are used again by the peer.
CACHE_REUSE = 64


def main():
    options = arguments()
    try:
        result = json.loads(Path(options.read).read_text()) if options.read else compare(options)
    except (Failed, OSError, json.JSONDecodeError) as error:
        sys.exit(f"serve.py: {error}")
    print(table(result))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL.gguf")
    parser.add_argument("--hefu", default="target/release/hefu", help="the program [target/release/hefu]")
    parser.add_argument("--peer-dir", metavar="DIR", help="folder with llama-server")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of both [all cores]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured [3]")
    parser.add_argument("--requests", type=int, default=2, help="requests of each client in a round, one after another [2]")
    parser.add_argument("--clients", default=",".join(map(str, LEVELS)), metavar="N,N", help="numbers of clients [%(default)s]")
    parser.add_argument("--only", choices=WORKLOADS, help="one kind of prompts")
    parser.add_argument("--quick", action="store_true", help="one round of one request each, and no trial of settings")
    parser.add_argument("--json", metavar="FILE", help="write all rounds with the commands")
    parser.add_argument("--read", metavar="FILE", help="measure nothing; show what --json has written")
    options = parser.parse_args()
    if not options.read and not (options.models and options.peer_dir):
        parser.error("name the models and --peer-dir, or --read a file of earlier results")
    options.levels = [int(level) for level in options.clients.split(",")]
    if min(options.rounds, options.threads, options.requests, *options.levels) < 1:
        parser.error("--rounds, --threads, --requests and --clients must be at least 1")
    if options.quick:
        options.rounds = options.requests = 1
    return options


def compare(options):
    """Runs every kind of prompts with every number of clients on every model."""
    hefu = check_program(Path(options.hefu), "build it with `cargo build --release`, or name it with --hefu")
    peer = check_program(Path(options.peer_dir) / "llama-server", "build llama.cpp's target llama-server")
    workloads = [options.only] if options.only else list(WORKLOADS)
    results = []
    for model in map(Path, options.models):
        if not model.is_file():
            raise Failed(f"there is no model file {model}")
        for workload in workloads:
            setting = next(iter(PEER_SETTINGS)) if options.quick else best_setting(options, peer, model, workload)
            for clients in options.levels:
                say(f"{model.stem}: {clients} clients, {WORKLOADS[workload]}")
                results.append(measured(options, hefu, peer, model, workload, clients, setting))
    return {
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "threads": options.threads,
        "rounds": options.rounds,
        "requests": options.requests,
        "hefu": measures.version(hefu),
        "peer": "llama-server",
        "results": results,
    }


def hefu_command(options, hefu, model, clients, port):
    command = [hefu, "serve", "--model", model, "--port", port, "--threads", options.threads, "--quiet"]
    return command + ["--context", 2 * POSITIONS, "--cache-tokens", positions(clients)]


def peer_command(options, peer, model, clients, port, setting):
    command = [peer, "-m", model, "--port", port, "-t", options.threads, "-np", clients, "-c", positions(clients)]
    command += ["-fa", "on", "-cb", "-b", 2048, "-ub", 512, "-fit", "off", "--cache-prompt", "--no-ui"]
    # Chunks can be moved in a cache of which nothing was dropped; the sliding windows of some models need all of it.
    return command + ["--cache-reuse", CACHE_REUSE, "--swa-full", *PEER_SETTINGS[setting]]


def positions(clients):
    """The same number for both, enough for all clients at once."""
    return max(2, clients) * POSITIONS


def best_setting(options, peer, model, workload):
    """The peer's setting that gave most tokens per second in one round with TRIED clients."""
    rates = {}
    for setting in PEER_SETTINGS:
        say(f"{model.stem}: the peer with {setting}, {WORKLOADS[workload]}")
        port = free_port()
        with Server(peer_command(options, peer, model, TRIED, port, setting), port) as server:
            warm(server)
            texts = prompts([server], workload, TRIED, 1, f"{model.stem} trial")
            rates[setting] = figures(load(server, texts, GENERATE))["tokens_per_second"]
    return max(rates, key=rates.get)


def measured(options, hefu, peer, model, workload, clients, setting):
    """All rounds of one row."""
    ports = free_port(), free_port()
    commands = (
        hefu_command(options, hefu, model, clients, ports[0]),
        peer_command(options, peer, model, clients, ports[1], setting),
    )
    rounds = []
    with Server(commands[0], ports[0]) as ours, Server(commands[1], ports[1]) as theirs:
        for server in (ours, theirs):
            warm(server)
        for number in range(options.rounds):
            say(f"    round {number + 1} of {options.rounds}", end="\r")
            seed = f"{model.stem} {workload} {clients} {number}"
            texts = prompts([ours, theirs], workload, clients, options.requests, seed)
            rounds.append({
                "ours": figures(load(ours, texts, GENERATE)),
                "theirs": figures(load(theirs, texts, GENERATE)),
            })
    result = {
        "model": model.stem, "workload": workload, "clients": clients, "peer_setting": setting,
        "commands": [words(command) for command in commands],
        "medians": {side: medians([one[side] for one in rounds]) for side in ("ours", "theirs")},
        "rounds": rounds,
    }
    say(f"    {row(result)}")
    return result


def warm(server):
    """One request that nothing is kept of."""
    load(server, [[prompt([server], 16, "warm")]], 4)


def prompts(servers, workload, clients, requests, seed):
    """For each client the texts that it asks in turn."""
    beginning, length = "", PROMPT
    if workload == "prefix":
        beginning, length = prompt(servers, PREFIX, f"{seed} prefix"), PREFIX + PROMPT
    one = lambda client, number: prompt(servers, length, f"{seed} {client} {number}", beginning)
    return [[one(client, number) for number in range(requests)] for client in range(clients)]


def figures(answers):
    """What one round gave."""
    first = [(answer.first - answer.sent) * 1000 for answer in answers]
    seconds = max(answer.last for answer in answers) - min(answer.sent for answer in answers)
    return {
        "tokens_per_second": sum(answer.tokens for answer in answers) / seconds,
        "first_token_ms_median": statistics.median(first),
        "first_token_ms_p95": percentile(first, 95),
        "longest_pause_ms_p95": percentile([answer.longest_pause * 1000 for answer in answers], 95),
    }


def medians(rounds):
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


COLUMNS = [("tokens_per_second", 1), ("first_token_ms_median", 0), ("first_token_ms_p95", 0)]


def table(result):
    """The figures as Markdown."""
    machine = result["machine"]
    plural = lambda count, what: f"{count} {what}{'' if count == 1 else 's'}"
    lines = [
        f"{machine['processor']}, {machine['cores']} cores; {result['threads']} threads; medians of "
        f"{plural(result['rounds'], 'round')}, {plural(result['requests'], 'request')} of each client in each; "
        f"{result['hefu']} beside {result['peer']}",
        "",
        "| model | prompt | clients | hefu, tokens/s | peer | ratio | hefu, first token median, ms | peer | ratio "
        "| hefu, first token p95, ms | peer | ratio |",
        "| --- | --- | ---: |" + " ---: |" * 9,
    ]
    return "\n".join(lines + [row(one) for one in result["results"]])


def row(one):
    ours, theirs = one["medians"]["ours"], one["medians"]["theirs"]
    cells = []
    for name, digits in COLUMNS:
        cells += [f"{ours[name]:.{digits}f}", f"{theirs[name]:.{digits}f}", f"{ours[name] / theirs[name]:.2f}"]
    return f"| {one['model']} | {WORKLOADS[one['workload']]} | {one['clients']} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
