#!/usr/bin/env python3
"""Writes decoded.bin: blocks of every weight format and the values that the `gguf` package decodes them to.

    pip install gguf==0.19.0 numpy
    python golden/quant/make_golden.py

The blocks are random bytes from a fixed seed, so that every code and every bit of a sub-scale occurs; only the
binary16 scales are kept finite, and the first blocks of a format get scales from the edges: zero, the least
subnormal, the largest number, and their negatives. The decoded values come from `gguf.quants.dequantize`, and for the
two types that this version of the package does not have yet from their definition in ggml.

Layout, all numbers little-endian, one record per format until the end of the file:

    8 bytes          name, padded with zero bytes
    u32              bytes of all blocks, B
    u32              elements of all blocks, N
    B bytes          blocks
    N x u32          bits of the decoded binary32 values
"""

import pathlib
import random
import struct

import numpy
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

# Where a block keeps its binary16 numbers.
BINARY16_AT = {
    "F32": [],
    "F16": [0],
    "BF16": [],
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
    "IQ4_NL": [0],
    "IQ4_XS": [0],
    "MXFP4": [],
    "IQ1_S": [0],
    "IQ1_M": [],
    "IQ2_XXS": [0],
    "IQ2_XS": [0],
    "IQ2_S": [0],
    "IQ3_XXS": [0],
    "IQ3_S": [0],
    "TQ1_0": [52],
    "TQ2_0": [64],
    "NVFP4": [],
    "Q1_0": [0],
    "Q2_0": [0],
}
EDGES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x7BFF, 0xFBFF, 0x3C00]
# 0 and 1 stand for subnormal scales; above 252 the largest code would overflow.
MXFP4_EDGES = [0, 1, 2, 127, 128, 252]


# E4M3 scales: zero, subnormal, usual, the largest, and what E4M3 keeps for NaN, with and without the sign.
NVFP4_EDGES = [0x00, 0x01, 0x07, 0x08, 0x38, 0x7E, 0x7F, 0x80, 0x87, 0xFE, 0xFF]

# Types that came after this version of the package: elements and bytes of a block.
LATER = {"Q1_0": (128, 18), "Q2_0": (64, 18)}


def finite(bits, index):
    bits = EDGES[index] if index < len(EDGES) else bits
    return bits ^ 0x4000 if bits & 0x7C00 == 0x7C00 else bits


def random_block(source, name, size, index):
    block = bytearray(source.randbytes(size))
    for at in BINARY16_AT[name]:
        struct.pack_into("<H", block, at, finite(struct.unpack_from("<H", block, at)[0], index))
    if name == "IQ1_M":  # The scale's nibbles are the upper ones of four numbers.
        bits = finite(source.getrandbits(16), index)
        for i in range(4):
            block[49 + 2 * i] = block[49 + 2 * i] & 15 | (bits >> (4 * i) & 15) << 4
    if name == "NVFP4" and index < len(NVFP4_EDGES):
        block[:4] = [NVFP4_EDGES[(index + i) % len(NVFP4_EDGES)] for i in range(4)]
    if name == "MXFP4":
        block[0] = MXFP4_EDGES[index] if index < len(MXFP4_EDGES) else block[0] % 253
    # The exponent's own bytes: no infinity and no NaN among plain numbers.
    if name in ("F32", "BF16") and block[-1] & 0x7F == 0x7F:
        block[-1] ^= 0x40
    return bytes(block)


def decoded_later(name, blocks):
    """What `LATER` types hold: a binary16 scale, then codes from the low bits up, signs or codes less one."""
    blocks = blocks.reshape(-1, LATER[name][1])
    scales = blocks[:, :2].copy().view(numpy.float16).astype(numpy.float32)
    width = 1 if name == "Q1_0" else 2
    shifts = numpy.arange(0, 8, width, dtype=numpy.uint8)
    codes = (blocks[:, 2:, None] >> shifts & (2**width - 1)).reshape(len(blocks), -1).astype(numpy.float32)
    return scales * (2 * codes - 1 if name == "Q1_0" else codes - 1)


def decoded(name, blocks):
    if name in LATER:
        return decoded_later(name, numpy.frombuffer(blocks, dtype=numpy.uint8))
    # dequantize takes plain binary32 and binary16 numbers as arrays of their own type.
    plain = {"F32": numpy.float32, "F16": numpy.float16}.get(name, numpy.uint8)
    with numpy.errstate(all="ignore"):
        return dequantize(numpy.frombuffer(blocks, dtype=plain), GGMLQuantizationType[name])


def record(source, name):
    elements, size = LATER[name] if name in LATER else GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    count = {1: 256, 32: 24, 64: 24, 128: 16, 256: 10}[elements]
    blocks = b"".join(random_block(source, name, size, index) for index in range(count))
    values = decoded(name, blocks)
    values = numpy.ascontiguousarray(values, dtype="<f4").reshape(-1)
    assert values.size == count * elements and numpy.isfinite(values).all(), name
    return name.encode().ljust(8, b"\0") + struct.pack("<II", len(blocks), values.size) + blocks + values.tobytes()


def main():
    source = random.Random(20240229)
    data = b"".join(record(source, name) for name in BINARY16_AT)
    path = pathlib.Path(__file__).with_name("decoded.bin")
    path.write_bytes(data)
    print(f"{path.name}: {len(data)} bytes, {len(BINARY16_AT)} formats")


if __name__ == "__main__":
    main()
