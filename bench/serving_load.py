"""Servers, prompts of exact lengths, and clients that stream answers at the same time, for serve.py."""

import json
import random
import selectors
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

from comparison_processes import Failed

# Longest time that a server may take to load, or a whole load to be answered, in seconds.
PATIENCE = 900
# Words that are one token each with a space before them, for both models.
WORDS = (
    "time year people way day man thing woman life child world school state family student group country problem hand part "
    "place case week company system program question work government number night point home water room mother area money "
    "story fact month lot right study book eye job word business issue side kind head house service friend father power hour "
    "game line end member law car city community name president team minute idea body information back parent face others "
    "level office door health person art war history party result change morning reason research girl guy moment air teacher"
).split()


class Server:
    """A server process that answers on a port of its own."""

    def __init__(self, command, port):
        self.command = [str(word) for word in command]
        self.port = port
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def __enter__(self):
        started = time.monotonic()
        while time.monotonic() - started < PATIENCE:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=10) as answer:
                    if answer.status == 200:
                        return self
            except OSError:
                pass
            if self.process.poll() is not None:
                raise Failed(f"{self.command[0]} ended before it answered:\n{self.last_words()}")
            time.sleep(0.05)
        self.__exit__()
        raise Failed(f"{self.command[0]} did not become ready:\n{self.last_words()}")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_words(self):
        self.log.seek(0)
        return "\n".join(self.log.read().decode(errors="replace").strip().splitlines()[-5:])

    def get(self, path):
        """The JSON that a path answers."""
        return self.asked(path, urllib.request.Request(f"http://127.0.0.1:{self.port}{path}"))

    def post(self, path, body):
        """The JSON that a path answers to a body."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        return self.asked(path, request)

    def asked(self, path, request):
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise Failed(f"{self.command[0]} answered {path} with {error.code}: {error.read().decode()[:300]}") from None

    def tokens(self, text):
        """How many tokens a text is as a prompt, what the model puts before it included."""
        return len(self.post("/tokenize", {"content": text, "add_special": True})["tokens"])


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def prompt(servers, length, seed, beginning=""):
    """A text of random words after a beginning, of exactly so many tokens for every server."""
    chance = random.Random(seed)
    words = [chance.choice(WORDS) for _ in range(length + 8)]
    counts = []
    for server in servers:
        count = length
        for _ in range(12):
            text = beginning + "".join(f" {word}" for word in words[:count])
            found = server.tokens(text)
            if found == length:
                break
            count += length - found
        else:
            raise Failed(f"no prompt of {length} tokens was found for {server.command[0]}")
        counts.append((count, text))
    if any(text != counts[0][1] for _, text in counts):
        raise Failed("the two servers cut the same text into different numbers of tokens")
    return counts[0][1]


@dataclass
class Answered:
    """One answer: when its request went out, when its first text came, and when its last byte came, in seconds."""

    sent: float
    first: float | None = None
    last: float | None = None
    # All that came; its tokens are counted when every answer is complete, so that nothing is held up by it.
    stream: bytes = b""
    tokens: int = 0
    # The longest time between two arrivals of text, in seconds.
    longest_pause: float = 0.0


@dataclass
class Client:
    """One connection after another, each with the next of its prompts."""

    bodies: list
    line: socket.socket | None = None
    answer: Answered | None = None
    received: bytearray = field(default_factory=bytearray)
    arrived: float = 0.0
    done: list = field(default_factory=list)

    def send(self, port):
        body = self.bodies.pop(0)
        head = f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.line = socket.create_connection(("127.0.0.1", port))
        self.received.clear()
        self.answer = Answered(time.perf_counter())
        self.arrived = self.answer.sent
        self.line.sendall(head.encode() + body)
        self.line.setblocking(False)

    def read(self):
        """Takes what came; whether the answer is complete."""
        data = self.line.recv(1 << 18)
        now = time.perf_counter()
        self.received += data
        if data and self.answer.first is None and first_text(self.received):
            self.answer.first = now
        elif data and self.answer.first is not None:
            self.answer.longest_pause = max(self.answer.longest_pause, now - self.arrived)
        self.arrived = now
        if data:
            return False
        self.answer.last = now
        self.answer.stream = bytes(self.received)
        self.done.append(self.answer)
        self.line.close()
        return True


def events(received):
    """The JSON objects of a stream so far; a last line that is not complete is left out."""
    for line in received.split(b"\n")[:-1]:
        line = line.strip()
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])


def first_text(received):
    """Whether some text of the answer has come."""
    return any(choice.get("text") for event in events(received) for choice in event.get("choices", []))


def completion_tokens(received):
    """How many tokens the answer has by its own count."""
    counts = [event["usage"]["completion_tokens"] for event in events(received) if event.get("usage")]
    if not counts:
        head, _, rest = received.partition(b"\r\n")
        raise Failed(f"an answer has no usage: {head.decode(errors='replace')} … {rest[-300:].decode(errors='replace')}")
    return counts[-1]


def load(server, prompts, generate):
    """Asks all clients' prompts (a list for each client), each client one after another; every answer."""
    clients = [Client([request(text, generate) for text in texts]) for texts in prompts]
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.send(server.port)
        for client in clients:
            selector.register(client.line, selectors.EVENT_READ, client)
        while selector.get_map():
            ready = selector.select(PATIENCE)
            if not ready:
                raise Failed(f"{server.command[0]} said nothing for {PATIENCE} s")
            for key, _ in ready:
                client = key.data
                selected = client.line
                if not client.read():
                    continue
                selector.unregister(selected)
                if client.bodies:
                    client.send(server.port)
                    selector.register(client.line, selectors.EVENT_READ, client)
    answers = [answer for client in clients for answer in client.done]
    for answer in answers:
        answer.tokens = completion_tokens(answer.stream)
    short = [answer.tokens for answer in answers if answer.tokens != generate or answer.first is None]
    if short:
        raise Failed(f"{server.command[0]} gave {short[0]} tokens where {generate} were asked")
    return answers


def request(text, generate):
    body = {"prompt": text, "max_tokens": generate, "temperature": 0, "ignore_eos": True, "stream": True}
    return json.dumps({**body, "stream_options": {"include_usage": True}}).encode()


def percentile(values, share):
    """The smallest value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]
