#!/usr/bin/env python3
"""Thirty pupils at one machine: how long each waits for the first token of an answer in `hefu learn class`.

    bench/class_load.py --hefu target/release/hefu --model MODEL.gguf [--pupils 30] [--rounds 3] [--think 20]

Each pupil comes in by the code, opens a lesson, and asks the model a short question `rounds` times, streamed, with a random pause of up
to twice `think` seconds before each, while answering questions of the lesson. Then the server is killed without warning and started
again, and every pupil's file must hold all that was acknowledged. Prints a table; needs nothing but Python.
"""

import argparse
import json
import random
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request

from serving_load import first_text, percentile

# Longest time that anything may take, in seconds.
PATIENCE = 600
QUESTIONS = (
    "What is a token?",
    "Why does a model make mistakes?",
    "Name three prime numbers.",
    "What is the capital of France?",
    "Explain rounding in one sentence.",
    "Write a sentence about the sea.",
)


class Room:
    """The teacher's machine."""

    def __init__(self, arguments, folder):
        command = [arguments.hefu, "learn", "class", "--model", arguments.model, "--host", "127.0.0.1", "--port", "0"]
        command += ["--folder", folder, "--per-address", "64", "--quiet", "--threads", str(arguments.threads)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines = [self.process.stdout.readline() for _ in range(3)]
        if not lines[2]:
            raise SystemExit(f"{arguments.hefu} did not begin a class; run it by hand: {' '.join(command)}")
        self.port = int(re.search(r":(\d+)/class", lines[0])[1])
        self.code = lines[1].split()[-1]

    def ask(self, path, body=None, key=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body and json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def first_token(port, key, body):
    """Seconds to the first text of a streamed answer, and to its end."""
    body = json.dumps({**body, "stream": True}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer {key}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        began, received, first = time.perf_counter(), bytearray(), None
        line.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        while data := line.recv(1 << 16):
            received += data
            if first is None and first_text(received):
                first = time.perf_counter() - began
        if first is None:
            raise SystemExit(f"an answer had no text: {bytes(received[-300:])!r}")
        return first, time.perf_counter() - began


def pupil(room, number, arguments, out):
    chance = random.Random(number)
    came = room.ask("/v1/class/join", {"code": room.code, "name": f"Pupil {number}"})
    key, waits, tries = came["key"], [], 0
    room.ask("/v1/class/visit", {"lesson": "01-tokens"}, key)
    for turn in range(arguments.rounds):
        time.sleep(chance.uniform(0, 2 * arguments.think))
        question = f"Question: {chance.choice(QUESTIONS)} ({number}, {turn})\nAnswer:"
        waits.append(first_token(room.port, key, {"prompt": question, "max_tokens": arguments.tokens, "temperature": 0.7, "seed": number}))
        room.ask("/v1/class/answer", {"lesson": "01-tokens", "question": 1 + turn % 2, "answer": 1}, key)
        tries += 1
    out[number] = (key, waits, tries)


def tries_of(file):
    return sum(answer["tries"] for lesson in file["progress"]["lessons"].values() for answer in lesson.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hefu", default="target/release/hefu")
    parser.add_argument("--model", required=True)
    parser.add_argument("--pupils", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--think", type=float, default=20, help="mean pause before a question, in seconds; 0 asks all at once")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        room, out = Room(arguments, folder), {}
        threads = [threading.Thread(target=pupil, args=(room, number, arguments, out)) for number in range(arguments.pupils)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
        room.kill()
        if len(out) != arguments.pupils:
            raise SystemExit(f"{arguments.pupils - len(out)} pupils were not answered")
        again = Room(arguments, folder)
        lost = sum(tries_of(again.ask("/v1/class/progress", key=key)) < tries for key, _, tries in out.values())
        again.kill()
    first = [first for _, waits, _ in out.values() for first, _ in waits]
    whole = [whole for _, waits, _ in out.values() for _, whole in waits]
    print("| pupils | answers | tokens each | first token: median | 95 % | most | whole answer: median | 95 % | minutes | lost after kill -9 |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    print(
        f"| {arguments.pupils} | {len(first)} | {arguments.tokens} | {statistics.median(first):.2f} s | {percentile(first, 95):.2f} s"
        f" | {max(first):.2f} s | {statistics.median(whole):.2f} s | {percentile(whole, 95):.2f} s | {seconds / 60:.1f} | {lost} |"
    )


if __name__ == "__main__":
    main()
