#!/usr/bin/env python3
"""Runs real clients, and the suites that others wrote, against `hefu serve`, and prints what worked with which.

    cargo build --release
    cargo build --release --package hefu-grammar --example instances
    tests/clients/run.py --model qwen2.5-coder-0.5b-instruct
    tests/clients/run.py --model FILE.gguf --only openai,ollama --requests
    tests/clients/run.py --model FILE.gguf --markdown

Needs Python 3.10 or later with pip; npm for the client and the suite of npm, which are left out where there is none. The clients go to
virtual environments in the user's cache folder, at the versions of requirements.txt and package.json. The exit status is 0
if everything passed.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TINY = ROOT / "golden/models/tiny-qwen3.gguf"

# Scripts by the name of the package whose client they use.
CLIENTS = {
    "openai": "openai_python.py",
    "openai (npm)": "openai_node.mjs",
    "anthropic": "anthropic_python.py",
    "ollama": "ollama_python.py",
    "langchain-openai": "langchain_python.py",
    "litellm": "litellm_python.py",
    "instructor": "instructor_python.py",
}
FEATURES = [
    "models", "chat", "stream", "tools: auto", "tools: none", "tools: required", "tools: named", "tools: result", "schema",
    "error: model", "error: parameter", "error: too long", "error: key", "embeddings", "completions", "responses", "logprobs",
    "n", "seed", "stop", "count tokens",
]
# The suite of npm, and the package that it comes in.
SCHEMAS = "JSON-Schema-Test-Suite"
SCHEMAS_PACKAGE = "json-schema-test-suite"
# What runs beside the clients: requests as they go over the wire, and the suites of others.
SUITES = {"wire": "wire.py", "llm-comply": "comply.py", "schemathesis": "made_up.py", SCHEMAS: "schemas.py"}
# Longest time for one script, in seconds.
PATIENCE = 300


def main():
    options = arguments()
    wanted = set(options.only.split(",")) if options.only else {*CLIENTS, *SUITES}
    if not options.requests and "schemathesis" not in options.only:
        wanted.discard("schemathesis")
    unknown = wanted - {*CLIENTS, *SUITES}
    if unknown:
        sys.exit(f"there is no {', '.join(sorted(unknown))}; there are {', '.join([*CLIENTS, *SUITES])}")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "hefu-clients"
    python, versions = python_clients(cache)
    from_npm = {"openai (npm)", SCHEMAS}
    node = node_clients(cache, versions) if wanted & from_npm else None
    if node is None:
        wanted -= from_npm
    names = [name for name in [*CLIENTS, *SUITES] if name in wanted]
    results = {}
    if others := [name for name in names if name != "schemathesis"]:
        with tempfile.TemporaryDirectory() as home, Server(options, pathlib.Path(home), [options.model, TINY]) as server:
            if node:
                server.environment["HEFU_SCHEMAS"] = str(node / "node_modules" / SCHEMAS_PACKAGE / "tests")
            server.environment["HEFU_INSTANCES"] = str(options.hefu.resolve().parent / "examples/instances")
            results.update(run_all(others, server, python, node))
    if "schemathesis" in names:
        # Requests that leave the model out, too, must go to the tiny one, and their answers be short.
        with tempfile.TemporaryDirectory() as home, Server(options, pathlib.Path(home), [TINY], "--max-answer-tokens", "16") as server:
            results.update(run_all(["schemathesis"], server, python, node))
    show(results, versions, options.markdown)
    problems = failures(results)
    print("\n".join(["", *problems]) if problems else "\nAll checks passed.")
    sys.exit(1 if problems else 0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hefu", default=ROOT / "target/release/hefu", type=pathlib.Path, help="the program")
    parser.add_argument("--model", required=True, help="an instruct model that can call functions: a name or a file")
    parser.add_argument("--only", default="", help=f"some of {', '.join([*CLIENTS, *SUITES])}, with commas")
    parser.add_argument("--requests", action="store_true", help="also try thousands of made-up requests (schemathesis)")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--jobs", type=int, default=9, help="scripts at the same time")
    return parser.parse_args()


def python_clients(cache):
    """A Python that has the clients, and their versions."""
    requirements = HERE / "requirements.txt"
    place = cache / f"python-{digest(requirements, sys.version)}"
    python = place / "bin/python"
    if not (place / "complete").exists():
        print("installing the Python clients …", flush=True)
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements], check=True)
        (place / "complete").touch()
    lines = [line.split("#")[0].strip() for line in requirements.read_text().splitlines()]
    pairs = [line.split("==") for line in lines if line]
    return python, {name.split("[")[0]: version for name, version in pairs}


def node_clients(cache, versions):
    """A folder that has what comes from npm, or None where there is no npm."""
    if not (shutil.which("npm") and shutil.which("node")):
        print("npm or node is missing: what comes from npm is left out", flush=True)
        return None
    place = cache / f"node-{digest(HERE / 'package-lock.json', '')}"
    place.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", CLIENTS["openai (npm)"]):
        shutil.copy(HERE / name, place / name)
    if not (place / "complete").exists():
        print("installing what comes from npm …", flush=True)
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=place, check=True)
        (place / "complete").touch()
    packages = json.loads((place / "package.json").read_text())["dependencies"]
    versions.update({"openai (npm)": packages["openai"], SCHEMAS: packages[SCHEMAS_PACKAGE]})
    return place


def digest(path, more):
    return hashlib.sha256(path.read_bytes() + more.encode()).hexdigest()[:16]


class Server:
    """`hefu serve` on a free port, with a key and these models."""

    def __init__(self, options, home, models, *flags):
        self.home, self.jobs = home, options.jobs
        self.keys = ["--keys", home / "keys.json"]
        key = subprocess.run([options.hefu, "key", "add", "tests", *self.keys], check=True, capture_output=True, text=True)
        self.key = key.stdout.split()[-1]
        self.command = [options.hefu, "serve", "--port", "0", "--context", "8192", "--require-key", *self.keys, *flags]
        for model in models:
            self.command += ["--model", model]

    def __enter__(self):
        self.log = open(self.home / "log", "w")
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if "http://" not in line:
            self.process.wait(10)
            sys.exit(f"the server did not start:\n{(self.home / 'log').read_text()}")
        url = line[line.index("http://"):].strip()
        self.environment = {**os.environ, "HEFU_URL": url, "HEFU_KEY": self.key, "PYTHONPATH": str(HERE),
                            "PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "*"}
        names = [model["id"] for model in self.get("/v1/models")["data"]]
        self.environment.update(HEFU_MODEL=names[0], HEFU_TINY=names[-1], HEFU_SHARED=json.dumps(shared()))
        return self

    def get(self, path):
        import urllib.request

        request = urllib.request.Request(self.environment["HEFU_URL"] + path, headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def __exit__(self, *_):
        self.process.terminate()
        status = self.process.wait(60)
        self.log.close()
        if status != 0:
            print((self.home / "log").read_text()[-4000:])
            sys.exit(f"the server ended with status {status}")


def shared():
    """What the script in JavaScript is told of checks.py."""
    sys.path.insert(0, str(HERE))
    import checks

    settings = {"temperature": checks.TEMPERATURE, "seed": checks.SEED, "max_tokens": checks.MAX_TOKENS}
    return {"messages": checks.MESSAGES, "system": checks.SYSTEM, "question": checks.QUESTION, "settings": settings,
            "weather": checks.WEATHER, "askWeather": checks.ASK_WEATHER, "count": checks.COUNT, "tooLong": checks.TOO_LONG}


def run_all(names, server, python, node):
    """Runs scripts side by side; what each of them printed, by name."""

    def one(name):
        script = {**CLIENTS, **SUITES}[name]
        command = ["node", script] if script.endswith(".mjs") else [python, HERE / script]
        place = node if script.endswith(".mjs") else server.home
        began = time.monotonic()
        try:
            done = subprocess.run(command, cwd=place, env=server.environment, capture_output=True, text=True, timeout=PATIENCE)
            output, errors = done.stdout, done.stderr
        except subprocess.TimeoutExpired as late:
            output, errors = (late.stdout or b"").decode(), f"it took longer than {PATIENCE} s"
        lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        if not any("same" in line for line in lines):
            lines.append({"check": "script", "passed": False, "why": f"it did not end well: {errors[-1500:]}"})
        seconds = time.monotonic() - began
        print(f"{name}: {sum(line.get('passed') is True for line in lines)} passed, "
              f"{sum(line.get('passed') is False for line in lines)} failed, {seconds:.0f} s", flush=True)
        return lines

    with concurrent.futures.ThreadPoolExecutor(server.jobs) as pool:
        return dict(zip(names, pool.map(one, names)))


def verdict(lines, feature):
    """`yes`, `NO`, or `–` for what a client does not have."""
    found = [line["passed"] for line in lines if line.get("check") == feature]
    return "–" if not found else "yes" if all(found) else "NO"


def show(results, versions, markdown):
    clients = [name for name in CLIENTS if name in results]
    if clients:
        heads = [name if "(" in name else f"{name}" for name in clients]
        rows = [["", *heads], ["version", *(versions.get(name, "?") for name in clients)]]
        rows += [[feature, *(verdict(results[name], feature) for name in clients)] for feature in FEATURES]
        table(rows, markdown)
    for suite in (name for name in SUITES if name in results):
        version = f" {versions[suite]}" if suite in versions else ""
        lines = [line for line in results[suite] if "check" in line]
        table([[f"{suite}{version}", ""], *([line["check"], line.get("shown") or ("yes" if line["passed"] else "NO")] for line in lines)], markdown)


def table(rows, markdown):
    print()
    if markdown:
        for at, row in enumerate(rows):
            print(f"| {' | '.join(row)} |")
            if at == 0:
                print("|" + " --- |" * len(row))
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def failures(results):
    problems = [f"{name}: {line['check']}: {line['why']}" for name, lines in results.items() for line in lines
                if line.get("passed") is False]
    # The same question must have the same answer to the letter, whoever asks and in whatever dialect.
    answers = {}
    for name, lines in results.items():
        for question, answer in next((line["same"] for line in lines if "same" in line), {}).items():
            answers.setdefault(question, {}).setdefault(json.dumps(answer), []).append(name)
    problems += [f"clients were told different things for {question}: {given}" for question, given in answers.items() if len(given) > 1]
    return problems


if __name__ == "__main__":
    main()
