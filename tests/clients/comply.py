"""llm-comply: how near the three dialects come to the schemas of the original APIs."""

import json
import os
import subprocess
import sys

from checks import KEY, MODEL, URL

# What does not pass, and why that is right.
IMAGE = "the models read text, so an image is refused by its place"
CITATIONS = "citations are left out where there are none, as the original leaves them out"
COMPACT = "there is no compaction of conversations"
DEFAULT = "model may be left out here: it is the server's first"
EXPECTED = {
    "open-responses": {
        "image-input": IMAGE,
        "error-handling": DEFAULT,
        "compact-response": COMPACT,
        "compact-missing-model": COMPACT,
    },
    "openai-chat": {"chat-image-input": IMAGE, "chat-error-handling": DEFAULT},
    "anthropic": {
        "anth-image-input": IMAGE,
        "anth-basic-response": CITATIONS,
        "anth-system-prompt": CITATIONS,
        "anth-multi-turn": CITATIONS,
    },
}
NAMES = {"open-responses": "Responses", "openai-chat": "Chat completions", "anthropic": "Messages"}


def main():
    program = os.path.join(os.path.dirname(sys.executable), "llm-comply")
    for dialect, expected in EXPECTED.items():
        command = [program, "--base-url", f"{URL}/v1", "--api-key", KEY, "--model", MODEL, "--format", dialect, "--timeout", "100", "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if not done.stdout.strip().startswith("{"):
            print(json.dumps({"check": NAMES[dialect], "passed": False, "why": (done.stdout + done.stderr)[-800:]}))
            continue
        results = json.loads(done.stdout)["results"]
        print(json.dumps(judged(dialect, expected, results)), flush=True)
    print(json.dumps({"same": {}}))


def judged(dialect, expected, results):
    """One line: what passed, and whether what failed is what was expected to."""
    by_status = {}
    for result in results:
        by_status.setdefault(result["status"], []).append(result)
    failed = {result["id"]: result["errors"] for result in by_status.get("failed", [])}
    shown = f"{len(by_status.get('passed', []))} of {len(results)} passed, {len(by_status.get('skipped', []))} skipped"
    if failed:
        shown += "; not " + ", ".join(f"{name} ({expected.get(name, '; '.join(errors))})" for name, errors in failed.items())
    surprises = [f"{name} failed: {errors}" for name, errors in failed.items() if name not in expected]
    surprises += [f"{name} passes now; take it off the list" for name in expected if name not in failed]
    return {"check": NAMES[dialect], "shown": shown, "passed": not surprises, "why": "; ".join(surprises)}


if __name__ == "__main__":
    main()
