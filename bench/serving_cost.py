#!/usr/bin/env python3
"""What scheduling, HTTP and event streams cost beside the model, while many answers are streamed at once.

    bench/serving_cost.py --hefu target/release/hefu MODEL.gguf

Starts `hefu serve`, lets 32 clients stream answers over /v1/completions, and reads the processor time of each of its
threads from /proc before and after: those of the model compute and schedule, those of tokio read requests, make text of
tokens, write JSON and send it. The figure is the share of the tokio threads in all processor time; per step is per
forward pass. What the scheduler's own decisions take is measured without a model:
`cargo test --release -p hefu-engine microseconds_per_step -- --ignored --nocapture`. Needs Linux and Python's
standard library.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from comparison_processes import Failed, check_program
from serving_load import Server, free_port, load, prompt

PROMPT = 16


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL.gguf")
    parser.add_argument("--hefu", default="target/release/hefu", help="the program [target/release/hefu]")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of the model [all cores]")
    parser.add_argument("--clients", type=int, default=32, help="answers at the same time [32]")
    parser.add_argument("--generate", type=int, default=192, help="tokens of each [192]")
    options = parser.parse_args()
    try:
        hefu = check_program(Path(options.hefu), "build it with `cargo build --release`, or name it with --hefu")
        print("| model | clients | steps | ms per step | processor ms per step | of it tokio | share |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        for model in options.models:
            print(row(options, hefu, Path(model)), flush=True)
    except (Failed, OSError) as error:
        sys.exit(f"serving_cost.py: {error}")


def row(options, hefu, model):
    port = free_port()
    command = [hefu, "serve", "--model", model, "--port", port, "--threads", options.threads, "--quiet"]
    with Server(command, port) as server:
        texts = [[prompt([server], PROMPT, f"cost {client}")] for client in range(options.clients)]
        # Everything is in memory from here on.
        load(server, [[text] for [text] in texts], 8)
        before, steps, started = processor_time(server), counted(server), time.monotonic()
        load(server, texts, options.generate)
        seconds, steps, after = time.monotonic() - started, counted(server) - steps, processor_time(server)
    spent = {name: after[name] - before.get(name, 0.0) for name in after}
    network = sum(value for name, value in spent.items() if name.startswith("tokio"))
    whole = sum(spent.values())
    cells = [f"{1000 * value / steps:.2f}" for value in (seconds, whole, network)]
    return f"| {model.stem} | {options.clients} | {steps} | {' | '.join(cells)} | {100 * network / whole:.1f} % |"


def counted(server):
    """Forward passes since the start."""
    return server.get("/slots")[0]["steps"]


def processor_time(server):
    """Seconds of processor time by the name of the thread."""
    tick = os.sysconf("SC_CLK_TCK")
    times = {}
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
        user, system = rest.split()[11:13]
        times[name] = times.get(name, 0.0) + (int(user) + int(system)) / tick
    return times


if __name__ == "__main__":
    main()
