#!/usr/bin/env python3
"""Runs real clients, and the suites that others wrote, against `hefu serve`, and prints what worked with which.

    cargo build --release
    cargo build --release --package hefu-grammar --example instances
    tests/clients/run.py --model qwen2.5-coder-0.5b-instruct
    tests/clients/run.py --model FILE.gguf --only openai,ollama --requests
    tests/clients/run.py --model FILE.gguf --markdown
    tests/clients/run.py --model FILE.gguf --more

Needs Python 3.10 or later with pip; npm for the client and the suite of npm, which are left out where there is none. The clients go to
virtual environments in the user's cache folder, at the versions of requirements.txt and package.json. `--more` adds frameworks,
evaluations and coding agents, which take gigabytes and a quarter of an hour. The exit status is 0 if everything passed.
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
# More of them, with what pip is told for each: they do not agree about what they need, so each has an environment of its own.
MORE_PYTHON = {
    "pydantic-ai": ("pydantic_ai_python.py", ["pydantic-ai-slim[openai,anthropic]==2.68.0"]),
    "openai-agents": ("openai_agents_python.py", ["openai-agents==0.24.0"]),
    "llama-index": ("llama_index_python.py", ["llama-index-llms-openai-like==0.8.1"]),
    "inspect-ai": ("inspect_python.py", ["inspect-ai==0.3.285", "openai==3.57.0"]),
    "lm-eval": ("lm_eval_python.py", ["lm-eval[api]==0.4.13"]),
}
# More of npm, at the versions of more/package.json: a script in JavaScript, or a program that coding_agents.py starts.
MORE_NODE = {"ai": "ai_sdk_node.mjs", "codex": "@openai/codex", "claude-code": "@anthropic-ai/claude-code", "opencode": "opencode-ai"}
AGENTS = [name for name, what in MORE_NODE.items() if not what.endswith(".mjs")]
MORE = [*MORE_PYTHON, *MORE_NODE]
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
# Longest time for one script, in seconds; with --more, the scripts run one after another, and agents have long prompts.
PATIENCE = 300
MORE_PATIENCE = 900


def main():
    options = arguments()
    wanted = set(options.only.split(",")) if options.only else {*CLIENTS, *SUITES, *(MORE if options.more else [])}
    if not options.requests and "schemathesis" not in options.only:
        wanted.discard("schemathesis")
    unknown = wanted - {*CLIENTS, *SUITES, *MORE}
    if unknown:
        sys.exit(f"there is no {', '.join(sorted(unknown))}; there are {', '.join([*CLIENTS, *SUITES, *MORE])}")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "hefu-clients"
    python, versions = python_clients(cache)
    of_npm = {"openai (npm)", SCHEMAS}
    node = node_clients(cache, versions) if wanted & of_npm else None
    if node is None:
        wanted -= of_npm
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
        with tempfile.TemporaryDirectory() as home, Server(options, pathlib.Path(home), [TINY], "--max-answer-tokens", "16", context=1024) as server:
            results.update(run_all(["schemathesis"], server, python, node))
    if more := [name for name in MORE if name in wanted]:
        results.update(run_more(more, options, cache, versions))
    show(results, versions, options.markdown)
    problems = failures(results)
    print("\n".join(["", *problems]) if problems else "\nAll checks passed.")
    sys.exit(1 if problems else 0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hefu", default=ROOT / "target/release/hefu", type=pathlib.Path, help="the program")
    parser.add_argument("--model", required=True, help="an instruct model that can call functions: a name or a file")
    parser.add_argument("--only", default="", help=f"some of {', '.join([*CLIENTS, *SUITES, *MORE])}, with commas")
    parser.add_argument("--requests", action="store_true", help="also try thousands of made-up requests (schemathesis)")
    parser.add_argument("--more", action="store_true", help="also try frameworks, evaluations and coding agents")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--jobs", type=int, default=9, help="scripts at the same time")
    return parser.parse_args()


def python_clients(cache):
    """A Python that has the clients, and their versions."""
    requirements = HERE / "requirements.txt"
    python = environment(cache / f"python-{digest(requirements.read_text(), sys.version)}", "the Python clients", ["-r", requirements])
    lines = [line.split("#")[0].strip() for line in requirements.read_text().splitlines()]
    pairs = [line.split("==") for line in lines if line]
    return python, {name.split("[")[0]: version for name, version in pairs}


def environment(place, what, packages):
    """The Python of a virtual environment that has these packages."""
    python = place / "bin/python"
    if not (place / "complete").exists():
        print(f"installing {what} …", flush=True)
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
        (place / "complete").touch()
    return python


def from_npm(cache, folder, script):
    """A folder that has what a package.json names, and a script; None where there is no npm."""
    if not (shutil.which("npm") and shutil.which("node")):
        print("npm or node is missing: what comes from npm is left out", flush=True)
        return None
    place = cache / f"node-{digest((folder / 'package-lock.json').read_text(), '')}"
    place.mkdir(parents=True, exist_ok=True)
    for path in (folder / "package.json", folder / "package-lock.json", HERE / script):
        shutil.copy(path, place / path.name)
    if not (place / "complete").exists():
        print("installing what comes from npm …", flush=True)
        # Not `npm ci`: it refuses a lock that lacks the packages of other systems, and not every mirror has those.
        subprocess.run(["npm", "install", "--no-save", "--silent", "--no-audit", "--no-fund"], cwd=place, check=True)
        (place / "complete").touch()
    return place


def packages_of(place):
    return json.loads((place / "package.json").read_text())["dependencies"]


def node_clients(cache, versions):
    """A folder that has what comes from npm, or None where there is no npm."""
    place = from_npm(cache, HERE, CLIENTS["openai (npm)"])
    if place is None:
        return None
    packages = packages_of(place)
    versions.update({"openai (npm)": packages["openai"], SCHEMAS: packages[SCHEMAS_PACKAGE]})
    return place


def run_more(names, options, cache, versions):
    """Runs the larger clients one after another, each with the processor for itself; what each printed, by name."""
    place = from_npm(cache, HERE / "more", MORE_NODE["ai"]) if {*names} & {*MORE_NODE} else None
    commands = {}
    for name in names:
        if name in MORE_PYTHON:
            script, packages = MORE_PYTHON[name]
            python = environment(cache / f"python-{digest(' '.join(packages), sys.version)}", name, packages)
            commands[name] = [python, HERE / script]
            versions[name] = packages[0].split("==")[1]
        elif place:
            commands[name] = [sys.executable, HERE / "coding_agents.py", name] if name in AGENTS else ["node", MORE_NODE[name]]
            versions[name] = packages_of(place)[MORE_NODE[name] if name in AGENTS else name]
    with tempfile.TemporaryDirectory() as home, Server(options, pathlib.Path(home), [options.model], context=32768) as server:
        if place:
            server.environment["HEFU_PROGRAMS"] = str(place / "node_modules/.bin")
        return {name: run_script(name, command, place if command[0] == "node" else home, server, MORE_PATIENCE)
                for name, command in commands.items()}


def digest(text, more):
    return hashlib.sha256((text + more).encode()).hexdigest()[:16]


class Server:
    """`hefu serve` on a free port, with a key and these models."""

    def __init__(self, options, home, models, *flags, context=8192):
        self.home, self.jobs = home, options.jobs
        self.keys = ["--keys", home / "keys.json"]
        key = subprocess.run([options.hefu, "key", "add", "tests", *self.keys], check=True, capture_output=True, text=True)
        self.key = key.stdout.split()[-1]
        self.command = [options.hefu, "serve", "--port", "0", "--context", str(context), "--require-key", *self.keys, *flags]
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
        if script.endswith(".mjs"):
            return run_script(name, ["node", script], node, server, PATIENCE)
        return run_script(name, [python, HERE / script], server.home, server, PATIENCE)

    with concurrent.futures.ThreadPoolExecutor(server.jobs) as pool:
        return dict(zip(names, pool.map(one, names)))


def run_script(name, command, place, server, patience):
    """Runs one script in a folder; what it printed."""
    began = time.monotonic()
    try:
        done = subprocess.run(command, cwd=place, env=server.environment, capture_output=True, text=True, timeout=patience)
        output, errors = done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        output, errors = (late.stdout or b"").decode(), f"it took longer than {patience} s"
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if not any("same" in line for line in lines):
        lines.append({"check": "script", "passed": False, "why": f"it did not end well: {errors[-1500:]}"})
    seconds = time.monotonic() - began
    print(f"{name}: {sum(line.get('passed') is True for line in lines)} passed, "
          f"{sum(line.get('passed') is False for line in lines)} failed, {seconds:.0f} s", flush=True)
    return lines


def verdict(lines, feature):
    """`yes`, `NO`, or `–` for what a client does not have."""
    found = [line["passed"] for line in lines if line.get("check") == feature]
    return "–" if not found else "yes" if all(found) else "NO"


def show(results, versions, markdown):
    for group in (CLIENTS, [name for name in MORE if name not in AGENTS]):
        if clients := [name for name in group if name in results]:
            rows = [["", *clients], ["version", *(versions.get(name, "?") for name in clients)]]
            rows += [[feature, *(verdict(results[name], feature) for name in clients)] for feature in FEATURES
                     if any(verdict(results[name], feature) != "–" for name in clients)]
            table(rows, markdown)
    for suite in (name for name in [*SUITES, *AGENTS] if name in results):
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
