#!/usr/bin/env python3
"""Writes the tables of the grids that the formats from IQ1 to IQ3 choose rows from: facts of the file format, read
from the `gguf` package and written as the digits of each row, 2 or 3 bits each, from the low ones up.

    pip install gguf==0.19.0 numpy
    python golden/quant/make_grids.py
"""

import pathlib

from gguf import quants

HEAD = """\
//! Rows of digits. Made by `golden/quant/make_grids.py`: change that, not this.
"""
# Name, class of the package, bits of a digit.
GRIDS = [
    ("IQ1", quants.IQ1_S, 2),
    ("IQ2_XXS", quants.IQ2_XXS, 2),
    ("IQ2_XS", quants.IQ2_XS, 2),
    ("IQ2_S", quants.IQ2_S, 2),
    ("IQ3_XXS", quants.IQ3_XXS, 3),
    ("IQ3_S", quants.IQ3_S, 3),
]
PER_LINE = 14


def packed_rows(kind, bits):
    kind.init_grid()
    digit_of = {value: digit for digit, value in enumerate(kind.grid_map)}
    for row in kind.grid.reshape(kind.grid_shape):
        yield sum(digit_of[int(value)] << (bits * i) for i, value in enumerate(row))


def table(name, kind, bits):
    rows = [f"0x{row:04x}," for row in packed_rows(kind, bits)]
    values = ", ".join(str(value) for value in kind.grid_map)
    elements = kind.grid_shape[1]
    lines = [f"/// Rows of {elements} digits of {bits} bits, which stand for {values}."]
    lines.append(f"pub(in crate::quant) static {name}: [u16; {len(rows)}] = [")
    lines += ["    " + " ".join(rows[at : at + PER_LINE]) for at in range(0, len(rows), PER_LINE)]
    return "\n".join(lines + ["];"])


def main():
    folder = pathlib.Path(__file__).parents[2] / "crates/numerics/src/quant/grids"
    path = folder / "tables.rs"
    path.write_text("\n".join([HEAD] + ["\n\n".join(table(*grid) for grid in GRIDS)]) + "\n")
    print(f"{path.name}: {len(GRIDS)} grids")


if __name__ == "__main__":
    main()
