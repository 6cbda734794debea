#!/usr/bin/env python3
"""Compares how fast Hefu and llama.cpp score questions with choices, and how far each score moves with batches, threads and instruction set.

    bench/scoring.py --hefu target/release/hefu --peer PATH/llama-perplexity MODEL.gguf [MODEL.gguf ...]

The questions have the shapes of ARC, HellaSwag and MMLU and are made by crates/python/tests/shapes.py. Both programs take the likeliest choice
by log-probability per token. A time is that of the whole process less that of one that scores two questions, in turn; the ratio is that of
the medians. Without a peer only Hefu's figures are printed.
"""

import argparse
import json
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "crates" / "python" / "tests"))

import shapes

CONTEXT = 2048
SEQUENCES = 128
OURS = {
    "batch 1, 1 thread, avx2": ["--parallel", "1", "--threads", "1", "--isa", "avx2"],
    "batch 8, 2 threads, avx2": ["--parallel", "8", "--threads", "2", "--isa", "avx2"],
    "batch 64, 1 thread, avx512": ["--parallel", "64", "--threads", "1", "--isa", "avx512"],
    "batch 64, 2 threads, best": ["--parallel", "64", "--threads", "2"],
}
THEIRS = {
    "batch 32, 1 thread": ["-b", "32", "-ub", "32", "-t", "1"],
    "batch 512, 2 threads": ["-b", "2048", "-ub", "512", "-t", "2"],
    "batch 2048, 2 threads": ["-b", "2048", "-ub", "2048", "-t", "2"],
    "batch 512, 2 threads, flash attention off": ["-b", "2048", "-ub", "512", "-t", "2", "-fa", "off"],
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="a GGUF file")
    parser.add_argument("--hefu", type=Path, required=True, help="the program hefu")
    parser.add_argument("--peer", type=Path, help="llama.cpp's program llama-perplexity")
    parser.add_argument("--samples", type=int, default=200, help="questions of each shape (default: 200)")
    parser.add_argument("--rounds", type=int, default=3, help="times that speed is measured (default: 3)")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    hefu, peer = arguments.hefu.resolve(), arguments.peer and arguments.peer.resolve()
    speed, scores = [], []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for shape in shapes.SHAPES:
            write(folder, shape, arguments.samples)
        for model in arguments.models:
            for shape in shapes.SHAPES:
                speed.append(f"| {model.stem} | {shape} | {compared(hefu, peer, model.resolve(), folder, shape, arguments)} |")
                print(speed[-1], file=sys.stderr, flush=True)
                scores += [f"| {model.stem} | {shape} | {row} |" for row in scattered(hefu, peer, model.resolve(), folder, shape, arguments.samples)]
                print("\n".join(scores[-2:]), file=sys.stderr, flush=True)
    print("| model | questions | Hefu, per s | llama.cpp, per s | ratio |\n| --- | --- | ---: | ---: | ---: |", *speed, sep="\n")
    print("\n| model | questions | program | scores | questions judged otherwise |\n| --- | --- | --- | --- | ---: |", *scores, sep="\n")


def write(folder, shape, count):
    """The questions for both programs, and the first two of them."""
    rows = list(shapes.SHAPES[shape](count))
    for row in rows:
        row["question"] += "\nAnswer:" if shape != "hellaswag" else ""
        row["choices"] = [choice.strip() for choice in row["choices"]]
    for name, some in ((shape, rows), (f"{shape}-2", rows[:2])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
        (folder / f"{name}.yaml").write_text(f"name: {name}\ndata: {name}.jsonl\nprompt: '{{{{ question }}}}'\nmultiple_choice: {{divide_by: tokens}}\n")
        (folder / f"{name}.bin").write_bytes(packed(some))


def packed(rows):
    """Questions as llama-perplexity reads them: their number, their places, and for each the text, the choices and which are right, twice."""
    def text(value):
        return struct.pack("<I", len(value.encode())) + value.encode()

    def choices(row):
        right = [int(number == row["answer"]) for number in range(len(row["choices"]))]
        return struct.pack("<I", len(right)) + b"".join(map(text, row["choices"])) + struct.pack(f"<{len(right)}i", *right)

    tasks = [text(row["question"]) + 2 * choices(row) for row in rows]
    places, place = [], 4 + 4 * len(tasks)
    for task in tasks:
        places.append(place)
        place += len(task)
    return struct.pack(f"<{1 + len(tasks)}I", len(tasks), *places) + b"".join(tasks)


def timed(run):
    begun = time.monotonic()
    run()
    return time.monotonic() - begun


def compared(hefu, peer, model, folder, shape, arguments):
    """Questions per second of both, and the ratio."""
    programs = [lambda name: ours(hefu, model, folder, name, ["--threads", "2", "--parallel", "64"])]
    if peer:
        programs.append(lambda name: theirs(peer, model, folder, name, THEIRS["batch 512, 2 threads"]))
    times = [[] for _ in programs]
    for _ in range(arguments.rounds):
        for own, run in zip(times, programs):
            own.append(timed(lambda: run(shape)) - timed(lambda: run(f"{shape}-2")))
    speeds = [(arguments.samples - 2) / statistics.median(own) for own in times]
    return " | ".join([f"{speed:.1f}" for speed in speeds] + ([f"{speeds[0] / speeds[1]:.2f}"] if peer else ["", ""]))


def ours(hefu, model, folder, name, flags):
    """Hefu's verdict on each question, and the root over all records."""
    words = [hefu, "eval", folder / f"{name}.yaml", "--out", folder, "--force", "--json", "--model", model, "--context", str(CONTEXT), *flags]
    (task,) = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)["tasks"]
    records = (folder / f"{name}.score").read_text().splitlines()[1:]
    return tuple(json.loads(line)["points"] > 0 for line in records), task["root"]


def theirs(peer, model, folder, name, flags):
    """The peer's verdict on each question, from the share that it prints after each."""
    words = [peer, "-m", model, "--multiple-choice", "-bf", folder / f"{name}.bin", "-c", str(CONTEXT), "-np", str(SEQUENCES), "-kvu", *flags]
    said = subprocess.run(words, check=True, capture_output=True, text=True)
    shares = [(int(done), float(share)) for done, share in re.findall(r"^(\d+)\t([\d.]+)$", said.stdout + said.stderr, re.M)]
    right = [0, *(round(done * share / 100) for done, share in shares)]
    if len(right) < 3:
        sys.exit(f"{peer.name} has scored nothing: {(said.stdout + said.stderr)[-400:]}")
    return tuple(after > before for before, after in zip(right, right[1:])), None


def scattered(hefu, peer, model, folder, shape, count):
    """For each program all scores that its settings give, and how many questions are not judged alike by all of them."""
    programs = [("Hefu", OURS, lambda flags: ours(hefu, model, folder, shape, flags))]
    if peer:
        programs.append(("llama.cpp", THEIRS, lambda flags: theirs(peer, model, folder, shape, flags)))
    for name, ways, run in programs:
        found = [run(flags) for flags in ways.values()]
        verdicts = [own for own, _ in found]
        shares = sorted({f"{sum(own)}/{count}" for own in verdicts})
        flipped = sum(len(set(column)) > 1 for column in zip(*verdicts))
        roots = {root for _, root in found}
        assert name != "Hefu" or len(roots) == 1, roots
        yield f"{name} | {', '.join(shares)} | {flipped}"


if __name__ == "__main__":
    sys.exit(main())
