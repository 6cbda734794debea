#!/usr/bin/env python3
"""Builds the wheel, installs it in a fresh environment, and tests it there: the examples of its README, and what is in this folder.

    crates/python/tests/run.py --model qwen2.5-coder-0.5b-instruct
    crates/python/tests/run.py --model MODEL.gguf --harness

Without a model only what needs none is tested. `--harness` installs lm-evaluation-harness too and compares scores.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE.parent
REPOSITORY = PACKAGE.parent.parent
README_MODEL = "qwen2.5-coder-0.5b-instruct"


def environment(place):
    """An environment of its own, new or from the last time; the path of its interpreter."""
    python = place / "bin" / "python"
    if not python.exists():
        venv.create(place, with_pip=True, symlinks=True)
    return python


def pip(python, *words):
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words], check=True)


def build(python):
    """Builds the wheel for the oldest interpreter that it serves; its path."""
    out = REPOSITORY / "target" / "wheels"
    for old in out.glob("hefu-*.whl"):
        old.unlink()
    maturin = [python, "-m", "maturin", "build", "--release", "--quiet", "--compatibility", "linux", "--out", out]
    subprocess.run(maturin, cwd=PACKAGE, check=True)
    (wheel,) = out.glob("hefu-*-cp39-abi3-*.whl")
    return wheel


def examples(model):
    """The examples of the README as they stand, but for the model where another one is wanted."""
    text = (PACKAGE / "README.md").read_text()
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.S)):
        assert code.count("\n") <= 10, f"example {number} has more than ten lines"
        yield number, code.replace(f'"{README_MODEL}"', repr(model))


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--model", help="a name in the store, or a file")
    words.add_argument("--harness", action="store_true", help="compare scores with lm-evaluation-harness as well")
    words.add_argument("--wheel", type=pathlib.Path, help="a wheel that is there already")
    words.add_argument("--place", type=pathlib.Path, help="where the environment is kept")
    asked = words.parse_args()
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    python = environment(asked.place or cache / "hefu-ci" / "wheel")
    pip(python, "maturin>=1.9,<2", "numpy>=1.22")
    wheel = asked.wheel or build(python)
    pip(python, "--force-reinstall", "--no-deps", wheel)
    version = subprocess.run([python.parent / "hefu", "--version"], check=True, capture_output=True, text=True).stdout
    assert version.startswith("hefu "), version
    print("ok: the program of the wheel")
    if asked.model:
        for number, code in examples(asked.model):
            subprocess.run([python, "-c", code], check=True, stdout=subprocess.DEVNULL)
            print(f"ok: example {number + 1} of the README")
        subprocess.run([python, HERE / "package.py", asked.model], check=True)
    if asked.harness:
        pip(python, f"{wheel}[lm-eval]")
        subprocess.run([python, HERE / "harness.py", asked.model], check=True)


if __name__ == "__main__":
    sys.exit(main())
