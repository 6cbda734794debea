#!/usr/bin/env python3
"""All comparisons of hefu with llama.cpp in one run: speed, start-up, memory, and shares of the machine's limits.

    bench/compare.py --hefu target/release/hefu --peer-dir PATH/bin MODEL.gguf [MODEL.gguf ...]
    bench/compare.py --peer-dir PATH/bin --second-peer-dir PATH/bin --shapes qwen3-4b,qwen3-4b:Q5_K --vocabulary MODEL.gguf

`--shapes` makes models of well-known shapes with random weights on the fly (random_model.py, random_families.py), one
after the other, and removes each. `--second-peer-dir` is the folder of a llama-bench of another program with the same
flags, ik_llama.cpp for example, with `-rtr 1`.

`--peer-dir` is the folder of a llama.cpp build with llama-bench, llama-batched-bench and either llama-completion or
llama-server; `--peer-avx2-dir` that of a build without AVX-512 (llama-bench is enough). Both programs take turns, A B A
B ..., each run a process of its own, with the same number of threads. A figure is the ratio of the medians of all
rounds, the smallest and largest ratio of single rounds beside it. Machines are noisy: only ratios taken in one run
count. The peer's flags are the best found: flash attention on, and the fastest micro batch for prompts, which is
measured first. Needs Python's standard library and a system with wait4 (Linux).
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import comparison_measures as measures
import comparison_plot as plot
from comparison_processes import Failed, check_program
import random_families
import random_model
from random_model import SCALES, formats_of

SHAPES = [*random_model.SHAPES, *random_families.SHAPES]
# Repacks weights when they are loaded, which is faster.
SECOND_PEER_FLAGS = ("-rtr", 1)


def main():
    options = arguments()
    try:
        if options.read:
            result = json.loads(Path(options.read).read_text())
        else:
            result = compare(options)
    except ImportError as error:
        sys.exit(f"compare.py: {error}; --shapes needs the packages gguf and numpy")
    except (Failed, OSError, json.JSONDecodeError) as error:
        sys.exit(f"compare.py: {error}")
    print(table(result))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")
    if options.svg:
        Path(options.svg).write_text(plot.svg(result))


def arguments():
    names = [measure.name for measure in measures.ALL]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL.gguf")
    parser.add_argument("--hefu", default="target/release/hefu", help="the program [target/release/hefu]")
    parser.add_argument("--peer-dir", metavar="DIR", help="folder of the peer's programs")
    parser.add_argument("--peer-avx2-dir", metavar="DIR", help="folder of a llama-bench built without AVX-512")
    parser.add_argument("--second-peer-dir", metavar="DIR", help="folder of ik_llama.cpp's llama-bench")
    parser.add_argument("--shapes", metavar="NAME[:FORMAT],...", help="models to make: of " + ", ".join(SHAPES))
    parser.add_argument("--vocabulary", metavar="FILE", help="a GGUF file whose tokens these models have")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of both [all cores]")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured [5]")
    parser.add_argument("--micro-batch", type=int, metavar="N", help="the peer's micro batch [the fastest, tried before the rounds]")
    parser.add_argument("--quick", action="store_true", help="one round, and nothing that takes minutes")
    parser.add_argument("--only", metavar="NAME,NAME", help="of " + ", ".join(names))
    parser.add_argument("--json", metavar="FILE", help="write all rounds with their commands")
    parser.add_argument("--svg", metavar="FILE", help="draw the figures")
    parser.add_argument("--read", metavar="FILE", help="measure nothing; show what --json has written")
    options = parser.parse_args()
    options.shapes = options.shapes.split(",") if options.shapes else []
    if not options.read and not ((options.models or options.shapes) and options.peer_dir):
        parser.error("name the models or --shapes, and --peer-dir, or --read a file of earlier results")
    for shape in options.shapes:
        name, _, stored = shape.partition(":")
        if name not in SHAPES or stored not in ["", "Q4_K_M", *SCALES]:
            formats = ", ".join(["Q4_K_M", *SCALES])
            parser.error(f"--shapes does not know {shape}; there are {', '.join(SHAPES)}, each with a format of {formats}")
    if options.shapes and not (options.vocabulary and Path(options.vocabulary).is_file()):
        parser.error("--shapes needs --vocabulary, a GGUF file with byte-pair tokens")
    options.only = options.only.split(",") if options.only else []
    for name in options.only:
        if name not in names:
            parser.error(f"--only does not know {name}; there are {', '.join(names)}")
    if options.rounds < 1 or options.threads < 1:
        parser.error("--rounds and --threads must be at least 1")
    return options


def compare(options):
    """Runs every measure on every model and puts the figures together."""
    hefu = check_program(Path(options.hefu), "build it with `cargo build --release`, or name it with --hefu")
    for model in options.models:
        if not Path(model).is_file():
            raise Failed(f"there is no model file {model}")
    chosen = [measure for measure in measures.ALL if not options.only or measure.name in options.only]
    if options.only and not options.peer_avx2_dir and any(measure.peer == "avx2" for measure in chosen):
        raise Failed("avx2-* need a llama-bench built without AVX-512; name its folder with --peer-avx2-dir")
    rounds = 1 if options.quick else options.rounds
    chosen = [measure for measure in chosen if not (options.quick and measure.is_slow and not options.only)]
    results = []
    for model in models(options):
        setting = measures.Setting(hefu, options.peer_dir, options.peer_avx2_dir, Path(model), options.threads, options.micro_batch)
        if options.second_peer_dir:
            setting.second = replace(setting, peer_dir=options.second_peer_dir, peer_flags=SECOND_PEER_FLAGS, known={})
        usable = [measure for measure in chosen if measure.peer != "avx2" or options.peer_avx2_dir]
        for measure in usable:
            measures.check_peer(setting, measure)
        for index, measure in enumerate(usable):
            say(f"{Path(model).stem}: {measure.name} ({index + 1} of {len(usable)})")
            results.append(measured(setting, measure, rounds))
    return {
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "threads": options.threads,
        "rounds": rounds,
        "hefu": measures.version(hefu),
        "peer": "llama.cpp",
        "second_peer": "ik_llama.cpp" if options.second_peer_dir else None,
        "results": results,
    }


def models(options):
    """The models' files; those of shapes are there until the next one is asked for."""
    yield from options.models
    for shape in options.shapes:
        name, _, stored = shape.partition(":")
        stored = stored or "Q4_K_M"
        with tempfile.TemporaryDirectory(prefix="hefu-compare-") as folder:
            path = Path(folder) / f"{name}-{stored}.gguf"
            say(f"making {path.name}")
            make(name, options.vocabulary, str(path), formats_of(stored))
            yield path


def make(name, *rest):
    """Writes a file of a shape."""
    if name in random_model.SHAPES:
        random_model.write(random_model.SHAPES[name], *rest)
    else:
        random_families.write(name, *rest)


def measured(setting, measure, rounds):
    """All rounds of one measure on one model, and its figure."""
    measure.prepare(setting)
    second = setting.second if measure.peer == "llama-bench" and measure.kind == "ratio" else None
    if second:
        measure.prepare(second)
    pairs = []
    for number in range(rounds):
        say(f"    round {number + 1} of {rounds}", end="\r")
        pair = {"ours": measure.ours(setting), "theirs": measure.theirs(setting) if measure.theirs else None}
        pairs.append(pair | ({"second": measure.theirs(second)} if second else {}))
    ours = statistics.median(pair["ours"]["value"] for pair in pairs)
    theirs = statistics.median(pair["theirs"]["value"] for pair in pairs) if measure.theirs else None
    seconds = statistics.median(pair["second"]["value"] for pair in pairs) if second else None
    single = sorted(measure.figure(setting, pair["ours"]["value"], value_of(pair["theirs"])) for pair in pairs)
    result = {
        "name": measure.name,
        "model": setting.model.stem,
        "title": measure.title,
        "unit": measure.unit,
        "kind": measure.kind,
        "ours": ours,
        "theirs": theirs,
        "figure": measure.figure(setting, ours, theirs),
        "second": seconds,
        "second_figure": measure.figure(setting, ours, seconds) if second else None,
        "smallest": single[0],
        "largest": single[-1],
        "at_most": measure.at_most,
        "must": measure.must,
        "aim": measure.aim,
        "note": measure.note(setting),
        "rounds": pairs,
    }
    say(f"    {row(result)}")
    return result


def value_of(sample):
    return sample["value"] if sample else None


def reached(result):
    """`aim`, `must` or `no`: how far a figure got; empty for a figure without a limit."""
    if result["must"] is None:
        return ""
    sign = -1 if result["at_most"] else 1
    better = lambda limit: sign * result["figure"] >= sign * limit
    if result["aim"] is not None and better(result["aim"]):
        return "aim"
    return "must" if better(result["must"]) else "no"


def table(result):
    """The figures as Markdown."""
    machine = result["machine"]
    second = result.get("second_peer")
    more = [f" {second} | figure |", " ---: | ---: |"] if second else ["", ""]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores; {result['threads']} threads; medians of {result['rounds']} "
        f"round{'s' if result['rounds'] > 1 else ''}; {result['hefu']}{instruction_set(result)} beside {result['peer']}{f' and {second}' if second else ''}",
        "",
        f"| model | measure | hefu | peer | figure | smallest to largest | must | aim | reached |{more[0]}",
        f"| --- | --- | ---: | ---: | ---: | --- | ---: | ---: | --- |{more[1]}",
    ]
    lines += [row(one) + (second_cells(one) if second else "") for one in result["results"]]
    notes = {f"* {one['title']}: {one['note']}" for one in result["results"] if one["note"]}
    return "\n".join(lines + ([""] + sorted(notes) if notes else []))


def instruction_set(result):
    """The instruction set that hefu took by itself, where a report of its tells it."""
    names = [
        pair["ours"].get("report", {}).get("isa")
        for one in result["results"]
        if not one["name"].startswith("avx2-")
        for pair in one["rounds"]
    ]
    return next((f" on {name}" for name in names if name), "")


def row(one):
    theirs = "" if one["theirs"] is None else plot.number(one["theirs"], one["unit"])
    limit = lambda value: "" if value is None else ("≤ " if one["at_most"] else "") + plot.figure(value, one["kind"])
    shown = [plot.figure(one[key], one["kind"]) for key in ("figure", "smallest", "largest")]
    return (
        f"| {one['model']} | {one['title']} | {plot.number(one['ours'], one['unit'])} | {theirs} | {shown[0]} | "
        f"{shown[1]} to {shown[2]} | {limit(one['must'])} | {limit(one['aim'])} | {reached(one)} |"
    )


def second_cells(one):
    """The second peer's value and the figure beside it, where there are any."""
    if one.get("second") is None:
        return "  |  |"
    return f" {plot.number(one['second'], one['unit'])} | {plot.figure(one['second_figure'], one['kind'])} |"


def processor():
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def say(text, end="\n"):
    print(text, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
