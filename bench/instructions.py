#!/usr/bin/env python3
"""How many instructions the AArch64 kernels take per multiply-add, beside the least that can be: counted in an emulator.

    bench/instructions.py
    bench/instructions.py --set dotprod --format Q4_K --format Q8_0

Needs rustup (target aarch64-unknown-linux-musl), a C compiler, and an emulator that takes plugins: Debian's `qemu-user`, but not a static
one. Nothing is timed, so it matters not what else the machine does. One product is what several take more than one.

A dot product of bytes is 16 multiply-adds in one instruction, a product of matrices of bytes 32. Beside them clause Q2 demands for
every four sums of a sub-block a conversion, a product of scales and an addition, and another addition where the format has minimums:
that is what `dots alone` and `as Q2 demands` count, without a single load.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = "aarch64-unknown-linux-musl"
# Multiply-adds of an instruction, by instruction set.
SETS = {"dotprod": 16, "i8mm": 32}
# Columns of a sub-block, and instructions for four of its sums.
FORMATS = {"Q4_K": (32, 4), "Q8_0": (32, 3), "IQ4_NL": (32, 3), "IQ4_XS": (32, 3), "Q6_K": (16, 3)}
ROWS, COLUMNS = 512, 1024
# Tokens that are multiplied at once.
BATCHES = {"decode": 1, "prefill": 256}


def built():
    """The program whose products are counted; the compiler's own linker needs no C library."""
    folder = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "chips/plain"
    variable = f"CARGO_TARGET_{TARGET.upper().replace('-', '_')}_LINKER"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(folder), variable: "rust-lld"}
    command = ["cargo", "build", "--quiet", "--release", "--package", "hefu-cpu", "--example", "product_count", "--target", TARGET]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return folder / TARGET / "release/examples/product_count"


def counted(emulator, plugin, program, *arguments):
    command = [emulator, "-cpu", "max", "-plugin", plugin, program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stderr.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--qemu", default="qemu-aarch64", help="the emulator")
    parser.add_argument("--set", action="append", choices=SETS, help="instruction set; all without")
    parser.add_argument("--format", action="append", choices=FORMATS, help="weight format; all without")
    options = parser.parse_args()
    program = built()
    print("| set | format | | instructions per 1,000 multiply-adds | dots alone | as Q2 demands | ratio to dots | ratio to Q2 |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        plugin = pathlib.Path(folder) / "count.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", plugin, ROOT / "bench/count.c"], check=True)
        for isa in options.set or SETS:
            for name in options.format or FORMATS:
                for kind, tokens in BATCHES.items():
                    once, again = (counted(options.qemu, plugin, program, isa, name, ROWS, COLUMNS, tokens, n) for n in (1, 2))
                    columns, floats = FORMATS[name]
                    # One token has no second column for a product of matrices.
                    dots = 1 / (16 if kind == "decode" else SETS[isa])
                    least = dots + floats / (4 * columns)
                    found = (again - once) / (ROWS * COLUMNS * tokens)
                    cells = [isa, name, kind, *(f"{1000 * number:.1f}" for number in (found, dots, least)),
                             f"{found / dots:.2f}", f"{found / least:.2f}"]
                    print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
