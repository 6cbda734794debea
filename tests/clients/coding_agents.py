"""Coding agents of npm, each asked for one answer as its user would ask: `coding_agents.py NAME`."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from checks import KEY, MODEL, URL, check, main

PROGRAMS = pathlib.Path(os.environ.get("HEFU_PROGRAMS", "node_modules/.bin"))
ASK = "Say hello in one short sentence. Use no tools."
# Longest time for one answer in seconds: the prompts of agents alone have up to 19,000 tokens.
PATIENCE = 800


def answered(folder, command, **environment):
    """What a program prints that ends well, started in a folder that is its home too."""
    known = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "NO_PROXY", "TMPDIR")}
    done = subprocess.run([PROGRAMS / command[0], *command[1:]], cwd=folder, env={**known, "HOME": str(folder), **environment},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"status {done.returncode}: {(done.stdout + done.stderr)[-500:]}"
    return done.stdout


def codex(folder):
    (folder / ".codex").mkdir()
    (folder / ".codex/config.toml").write_text(f"""
model = "{MODEL}"
model_provider = "hefu"

[model_providers.hefu]
name = "hefu"
base_url = "{URL}/v1"
env_key = "HEFU_KEY"
wire_api = "responses"
""")
    return answered(folder, ["codex", "exec", "--skip-git-repo-check", "--sandbox", "read-only", ASK], HEFU_KEY=KEY)


def claude_code(folder):
    settings = {"ANTHROPIC_BASE_URL": URL, "ANTHROPIC_AUTH_TOKEN": KEY, "ANTHROPIC_MODEL": MODEL, "ANTHROPIC_DEFAULT_HAIKU_MODEL": MODEL,
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    said = json.loads(answered(folder, ["claude", "-p", ASK, "--output-format", "json", "--max-turns", "2"], **settings))
    assert not said["is_error"], said
    return said["result"]


def opencode(folder):
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "hefu", "options": {"baseURL": f"{URL}/v1", "apiKey": KEY},
                "models": {MODEL: {"name": MODEL, "limit": {"context": 32768, "output": 1024}}}}
    (folder / "opencode.json").write_text(json.dumps({"provider": {"hefu": provider}, "model": f"hefu/{MODEL}"}))
    return answered(folder, ["opencode", "run", ASK], OPENCODE_DISABLE_AUTOUPDATE="1", OPENCODE_DISABLE_MODELS_FETCH="1")


AGENTS = {"codex": codex, "claude-code": claude_code, "opencode": opencode}


@check("an answer")
def answer():
    with tempfile.TemporaryDirectory() as folder:
        text = AGENTS[sys.argv[1]](pathlib.Path(folder))
    assert text.strip(), "nothing was said"


main()
