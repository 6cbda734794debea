"""schemathesis: requests made up from the server's own description of its API, valid ones and broken ones.

No request may give a 5xx, and every answer must be as it is described. They go to the tiny model, with short answers, so that
many fit into the time.
"""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

from checks import KEY, TINY, URL

SECONDS = int(os.environ.get("HEFU_REQUEST_SECONDS", "150"))
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# What is made smaller in the description that the requests are made from.
SMALLER = {
    "model": {"enum": [TINY]},
    "n": {"type": "integer", "minimum": -1, "maximum": 3},
    "best_of": {"type": ["integer", "null"], "maximum": 3},
    **{name: {"type": "integer", "minimum": -1, "maximum": 8} for name in ("max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict")},
}


def main():
    with urllib.request.urlopen(f"{URL}/openapi.json", timeout=60) as response:
        described = json.load(response)
    narrow(described)
    place = pathlib.Path("openapi.json")
    place.write_text(json.dumps(described))
    program = pathlib.Path(sys.executable).parent / "schemathesis"
    command = [program, "run", place, "--url", URL, "--header", f"Authorization: Bearer {KEY}", "--checks", CHECKS, "--phases",
               "coverage,fuzzing", "--max-time", str(SECONDS), "--seed", "1", "--request-timeout", "60", "--continue-on-failure", "--no-color",
               "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    sys.stderr.write(done.stdout + done.stderr)
    shown = next((line.strip() for line in done.stdout.splitlines() if " generated, " in line), "")
    failures = done.stdout[done.stdout.find("= FAILURES"):] if "= FAILURES" in done.stdout else done.stdout
    line = {"check": f"{SECONDS} s of made-up requests", "passed": done.returncode == 0, "why": "" if done.returncode == 0 else failures[-6000:]}
    print(json.dumps({**line, "shown": shown} if done.returncode == 0 else line))
    print(json.dumps({"same": {}}))


def narrow(node):
    """Makes properties smaller wherever they stand."""
    if isinstance(node, list):
        for each in node:
            narrow(each)
    elif isinstance(node, dict):
        for name, schema in node.get("properties", {}).items() if isinstance(node.get("properties"), dict) else ():
            if name in SMALLER and isinstance(schema, dict):
                schema.clear()
                schema.update(SMALLER[name])
        for each in node.values():
            narrow(each)


main()
