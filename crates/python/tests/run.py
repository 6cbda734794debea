#!/usr/bin/env python3
"""Builds the wheel, installs it in a fresh environment, and tests it there: the examples of its README, and what is in this folder.

    crates/python/tests/run.py --model qwen2.5-coder-0.5b-instruct
    crates/python/tests/run.py --model MODEL.gguf --harness 200
    crates/python/tests/run.py --model MODEL.gguf --ray

Without a model only what needs none is tested. `--harness` installs lm-evaluation-harness too and compares scores over so many samples, `--ray` installs Ray
and tries a cluster; each has an environment of its own. What cannot be installed is left out.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
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


def examples(python, model, of_ray):
    """Runs the examples of the README as they stand, but for the model where another one is wanted."""
    text = (PACKAGE / "README.md").read_text()
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.S), 1):
        assert code.count("\n") <= 10, f"example {number} has more than ten lines"
        if ("hefu.ray" in code) == of_ray:
            with tempfile.TemporaryDirectory() as folder:
                questions = pathlib.Path(folder) / "questions"
                questions.mkdir()
                (questions / "one.jsonl").write_text('{"question": "What is 2 + 2?"}\n')
                subprocess.run([python, "-c", code.replace(f'"{README_MODEL}"', repr(model))], check=True, stdout=subprocess.DEVNULL, cwd=folder)
            print(f"ok: example {number} of the README", flush=True)


def further(place, wheel, extra):
    """An environment with the package and what one of its extras brings; None where that cannot be had."""
    python = environment(place.with_name(f"{place.name}-{extra}"))
    try:
        pip(python, f"hefu[{extra}] @ {wheel.resolve().as_uri()}")
        pip(python, "--force-reinstall", "--no-deps", wheel)
    except subprocess.CalledProcessError:
        print(f"left out: pip cannot install what hefu[{extra}] needs")
        return None
    return python


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--model", help="a name in the store, or a file")
    words.add_argument("--harness", type=int, metavar="SAMPLES", help="compare scores with lm-evaluation-harness as well")
    words.add_argument("--ray", action="store_true", help="try a cluster of two nodes as well")
    words.add_argument("--wheel", type=pathlib.Path, help="a wheel that is there already")
    words.add_argument("--place", type=pathlib.Path, help="where the environments are kept")
    asked = words.parse_args()
    if (asked.harness or asked.ray) and not asked.model:
        words.error("--harness and --ray need a --model")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    place = asked.place or cache / "hefu-ci" / "wheel"
    python = environment(place)
    pip(python, "maturin>=1.9,<2", "numpy>=1.22")
    wheel = asked.wheel or build(python)
    pip(python, "--force-reinstall", "--no-deps", wheel)
    version = subprocess.run([python.parent / "hefu", "--version"], check=True, capture_output=True, text=True).stdout
    assert version.startswith("hefu "), version
    print("ok: the program of the wheel", flush=True)
    if asked.model:
        # A name stays as it is; a file is found from any folder.
        model = str(pathlib.Path(asked.model).resolve()) if os.path.exists(asked.model) else asked.model
        examples(python, model, of_ray=False)
        subprocess.run([python, HERE / "package.py", model], check=True)
        if asked.harness and (own := further(place, wheel, "lm-eval")):
            pip(own, "lm-eval[api]")
            subprocess.run([own, HERE / "harness.py", model, str(asked.harness)], check=True)
        if asked.ray and (own := further(place, wheel, "ray")):
            subprocess.run([own, HERE / "cluster.py", model], check=True)
            subprocess.run([own, HERE / "parts.py", model], check=True)
            examples(own, model, of_ray=True)


if __name__ == "__main__":
    sys.exit(main())
