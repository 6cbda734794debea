#!/usr/bin/env python3
"""hefu serve beside llama-server: texts per second that an encoder embeds.

    bench/embeddings.py --hefu target/release/hefu --peer-dir PATH/bin MODEL.gguf [MODEL.gguf ...]
    bench/embeddings.py --hefu target/release/hefu --peer-dir PATH/bin --shape nomic-bert

Both servers run at the same time and are asked in turn, A B A B ..., for the vectors of the same texts over
/v1/embeddings: texts of 8 to 192 words in one request, as those send who index documents. The peer's number of slots is
the fastest of SLOTS, tried before the rounds. A figure is the ratio of the medians; beside it stands the smallest
cosine between the two programs' vectors of one text, so that both have done the same work. `--shape` makes a model with
random weights on the fly (random_families.py). Needs Python's standard library; `--shape` gguf and numpy, too.
"""

import argparse
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import random_families
from compare import processor, say
from comparison_processes import Failed, check_program
from random_model import formats_of
from serving_load import PATIENCE, WORDS, Server, free_port

# Words of a text: short questions, paragraphs, pages.
LENGTHS = (8, 16, 32, 64, 128, 192)
# Longest text in tokens, with some to spare; a word of a made vocabulary may be several.
CONTEXT = 2048
SLOTS = (1, 4, 16)


def main():
    options = arguments()
    try:
        if options.shape:
            with tempfile.TemporaryDirectory() as folder:
                model = Path(folder) / f"{options.shape}.gguf"
                say(f"making {model.name}")
                random_families.write(options.shape, None, model, formats_of(options.format))
                results = [compare(options, model)]
        else:
            results = [compare(options, Path(model)) for model in options.models]
    except (Failed, ImportError, OSError) as error:
        sys.exit(f"embeddings.py: {error}")
    print(f"{processor()}, {options.threads} threads, {options.texts} texts, medians of {options.rounds}\n")
    print("| model | hefu, texts/s | llama-server | ratio | smallest cosine | slots of the peer |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for result in results:
        print("| {model} | {ours:.1f} | {theirs:.1f} | {ratio:.2f} | {cosine:.6f} | {slots} |".format(**result))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL.gguf")
    parser.add_argument("--shape", choices=["nomic-bert"], help="a model to make")
    parser.add_argument("--format", default="Q8_0", help="format of its matrices [%(default)s]")
    parser.add_argument("--hefu", default="target/release/hefu", help="the program [%(default)s]")
    parser.add_argument("--peer-dir", required=True, metavar="DIR", help="folder with llama-server")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of both [all cores]")
    parser.add_argument("--slots", type=int, metavar="N", help="the peer's slots [the fastest, tried before the rounds]")
    parser.add_argument("--texts", type=int, default=96, help="texts of a request [%(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured [%(default)s]")
    parser.add_argument("--json", metavar="FILE", help="write the results with the commands")
    options = parser.parse_args()
    if bool(options.models) == bool(options.shape):
        parser.error("name the models, or a --shape")
    return options


def compare(options, model):
    """All rounds of one model."""
    hefu = check_program(Path(options.hefu), "build it with `cargo build --release`, or name it with --hefu")
    peer = check_program(Path(options.peer_dir) / "llama-server", "build llama.cpp's target llama-server")
    slots = options.slots or max(SLOTS, key=lambda slots: tried(options, peer, model, slots))
    port = free_port()
    command = [hefu, "serve", "--model", model, "--port", port, "--threads", options.threads, "--quiet"]
    with Server(command, port) as ours, Server(*peer_command(options, peer, model, slots)) as theirs:
        for server in (ours, theirs):
            embed(server, texts(4, "warm"))
        times, cosine = ([], []), 1.0
        for number in range(options.rounds):
            asked = texts(options.texts, number)
            took = [embed(server, asked) for server in (ours, theirs)]
            for list_of_times, (seconds, _) in zip(times, took):
                list_of_times.append(seconds)
            cosine = min(cosine, *map(cosine_of, took[0][1], took[1][1]))
    ours_rate, theirs_rate = (options.texts / statistics.median(seconds) for seconds in times)
    return {
        "model": model.stem, "ours": ours_rate, "theirs": theirs_rate, "ratio": ours_rate / theirs_rate,
        "cosine": cosine, "slots": slots, "seconds": times, "commands": [list(map(str, command)), theirs.command],
    }


def peer_command(options, peer, model, slots):
    port = free_port()
    command = [peer, "-m", model, "--port", port, "-t", options.threads, "--embedding", "--pooling", "mean", "-fa", "on"]
    return [*command, "-np", slots, "-c", slots * CONTEXT, "-b", CONTEXT, "-ub", CONTEXT, "-fit", "off", "--no-ui"], port


def tried(options, peer, model, slots):
    """The peer's texts per second with so many slots."""
    say(f"{model.stem}: the peer with {slots} slots")
    with Server(*peer_command(options, peer, model, slots)) as server:
        embed(server, texts(4, "warm"))
        asked = texts(options.texts // 2, f"trial {slots}")
        rate = len(asked) / embed(server, asked)[0]
    say(f"    {rate:.1f} texts/s")
    return rate


def texts(count, seed):
    """Texts of all lengths, in an order of their own."""
    choice = random.Random(str(seed))
    lengths = [LENGTHS[number % len(LENGTHS)] for number in range(count)]
    choice.shuffle(lengths)
    return [" ".join(choice.choices(WORDS, k=length)) for length in lengths]


def embed(server, asked):
    """The seconds that one request took, and its vectors."""
    body = json.dumps({"input": asked}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/v1/embeddings", body, {"Content-Type": "application/json"})
    started = time.monotonic()
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        told = json.load(answer)
    took = time.monotonic() - started
    return took, [one["embedding"] for one in sorted(told["data"], key=lambda one: one["index"])]


def cosine_of(left, right):
    norm = math.hypot(*left) * math.hypot(*right)
    return sum(a * b for a, b in zip(left, right)) / norm if norm else 0.0


if __name__ == "__main__":
    main()
