"""Writes tiny models of the families that are a decoder of alike blocks, one for each.

    python make_families.py FOLDER

They are put together as those of make_models.py, which README.md describes.
"""

import sys
from pathlib import Path

import gguf

from make_models import CHATML, Model, QUANTS

SIGMOID, SOFTMAX = gguf.ExpertGatingFuncType.SIGMOID, gguf.ExpertGatingFuncType.SOFTMAX
AROUND = {"after": ("post_attention_norm", "post_ffw_norm")}
AFTER = {"before": (), **AROUND}
SECOND = {"before": ("attn_norm", "post_attention_norm")}


class Decoder(Model):
    """A model of blocks that differ in few ways."""

    def __init__(self, folder, arch, seed, layers=2, width=32, heads=4, key_value_heads=2, feed_forward=32, name=None,
                 pre="qwen2", **options):
        super().__init__(folder, name or f"tiny-{arch}", arch, seed, layers=layers, width=width, heads=heads,
                         key_value_heads=key_value_heads, feed_forward=feed_forward, matrix=QUANTS.F16, **options)
        self.byte_pairs(pre)
        self.file.add_chat_template(CHATML)

    def key(self, name, value):
        name = f"{self.arch}.{name}"
        if isinstance(value, bool):
            self.file.add_bool(name, value)
        elif isinstance(value, float):
            self.file.add_float32(name, value)
        elif isinstance(value, list):
            self.file.add_array(name, value)
        else:
            self.file.add_uint32(name, value)

    def keys(self, **keys):
        for name, value in keys.items():
            self.key(name, value)

    def norm(self, name, mean=1.0):
        self.vector(name + ".weight", self.width, mean=mean)

    def queries_keys_values(self, prefix, fused=False, bias=False, output_bias=False, head_norm=None, gates=1):
        queries, keys = self.heads * self.head, self.key_value_heads * self.head
        if fused:
            self.matrix(prefix + "attn_qkv.weight", queries + 2 * keys, self.width, gain=1.3)
        else:
            for name, rows, gain in [("q", gates * queries, 1.4), ("k", keys, 1.4), ("v", keys, 1.0)]:
                self.matrix(f"{prefix}attn_{name}.weight", rows, self.width, gain=gain)
        if bias and fused:
            self.vector(prefix + "attn_qkv.bias", queries + 2 * keys, spread=0.7)
        elif bias:
            for name, rows in [("q", queries), ("k", keys), ("v", keys)]:
                self.vector(f"{prefix}attn_{name}.bias", rows, spread=0.7)
        if head_norm:
            heads = {"heads": (self.head, self.head), "row": (queries, keys)}[head_norm]
            for name, size in zip("qk", heads):
                self.vector(f"{prefix}attn_{name}_norm.weight", size, mean=1.3)
        self.matrix(prefix + "attn_output.weight", self.width, queries)
        if output_bias:
            self.vector(prefix + "attn_output.bias", self.width)

    def expert_tensors(self, prefix, inner, shared=0, biased=False, shared_gate=False, fused=False):
        self.matrix(prefix + "ffn_gate_inp.weight", self.experts, self.width, gain=1.5, form=QUANTS.F32)
        if biased:
            self.vector(prefix + "exp_probs_b.bias", self.experts, spread=0.1)
        parts = [("exps", inner, self.experts)] + ([("shexp", shared, None)] if shared else [])
        for suffix, size, experts in parts:
            if fused and experts:
                self.matrix(prefix + "ffn_gate_up_exps.weight", 2 * size, self.width, gain=1.5, experts=experts)
            else:
                self.matrix(prefix + f"ffn_gate_{suffix}.weight", size, self.width, gain=1.5, experts=experts)
                self.matrix(prefix + f"ffn_up_{suffix}.weight", size, self.width, gain=1.5, experts=experts)
            self.matrix(prefix + f"ffn_down_{suffix}.weight", self.width, size, experts=experts)
        if shared_gate:
            self.vector(prefix + "ffn_gate_inp_shexp.weight", self.width, spread=1.5 / self.width**0.5)

    def all_blocks(self, before=("attn_norm", "ffn_norm"), after=(), attention=(), dense=(), mixture=None, fused=False,
                   tied=True, norm="output_norm"):
        self.ends(tied, norm)
        for layer in range(self.layers):
            self.one_block(layer, before, after, dict(attention), mixture if layer not in dense else None, fused)

    def one_block(self, layer, before, after, attention, mixture, fused):
        prefix = f"blk.{layer}."
        for name in before:
            self.norm(prefix + name)
        for name in after:
            self.norm(prefix + name, mean=0.7)
        self.queries_keys_values(prefix, **attention)
        if mixture:
            self.expert_tensors(prefix, **mixture)
        else:
            experts, self.experts = self.experts, None
            self.feed_forward_part(prefix, fused)
            self.experts = experts

    def ends(self, tied, norm="output_norm"):
        self.matrix("token_embd.weight", 288, self.width, spread=0.3, form=self.table_type)
        self.norm(norm)
        if not tied:
            self.matrix("output.weight", 288, self.width, gain=2.0, form=self.table_type)


def qwen2moe(folder):
    model = Decoder(folder, "qwen2moe", 101, experts=4)
    model.keys(expert_feed_forward_length=16, expert_shared_feed_forward_length=24)
    model.all_blocks(attention={"bias": True}, mixture={"inner": 16, "shared": 24, "shared_gate": True}, tied=False)
    return model


def qwen35moe(folder):
    key_heads, value_heads, size, taps = 2, 4, 16, 4
    # The last block only guesses.
    model = Decoder(folder, "qwen35moe", 102, layers=5, heads=2, key_value_heads=1, head=16, base=1000000.0, experts=4,
                    pre="qwen35")
    model.keys(nextn_predict_layers=1, full_attention_interval=4, expert_feed_forward_length=16,
               expert_shared_feed_forward_length=24)
    model.file.add_rope_dimension_count(8)
    model.file.add_rope_dimension_sections([2, 1, 1, 0])
    for name, value in [("conv_kernel", taps), ("state_size", size), ("group_count", key_heads),
                        ("time_step_rank", value_heads), ("inner_size", value_heads * size)]:
        model.key("ssm." + name, value)
    model.ends(tied=True)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.norm(prefix + "attn_norm")
        if layer < 3:
            model.delta(prefix, key_heads, value_heads, size, taps)
        else:
            model.gated_attention(prefix)
        model.norm(prefix + "post_attention_norm")
        # Converters write either.
        model.expert_tensors(prefix, inner=16, shared=24, shared_gate=True, fused=layer % 2 == 0)
    model.matrix("blk.4.nextn.eh_proj.weight", model.width, 2 * model.width)
    for part in ["enorm", "hnorm", "shared_head_norm"]:
        model.norm(f"blk.4.nextn.{part}")
    return model


def gemma(folder):
    model = Decoder(folder, "gemma", 103, heads=2, key_value_heads=1, head=24)
    model.all_blocks()
    return model


def deepseek(folder):
    model = Decoder(folder, "deepseek", 104, layers=3, experts=4, pre="deepseek-llm")
    model.keys(leading_dense_block_count=1, expert_feed_forward_length=16, expert_shared_count=2,
               expert_weights_scale=1.0)
    model.all_blocks(mixture={"inner": 16, "shared": 32}, dense=[0], tied=False)
    return model


def glm4(folder):
    model = Decoder(folder, "glm4", 105, pre="glm4")
    model.file.add_rope_dimension_count(4)
    model.all_blocks(**AROUND, attention={"bias": True}, fused=True)
    return model


def glm4moe(folder):
    # The last block only guesses.
    model = Decoder(folder, "glm4moe", 106, layers=4, experts=4, pre="glm4")
    model.file.add_rope_dimension_count(4)
    model.keys(nextn_predict_layers=1, leading_dense_block_count=1, expert_feed_forward_length=16, expert_shared_count=1,
               expert_weights_norm=True, expert_weights_scale=1.5)
    model.all_blocks(**SECOND, attention={"bias": True, "head_norm": "heads"}, dense=[0],
                     mixture={"inner": 16, "shared": 16, "biased": True})
    model.matrix("blk.3.nextn.eh_proj.weight", model.width, 2 * model.width)
    for part in ["enorm", "hnorm"]:
        model.norm(f"blk.3.nextn.{part}")
    return model


def granite(folder):
    model = Decoder(folder, "granite", 107, pre="refact")
    model.file.add_rope_dimension_count(8)
    model.keys(embedding_scale=6.0, residual_scale=0.4, logit_scale=0.5)
    model.key("attention.scale", 0.2)
    model.all_blocks()
    return model


def granitemoe(folder):
    model = Decoder(folder, "granitemoe", 108, experts=4, pre="refact")
    model.file.add_rope_dimension_count(8)
    model.keys(embedding_scale=6.0, residual_scale=0.4, logit_scale=0.5, expert_shared_feed_forward_length=24)
    model.key("attention.scale", 0.2)
    model.all_blocks(mixture={"inner": 32, "shared": 24})
    return model


def short_convolutions(model, taps, dense, mixture):
    model.key("shortconv.l_cache", taps)
    model.ends(tied=True, norm="token_embd_norm")
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        if layer % 3 == 2:
            model.one_block(layer, ("attn_norm", "ffn_norm"), (), {"head_norm": "heads"},
                            None if layer in dense else mixture, False)
            continue
        for name in ["attn_norm", "ffn_norm"]:
            model.norm(prefix + name)
        model.matrix(prefix + "shortconv.in_proj.weight", 3 * model.width, model.width, gain=1.4)
        model.matrix(prefix + "shortconv.conv.weight", model.width, taps, gain=1.2)
        model.matrix(prefix + "shortconv.out_proj.weight", model.width, model.width)
        if layer in dense:
            experts, model.experts = model.experts, None
            model.feed_forward_part(prefix, fused=False)
            model.experts = experts
        else:
            model.expert_tensors(prefix, **mixture)


def lfm2(folder):
    model = Decoder(folder, "lfm2", 109, layers=4, key_value_heads=[0, 0, 2, 0], pre="llama-bpe")
    model.key_value_heads = 2
    short_convolutions(model, 3, dense=range(4), mixture=None)
    return model


def lfm2moe(folder):
    model = Decoder(folder, "lfm2moe", 110, layers=4, key_value_heads=[0, 0, 2, 0], experts=4, pre="llama-bpe")
    model.key_value_heads = 2
    model.file.add_expert_gating_func(SIGMOID)
    model.keys(leading_dense_block_count=1, expert_feed_forward_length=16)
    short_convolutions(model, 3, dense=[0], mixture={"inner": 16, "biased": True})
    return model


def olmo2(folder):
    model = Decoder(folder, "olmo2", 111, layers=5, pre="dbrx")
    model.file.add_sliding_window(16)
    model.file.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    model.file.add_rope_scaling_factor(4.0)
    model.file.add_rope_scaling_orig_ctx_len(256)
    model.all_blocks(**AFTER, attention={"head_norm": "row"}, tied=False)
    return model


def olmoe(folder):
    model = Decoder(folder, "olmoe", 112, key_value_heads=4, experts=4, pre="olmo")
    model.all_blocks(attention={"head_norm": "row"}, mixture={"inner": 32}, tied=False)
    return model


def exaone4(folder):
    model = Decoder(folder, "exaone4", 113)
    model.all_blocks(**AFTER, attention={"head_norm": "heads"})
    return model


def ernie(folder):
    model = Decoder(folder, "ernie4_5", 114, pre="llama-bpe")
    model.file.add_rope_dimension_count(8)
    model.all_blocks(attention={"bias": True})
    return model


def ernie_moe(folder):
    model = Decoder(folder, "ernie4_5-moe", 115, layers=3, experts=4, pre="llama-bpe")
    model.file.add_rope_dimension_count(8)
    model.keys(leading_dense_block_count=1, interleave_moe_layer_step=1, expert_feed_forward_length=16,
               expert_shared_feed_forward_length=24)
    model.all_blocks(dense=[0], mixture={"inner": 16, "shared": 24, "biased": True})
    return model


def hunyuan_dense(folder):
    model = Decoder(folder, "hunyuan-dense", 116, pre="hunyuan-dense")
    model.all_blocks(attention={"head_norm": "heads"})
    return model


def hunyuan_moe(folder):
    model = Decoder(folder, "hunyuan-moe", 117, experts=4, pre="hunyuan")
    model.keys(expert_feed_forward_length=32, expert_shared_feed_forward_length=24)
    model.all_blocks(attention={"head_norm": "heads"}, mixture={"inner": 32, "shared": 24})
    return model


def seed_oss(folder):
    model = Decoder(folder, "seed_oss", 118, head=12, pre="llama-bpe")
    model.all_blocks(**SECOND, attention={"bias": True})
    return model


def minimax_m2(folder):
    model = Decoder(folder, "minimax-m2", 119, head=16, experts=4, pre="gpt-4o")
    model.file.add_rope_dimension_count(8)
    model.file.add_expert_gating_func(SIGMOID)
    model.keys(expert_feed_forward_length=32)
    model.all_blocks(attention={"head_norm": "row"}, mixture={"inner": 32, "biased": True}, tied=False)
    return model


def minicpm(folder):
    model = Decoder(folder, "minicpm", 120, pre="llama-bpe")
    model.file.add_rope_dimension_count(8)
    model.keys(embedding_scale=6.0, residual_scale=0.4, logit_scale=1.5)
    model.all_blocks()
    return model


def internlm2(folder):
    model = Decoder(folder, "internlm2", 121, pre="llama-bpe")
    model.file.add_rope_dimension_count(8)
    model.all_blocks(tied=False)
    return model


def bailingmoe2(folder):
    model = Decoder(folder, "bailingmoe2", 122, layers=3, experts=8, pre="bailingmoe2")
    model.file.add_rope_dimension_count(4)
    model.file.add_expert_gating_func(SIGMOID)
    model.keys(leading_dense_block_count=1, expert_feed_forward_length=16, expert_shared_count=1, expert_group_count=4,
               expert_group_used_count=2, expert_weights_norm=True, expert_weights_scale=1.5)
    model.all_blocks(attention={"fused": True, "head_norm": "heads"}, dense=[0], tied=False,
                     mixture={"inner": 16, "shared": 16, "biased": True})
    return model


def dots1(folder):
    model = Decoder(folder, "dots1", 123, layers=3, key_value_heads=4, experts=4)
    model.file.add_expert_gating_func(SIGMOID)
    model.keys(leading_dense_block_count=1, expert_feed_forward_length=16, expert_shared_count=2,
               expert_weights_norm=True, expert_weights_scale=1.5)
    model.all_blocks(attention={"head_norm": "heads"}, dense=[0], tied=False,
                     mixture={"inner": 16, "shared": 32, "biased": True})
    return model


MODELS = [qwen2moe, qwen35moe, gemma, deepseek, glm4, glm4moe, granite, granitemoe, lfm2, lfm2moe, olmo2, olmoe, exaone4,
          ernie, ernie_moe, hunyuan_dense, hunyuan_moe, seed_oss, minimax_m2, minicpm, internlm2, bailingmoe2, dots1]


def main():
    folder = Path(sys.argv[1])
    for make in MODELS:
        make(folder).write()


if __name__ == "__main__":
    main()
