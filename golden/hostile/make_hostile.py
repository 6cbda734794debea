#!/usr/bin/env python3
"""Writes the malformed GGUF files of this folder, and README.md, which lists them. Needs only Python 3.

    python3 golden/hostile/make_hostile.py

Every file is a small valid file with one thing changed. What each makes the parser say is in sentences.txt, which
crates/model/tests/gguf_hostile.rs holds the parser to.
"""

import struct
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
U8, BOOL, STRING, ARRAY, U32, U64 = 0, 7, 8, 9, 4, 10
F32, Q4_0, Q4_2, Q8_K = 0, 2, 4, 15


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def string(value, length=None):
    value = value.encode() if isinstance(value, str) else value
    return u64(len(value) if length is None else length) + value


def key(name, kind, value):
    return string(name) + u32(kind) + value


def tensor(name="a", shape=(4, 2), kind=F32, offset=0, dimensions=None):
    dimensions = len(shape) if dimensions is None else dimensions
    return string(name) + u32(dimensions) + b"".join(map(u64, shape)) + u32(kind) + u64(offset)


ARCHITECTURE = key("general.architecture", STRING, string("llama"))
TOKENS = key("tokenizer.ggml.tokens", ARRAY, u32(STRING) + u64(2) + string("a") + string(b"\xff"))


def file(keys=(ARCHITECTURE, TOKENS), tensors=(tensor(),), data=32, version=3, key_count=None, tensor_count=None):
    """A whole file; data is the number of bytes behind the table."""
    head = b"GGUF" + u32(version)
    head += u64(len(tensors) if tensor_count is None else tensor_count)
    head += u64(len(keys) if key_count is None else key_count)
    head += b"".join(keys) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(data)


def with_key(kind, value, name="test.key"):
    return file(keys=(ARCHITECTURE, key(name, kind, value)))


def nested(depth):
    return with_key(ARRAY, (u32(ARRAY) + u64(1)) * depth + u32(U8) + u64(1) + b"\0")


def split(number, count, total):
    return tuple(key(f"split.{name}", U32, u32(value)) for name, value in
                 (("no", number), ("count", count), ("tensors.count", total)))


FILES = {
    "empty": ("no bytes at all", b""),
    "magic_only": ("nothing behind the magic number", b"GGUF"),
    "text": ("a line of text", b"hello, I am no model\n"),
    "safetensors": ("the start of a safetensors file", u64(16) + b'{"a":{"dtype":0}'),
    "zip": ("the start of a zip archive, as PyTorch writes", b"PK\x03\x04" + bytes(28)),
    "pickle": ("the start of a Python pickle", b"\x80\x02}q\0."),
    "ggjt": ("the start of a file of the format before GGUF", b"tjgg" + u32(3) + bytes(24)),
    "web_page": ("a web page saved in place of the model", b"<!DOCTYPE html><title>Not found</title>"),
    "big_endian": ("numbers with the most significant byte first", b"GGUF" + struct.pack(">IQQ", 3, 0, 0)),
    "version_1": ("the first version, with 32-bit counts", b"GGUF" + u32(1) + u32(0) + u32(0)),
    "version_99": ("a version that does not exist", file(version=99)),
    "tensors_2_60": ("2^60 tensors announced", file(tensor_count=1 << 60)),
    "tensors_1000": ("1000 tensors announced, one there", file(tensor_count=1000)),
    "keys_2_63": ("2^63 keys announced", file(key_count=1 << 63)),
    "keys_too_few": ("one key announced, two there: the second is read as a tensor", file(key_count=1)),
    "key_empty": ("an empty key", with_key(U8, b"\0", name="")),
    "key_not_utf8": ("a key that is not UTF-8", with_key(U8, b"\0", name=b"\xc3\x28")),
    "key_control": ("a key with an escape sequence for terminals", with_key(U8, b"\0", name="\x1b[2J")),
    "key_2_40": ("a key of 2^40 bytes", file(keys=(string("k", length=1 << 40),))),
    "key_twice": ("the same key twice", file(keys=(ARCHITECTURE, ARCHITECTURE))),
    "value_type_13": ("a value type that does not exist", with_key(13, bytes(8))),
    "boolean_2": ("a boolean that is 2", with_key(BOOL, b"\x02")),
    "booleans_255": ("an array of booleans, the last is 255", with_key(ARRAY, u32(BOOL) + u64(3) + b"\0\1\xff")),
    "string_past_end": ("a string longer than the file", with_key(STRING, string("abc", length=4096))),
    "string_2_64": ("a string of 2^64 - 1 bytes", with_key(STRING, string("abc", length=(1 << 64) - 1))),
    "array_2_62": ("an array of 2^62 numbers: their bytes overflow 64 bits", with_key(ARRAY, u32(U64) + u64(1 << 62))),
    "array_past_end": ("an array of 10000 strings, none there", with_key(ARRAY, u32(STRING) + u64(10000))),
    "array_nested": ("arrays nested five deep", nested(5)),
    "alignment_3": ("an alignment that is no power of two", with_key(U32, u32(3), name="general.alignment")),
    "alignment_2_31": ("an alignment of 2 GiB", with_key(U32, u32(1 << 31), name="general.alignment")),
    "alignment_text": ("an alignment that is text", with_key(STRING, string("32"), name="general.alignment")),
    "tensor_no_name": ("a tensor without a name", file(tensors=(tensor(name=""),))),
    "dimensions_0": ("a tensor without dimensions", file(tensors=(tensor(shape=()),))),
    "dimensions_5": ("a tensor of five dimensions", file(tensors=(tensor(shape=(1,) * 5),))),
    "dimensions_2_32": ("a tensor of 2^32 - 1 dimensions", file(tensors=(tensor(dimensions=(1 << 32) - 1),))),
    "shape_zero": ("a tensor with a dimension of 0", file(tensors=(tensor(shape=(4, 0)),))),
    "shape_overflow": ("a tensor of 2^64 elements", file(tensors=(tensor(shape=(1 << 32, 1 << 16, 1 << 16)),))),
    "shape_huge": ("a tensor of 4 TiB", file(tensors=(tensor(shape=(1 << 20, 1 << 20)),))),
    "type_q8_k": ("a weight format that is not supported", file(tensors=(tensor(kind=Q8_K, shape=(256,)),))),
    "type_removed": ("a weight format that ggml removed", file(tensors=(tensor(kind=Q4_2, shape=(32,)),))),
    "type_200": ("a weight format that does not exist", file(tensors=(tensor(kind=200),))),
    "partial_block": ("rows of 33 elements in blocks of 32", file(tensors=(tensor(kind=Q4_0, shape=(33, 2)),))),
    "misaligned": ("a tensor at offset 4", file(tensors=(tensor(offset=4),), data=64)),
    "overlap": ("two tensors that share 32 bytes",
                file(tensors=(tensor(shape=(16,)), tensor(name="b", offset=32)), data=64)),
    "same_offset": ("two tensors at the same place", file(tensors=(tensor(), tensor(name="b")))),
    "offset_outside": ("a tensor far behind the end of the file", file(tensors=(tensor(offset=1 << 40),))),
    "offset_overflow": ("a tensor whose end is behind 2^64", file(tensors=(tensor(offset=(1 << 64) - 32),))),
    "tensor_twice": ("the same tensor name twice", file(tensors=(tensor(), tensor(offset=32)), data=64)),
    "cut_in_table": ("the last 40 bytes of the table are missing", file(data=0)[:-40]),
    "cut_in_data": ("the last 20 bytes of the data are missing", file(data=12)),
    "split_1_of_3": ("the first of three parts", file(keys=(ARCHITECTURE,) + split(0, 3, 3))),
    "split_no_number": ("one part of one that does not say which", file(keys=(ARCHITECTURE,) + split(0, 1, 1)[1:])),
    "split_wrong_total": ("one part of one that announces nine tensors", file(keys=(ARCHITECTURE,) + split(0, 1, 9))),
}

README = """# Malformed GGUF files

Each is a small file with one thing wrong. The parser must refuse every one with one sentence, given in
`sentences.txt` and tested by `crates/model/tests/gguf_hostile.rs`. The files and this list are written by
`make_hostile.py`.

| file | what is wrong |
| --- | --- |
"""


def main():
    for name, (_, content) in FILES.items():
        (FOLDER / f"{name}.gguf").write_bytes(content)
    rows = "".join(f"| `{name}.gguf` | {what} |\n" for name, (what, _) in FILES.items())
    (FOLDER / "README.md").write_text(README + rows)


if __name__ == "__main__":
    main()
