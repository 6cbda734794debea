#!/usr/bin/env python3
"""What proof costs: verifying an answer beside making it, and serving with a log of all answers beside serving without one.

    bench/recording.py --hefu target/release/hefu MODEL.gguf
    bench/recording.py --hefu target/release/hefu --only verify --rounds 5 MODEL.gguf

Everything is measured in turn in one run, and only ratios count; the machine should have nothing else to do. Needs
nothing but Python's standard library.
"""

import argparse
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

PROMPT = "Write a long story about a lighthouse keeper who finds a letter in a bottle."


def fail(sentence):
    sys.exit(f"recording.py: {sentence}")


def run(command, environment):
    print("+", " ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment)
    if done.returncode != 0:
        fail(done.stderr.strip())
    return json.loads(done.stdout)


def verify(options, folder, environment):
    """Makes an answer and verifies it, in turn; the seconds of each, without the time to load the model. Answers are made
    token by token and with guesses: what a guess saves where a text repeats itself, verifying cannot save again."""
    for name, guesses in [("token by token", "off"), ("with guesses", "auto")]:
        print(f"| {options.tokens} tokens, {name} | made in, s | verified in, s | share |\n| --- | ---: | ---: | ---: |")
        times = [make_and_verify(options, folder, environment, guesses, seed) for seed in range(1, options.rounds + 1)]
        ratios = [verified / made for made, verified in times]
        print(f"| median; shares from {min(ratios):.3f} to {max(ratios):.3f} | | | {statistics.median(ratios):.3f} |\n", flush=True)


def make_and_verify(options, folder, environment, guesses, seed):
    receipt = str(folder / "receipt.json")
    make = [options.hefu, "run", "--json", "--ignore-eos", "--seed", str(seed), "--max-tokens", str(options.tokens)]
    make += ["--speculate", guesses, "--receipt", receipt, "--model", options.model, PROMPT]
    timings = run(make, environment)["timings"]
    made = timings["prefill_seconds"] + timings["decode_seconds"]
    said = run([options.hefu, "verify", "--json", "--model", options.model, receipt], environment)["receipts"][0]
    if not said["matches"] or said["output_tokens"] != options.tokens:
        fail(f"the answer with seed {seed} does not match: {said['reason']}")
    print(f"| seed {seed} | {made:.2f} | {said['seconds']:.2f} | {said['seconds'] / made:.3f} |", flush=True)
    return made, said["seconds"]


class Server:
    """A server, with a log of its answers or without."""

    def __init__(self, options, environment, more):
        command = [options.hefu, "serve", "--port", "0", "--quiet", "--context", "1024", "--model", options.model]
        print("+", " ".join(command + more), file=sys.stderr, flush=True)
        self.process = subprocess.Popen(command + more, stdout=subprocess.PIPE, text=True, env=environment)
        line = self.process.stdout.readline()
        if not line:
            fail("the server does not start")
        self.address = line.split("//")[-1].strip()

    def ask(self, body):
        connection = http.client.HTTPConnection(self.address, timeout=600)
        connection.request("POST", "/v1/completions", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        if response.status != 200:
            fail(f"{response.status}: {text.decode()}")
        return json.loads(text)["usage"]["completion_tokens"]

    def rate(self, options, first_seed):
        """Tokens per second with so many clients, each of which asks again as soon as it has its answer."""
        tokens = []

        def client(number):
            for request in range(options.requests):
                seed = first_seed + number * options.requests + request
                body = {"prompt": f"Story {seed}: {PROMPT}", "seed": seed, "max_tokens": options.answer}
                tokens.append(self.ask({**body, "ignore_eos": True}))

        clients = [threading.Thread(target=client, args=(number,)) for number in range(options.clients)]
        started = time.monotonic()
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        if len(tokens) != options.clients * options.requests:
            fail("a request failed; the server's log says more")
        return sum(tokens) / (time.monotonic() - started)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def serving(options, folder, environment):
    """The same requests to a server with a log and to one without, in turn, each first every second time."""
    servers = {
        "plain": Server(options, environment, ["--receipts", "0"]),
        "logged": Server(options, environment, ["--audit", str(folder / "audit.db"), "--audit-store", options.store]),
    }
    try:
        for server in servers.values():
            server.rate(options, 0)  # Everything has been touched once.
        print(f"| {options.clients} clients | without, tokens/s | with the log, tokens/s | ratio |\n| --- | ---: | ---: | ---: |")
        ratios = []
        for number in range(1, options.rounds + 1):
            names = list(servers) if number % 2 else list(reversed(servers))
            rates = {name: servers[name].rate(options, number * 100_000) for name in names}
            ratios.append(rates["logged"] / rates["plain"])
            print(f"| round {number} | {rates['plain']:.1f} | {rates['logged']:.1f} | {ratios[-1]:.3f} |", flush=True)
        middle = f"{statistics.median(ratios):.3f} | smallest {min(ratios):.3f}, largest {max(ratios):.3f}"
        print(f"| median ratio | | {middle} |", flush=True)
    finally:
        for server in servers.values():
            server.stop()
    command = [options.hefu, "audit", "verify", str(folder / "audit.db")]
    said = subprocess.run(command, capture_output=True, text=True, env=environment)
    if said.returncode != 0:
        fail(said.stderr.strip())
    print("\n" + said.stdout.strip())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL.gguf")
    parser.add_argument("--hefu", default="target/release/hefu", help="the program [target/release/hefu]")
    parser.add_argument("--only", choices=["verify", "serve"], help="one of the two measurements")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured [5]")
    parser.add_argument("--tokens", type=int, default=512, help="tokens of the answer that is verified [512]")
    parser.add_argument("--clients", type=int, default=16, help="clients at the same time [16]")
    parser.add_argument("--requests", type=int, default=4, help="requests of each client in a round [4]")
    parser.add_argument("--answer", type=int, default=64, help="tokens of each answer that is served [64]")
    parser.add_argument("--store", choices=["ids", "text", "hashes"], default="ids", help="what is logged [ids]")
    options = parser.parse_args()
    options.hefu = str(pathlib.Path(options.hefu).resolve())
    print("command:", " ".join(sys.argv) + "\n", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        environment = dict(os.environ, HEFU_HOME=str(folder / "home"))
        if options.only != "serve":
            verify(options, folder, environment)
        if options.only != "verify":
            serving(options, folder, environment)


if __name__ == "__main__":
    main()
