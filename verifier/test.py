#!/usr/bin/env python3
"""Holds the verifier and the program against each other: receipts of every family, weight format and instruction set.

    cargo build --release
    verifier/test.py

The program makes the receipts, `hefu_verify.py` judges them. Log-probabilities that the program reports must be those of the
verifier's logits, to the bit, traces must have the roots that it finds, and the verifier's operations must give the digests of
golden/conformance. Receipts that were damaged, or signed again after a change, must be told apart, with the same verdict by both.
NumPy is installed into a virtual environment in the user's cache folder. The exit status is 0 if all is as it must be.
"""

import argparse
import base64
import hashlib
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
NUMPY = "numpy==2.4.2" if sys.version_info >= (3, 11) else "numpy==2.2.6"
PROMPT = "the end of the in and the other"
# Cases of the conformance list that golden/conformance/README.md describes.
CASES = 577
# Families that write nothing.
ENCODERS = {"bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "modern-bert", "gemma-embedding"}
# Settings of sampling that take turns; each has a seed of its own beside.
SETTINGS = [
    [],
    ["--temperature", "0"],
    ["--temperature", "1.5", "--top-k", "0", "--top-p", "1", "--min-p", "0"],
    ["--repetition-penalty", "1.3", "--frequency-penalty", "0.4", "--presence-penalty", "-0.25", "--repeat-last-n", "9"],
    ["--typical-p", "0.7", "--top-k", "0", "--min-keep", "3", "--cache", "q8"],
    ["--temperature", "0", "--dry-multiplier", "2.5", "--dry-breaker", "a", "--ignore-eos"],
    ["--xtc-probability", "0.6", "--xtc-threshold", "0.02", "--min-p", "0.01"],
    ["--logit-bias", "9=4.25", "--logit-bias", "101=0.0000003", "--ban", "12", "--cache", "i8", "--temperature", "0.9"],
]
# Where blocks have binary16 scales, and minimums after them (docs/readers/numerics.md, W1, and the layouts that it points to).
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2],
          "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "IQ1_S": [0], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0],
          "IQ3_XXS": [0], "IQ3_S": [0], "TQ1_0": [52], "TQ2_0": [64], "Q1_0": [0], "Q2_0": [0]}
MATRICES = ["token_embd", "blk.0.attn_q", "blk.0.attn_k", "blk.0.attn_v", "blk.0.attn_output", "blk.0.ffn_gate", "blk.0.ffn_up",
            "blk.0.ffn_down"]


def with_numpy():
    """Runs this script again under a Python that has NumPy."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "hefu-verifier"
    place = cache / hashlib.sha256(f"{NUMPY} {sys.version}".encode()).hexdigest()[:16]
    python = place / "bin/python"
    if not (place / "complete").exists():
        print("installing NumPy …", flush=True)
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NUMPY], check=True)
        (place / "complete").touch()
    os.execv(python, [str(python), str(HERE / "test.py"), *sys.argv[1:], "--numpy-is-there"])


class Program:
    """The program under test, with a store and an identity of its own."""

    def __init__(self, path, home):
        self.path, self.home = path, home

    def call(self, *arguments, may_fail=False):
        environment = {**os.environ, "HEFU_HOME": str(self.home)}
        done = subprocess.run([self.path, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False)
        if done.returncode and not may_fail:
            sys.exit(f"hefu {' '.join(map(str, arguments))}: {done.stderr}")
        return done

    def sets(self):
        """The instruction sets that this machine has."""
        return [entry["name"] for entry in json.loads(self.call("doctor", "--json").stdout)["isas"] if entry["available"]]

    def answer(self, model, receipt, *arguments, prompt=PROMPT):
        """Answers and writes a receipt; returns the answer's JSON."""
        done = self.call("run", "--model", model, "--raw", "--json", "--logprobs", 8, "--receipt", receipt, "--trace", *arguments, prompt)
        return json.loads(done.stdout)

    def status(self, model, receipt):
        """With which status `hefu verify` ends."""
        return self.call("verify", "--trace", "--model", model, receipt, may_fail=True).returncode

    def seed(self):
        """The secret half of the instance's key: the 32 bytes after their mark in the PEM file."""
        lines = (self.home / "identity.pem").read_text().splitlines()
        data = base64.b64decode("".join(line for line in lines if not line.startswith("-")))
        at = data.index(b"\x04\x22\x04\x20") + 4
        return data[at : at + 32]


def log_probabilities(logits):
    """S17 for all tokens, as bits."""
    best = logits.max()
    total = V.weights_of(logits).sum()
    share = float(np.float32(V.log64(np.float64(total) / 2.0**40)[0]))
    return ((logits.astype(np.float64) - np.float64(best)) - share).astype(np.float32)


def reported(answer):
    """The log-probabilities in an answer's JSON: for each token a list of (id, number)."""
    return [[(entry["id"], entry["logprob"]) for entry in [chosen, *chosen["top"]]] for chosen in answer["logprobs"]]


class Tally:
    """What was looked at, and what was not as it must be."""

    def __init__(self):
        self.receipts, self.numbers, self.wrong = 0, 0, []

    def expect(self, what, condition):
        if not condition:
            self.wrong.append(what)
            print(f"WRONG: {what}", flush=True)


def once(compute):
    """The function, which keeps what it gave last: a verdict and log-probabilities need the same."""
    kept = []

    def again(*arguments):
        if kept[:1] != [arguments]:
            kept[:] = arguments, compute(*arguments)
        return kept[1]

    return again


def hold(program, tally, model, path, name, sets, turn, tokens):
    """One receipt by each instruction set, each with other settings."""
    model.hidden = once(model.hidden)
    for index, isa in enumerate(sets):
        settings = SETTINGS[(turn + index * 3) % len(SETTINGS)]
        # Values that are parts of their keys must be whole blocks of such a cache (A1).
        if model.keys.get("deepseek2.attention.kv_lora_rank", V.BLOCK) % V.BLOCK and "--cache" in settings:
            settings = settings[: settings.index("--cache")]
        receipt = program.home / "receipt.json"
        seed = ["--seed", turn * 1000003 + index, "-n", tokens]
        answer = program.answer(path, receipt, "--isa", isa, *seed, *settings)
        what = f"{name} on {isa} with {' '.join(settings) or 'the defaults'}"
        (document,) = V.documents(receipt.read_text())
        verdict = V.verify(model, document, None, None)
        tally.expect(f"{what}: {verdict['sentence']}", verdict["verdict"] == "matches" and "and the trace" in verdict["sentence"])
        body = document["answer"]
        prompt = body["prompt"]["tokens"]
        cache, long = model.profile(body["fingerprint"])
        logits = model.last(model.hidden(prompt + body["output"][:-1], len(prompt) - 1, cache, long))
        for position, (row, stated) in enumerate(zip(logits, reported(answer))):
            right = log_probabilities(row)
            same = all(np.float32(number) == right[id] for id, number in stated)
            tally.expect(f"{what}: log-probabilities of token {position} are others", same)
            tally.numbers += len(stated)
        tally.receipts += 1


def families(program, tally, sets):
    paths = sorted((ROOT / "golden/models").glob("*.gguf"))
    names = {path: V.File(path).keys["general.architecture"] for path in paths}
    for path in (path for path in paths if names[path] in ENCODERS):
        try:
            sentence = f"{V.Model([path]).family} is known"
        except V.Refused as refusal:
            sentence = f"{refusal}"
        tally.expect(f"{path.stem}: {sentence}", sentence == f"models of the family {names[path]} are not verified here")
    writing = [path for path in paths if names[path] not in ENCODERS]
    print(f"{len(writing)} tiny models that write, {len(paths) - len(writing)} that do not", flush=True)
    for turn, path in enumerate(writing):
        started = time.monotonic()
        model = V.Model([path])
        hold(program, tally, model, path, path.stem, sets, turn, 32)
        print(f"{path.stem:24} {len(sets)} receipts, {time.monotonic() - started:.1f} s", flush=True)


def model_of(formats, source, target, randomness):
    """A copy of the model `source` whose matrices are random blocks of these formats, one after the other."""
    file = V.File(source)
    file.at = 8
    _, keys = file.take("<Q"), file.take("<Q")
    for _ in range(keys):
        file.string()
        file.value(file.take("<I"))
    numbers = {name: number for number, (name, _, _) in V.TYPES.items()}
    table, data = b"", b""
    for name, tensor in file.tensors.items():
        kind, content = tensor.kind, tensor.data.tobytes()
        if name.removesuffix(".weight") in MATRICES:
            kind = formats[MATRICES.index(name.removesuffix(".weight")) % len(formats)]
            content = random_rows(kind, tensor.rows, tensor.columns, randomness).tobytes()
        data += b"\0" * (-len(data) % 32)
        dimensions = [tensor.columns] if tensor.rows == 1 else [tensor.columns, tensor.rows]
        table += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", len(dimensions))
        table += struct.pack(f"<{len(dimensions)}QIQ", *dimensions, numbers[kind], len(data))
        data += content
    head = bytes(file.bytes[: file.at]) + table
    target.write_bytes(head + b"\0" * (-len(head) % 32) + data)


def random_rows(kind, rows, columns, randomness):
    """Random blocks whose weights have a deviation of about 1.3 / sqrt(columns)."""
    _, elements, size = next(entry for entry in V.TYPES.values() if entry[0] == kind)
    blocks = randomness.integers(0, 256, (rows * columns // elements, size), dtype=np.uint8)

    def scaled(scale):
        half = np.array([scale], "<f2").view(np.uint8)
        for place, at in enumerate(HALVES.get(kind, [])):
            blocks[:, at : at + 2] = half if place == 0 else np.array([scale * (-5 if kind in ("Q4_1", "Q5_1") else 0.5)], "<f2").view(np.uint8)
        if kind == "IQ1_M":
            for i in range(4):
                blocks[:, 49 + 2 * i] = blocks[:, 49 + 2 * i] & 15 | (int(half.view("<u2")[0]) >> 4 * i & 15) << 4
        if kind in ("MXFP4", "NVFP4"):
            places = 1 if kind == "MXFP4" else 4
            low = {"MXFP4": 120, "NVFP4": 16}[kind]
            blocks[:, :places] = low + blocks[:, :places] % 8
        return V.Matrix("", kind, blocks.reshape(rows, -1), columns).values().std()

    spread = 1.3 / columns**0.5
    if kind not in V.PLAIN:
        scaled(spread / scaled(1.0))
        return blocks
    plain = (spread * randomness.standard_normal((rows, columns))).astype(np.float32)
    return plain.astype("<f2") if kind == "F16" else (plain.view(np.uint32) >> 16).astype("<u2") if kind == "BF16" else plain


def formats(program, tally, sets):
    """Every weight format, as embedding, as output, and in each place of a block."""
    names = [name for name, _, _ in V.TYPES.values()]
    randomness = np.random.default_rng(1)
    path = program.home / "formats.gguf"
    for turn, at in enumerate(range(0, len(names), 4)):
        started = time.monotonic()
        chosen = names[at : at + 4]
        model_of(chosen, ROOT / "golden/models/tiny-llama-q4_k.gguf", path, randomness)
        hold(program, tally, V.Model([path]), path, " ".join(chosen), sets, turn, 8)
        print(f"{' '.join(chosen):32} {len(sets)} receipts, {time.monotonic() - started:.1f} s", flush=True)


def signed_again(program, document):
    """The receipt with digest and signature made anew, as somebody who has the key could."""
    secret = hashlib.sha512(program.seed()).digest()
    scalar = int.from_bytes(secret[:32], "little") & (1 << 254) - 8 | 1 << 254
    base = V.point_at((4 * pow(5, -1, V.PRIME) % V.PRIME).to_bytes(32, "little"))

    def packed(point):
        x, y = point
        return (y | (x & 1) << 255).to_bytes(32, "little")

    public = packed(V.times(scalar, base))
    body = {name: value for name, value in document.items() if name not in ("digest", "signature")}
    digest = hashlib.sha256(V.canonical(body).encode()).digest()
    message = b"hefu receipt 1\n" + digest
    nonce = int.from_bytes(hashlib.sha512(secret[32:] + message).digest(), "little") % V.ORDER
    point = packed(V.times(nonce, base))
    k = int.from_bytes(hashlib.sha512(point + public + message).digest(), "little")
    signature = point + ((nonce + k * scalar) % V.ORDER).to_bytes(32, "little")
    return V.canonical({**body, "digest": digest.hex(), "signature": signature.hex()})


def changed(document, change):
    copy = json.loads(V.canonical(document), object_pairs_hook=V.unique, parse_float=V.Fraction)
    change(copy["answer"])
    return copy


def conforms(tally):
    """The digests of every operation."""
    started = time.monotonic()
    count, unknown, wrong = conformance.differing()
    tally.expect(f"conformance: only {count} cases were computed", count >= CASES)
    for name in wrong:
        tally.expect(f"conformance: {name}", False)
    print(f"conformance: {count} cases, {unknown} left out, {len(wrong)} differ, {time.monotonic() - started:.1f} s", flush=True)


def damaged(program, tally):
    """Receipts that must not match."""
    path = ROOT / "golden/models/tiny-qwen2.gguf"
    model, receipt = V.Model([path]), program.home / "receipt.json"
    program.answer(path, receipt, "--seed", 7, "-n", 16, "--ignore-eos")
    text = receipt.read_text()
    (document,) = V.documents(text)
    source = random.Random(1)
    for _ in range(300):
        bit = source.randrange(8 * len(text))
        data = bytearray(text.encode())
        data[bit // 8] ^= 1 << bit % 8
        try:
            verdicts = [V.verify(model, found, document["key"], None)["verdict"] for found in V.documents(data.decode())]
        except (V.Refused, UnicodeDecodeError):
            verdicts = ["refused"]
        # A blank in place of a line break, at the end, says the same.
        tally.expect(f"bit {bit} of a receipt was changed, and it is {verdicts}", verdicts == ["refused"] or bytes(data).split() == text.encode().split())
    output = document["answer"]["output"]
    cases = [("token 5", lambda a: a["output"].__setitem__(5, (output[5] + 1) % 280), "differs", 5),
             ("token 0", lambda a: a["output"].__setitem__(0, (output[0] + 1) % 280), "differs", 0),
             ("the last token", lambda a: a["output"].__setitem__(15, (output[15] + 1) % 280), "differs", 15),
             ("the end", lambda a: a.update(finish="context"), "ends otherwise", None),
             ("the number of tokens", lambda a: (a["output"].pop(), a.pop("trace")), "ends otherwise", None),
             ("the trace", lambda a: a["trace"].update(root="0" * 64), "trace differs", None),
             ("the trace's length", lambda a: a["trace"].update(positions=a["trace"]["positions"] - 1), "trace differs", None),
             ("the fingerprint", lambda a: a.update(fingerprint="hefu1-" + "0" * 32), "refused", None),
             ("nothing", lambda a: None, "matches", None)]
    for what, change, verdict, index in cases:
        receipt.write_text(signed_again(program, changed(document, change)))
        (again,) = V.documents(receipt.read_text())
        found = V.verify(model, again, document["key"], None)
        tally.expect(f"{what} was changed and signed again: {found['sentence']}", (found["verdict"], found.get("index")) == (verdict, index))
        status = program.status(path, receipt)
        tally.expect(f"{what} was changed and signed again: `hefu verify` ends with {status}", (status == 0) == (verdict == "matches"))
    seeds = [V.verify(model, changed(document, lambda a, seed=seed: a["parameters"].update(seed=seed)), None, None) for seed in (8, 9)]
    tally.expect("a seed was changed and not signed", all(found["verdict"] == "refused" for found in seeds))
    model.tensors["blk.0.attn_q.factor"] = model.tensor("output_norm.weight")
    found = V.verify(model, document, None, None)
    tally.expect(f"a tensor that no step asks for: {found['sentence']}", found["verdict"] == "refused" and "blk.0.attn_q.factor" in found["sentence"])
    hidden(program, tally, path, V.Model([path]))
    command_line(program, tally, path, text)


def hidden(program, tally, path, model):
    """A prompt that is stated by its hash."""
    receipt = program.home / "receipt.json"
    program.answer(path, receipt, "--seed", 7, "-n", 4, "--hide-prompt")
    ids = [int(word) for word in program.call("tokenize", "--model", path, "--ids", "--bos", PROMPT).stdout.split()]
    (document,) = V.documents(receipt.read_text())
    for given, verdict in ((ids, "matches"), (ids[1:], "refused"), (None, "refused")):
        found = V.verify(model, document, None, given)
        tally.expect(f"a hidden prompt, {given}: {found['sentence']}", found["verdict"] == verdict)


def command_line(program, tally, path, text):
    receipt, key = program.home / "receipt.json", program.call("identity").stdout.split()[-1]
    receipt.write_text(text)
    cases = [(["--model", path, "--key", key, receipt], 0), (["--model", path, receipt, receipt], 0),
             (["--model", path, "--key", "0" * 64, receipt], 1), (["--model", path, path], 1), (["--model", receipt, receipt], 1),
             (["--model", ROOT / "golden/models/tiny-qwen3.gguf", receipt], 1), ([receipt], 2)]
    for arguments, status in cases:
        command = [sys.executable, str(HERE / "hefu_verify.py"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        tally.expect(f"{arguments} ends with {done.returncode}", done.returncode == status and "Traceback" not in done.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--hefu", type=pathlib.Path, default=ROOT / "target/release/hefu", help="the program")
    parser.add_argument("--numpy-is-there", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    tally, started = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        program = Program(options.hefu.resolve(), pathlib.Path(home))
        sets = program.sets()
        print(f"instruction sets: {', '.join(sets)}", flush=True)
        conforms(tally)
        damaged(program, tally)
        families(program, tally, sets)
        formats(program, tally, sets)
    seconds = time.monotonic() - started
    print(f"{tally.receipts} receipts, {tally.numbers} log-probabilities, {len(tally.wrong)} not as they must be; {seconds:.0f} s")
    sys.exit(1 if tally.wrong or not tally.receipts else 0)


if __name__ == "__main__":
    if "--numpy-is-there" not in sys.argv:
        with_numpy()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")
    sys.path.insert(0, str(HERE))
    import numpy as np
    import conformance
    import hefu_verify as V
    main()
