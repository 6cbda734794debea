#!/usr/bin/env python3
"""GGUF files with the shapes of well-known models of many families and random weights: for speed and memory.

    bench/random_families.py SHAPE VOCABULARY.gguf OUT.gguf [--format Q4_K_M]

Numbers are those of the published configurations. Where a model is too large for a machine of 16 GiB, it has fewer layers,
which changes no ratio of speeds. What tensors a family has is taken from the makers of the tiny models (golden/models); a
matrix whose rows are no multiple of a format's block is stored in Q5_0 or Q8_0, as quantisers do. Needs gguf and numpy.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden/models"))

from random_model import CONTEXT, SCALES, Blocks, formats_of, write_tokens  # noqa: E402

try:
    import gguf
    import numpy as np
    from make_families import AROUND, SECOND, Decoder

    QUANTS = gguf.GGMLQuantizationType
except ImportError:  # Told where a file is made.
    gguf, Decoder = None, object

# Gated delta network, short convolution, latent attention: sizes of the published configurations.
TAPS, LATENT, ROTATED, PLAIN, VALUE = 4, 512, 64, 128, 128
# Letters and words of an encoder's vocabulary, whose spelling matters to nobody.
WORDS = 30522


class Real(Decoder):
    """A model whose matrices are blocks of a pool, and whose vocabulary is another model's."""

    def __init__(self, arch, vocabulary, out, formats, rows, **numbers):
        self.rows, self.vocabulary = rows, vocabulary
        self.blocks_of = Blocks(gguf, np)
        self.most, self.better, self.output = formats
        super().__init__(out.parent, arch, 7, name=out.stem, context=CONTEXT, **numbers)

    def byte_pairs(self, pre):
        if self.vocabulary:
            write_tokens(self.file, gguf.GGUFReader(self.vocabulary), self.rows)
        else:
            word_pieces(self.file, self.rows)

    def stored(self, name, columns, form):
        """The format of a matrix: what is asked for, or what a mix takes."""
        if form and form != self.matrix_type:
            return form.name
        if name.startswith("token_types."):  # Rows that are added, not multiplied: as converters store them.
            return "F32"
        layer = int(name.split(".")[1]) if name.startswith("blk.") else 1
        is_better = ("attn_v." in name or "ffn_down" in name) and layer % 2 == 0
        chosen = self.better if is_better else self.most
        if self.most == "MXFP4" and "_exps" not in name:
            chosen = "Q8_0"
        if columns % self.blocks_of.size(chosen)[0]:
            chosen = "Q8_0" if chosen in ("Q6_K", "Q8_0") else "Q5_0"
        return chosen if columns % 32 == 0 else "F32"

    def matrix(self, name, rows, columns, gain=1.0, spread=None, experts=None, form=None):
        chosen = self.stored(name, columns, form)
        if chosen in ("F32", "F16"):
            shape = (experts, rows, columns) if experts else (rows, columns)
            numbers = self.random.normal(0, 0.02, shape)
            return self.file.add_tensor(name, numbers.astype(np.float32 if chosen == "F32" else np.float16))
        elements, width = self.blocks_of.size(chosen)
        data = self.blocks_of.of(chosen, rows * columns // elements).reshape(rows, columns // elements * width)
        if experts:
            data = np.broadcast_to(data, (experts, *data.shape)).view(repeated())
        self.file.add_tensor(name, data, raw_dtype=QUANTS[chosen])

    def ends(self, tied, norm="output_norm"):
        output = QUANTS["Q8_0" if self.most == "MXFP4" else self.output]
        self.matrix("token_embd.weight", self.rows, self.width, form=output if tied else None)
        self.norm(norm)
        if not tied:
            self.matrix("output.weight", self.rows, self.width, form=output)


def repeated():
    """The type of a stack that is one matrix in memory and many in the file."""

    class Repeated(np.ndarray):
        def tofile(self, file):
            # NumPy writes what lies apart in memory number by number.
            for matrix in np.asarray(self):
                matrix.tofile(file)

    return Repeated


def word_pieces(file, count):
    """A vocabulary of words with numbers, for encoders."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(code) for code in range(33, 127)]
    # Converters mark what begins a word.
    tokens = special + ["▁" + letter for letter in letters] + letters
    tokens += [f"▁w{number}" for number in range(count - len(tokens))]
    file.add_tokenizer_model("bert")
    file.add_tokenizer_pre("default")
    file.add_token_list(tokens)
    file.add_token_types([3] * len(special) + [1] * (count - len(special)))
    for number, add in enumerate([file.add_pad_token_id, file.add_unk_token_id, file.add_bos_token_id, file.add_sep_token_id]):
        add(number)
    file.add_mask_token_id(4)


def qwen35_4b(make):
    key_heads, value_heads, size = 16, 32, 128
    model = make("qwen35", 248320, layers=32, width=2560, heads=16, key_value_heads=4, head=256, feed_forward=9216,
                 base=1e7, pre="qwen35")
    model.keys(full_attention_interval=4)
    model.file.add_rope_dimension_count(64)
    model.file.add_rope_dimension_sections([11, 11, 10, 0])
    for name, value in [("conv_kernel", TAPS), ("state_size", size), ("group_count", key_heads),
                        ("time_step_rank", value_heads), ("inner_size", value_heads * size)]:
        model.key("ssm." + name, value)
    model.ends(tied=True)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.norm(prefix + "attn_norm")
        model.gated_attention(prefix) if layer % 4 == 3 else model.delta(prefix, key_heads, value_heads, size, TAPS)
        model.norm(prefix + "post_attention_norm")
        model.feed_forward_part(prefix, fused=False)
    return model


def gpt_oss_10b(make):
    """Half the layers of gpt-oss-20b."""
    inner = 2880
    model = make("gpt-oss", 201088, layers=12, width=2880, heads=64, key_value_heads=8, head=64, feed_forward=inner,
                 experts=32, used=4, base=150000.0, pre="gpt-4o")
    model.file.add_sliding_window(128)
    model.file.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    model.file.add_rope_scaling_factor(32.0)
    model.file.add_rope_scaling_orig_ctx_len(4096)
    model.keys(expert_feed_forward_length=inner)
    model.ends(tied=False)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        for name in SECOND["before"]:
            model.norm(prefix + name)
        model.queries_keys_values(prefix, bias=True, output_bias=True)
        model.vector(prefix + "attn_sinks.weight", model.heads)
        model.expert_tensors(prefix, inner=inner)
        model.vector(prefix + "ffn_gate_inp.bias", model.experts)
        for part, size in [("gate", inner), ("up", inner), ("down", model.width)]:
            model.file.add_tensor(prefix + f"ffn_{part}_exps.bias", np.zeros((model.experts, size), np.float32))
    return model


def gemma4_9b_a4b(make):
    """A third of the layers of Gemma 4 26B-A4B."""
    local, size, layers, inner = 256, 512, 10, 704
    is_local = [(layer + 1) % 5 != 0 for layer in range(layers)]
    model = make("gemma4", 262144, layers=layers, width=2816, heads=16, head=size, feed_forward=2112, experts=128, used=8, base=1e6,
                 key_value_heads=[8 if short else 2 for short in is_local])
    model.file.add_sliding_window(1024)
    model.file.add_sliding_window_pattern(is_local)
    model.file.add_final_logit_softcapping(30.0)
    model.file.add_rope_dimension_count(size)
    model.keys(expert_feed_forward_length=inner, embedding_length_per_layer_input=0)
    for name, value in [("attention.key_length_swa", local), ("attention.value_length_swa", local),
                        ("attention.shared_kv_layers", 0), ("rope.dimension_count_swa", local)]:
        model.key(name, value)
    model.file.add_float32("gemma4.rope.freq_base_swa", 10000.0)
    model.factors("rope_freqs.weight", [1.0] * 64 + [1e30] * 192)
    model.ends(tied=True)
    for layer, short in enumerate(is_local):
        prefix = f"blk.{layer}."
        for name in ["attn_norm", "ffn_norm", *AROUND["after"], "pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"]:
            model.norm(prefix + name)
        head, keys = (local, 8) if short else (size, 2)
        # Global layers use keys for values.
        for name, rows in [("q", 16 * head), ("k", keys * head), ("v", keys * head)][: 3 if short else 2]:
            model.matrix(prefix + f"attn_{name}.weight", rows, model.width)
        for name in "qk":
            model.vector(prefix + f"attn_{name}_norm.weight", head, mean=1.0)
        model.matrix(prefix + "attn_output.weight", model.width, 16 * head)
        experts, model.experts = model.experts, None
        model.feed_forward_part(prefix, fused=False)
        model.experts = experts
        model.vector(prefix + "ffn_gate_inp.scale", model.width, mean=1.0)
        model.expert_tensors(prefix, inner=inner, fused=True)
        model.vector(prefix + "ffn_down_exps.scale", experts, mean=1.0)
        model.vector(prefix + "layer_output_scale.weight", 1, mean=1.0, spread=0.0)
    return model


def deepseek2_8b(make):
    """Half the layers of DeepSeek V2 Lite."""
    inner, shared = 1408, 2
    model = make("deepseek2", 102400, layers=14, width=2048, heads=16, key_value_heads=1, head=LATENT + ROTATED,
                 feed_forward=10944, experts=64, used=6, pre="deepseek-llm")
    model.file.add_rope_dimension_count(ROTATED)
    for name, value in [("attention.kv_lora_rank", LATENT), ("attention.key_length_mla", PLAIN + ROTATED),
                        ("attention.value_length_mla", VALUE)]:
        model.key(name, value)
    model.keys(leading_dense_block_count=1, expert_feed_forward_length=inner, expert_shared_count=shared,
               expert_weights_scale=1.0)
    model.file.add_value_length(LATENT)
    model.ends(tied=False)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.norm(prefix + "attn_norm")
        model.latent_attention(prefix, PLAIN, ROTATED, VALUE, LATENT, None)
        model.norm(prefix + "ffn_norm")
        if layer == 0:
            experts, model.experts = model.experts, None
            model.feed_forward_part(prefix, fused=False)
            model.experts = experts
        else:
            model.expert_tensors(prefix, inner=inner, shared=shared * inner)
    return model


def lfm2_1_2b(make):
    layers, attending = 16, (2, 5, 8, 10, 12, 14)
    model = make("lfm2", 65536, layers=layers, width=2048, heads=32, head=64, feed_forward=8192, base=1e6, pre="lfm2",
                 key_value_heads=[8 if layer in attending else 0 for layer in range(layers)])
    model.key_value_heads = 8
    model.key("shortconv.l_cache", 3)
    model.ends(tied=True, norm="token_embd_norm")
    for layer in range(layers):
        prefix = f"blk.{layer}."
        if layer in attending:
            model.one_block(layer, ("attn_norm", "ffn_norm"), (), {"head_norm": "heads"}, None, False)
            continue
        for name in ["attn_norm", "ffn_norm"]:
            model.norm(prefix + name)
        model.matrix(prefix + "shortconv.in_proj.weight", 3 * model.width, model.width)
        model.matrix(prefix + "shortconv.conv.weight", model.width, 3)
        model.matrix(prefix + "shortconv.out_proj.weight", model.width, model.width)
        model.feed_forward_part(prefix, fused=False)
    return model


def nomic_bert(make):
    """nomic-embed-text, whose words are made up."""
    model = make("nomic-bert", WORDS, vocabulary=None, layers=12, width=768, heads=12, key_value_heads=12,
                 feed_forward=3072, base=1000.0, about_mean="biased")
    model.file.add_causal_attention(False)
    model.file.add_pooling_type(gguf.PoolingType.MEAN)
    model.file.add_token_type_count(2)
    model.matrix("token_embd.weight", WORDS, model.width)
    model.matrix("token_types.weight", 2, model.width, form=QUANTS.F32)
    model.norm("token_embd_norm")
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.queries_keys_values(prefix, fused=True)
        for part in ["attn_output_norm", "layer_output_norm"]:
            model.norm(prefix + part)
        model.feed_forward_part(prefix, fused=False)
    return model


SHAPES = {
    "qwen35-4b": qwen35_4b,
    "gpt-oss-10b": gpt_oss_10b,
    "gemma4-9b-a4b": gemma4_9b_a4b,
    "deepseek2-8b": deepseek2_8b,
    "lfm2-1.2b": lfm2_1_2b,
    "nomic-bert": nomic_bert,
}


def write(name, vocabulary, out, formats):
    """Writes the file."""
    if gguf is None:
        raise ImportError("no module gguf or numpy")

    def make(arch, rows, vocabulary=vocabulary, **numbers):
        return Real(arch, vocabulary, Path(out), formats, rows, **numbers)

    SHAPES[name](make).write()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("vocabulary", help="a GGUF file with byte-pair tokens")
    parser.add_argument("out", type=Path)
    parser.add_argument("--format", default="Q4_K_M", choices=["Q4_K_M", *SCALES])
    options = parser.parse_args()
    write(options.shape, options.vocabulary, options.out, formats_of(options.format))


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        sys.exit(f"random_families.py: {error}; install the packages gguf and numpy")
