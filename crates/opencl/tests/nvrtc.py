#!/usr/bin/env python3
"""Compiles the kernels as CUDA C with NVRTC, without a GPU, and looks at the arithmetic in the PTX that comes out.

    pip install nvidia-cuda-nvrtc-cu12
    crates/opencl/tests/nvrtc.py

Where NVRTC is not installed it says so and ends well; --require makes that a failure.
"""

import collections
import ctypes
import glob
import os
import re
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src")

# f32 arithmetic that the contract knows: each rounded to nearest, subnormals kept.
ALLOWED = {"add.f32", "sub.f32", "mul.f32", "fma.rn.f32", "div.rn.f32", "sqrt.rn.f32", "add.rn.f32", "sub.rn.f32", "mul.rn.f32",
           "rcp.rn.f32", "neg.f32", "abs.f32"}


def library():
    places = [os.path.join(path, "nvidia", "cuda_nvrtc", "lib", "libnvrtc.so.*") for path in sys.path]
    found = [name for place in places for name in sorted(glob.glob(place)) if ".alt." not in name]
    return ctypes.CDLL(found[0]) if found else None


def source():
    """The kernels in the order in which the crate has them."""
    with open(os.path.join(FOLDER, "lib.rs"), encoding="utf-8") as file:
        names = re.findall(r'include_str!\("(kernels/[a-z]+\.cl)"\)', file.read())
    return "".join(open(os.path.join(FOLDER, name), encoding="utf-8").read() for name in names)


def compiled(nvrtc, text, options):
    """The PTX of a program, or what the compiler says of it."""
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None)
    flags = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    status = nvrtc.nvrtcCompileProgram(program, len(options), flags)
    size = ctypes.c_size_t()
    if status != 0:
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        sys.exit(f"nvrtc: {log.value.decode()}")
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, ptx)
    return ptx.value.decode()


def arithmetic(ptx):
    """How often each instruction on f32 occurs, but for moves, loads, comparisons and conversions."""
    words = re.findall(r"^\s*(?:@!?%p\d+\s+)?([a-z][a-z0-9_.]*\.f32)\b", ptx, re.MULTILINE)
    others = ("ld.", "st.", "mov.", "setp.", "selp.", "cvt.", "min.", "max.")
    return collections.Counter(word for word in words if not word.startswith(others))


def main():
    nvrtc = library()
    if nvrtc is None:
        print("left out: NVRTC is not installed (pip install nvidia-cuda-nvrtc-cu12)")
        return 1 if "--require" in sys.argv else 0
    text = source()
    kernels = set(re.findall(r"\.entry (\w+)\(", compiled(nvrtc, text, ["--fmad=false"])))
    wrong = []
    for chip in ["compute_75", "compute_90"]:
        usual = [f"--gpu-architecture={chip}", "--fmad=false"]
        found = arithmetic(compiled(nvrtc, text, usual))
        wrong += [f"{chip}: {count} x {word}" for word, count in found.items() if word not in ALLOWED]
        # With contraction there would be more: so its absence is seen.
        fused = arithmetic(compiled(nvrtc, text, [f"--gpu-architecture={chip}", "--fmad=true"]))
        if not found["fma.rn.f32"] < fused["fma.rn.f32"]:
            wrong.append(f"{chip}: as many fma.rn with contraction as without")
        print(f"{chip}: {len(kernels)} kernels, {dict(sorted(found.items()))}; with contraction {fused['fma.rn.f32']} fma.rn")
    for sentence in wrong:
        print(f"WRONG {sentence}")
    return 1 if wrong else 0


sys.exit(main())
