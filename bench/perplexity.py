#!/usr/bin/env python3
"""Compares the perplexity that Hefu and llama.cpp give for one text, for any number of models.

    python3 bench/perplexity.py --hefu target/release/hefu --peer PATH/llama-perplexity MODEL.gguf [MODEL.gguf ...]

Both cut the text into chunks of --context tokens and score the second half of each; llama.cpp runs with flash
attention. Prints a table in Markdown and ends with status 1 if Hefu's figure is more than 1.005 times llama.cpp's
for any model.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

LIMIT = 1.005
TEXT = Path(__file__).resolve().parent.parent / "golden" / "text" / "perplexity.txt"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="a GGUF file")
    parser.add_argument("--hefu", type=program, required=True, help="the program hefu")
    parser.add_argument("--peer", type=program, required=True, help="llama.cpp's program llama-perplexity")
    parser.add_argument("--file", type=Path, default=TEXT, help="the text (default: golden/text/perplexity.txt)")
    parser.add_argument("--context", type=int, default=512, help="tokens per chunk (default: 512)")
    parser.add_argument("--chunks", type=int, help="stop after so many chunks (default: all)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each program (default: 2)")
    return parser.parse_args()


def program(name):
    # A bare name would be looked for in PATH.
    return Path(name).resolve()


def main():
    arguments = parse_arguments()
    print(f"{arguments.file.name}, chunks of {arguments.context} tokens\n")
    print("| model | chunks | Hefu | llama.cpp | ratio |")
    print("| --- | ---: | ---: | ---: | ---: |")
    held = True
    for model in arguments.models:
        ours, our_chunks = run_hefu(arguments, model)
        theirs, their_chunks = run_peer(arguments, model)
        if our_chunks != their_chunks:
            sys.exit(f"{model.name}: Hefu scored {our_chunks} chunks, but llama.cpp {their_chunks}: the token ids differ")
        ratio = ours / theirs
        held = held and ratio <= LIMIT
        print(f"| {model.stem} | {our_chunks} | {ours:.4f} | {theirs:.4f} | {ratio:.5f} |", flush=True)
    print(f"\nEvery ratio is at most {LIMIT}." if held else f"\nA ratio is above {LIMIT}.")
    return 0 if held else 1


def run_hefu(arguments, model):
    """Perplexity and number of chunks."""
    command = [arguments.hefu, "perplexity", "--model", model, "--file", arguments.file, "--json"]
    command += ["--context", str(arguments.context), "--threads", str(arguments.threads)]
    if arguments.chunks:
        command += ["--chunks", str(arguments.chunks)]
    result = json.loads(run(command).stdout)
    return result["perplexity"], result["chunks"]


def run_peer(arguments, model):
    """The same of llama-perplexity, which writes its figures between other lines."""
    threads = str(arguments.threads)
    command = [arguments.peer, "-m", model, "-f", arguments.file, "-c", str(arguments.context), "-b", "512"]
    command += ["-fa", "on", "-t", threads, "-tb", threads]
    if arguments.chunks:
        command += ["--chunks", str(arguments.chunks)]
    result = run(command)
    text = result.stdout + result.stderr
    chunks = re.search(r"calculating perplexity over (\d+) chunks", text)
    final = re.search(r"Final estimate: PPL = ([0-9.]+)", text)
    if not (chunks and final):
        sys.exit(f"{arguments.peer} printed no final estimate for {model}")
    return float(final[1]), int(chunks[1])


def run(command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace")
    if result.returncode != 0:
        sys.exit(f"{command[0]} ended with status {result.returncode}:\n{result.stderr[-2000:]}")
    return result


if __name__ == "__main__":
    sys.exit(main())
