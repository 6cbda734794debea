#!/usr/bin/env python3
"""A GGUF file with the shape of a well-known model and random weights: for speed and memory, which depend on no value.

    bench/random_model.py SHAPE VOCABULARY.gguf OUT.gguf [--format Q4_K_M]

Tokens and merges are taken from another file with byte-pair tokens, cut or filled up to the shape's vocabulary. `Q4_K_M`
stores matrices in Q4_K, and in Q6_K the output and, in every other layer, values and the second feed-forward matrix; any
other format is used for all matrices. Needs the packages gguf and numpy.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shape:
    """Numbers of a decoder of the families qwen3 and qwen3moe."""

    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head: int = 128
    vocabulary: int = 151936
    experts: int = 0
    used: int = 0
    expert_inner: int = 0

    @property
    def family(self):
        return "qwen3moe" if self.experts else "qwen3"


# As in the models' published configurations.
SHAPES = {
    "qwen3-0.6b": Shape(28, 1024, 3072, 16, 8),
    "qwen3-1.7b": Shape(28, 2048, 6144, 16, 8),
    "qwen3-4b": Shape(36, 2560, 9728, 32, 8),
    "qwen3-8b": Shape(36, 4096, 12288, 32, 8),
    # Half the layers of Qwen3 30B-A3B, so that it fits 24 GiB.
    "qwen3-15b-a1.7b": Shape(24, 2048, 6144, 32, 4, experts=128, used=8, expert_inner=768),
}

# The same bytes on every run.
SEED = 7
# Blocks that are made; longer matrices repeat them.
POOL = 1 << 14
CONTEXT = 40960
LAST_TOKEN, FIRST_TOKEN = 151645, 151643


class Blocks:
    """Random blocks of a format, whose weights are small and finite: numbers of a normal distribution, quantised."""

    def __init__(self, gguf, numpy):
        self.gguf, self.numpy = gguf, numpy
        self.random = numpy.random.default_rng(SEED)
        self.pools = {}

    def of(self, name, count):
        """Bytes of `count` blocks."""
        if name not in self.pools:
            self.pools[name] = self.pool(name)
        pool = self.pools[name]
        repeated = self.numpy.tile(pool, (-(-count // len(pool)), 1))
        return repeated[:count]

    def size(self, name):
        return self.gguf.GGML_QUANT_SIZES[self.gguf.GGMLQuantizationType[name]]

    def pool(self, name):
        elements, width = self.size(name)
        blocks = self.random.integers(0, 256, (POOL, width), dtype=self.numpy.uint8)
        for place, low, high in SCALES.get(name, ()):
            scale = self.random.uniform(low, high, POOL).astype(self.numpy.float16)
            blocks[:, place : place + 2] = scale.view(self.numpy.uint8).reshape(POOL, 2)
        if name == "MXFP4":
            # Powers of two about 2^-7.
            blocks[:, 0] = self.random.integers(118, 122, POOL)
        if name == "Q6_K":
            signed = self.random.integers(-8, 8, (POOL, 16)).astype(self.numpy.int8)
            blocks[:, 192:208] = signed.view(self.numpy.uint8)
        return blocks


# Where 16-bit scales lie in a block, and between which numbers they are drawn.
SCALES = {
    "Q4_0": [(0, 1e-3, 4e-3)],
    "Q5_0": [(0, 5e-4, 2e-3)],
    "Q8_0": [(0, 1e-4, 4e-4)],
    "Q2_K": [(80, 1e-4, 1e-3), (82, 1e-4, 1e-3)],
    "Q3_K": [(108, 1e-4, 4e-4)],
    "Q4_K": [(0, 1e-5, 8e-5), (2, 1e-4, 6e-4)],
    "Q5_K": [(0, 1e-5, 4e-5), (2, 1e-4, 6e-4)],
    "Q6_K": [(208, 5e-5, 4e-4)],
    "IQ4_XS": [(0, 1e-6, 1e-5)],
    "IQ4_NL": [(0, 1e-5, 5e-5)],
    "IQ3_S": [(0, 1e-5, 5e-5)],
    "IQ3_XXS": [(0, 1e-5, 5e-5)],
    "IQ2_S": [(0, 1e-5, 1e-4)],
    "IQ2_XS": [(0, 1e-5, 1e-4)],
    "IQ2_XXS": [(0, 1e-5, 1e-4)],
    "IQ1_S": [(0, 1e-4, 1e-3)],
    "MXFP4": [],
}


def write(shape, vocabulary, out, formats):
    """Writes the file. `formats`: of the output, of what is stored better in every other layer, and of all else."""
    import gguf
    import numpy

    blocks = Blocks(gguf, numpy)
    writer = gguf.GGUFWriter(out, shape.family, use_temp_file=False)
    write_numbers(writer, shape)
    write_tokens(writer, gguf.GGUFReader(vocabulary), shape.vocabulary)
    most, better, output = formats

    def matrix(name, rows, columns, stored=most, stack=0):
        if stored == "F32":
            numbers = blocks.random.normal(0, 0.02, (rows, columns))
            return writer.add_tensor(name, numbers.astype(numpy.float32))
        elements, width = blocks.size(stored)
        per_row = columns // elements * width
        data = blocks.of(stored, rows * columns // elements * max(1, stack))
        form = (stack, rows, per_row) if stack else (rows, per_row)
        writer.add_tensor(name, data.reshape(form), raw_dtype=gguf.GGMLQuantizationType[stored])

    def ones(name, length):
        writer.add_tensor(name, numpy.ones(length, numpy.float32))

    matrix("token_embd.weight", shape.vocabulary, shape.width)
    matrix("output.weight", shape.vocabulary, shape.width, output)
    ones("output_norm.weight", shape.width)
    for layer in range(shape.layers):
        write_layer(shape, f"blk.{layer}.", better if layer % 2 == 0 else most, matrix, ones)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file(progress=False)
    writer.close()


def write_layer(shape, prefix, better, matrix, ones):
    ones(prefix + "attn_norm.weight", shape.width)
    ones(prefix + "ffn_norm.weight", shape.width)
    ones(prefix + "attn_q_norm.weight", shape.head)
    ones(prefix + "attn_k_norm.weight", shape.head)
    matrix(prefix + "attn_q.weight", shape.heads * shape.head, shape.width)
    matrix(prefix + "attn_k.weight", shape.kv_heads * shape.head, shape.width)
    matrix(prefix + "attn_v.weight", shape.kv_heads * shape.head, shape.width, better)
    matrix(prefix + "attn_output.weight", shape.width, shape.heads * shape.head)
    if shape.experts:
        matrix(prefix + "ffn_gate_inp.weight", shape.experts, shape.width, "F32")
    ending = "_exps.weight" if shape.experts else ".weight"
    inner = shape.expert_inner if shape.experts else shape.inner
    matrix(prefix + "ffn_gate" + ending, inner, shape.width, stack=shape.experts)
    matrix(prefix + "ffn_up" + ending, inner, shape.width, stack=shape.experts)
    matrix(prefix + "ffn_down" + ending, shape.width, inner, better, stack=shape.experts)


def write_numbers(writer, shape):
    writer.add_name("random")
    writer.add_block_count(shape.layers)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    if shape.experts:
        writer.add_expert_count(shape.experts)
        writer.add_expert_used_count(shape.used)
        writer.add_expert_feed_forward_length(shape.expert_inner)


def write_tokens(writer, source, count):
    """Tokens and merges of another file, cut or filled up."""
    entry = lambda key: source.fields["tokenizer.ggml." + key].contents()
    tokens, types, merges = list(entry("tokens"))[:count], list(entry("token_type"))[:count], entry("merges")
    known = set(tokens)
    merges = [merge for merge in merges if merge.replace(" ", "") in known]
    missing = range(count - len(tokens))
    tokens += [f"[unused {number}]" for number in missing]
    types += [5 for _ in missing]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(min(LAST_TOKEN, count - 1))
    writer.add_bos_token_id(min(FIRST_TOKEN, count - 1))
    writer.add_add_bos_token(False)


def formats_of(name):
    """Formats of most matrices, of those that a mix stores better, and of the output."""
    return ("Q4_K", "Q6_K", "Q6_K") if name == "Q4_K_M" else (name, name, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--format", default="Q4_K_M", choices=["Q4_K_M", *SCALES])
    options = parser.parse_args()
    if not options.vocabulary.is_file():
        parser.error(f"there is no file {options.vocabulary}; name a GGUF file with byte-pair tokens")
    write(SHAPES[options.shape], str(options.vocabulary), str(options.out), formats_of(options.format))


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        sys.exit(f"random_model.py: {error}; install the packages gguf and numpy")
