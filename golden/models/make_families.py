"""Writes tiny models of the families that are a decoder of alike blocks, one for each.

    python make_families.py FOLDER

They are put together as those of make_models.py, which README.md describes.
"""

import sys
from pathlib import Path

import gguf
import numpy as np

from make_models import CHATML, Model, QUANTS, TOKENS

SIGMOID, SOFTMAX = gguf.ExpertGatingFuncType.SIGMOID, gguf.ExpertGatingFuncType.SOFTMAX
AROUND = {"after": ("post_attention_norm", "post_ffw_norm")}
AFTER = {"before": (), **AROUND}
SECOND = {"before": ("attn_norm", "post_attention_norm")}


class Decoder(Model):
    """A model of blocks that differ in few ways."""

    def __init__(self, folder, arch, seed, layers=2, width=32, heads=4, key_value_heads=2, feed_forward=32, name=None,
                 pre="qwen2", about_mean=False, plain=False, **options):
        super().__init__(folder, name or f"tiny-{arch}", arch, seed, layers=layers, width=width, heads=heads,
                         key_value_heads=key_value_heads, feed_forward=feed_forward, matrix=QUANTS.F16, **options)
        # Norms about the mean, with a bias or without; feed-forward parts without a gate, with a bias or without.
        self.about_mean, self.plain = about_mean, plain
        if about_mean:
            self.file.add_layer_norm_eps(1e-5)
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
        if self.about_mean == "biased":
            self.vector(name + ".bias", self.width)

    def feed_forward_part(self, prefix, fused):
        if not self.plain:
            return super().feed_forward_part(prefix, fused)
        self.matrix(prefix + "ffn_up.weight", self.feed_forward, self.width, gain=1.5)
        self.matrix(prefix + "ffn_down.weight", self.width, self.feed_forward)
        if self.plain == "biased":
            self.vector(prefix + "ffn_up.bias", self.feed_forward)
            self.vector(prefix + "ffn_down.bias", self.width)

    def queries_keys_values(self, prefix, fused=False, bias=False, output_bias=False, head_norm=None, gate=False):
        queries, keys = self.heads * self.head, self.key_value_heads * self.head
        if fused:
            self.matrix(prefix + "attn_qkv.weight", queries + 2 * keys, self.width, gain=1.3)
        else:
            for name, rows, gain in [("q", queries, 1.4), ("k", keys, 1.4), ("v", keys, 1.0)]:
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
        if gate:
            self.matrix(prefix + "attn_gate.weight", queries, self.width, gain=1.5)

    def expert_tensors(self, prefix, inner, shared=0, biased=False, shared_gate=False, fused=False,
                       gates=True):
        self.matrix(prefix + "ffn_gate_inp.weight", self.experts, self.width, gain=1.5, form=QUANTS.F32)
        if biased:
            name = "exp_probs_b" if biased == "bare" else "exp_probs_b.bias"
            self.vector(prefix + name, self.experts, spread=0.1)
        parts = [("exps", inner, self.experts)] + ([("shexp", shared, None)] if shared else [])
        for suffix, size, experts in parts:
            if fused and experts:
                self.matrix(prefix + "ffn_gate_up_exps.weight", 2 * size, self.width, gain=1.5, experts=experts)
            else:
                if gates:
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
    model = Decoder(folder, "deepseek", 204, layers=3, experts=4, pre="deepseek-llm")
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
    model = Decoder(folder, "olmo2", 201, layers=5, pre="dbrx")
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
    model = Decoder(folder, "hunyuan-dense", 220, pre="hunyuan-dense")
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


def gpt_oss(folder):
    model = Decoder(folder, "gpt-oss", 124, layers=4, head=16, experts=4, pre="gpt-4o")
    model.file.add_sliding_window(16)
    model.file.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    model.file.add_rope_scaling_factor(4.0)
    model.file.add_rope_scaling_orig_ctx_len(256)
    model.keys(expert_feed_forward_length=16)
    model.ends(tied=False)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        for name in SECOND["before"]:
            model.norm(prefix + name)
        model.queries_keys_values(prefix, bias=True, output_bias=True)
        model.vector(prefix + "attn_sinks.weight", model.heads, spread=1.0)
        model.expert_tensors(prefix, inner=16)
        model.vector(prefix + "ffn_gate_inp.bias", model.experts)
        for part, size in [("gate", 16), ("up", 16), ("down", model.width)]:
            bias = 0.4 * model.random.standard_normal((model.experts, size))
            # Far enough out that the bounds matter.
            model.file.add_tensor(prefix + f"ffn_{part}_exps.bias", (6 * bias if part != "down" else bias).astype("f4"))
    return model


def gemma2(folder):
    model = Decoder(folder, "gemma2", 125, layers=4, heads=2, key_value_heads=1, head=24)
    model.file.add_sliding_window(16)
    model.file.add_attn_logit_softcapping(2.0)
    model.file.add_final_logit_softcapping(3.0)
    model.all_blocks(**AROUND)
    return model


def mistral3(folder):
    model = Decoder(folder, "mistral3", 126, head=16, pre="tekken")
    model.file.add_rope_dimension_count(16)
    model.file.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    model.file.add_rope_scaling_factor(4.0)
    model.file.add_rope_scaling_orig_ctx_len(16)
    model.file.add_rope_scaling_yarn_log_mul(0.5)
    model.key("attention.temperature_scale", 0.5)
    model.all_blocks()
    return model


def cohere2(folder):
    model = Decoder(folder, "cohere2", 127, layers=4, pre="command-r", about_mean=True)
    model.file.add_rope_dimension_count(8)
    model.file.add_sliding_window(16)
    model.keys(logit_scale=1.25)
    model.all_blocks(before=("attn_norm",))
    return model


def command_r(folder):
    model = Decoder(folder, "command-r", 128, pre="command-r", about_mean=True)
    model.file.add_rope_dimension_count(8)
    model.keys(logit_scale=1.25)
    model.all_blocks(before=("attn_norm",))
    return model


def starcoder2(folder):
    model = Decoder(folder, "starcoder2", 129, pre="starcoder", about_mean="biased", plain="biased")
    model.all_blocks(attention={"bias": True, "output_bias": True})
    return model


def phi2(folder):
    model = Decoder(folder, "phi2", 130, key_value_heads=4, pre="gpt-2", about_mean="biased", plain="biased")
    model.file.add_rope_dimension_count(4)
    model.all_blocks(before=("attn_norm",), attention={"bias": True, "output_bias": True}, tied=False)
    model.vector("output.bias", 288)
    return model


def stablelm(folder):
    model = Decoder(folder, "stablelm", 131, pre="stablelm2", about_mean="biased")
    model.file.add_rope_dimension_count(4)
    model.all_blocks(attention={"bias": True}, tied=False)
    return model


def arcee(folder):
    model = Decoder(folder, "arcee", 132, pre="llama-bpe", plain=True)
    model.file.add_rope_dimension_count(8)
    model.all_blocks()
    return model


def nemotron(folder):
    model = Decoder(folder, "nemotron", 133, pre="llama-bpe", about_mean="biased", plain=True)
    model.file.add_rope_dimension_count(4)
    model.all_blocks(tied=False)
    return model


def afmoe(folder):
    model = Decoder(folder, "afmoe", 134, layers=4, experts=4, pre="llama-bpe")
    model.file.add_sliding_window(16)
    model.keys(leading_dense_block_count=1, expert_feed_forward_length=16, expert_shared_count=1,
               expert_weights_norm=True, expert_weights_scale=1.5)
    model.all_blocks(**AROUND, attention={"head_norm": "heads", "gate": True}, dense=[0],
                     mixture={"inner": 16, "shared": 16, "biased": True})
    return model


def hy_v3(folder):
    model = Decoder(folder, "hy_v3", 206, layers=3, experts=4, pre="hunyuan")
    model.keys(expert_feed_forward_length=16, expert_weights_norm=True, expert_weights_scale=1.5)
    model.all_blocks(attention={"head_norm": "heads"}, dense=[0], mixture={"inner": 16, "shared": 16, "biased": "bare"})
    return model


def exaone(folder):
    model = Decoder(folder, "exaone", 136, pre="exaone")
    model.file.add_rope_dimension_count(8)
    model.all_blocks()
    return model


def chatglm(folder):
    model = Decoder(folder, "chatglm", 137, pre="chatglm-bpe")
    model.file.add_rope_dimension_count(4)
    model.all_blocks(attention={"fused": True, "bias": True}, fused=True, tied=False)
    return model


def gptneox(folder):
    model = Decoder(folder, "gptneox", 138, key_value_heads=4, pre="gpt-2", about_mean="biased", plain="biased")
    model.file.add_rope_dimension_count(4)
    model.file.add_parallel_residual(True)
    model.all_blocks(attention={"fused": True, "bias": True, "output_bias": True}, tied=False)
    return model


def gpt2(folder):
    model = Decoder(folder, "gpt2", 139, key_value_heads=4, pre="gpt-2", about_mean="biased", plain="biased", context=256)
    model.all_blocks(attention={"fused": True, "bias": True, "output_bias": True})
    model.matrix("position_embd.weight", 256, model.width, spread=0.3)
    return model


def qwen_vl(arch, seed, **options):
    def make(folder):
        experts = 4 if arch.endswith("moe") else None
        head = None if arch == "qwen2vl" else 16
        model = Decoder(folder, arch, seed, head=head, experts=experts)
        model.file.add_rope_dimension_sections([3, 3, 2, 0] if head else [2, 1, 1, 0])
        mixture = None
        if experts:
            model.keys(expert_feed_forward_length=16)
            mixture = {"inner": 16}
        if arch.startswith("qwen3"):
            model.keys(n_deepstack_layers=0)
        model.all_blocks(mixture=mixture, **options)
        return model
    return make


def scan(model, prefix, heads, size, state, groups, taps):
    inner = heads * size
    channels = inner + 2 * groups * state
    model.matrix(prefix + "ssm_in.weight", inner + channels + heads, model.width, gain=1.2)
    kernel = 0.4 * model.random.standard_normal((channels, taps)) + ([0.0] * (taps - 1) + [0.7])
    model.file.add_tensor(prefix + "ssm_conv1d.weight", kernel.astype("f4"))
    model.vector(prefix + "ssm_conv1d.bias", channels)
    model.vector(prefix + "ssm_dt.bias", heads, mean=-1.0, spread=0.7)
    rates = -model.random.uniform(0.2, 1.2, (heads, 1))
    model.file.add_tensor(prefix + "ssm_a", rates.astype("f4"))
    model.file.add_tensor(prefix + "ssm_d", model.random.standard_normal((heads, 1)).astype("f4"))
    gains = 1.0 + 0.2 * model.random.standard_normal((groups, inner // groups))
    model.file.add_tensor(prefix + "ssm_norm.weight", gains.astype("f4"))
    model.matrix(prefix + "ssm_out.weight", model.width, inner)


def scan_keys(model, heads, size, state, groups, taps):
    for name, value in [("conv_kernel", taps), ("state_size", state), ("group_count", groups), ("time_step_rank", heads),
                        ("inner_size", heads * size)]:
        model.key("ssm." + name, value)


def nemotron_h(arch, seed):
    def make(folder):
        # A scan, a feed-forward part, attention, a scan, a feed-forward part.
        shape = {"heads": 4, "size": 16, "state": 16, "groups": 2, "taps": 4}
        experts = 4 if arch.endswith("moe") else None
        model = Decoder(folder, arch, seed, layers=5, head=16, key_value_heads=[0, 0, 2, 0, 0],
                        feed_forward=[0, 32, 0, 0, 32], experts=experts, pre="llama-bpe", plain=True)
        model.key_value_heads, model.feed_forward = 2, 32
        model.file.add_layer_norm_eps(1e-5)
        scan_keys(model, **shape)
        if experts:
            model.file.add_expert_gating_func(SIGMOID)
            model.keys(expert_feed_forward_length=16, expert_shared_feed_forward_length=24, expert_shared_count=1,
                       expert_weights_norm=True, expert_weights_scale=1.5)
        model.ends(tied=False)
        for layer, kind in enumerate("sfasf"):
            prefix = f"blk.{layer}."
            model.norm(prefix + "attn_norm")
            if kind == "s":
                scan(model, prefix, **shape)
            elif kind == "a":
                model.queries_keys_values(prefix)
            elif experts:
                model.expert_tensors(prefix, inner=16, shared=24, biased=True, gates=False)
            else:
                model.feed_forward_part(prefix, fused=False)
        return model
    return make


def granitehybrid(folder):
    shape = {"heads": 4, "size": 16, "state": 16, "groups": 1, "taps": 4}
    model = Decoder(folder, "granitehybrid", 145, layers=3, experts=4, key_value_heads=[0, 2, 0], pre="refact")
    model.key_value_heads = 2
    scan_keys(model, **shape)
    model.file.add_rope_scaling_finetuned(False)
    model.keys(embedding_scale=6.0, residual_scale=0.4, logit_scale=0.5, expert_shared_feed_forward_length=24)
    model.key("attention.scale", 0.2)
    model.file.add_rope_dimension_count(8)
    model.ends(tied=True)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        for name in ["attn_norm", "ffn_norm"]:
            model.norm(prefix + name)
        if layer == 1:
            model.queries_keys_values(prefix)
        else:
            scan(model, prefix, **shape)
        model.expert_tensors(prefix, inner=32, shared=24)
    return model


def mamba2(folder):
    shape = {"heads": 4, "size": 16, "state": 16, "groups": 2, "taps": 4}
    model = Decoder(folder, "mamba2", 146, heads=0, key_value_heads=0, feed_forward=0, head=16, pre="gpt-2")
    scan_keys(model, **shape)
    model.ends(tied=True)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.norm(prefix + "attn_norm")
        scan(model, prefix, **shape)
    return model


def gemma4(folder):
    """Two local layers to each global one; the last three see what the first three store; experts in two layers."""
    size, local, layers, owners, per_layer = 24, 16, 6, 3, 16
    model = Decoder(folder, "gemma4", 202, layers=layers, heads=2, key_value_heads=[2, 2, 1] * 2, head=size,
                    feed_forward=[32] * 3 + [64] * 3, experts=4, base=1000000.0)
    model.file.add_sliding_window(16)
    model.file.add_sliding_window_pattern([True, True, False] * 2)
    model.file.add_final_logit_softcapping(3.0)
    model.file.add_rope_dimension_count(size)
    model.keys(expert_feed_forward_length=16, embedding_length_per_layer_input=per_layer)
    for name, value in [("attention.key_length_swa", local), ("attention.value_length_swa", local),
                        ("attention.shared_kv_layers", layers - owners), ("rope.dimension_count_swa", local)]:
        model.key(name, value)
    model.file.add_float32("gemma4.rope.freq_base_swa", 10000.0)
    model.factors("rope_freqs.weight", [1.0] * 3 + [1e30] * 9)
    model.ends(tied=True)
    model.matrix("per_layer_token_embd.weight", 288, layers * per_layer, spread=0.3)
    model.matrix("per_layer_model_proj.weight", layers * per_layer, model.width, gain=6.0)
    model.vector("per_layer_proj_norm.weight", per_layer, mean=1.0)
    for layer in range(layers):
        prefix = f"blk.{layer}."
        model.norm(prefix + "attn_norm")
        for name in AROUND["after"]:
            model.norm(prefix + name, mean=0.7)
        head, keys = (size, 1) if layer % 3 == 2 else (local, 2)
        parts = [("q", 2 * head, 1.4), ("k", keys * head, 1.4), ("v", keys * head, 1.0)]
        # Those that share have no keys and values; global layers use keys for values.
        for name, rows, gain in parts[:3 - (layer % 3 == 2)] if layer < owners else parts[:1]:
            model.matrix(prefix + f"attn_{name}.weight", rows, model.width, gain=gain)
        for name in "qk" if layer < owners else "q":
            model.vector(prefix + f"attn_{name}_norm.weight", head, mean=0.9)
        model.matrix(prefix + "attn_output.weight", model.width, 2 * head)
        model.feed_forward, model.experts = (32 if layer < owners else 64), None
        model.norm(prefix + "ffn_norm")
        model.feed_forward_part(prefix, fused=False)
        model.experts = 4
        if layer % 3 == 1:
            for name in ["pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"]:
                model.norm(prefix + name)
            model.vector(prefix + "ffn_gate_inp.scale", model.width, mean=6.0)
            model.expert_tensors(prefix, inner=16, fused=True)
            model.vector(prefix + "ffn_down_exps.scale", model.experts, mean=1.0)
        model.matrix(prefix + "inp_gate.weight", per_layer, model.width)
        model.matrix(prefix + "proj.weight", model.width, per_layer)
        model.norm(prefix + "post_norm", mean=0.5)
        model.vector(prefix + "layer_output_scale.weight", 1, mean=0.9, spread=0.1)
    return model


def encoder(arch, seed, name=None, positions=False, gated=False, pooling="mean", ranked=False, experts=None):
    def make(folder):
        plain = False if gated else "biased"
        model = Decoder(folder, arch, seed, name=name, about_mean="biased", plain=plain, key_value_heads=4, context=128,
                        experts=experts)
        model.file.add_causal_attention(False)
        model.file.add_pooling_type({"mean": gguf.PoolingType.MEAN, "rank": gguf.PoolingType.RANK}[pooling])
        model.file.add_token_type_count(2)
        model.matrix("token_embd.weight", 288, model.width, spread=0.5)
        model.matrix("token_types.weight", 2, model.width, spread=0.5, form=QUANTS.F32)
        model.norm("token_embd_norm")
        if positions:
            model.matrix("position_embd.weight", 128, model.width, spread=0.5)
        if ranked:
            for tensor, rows in [("cls", model.width), ("cls.output", 1)]:
                model.matrix(tensor + ".weight", rows, model.width, form=QUANTS.F32)
                model.vector(tensor + ".bias", rows)
        for layer in range(model.layers):
            prefix = f"blk.{layer}."
            model.queries_keys_values(prefix, bias=not gated, output_bias=not gated, fused=gated)
            for part in ["attn_output_norm", "layer_output_norm"]:
                model.norm(prefix + part)
            if experts and layer % 2 == 1:
                model.expert_tensors(prefix, inner=32, gates=False)
            else:
                model.experts = None
                model.feed_forward_part(prefix, fused=False)
                model.experts = experts
        if experts:
            model.keys(moe_every_n_layers=2)
        return model
    return make


def jina_bert_v2(folder):
    # Six heads: slopes of heads beyond a power of two are others.
    model = Decoder(folder, "jina-bert-v2", 160, heads=6, width=48, key_value_heads=6, context=128, about_mean="biased")
    model.file.add_causal_attention(False)
    model.file.add_pooling_type(gguf.PoolingType.MEAN)
    model.file.add_token_type_count(2)
    model.matrix("token_embd.weight", TOKENS, model.width, spread=0.5)
    model.matrix("token_types.weight", 2, model.width, spread=0.5, form=QUANTS.F32)
    model.norm("token_embd_norm")
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.queries_keys_values(prefix, bias=True, output_bias=True)
        for part in ["attn_output_norm", "layer_output_norm"]:
            model.norm(prefix + part)
        model.feed_forward_part(prefix, fused=False)
        model.vector(prefix + "ffn_down.bias", model.width)
    return model


def bloom(folder):
    model = Decoder(folder, "bloom", 161, key_value_heads=4, pre="bloom", about_mean="biased", plain="biased")
    model.norm("token_embd_norm")
    model.all_blocks(attention={"fused": True, "bias": True, "output_bias": True})
    return model


def mpt(folder):
    model = Decoder(folder, "mpt", 162, heads=6, width=48, key_value_heads=6, pre="mpt", about_mean=True, plain=True)
    model.file.add_max_alibi_bias(8.0)
    model.all_blocks(attention={"fused": True})
    return model


def gemma3n(folder):
    """A local layer and a global one. llama.cpp has the sizes of tables, and how much a gate is cut, in its code."""
    layers, streams, rank, per_layer = 2, 4, 64, 256
    model = Decoder(folder, "gemma3n", 163, layers=layers, feed_forward=64, base=1000000.0)
    model.file.add_sliding_window(16)
    model.file.add_sliding_window_pattern([True, False])
    model.file.add_final_logit_softcapping(30.0)
    model.keys(embedding_length_per_layer_input=per_layer)
    model.file.add_altup_num_inputs(streams)
    model.file.add_altup_active_idx(0)
    # It takes the deviation of a sample; the original, and what is here, that of all.
    model.file.add_activation_sparsity_scale([1.6448535 * (64 / 63) ** 0.5] * layers)
    model.file.add_float32("gemma3n.rope.freq_base_swa", 10000.0)
    model.ends(tied=True)
    model.matrix("per_layer_token_embd.weight", 288, layers * per_layer, spread=0.3, form=QUANTS.Q4_0)
    model.matrix("per_layer_model_proj.weight", layers * per_layer, model.width, gain=6.0)
    model.vector("per_layer_proj_norm.weight", per_layer, mean=1.0)
    for name in ["altup_proj", "altup_unembd_proj"]:
        model.matrix(name + ".weight", model.width, model.width, experts=streams - 1)
    for layer in range(layers):
        prefix = f"blk.{layer}."
        model.one_block(layer, ("attn_norm", "ffn_norm"), AROUND["after"], {"head_norm": "heads"}, None, False)
        for name, rows, columns in [("inp_gate", per_layer, model.width), ("proj", model.width, per_layer),
                                    ("laurel_l", rank, model.width), ("laurel_r", model.width, rank),
                                    ("altup_router", streams, model.width)]:
            model.matrix(prefix + name + ".weight", rows, columns, gain=2.0)
        model.matrix(prefix + "altup_predict_coef.weight", streams**2, streams, form=QUANTS.F32)
        model.matrix(prefix + "altup_correct_coef.weight", streams, streams, form=QUANTS.F32)
        model.vector(prefix + "altup_correct_scale.weight", model.width, mean=1.0)
        for name in ["post_norm", "laurel_post_norm", "altup_router_norm"]:
            model.norm(prefix + name, mean=0.5 if name == "post_norm" else 8.0 if "router" in name else 1.0)
    return model


def falcon(is_large):
    def make(folder):
        heads, name = (2, "tiny-falcon-40b") if is_large else (1, "tiny-falcon")
        model = Decoder(folder, "falcon", 164 + is_large, name=name, key_value_heads=heads, pre="falcon",
                        about_mean="biased", plain=True)
        model.all_blocks(before=("attn_norm", "attn_norm_2")[:1 + is_large], attention={"fused": True})
        return model
    return make


def baichuan(layers):
    # llama.cpp too tells the two kinds apart by their layers.
    def make(folder):
        name = {32: "tiny-baichuan", 40: "tiny-baichuan-13b"}[layers]
        model = Decoder(folder, "baichuan", 134 + layers, name=name, layers=layers, width=16, heads=2, key_value_heads=2,
                        feed_forward=16)
        model.file.add_rope_dimension_count(8)
        model.all_blocks(tied=False)
        return model
    return make


def bitnet(folder):
    model = Decoder(folder, "bitnet", 168)
    model.all_blocks()
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.norm(prefix + "attn_sub_norm")
        model.vector(prefix + "ffn_sub_norm.weight", model.feed_forward, mean=1.0)
        for name in ["attn_q", "attn_v", "attn_output", "ffn_gate", "ffn_down"]:
            model.vector(prefix + name + ".scale", 1, mean=1.2)
    return model


def modern_bert(folder):
    model = Decoder(folder, "modern-bert", 152, layers=4, key_value_heads=4, context=128, base=160000.0, about_mean=True)
    model.file.add_causal_attention(False)
    model.file.add_pooling_type(gguf.PoolingType.CLS)
    model.file.add_sliding_window(16)
    model.keys(**{"attention.sliding_window_pattern": 3, "rope.freq_base_swa": 10000.0})
    model.matrix("token_embd.weight", 288, model.width, spread=0.5)
    for name in ["token_embd_norm", "output_norm"]:
        model.norm(name)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        if layer:
            model.norm(prefix + "attn_norm")
        model.norm(prefix + "ffn_norm")
        model.queries_keys_values(prefix, fused=True)
        model.feed_forward_part(prefix, fused=True)
    return model


def gemma_embedding(folder):
    model = Decoder(folder, "gemma-embedding", 153, layers=6, key_value_heads=2, context=128, base=1000000.0)
    model.file.add_pooling_type(gguf.PoolingType.MEAN)
    model.file.add_sliding_window(16)
    model.key("rope.freq_base_swa", 10000.0)
    model.ends(tied=True)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        for name in ["attn_norm", "ffn_norm"]:
            model.norm(prefix + name)
        for name in AROUND["after"]:
            model.norm(prefix + name, mean=0.7)
        model.queries_keys_values(prefix, head_norm="heads")
        model.feed_forward_part(prefix, fused=False)
    return model


def falcon_h1(folder):
    shape = {"heads": 4, "size": 16, "state": 16, "groups": 1, "taps": 4}
    model = Decoder(folder, "falcon-h1", 154, head=8, base=100000.0)
    scan_keys(model, **shape)
    model.ends(tied=True)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.norm(prefix + "attn_norm")
        model.vector(prefix + "ffn_norm", model.width, mean=1.0)
        model.queries_keys_values(prefix)
        scan(model, prefix, **shape)
        model.feed_forward_part(prefix, fused=False)
    return model


def scaled(folder):
    """As NVFP4 files are: matrices of blocks, and a factor for each whole matrix."""
    model = Decoder(folder, "qwen3", 156, name="tiny-qwen3-scaled", head=16)
    model.ends(tied=True)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        for name in ["attn_norm", "ffn_norm"]:
            model.norm(prefix + name)
        model.queries_keys_values(prefix, head_norm="heads")
        model.feed_forward_part(prefix, fused=False)
        for number, name in enumerate(["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]):
            for kind, value in [("scale", 0.7 + 0.1 * number), ("input_scale", 0.01)]:
                model.file.add_tensor(f"{prefix}{name}.{kind}", np.array([value], "f4"))
    return model


class Guesser(Decoder):
    """A model whose blocks say little, so that a token follows from the one before nearly alone, and whose block for
    further tokens knows it: most of its guesses are right, and some are not."""

    QUIET = ("attn_output.weight", "ssm_out.weight", "ffn_down.weight", "ffn_down_exps.weight", "ffn_down_shexp.weight")

    def __init__(self, *arguments, **options):
        self.drawn = {}
        super().__init__(*arguments, **options)

    def matrix(self, name, rows, columns, gain=1.0, **options):
        if name == "token_embd.weight":
            options["spread"] = 2.0
            self.drawn[name] = self.random.bit_generator.state
        # Few tokens are likely after each.
        factor = 4 if name == "output.weight" else 0.04 if name.endswith(self.QUIET) else 1
        super().matrix(name, rows, columns, gain=gain * factor, **options)

    def vector(self, name, *arguments, **options):
        self.drawn[name] = self.random.bit_generator.state
        super().vector(name, *arguments, **options)

    def again(self, known, make):
        """A tensor with the numbers of a known one."""
        after, self.random.bit_generator.state = self.random.bit_generator.state, self.drawn[known]
        make()
        self.random.bit_generator.state = after

    def guessing(self, layer, head_norm=True):
        """Passes on the token of the next position, and a little of what was made of this one."""
        prefix = f"blk.{layer}.nextn."
        hidden = 0.02 * self.random.standard_normal((self.width, self.width))
        joined = np.concatenate([np.eye(self.width), hidden], axis=1).astype(np.float16)
        self.file.add_tensor(prefix + "eh_proj.weight", joined)
        for part in ["enorm", "hnorm"]:
            self.vector(prefix + part + ".weight", self.width, mean=1.0, spread=0.02)
        if head_norm:
            self.again("output_norm.weight",
                       lambda: self.vector(prefix + "shared_head_norm.weight", self.width, mean=1.0))


def qwen35_mtp(folder):
    key_heads, value_heads, size, taps = 2, 4, 16, 4
    model = Guesser(folder, "qwen35", 301, name="tiny-qwen35-mtp", layers=3, heads=2, key_value_heads=1, head=16,
                    base=1000000.0, pre="qwen35")
    model.keys(nextn_predict_layers=1, full_attention_interval=2)
    model.file.add_rope_dimension_count(8)
    model.file.add_rope_dimension_sections([2, 1, 1, 0])
    for name, value in [("conv_kernel", taps), ("state_size", size), ("group_count", key_heads),
                        ("time_step_rank", value_heads), ("inner_size", value_heads * size)]:
        model.key("ssm." + name, value)
    model.ends(tied=False)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.norm(prefix + "attn_norm")
        if layer == 0:
            model.delta(prefix, key_heads, value_heads, size, taps)
        else:
            model.gated_attention(prefix)
        model.norm(prefix + "post_attention_norm")
        model.feed_forward_part(prefix, fused=False)
    # Its last norm is the model's.
    model.guessing(2, head_norm=False)
    return model


def deepseek2_mtp(folder):
    plain, rotated, value, rank = 8, 4, 8, 16
    model = Guesser(folder, "deepseek2", 302, name="tiny-deepseek2-mtp", layers=3, key_value_heads=1, head=None,
                    experts=4, pre="deepseek-v3")
    model.key("attention.kv_lora_rank", rank)
    model.key("attention.q_lora_rank", 0)
    model.key("attention.key_length", rank + rotated)
    model.key("attention.value_length", rank)
    model.key("attention.key_length_mla", plain + rotated)
    model.key("attention.value_length_mla", value)
    model.file.add_rope_dimension_count(rotated)
    model.file.add_expert_gating_func(SIGMOID)
    model.keys(nextn_predict_layers=1, leading_dense_block_count=1, expert_feed_forward_length=16,
               expert_shared_count=1, expert_weights_norm=True, expert_weights_scale=1.5)
    model.ends(tied=False)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.norm(prefix + "attn_norm")
        model.latent_attention(prefix, plain, rotated, value, rank, query_rank=0)
        model.norm(prefix + "ffn_norm")
        if layer == 0:
            experts, model.experts = model.experts, None
            model.feed_forward_part(prefix, fused=False)
            model.experts = experts
        else:
            model.mixture(prefix, 16, 1, biased=True)
    model.again("token_embd.weight",
                lambda: model.matrix("blk.2.nextn.embed_tokens.weight", TOKENS, model.width, spread=2.0))
    model.guessing(2)
    return model


def nemotron_h_mtp(folder):
    shape = {"heads": 4, "size": 16, "state": 16, "groups": 2, "taps": 4}
    # Attention beside a scan, then a block of attention and experts that only guesses.
    model = Guesser(folder, "nemotron_h_moe", 303, name="tiny-nemotron_h_moe-mtp", layers=4, head=16,
                    key_value_heads=[0, 0, 2, 2], feed_forward=[0, 32, 0, 32], experts=4, pre="llama-bpe", plain=True)
    model.key_value_heads, model.feed_forward = 2, 32
    model.file.add_layer_norm_eps(1e-5)
    scan_keys(model, **shape)
    model.file.add_expert_gating_func(SIGMOID)
    model.keys(nextn_predict_layers=1, expert_feed_forward_length=16, expert_shared_feed_forward_length=24,
               expert_shared_count=1, expert_weights_norm=True, expert_weights_scale=1.5)
    model.ends(tied=False)
    for layer, kind in enumerate("sfa"):
        prefix = f"blk.{layer}."
        model.norm(prefix + "attn_norm")
        if kind == "s":
            scan(model, prefix, **shape)
        elif kind == "a":
            model.queries_keys_values(prefix)
        else:
            model.expert_tensors(prefix, inner=16, shared=24, biased=True, gates=False)
    for name in ["attn_norm", "post_attention_norm"]:
        model.norm("blk.3." + name)
    model.queries_keys_values("blk.3.")
    model.expert_tensors("blk.3.", inner=16, shared=24, biased=True, gates=False)
    model.guessing(3)
    return model


def apertus(folder):
    model = Decoder(folder, "apertus", 304, pre="tekken")
    model.plain = True
    model.file.add_rope_dimension_count(8)
    for name, numbers in [("alpha_p", [0.5, -0.3]), ("alpha_n", [0.2, 0.9]), ("beta", [0.5, 0.4]),
                          ("eps", [-1e-6, -1e-6])]:
        model.file.add_array(f"xielu.{name}", numbers)
    model.all_blocks(attention={"head_norm": "heads"}, tied=False)
    return model


def selective(model, prefix, inner, state, rank, taps, gains=False):
    """A mixer of Mamba 1."""
    model.matrix(prefix + "ssm_in.weight", 2 * inner, model.width, gain=1.4)
    kernel = 0.4 * model.random.standard_normal((inner, taps)) + ([0.0] * (taps - 1) + [0.7])
    model.file.add_tensor(prefix + "ssm_conv1d.weight", kernel.astype("f4"))
    model.vector(prefix + "ssm_conv1d.bias", inner)
    model.matrix(prefix + "ssm_x.weight", rank + 2 * state, inner, gain=2.0)
    if gains:
        for name, size in [("dt", rank), ("b", state), ("c", state)]:
            model.vector(f"{prefix}ssm_{name}_norm.weight", size, mean=1.0)
    model.matrix(prefix + "ssm_dt.weight", inner, rank, gain=1.0)
    model.vector(prefix + "ssm_dt.bias", inner, mean=-1.0, spread=0.7)
    # As trained ones begin: the numbers of a channel decay at rates of 1, 2, 3 and so on.
    rates = -(np.arange(1, state + 1) * model.random.uniform(0.3, 1.2, (inner, 1))) / 4
    model.file.add_tensor(prefix + "ssm_a", rates.astype("f4"))
    model.vector(prefix + "ssm_d", inner, mean=0.5, spread=0.5)
    model.matrix(prefix + "ssm_out.weight", model.width, inner, gain=1.5)


def selective_keys(model, inner, state, rank, taps):
    for name, value in [("conv_kernel", taps), ("state_size", state), ("time_step_rank", rank), ("inner_size", inner)]:
        model.key("ssm." + name, value)


def mamba(is_falcon):
    def make(folder):
        shape = {"inner": 64, "state": 16, "rank": 4, "taps": 4}
        model = Decoder(folder, "mamba", 170 + is_falcon, name="tiny-falcon-mamba" if is_falcon else None, heads=0,
                        key_value_heads=0, feed_forward=0, head=16, pre="gpt-2")
        selective_keys(model, **shape)
        model.key("ssm.dt_b_c_rms", bool(is_falcon))
        model.ends(tied=not is_falcon)
        for layer in range(model.layers):
            prefix = f"blk.{layer}."
            model.norm(prefix + "attn_norm")
            selective(model, prefix, **shape)
        return model
    return make


def jamba(folder):
    shape = {"inner": 64, "state": 8, "rank": 4, "taps": 4}
    model = Decoder(folder, "jamba", 172, layers=3, experts=4, key_value_heads=[0, 2, 0], pre="gpt-2")
    model.key_value_heads = 2
    selective_keys(model, **shape)
    model.ends(tied=True)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        for name in ["attn_norm", "ffn_norm"]:
            model.norm(prefix + name)
        if layer == 1:
            model.queries_keys_values(prefix)
            model.expert_tensors(prefix, inner=32)
        else:
            selective(model, prefix, gains=True, **shape)
            experts, model.experts = model.experts, None
            model.feed_forward_part(prefix, fused=False)
            model.experts = experts
    return model


def phimoe(folder):
    # With this seed no score is so near a bound that rounding would choose or weigh other experts.
    model = Decoder(folder, "phimoe", 203, experts=16, feed_forward=16, about_mean="biased", pre="gpt-2", context=512)
    model.file.add_rope_dimension_count(8)
    model.file.add_rope_scaling_orig_ctx_len(256)
    model.file.add_rope_scaling_attn_factors(1.19)
    model.file.add_sliding_window(512)
    model.ends(tied=False)
    model.vector("output.bias", 288)
    model.factors("rope_factors_long.weight", np.linspace(1.0, 12.0, 4))
    model.factors("rope_factors_short.weight", np.linspace(1.0, 2.5, 4))
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        for name in ["attn_norm", "ffn_norm"]:
            model.norm(prefix + name)
        model.queries_keys_values(prefix, bias=True, output_bias=True)
        model.expert_tensors(prefix, inner=16)
    return model


def rwkv7(heads):
    # llama.cpp goes through heads in steps of 64 elements on some chips, so that it is right there for those of 64 alone.
    def make(folder):
        width, inner, rank = 64, 96, 8
        model = Decoder(folder, "rwkv7", 174 + heads, name="tiny-rwkv7" if heads == 1 else "tiny-rwkv7-heads", heads=0,
                        key_value_heads=0, width=width, head=width // heads, feed_forward=inner, about_mean="biased",
                        pre="gpt-2")
        model.key("wkv.head_size", width // heads)
        for name in ["decay", "iclr", "value_residual_mix", "gate"]:
            model.key(f"attention.{name}_lora_rank", rank)
        model.ends(tied=False)
        model.norm("token_embd_norm")
        for layer in range(model.layers):
            rwkv7_block(model, f"blk.{layer}.", inner, rank)
        return model
    return make


def rwkv7_block(model, prefix, inner, rank):
    width = model.width
    for name in ["attn_norm", "attn_norm_2"]:
        model.norm(prefix + name)
    shares = model.random.uniform(0, 1, (6, 1, 1, width))
    model.file.add_tensor(prefix + "time_mix_lerp_fused.weight", shares.astype("f4"))
    for name, mean, spread in [("w0", 0.0, 1.5), ("a0", 0.0, 0.7), ("v0", 0.3, 0.5), ("k_k", 0.8, 0.2), ("k_a", 0.9, 0.2),
                               ("r_k", 0.0, 0.3)]:
        model.vector(f"{prefix}time_mix_{name}.weight", width, mean, spread)
    for letter in "wavg":
        model.matrix(f"{prefix}time_mix_{letter}1.weight", rank, width, gain=1.2)
        model.matrix(f"{prefix}time_mix_{letter}2.weight", width, rank, gain=1.2)
    for name, gain in [("key", 1.0), ("value", 1.2), ("receptance", 1.2), ("output", 1.5)]:
        model.matrix(f"{prefix}time_mix_{name}.weight", width, width, gain=gain)
    model.norm(prefix + "time_mix_ln")
    shares = model.random.uniform(0, 1, (1, 1, width))
    model.file.add_tensor(prefix + "channel_mix_lerp_k.weight", shares.astype("f4"))
    model.matrix(prefix + "channel_mix_key.weight", inner, width, gain=1.2)
    model.matrix(prefix + "channel_mix_value.weight", width, inner)


MODELS = [qwen2moe, qwen35moe, gemma, deepseek, glm4, glm4moe, granite, granitemoe, lfm2, lfm2moe, olmo2, olmoe, exaone4,
          ernie, ernie_moe, hunyuan_dense, hunyuan_moe, seed_oss, minimax_m2, minicpm, internlm2, bailingmoe2, dots1, gpt_oss, gemma2,
          mistral3, cohere2, command_r, starcoder2, phi2, stablelm, arcee, nemotron, afmoe, hy_v3, exaone, chatglm, gptneox,
          gpt2, qwen_vl("qwen2vl", 140, attention={"bias": True}), qwen_vl("qwen3vl", 141, attention={"head_norm": "heads"}),
          qwen_vl("qwen3vlmoe", 142, attention={"head_norm": "heads"}), nemotron_h("nemotron_h", 143),
          nemotron_h("nemotron_h_moe", 144), granitehybrid, mamba2, gemma4, encoder("bert", 148, positions=True),
          encoder("bert", 149, name="tiny-bert-rank", positions=True, pooling="rank", ranked=True),
          encoder("nomic-bert", 150, gated=True), encoder("jina-bert-v3", 151),
          encoder("nomic-bert-moe", 155, experts=4), modern_bert, gemma_embedding, falcon_h1, scaled,
          qwen35_mtp, deepseek2_mtp, nemotron_h_mtp, apertus, jina_bert_v2, bloom, mpt,
          gemma3n, falcon(False), falcon(True), baichuan(32), baichuan(40), bitnet,
          mamba(False), mamba(True), jamba, phimoe, rwkv7(1), rwkv7(4)]


def main():
    folder = Path(sys.argv[1])
    for make in MODELS:
        make(folder).write()


if __name__ == "__main__":
    main()
