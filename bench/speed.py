#!/usr/bin/env python3
"""Speed of hefu beside a peer's llama-bench, in one run: A B A B ..., medians.

    bench/speed.py --hefu target/release/hefu --peer PATH/TO/llama-bench MODEL.gguf [MODEL.gguf ...]

Both prefill `--prompt` tokens from an empty cache and then, separately, generate `--generate` tokens, with `--threads`
threads; the peer with flash attention on. Machines are noisy: only ratios taken in one run count. Needs nothing but
Python's standard library and a system with wait4.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def measured(command):
    """Standard output of a command, and the most memory that it held at once, in MiB."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{errors.read().decode(errors='replace')}")
        return output.read().decode(), usage.ru_maxrss / 1024


def hefu(options, model):
    command = [options.hefu, "bench", "--json", "--model", model, "--threads", str(options.threads)]
    command += ["--prompt", str(options.prompt), "--generate", str(options.generate), "--repetitions", "1"]
    if options.isa:
        command += ["--isa", options.isa]
    text, memory = measured(command)
    result = json.loads(text)
    return result["prefill_tokens_per_second"], result["decode_tokens_per_second"], memory


def peer(options, model):
    command = [options.peer, "-m", model, "-t", str(options.threads), "-fa", "1", "-r", "1", "-o", "json"]
    text, memory = measured(command + ["-p", str(options.prompt), "-n", str(options.generate)])
    speeds = {("prefill" if test["n_gen"] == 0 else "decode"): test["avg_ts"] for test in json.loads(text)}
    return speeds["prefill"], speeds["decode"], memory


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL.gguf")
    parser.add_argument("--hefu", default="target/release/hefu")
    parser.add_argument("--peer", required=True, help="path of llama-bench")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--isa", help="instruction set of hefu")
    options = parser.parse_args()
    print(f"prompt {options.prompt}, generate {options.generate}, {options.threads} threads, {options.rounds} rounds")
    print("| model | measure | hefu | peer | ratio (median of rounds) | smallest to largest |")
    print("| --- | --- | --- | --- | --- | --- |")
    for model in options.models:
        rounds = [(hefu(options, model), peer(options, model)) for _ in range(options.rounds)]
        for index, name in enumerate(["prefill, tokens/s", "decode, tokens/s", "peak memory, MiB"]):
            ours = [round_[0][index] for round_ in rounds]
            theirs = [round_[1][index] for round_ in rounds]
            ratios = sorted(a / b for a, b in zip(ours, theirs))
            print(
                f"| {Path(model).stem} | {name} | {statistics.median(ours):.1f} | {statistics.median(theirs):.1f} "
                f"| {statistics.median(ratios):.2f} | {ratios[0]:.2f} to {ratios[-1]:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
