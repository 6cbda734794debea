"""Writes tiny models with random weights, one for each variation of the families that Hefu runs.

    pip install gguf numpy
    python make_models.py FOLDER

The weights come from a generator with a fixed seed and are scaled so that attention is far from uniform and logits
spread over a few units; a mistake in any step then moves the logits visibly. The vocabularies can spell every text.
README.md tells what each model is for and how the logits to compare with were made.
"""

import sys
from pathlib import Path

import gguf
import numpy as np

QUANTS = gguf.GGMLQuantizationType
FILE_TYPES = gguf.LlamaFileType
TOKENS = 288
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
PIECES = ["▁", "e", "t", "a", "o", "n", "i", "s", "h", "r", "▁t", "he", "▁the", "in", "an", "er", "▁a", "on", "re",
          "▁in", "文", "字"]
MERGES = ["h e", "Ġ t", "i n", "Ġt he", "e r", "a n", "o n", "r e", "Ġ a", "n d", "Ġa nd", "in g", "Ġ o", "e s",
          "Ġ s", "Ġ w", "a t", "Ġo f", "o r", "i t", "æ ĸ", "æĸ ĩ", "Ġ in", "Ġ c", "l l", "l e", "Ġ p", "e d", "å Ń"]
# Tokenisers know Phi 3 by these.
PHI3 = ["<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|system|>", "<|end|>", "<|user|>"]
CHATML = """{% for message in messages -%}
<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor -%}
{% if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""
BRACKETS = """{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' -%}
[INST] {{ message['content'] }} [/INST]{% elif message['role'] == 'assistant' -%}
 {{ message['content'] }}{{ eos_token }}{% else -%}
{{ raise_exception('only users and assistants speak here') }}{% endif %}{% endfor %}"""


class Model:
    """One file: metadata first, then tensors with random weights."""

    def __init__(self, folder, name, arch, seed, layers, width, heads, key_value_heads, feed_forward,
                 head=None, context=1024, base=10000.0, experts=None, used=2, matrix=QUANTS.F32, table=None):
        self.random = np.random.Generator(np.random.PCG64(seed))
        self.arch, self.layers, self.width, self.feed_forward = arch, layers, width, feed_forward
        self.heads, self.key_value_heads, self.head = heads, key_value_heads, head or width // heads
        self.experts, self.matrix_type, self.table_type = experts, matrix, table or matrix
        self.path = folder / f"{name}.gguf"
        self.file = file = gguf.GGUFWriter(self.path, arch)
        file.add_name(name)
        file.add_license("Apache-2.0")
        file.add_file_type(FILE_TYPES.ALL_F32 if matrix == QUANTS.F32 else FILE_TYPES.GUESSED)
        file.add_context_length(context)
        file.add_embedding_length(width)
        file.add_block_count(layers)
        file.add_feed_forward_length(feed_forward)
        file.add_head_count(heads)
        file.add_head_count_kv(key_value_heads)
        file.add_layer_norm_rms_eps(1e-6)
        file.add_rope_freq_base(base)
        if head:
            file.add_key_length(head)
            file.add_value_length(head)
        if experts:
            file.add_expert_count(experts)
            file.add_expert_used_count(used)

    # Vocabularies

    def sentence_pieces(self, prefix_space=True, special=()):
        tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + PIECES + [*special]
        tokens += [f"<extra_{i}>" for i in range(TOKENS - len(tokens))]
        types = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * len(PIECES)
        types += [CONTROL] * (TOKENS - len(types))
        self.file.add_tokenizer_model("llama")
        self.file.add_tokenizer_pre("default")
        self.file.add_token_list(tokens)
        self.file.add_token_scores([0.0] * 259 + [-float(i) for i in range(TOKENS - 259)])
        self.file.add_token_types(types)
        self.file.add_unk_token_id(0)
        self.file.add_bos_token_id(1)
        self.file.add_eos_token_id(2)
        self.file.add_add_bos_token(True)
        self.file.add_add_eos_token(False)
        self.file.add_add_space_prefix(prefix_space)

    def byte_pairs(self, pre):
        # The 256 letters that stand for bytes, as GPT-2 numbers them: printable bytes first.
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]
        merged = ["".join(rule.split(" ")) for rule in MERGES]
        special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
        tokens = letters + merged + special
        assert len(tokens) == len(set(tokens)) == TOKENS
        self.file.add_tokenizer_model("gpt2")
        self.file.add_tokenizer_pre(pre)
        self.file.add_token_list(tokens)
        self.file.add_token_types([NORMAL] * (TOKENS - 3) + [CONTROL] * 3)
        self.file.add_token_merges([rule for rule in MERGES])
        self.file.add_bos_token_id(TOKENS - 3)
        self.file.add_eos_token_id(TOKENS - 1)
        self.file.add_pad_token_id(TOKENS - 3)
        self.file.add_add_bos_token(False)

    # Tensors

    def vector(self, name, length, mean=0.0, spread=0.2):
        values = mean + spread * self.random.standard_normal(length)
        self.file.add_tensor(name, values.astype(np.float32))

    def matrix(self, name, rows, columns, gain=1.0, spread=None, experts=None, form=None):
        """Elements of standard deviation `gain / sqrt(columns)`, so that inputs of size 1 give outputs of `gain`."""
        form, spread = form or self.matrix_type, spread or gain / columns**0.5
        shape = (experts, rows, columns) if experts else (rows, columns)
        if form in (QUANTS.Q4_K, QUANTS.Q6_K):
            data = random_blocks(self.random, form, rows, columns, spread)
        else:
            values = (spread * self.random.standard_normal(shape)).astype(np.float32)
            data = values if form == QUANTS.F32 else gguf.quants.quantize(values, form)
        self.file.add_tensor(name, data, raw_dtype=form)

    def ends(self, tied, spread=0.3):
        """Embedding, last norm, output matrix."""
        self.matrix("token_embd.weight", TOKENS, self.width, spread=spread, form=self.table_type)
        self.vector("output_norm.weight", self.width, mean=1.0)
        if not tied:
            self.matrix("output.weight", TOKENS, self.width, gain=2.0, form=self.table_type)

    def blocks(self, fused=False, bias=False, head_norm=False, post_norm=False):
        for layer in range(self.layers):
            prefix = f"blk.{layer}."
            self.vector(prefix + "attn_norm.weight", self.width, mean=1.0)
            self.attention(prefix, fused, bias, head_norm)
            self.vector(prefix + "ffn_norm.weight", self.width, mean=1.0)
            self.feed_forward_part(prefix, fused)
            if post_norm:
                self.vector(prefix + "post_attention_norm.weight", self.width, mean=0.7)
                self.vector(prefix + "post_ffw_norm.weight", self.width, mean=0.7)

    def attention(self, prefix, fused, bias, head_norm):
        queries, keys = self.heads * self.head, self.key_value_heads * self.head
        if fused:
            self.matrix(prefix + "attn_qkv.weight", queries + 2 * keys, self.width, gain=1.3)
        else:
            # With head norms the gain below makes the size; without, the matrix does.
            self.matrix(prefix + "attn_q.weight", queries, self.width, gain=1.4)
            self.matrix(prefix + "attn_k.weight", keys, self.width, gain=1.4)
            self.matrix(prefix + "attn_v.weight", keys, self.width)
        if bias:
            self.vector(prefix + "attn_q.bias", queries, spread=0.7)
            self.vector(prefix + "attn_k.bias", keys, spread=0.7)
            self.vector(prefix + "attn_v.bias", keys, spread=0.7)
        if head_norm:
            self.vector(prefix + "attn_q_norm.weight", self.head, mean=1.3)
            self.vector(prefix + "attn_k_norm.weight", self.head, mean=1.3)
        self.matrix(prefix + "attn_output.weight", self.width, queries)

    def feed_forward_part(self, prefix, fused):
        inner = self.feed_forward
        if self.experts:
            self.matrix(prefix + "ffn_gate_inp.weight", self.experts, self.width, gain=1.5, form=QUANTS.F32)
            self.matrix(prefix + "ffn_gate_exps.weight", inner, self.width, gain=1.5, experts=self.experts)
            self.matrix(prefix + "ffn_up_exps.weight", inner, self.width, gain=1.5, experts=self.experts)
            self.matrix(prefix + "ffn_down_exps.weight", self.width, inner, experts=self.experts)
            return
        if fused:
            self.matrix(prefix + "ffn_up.weight", 2 * inner, self.width, gain=1.5)
        else:
            self.matrix(prefix + "ffn_gate.weight", inner, self.width, gain=1.5)
            self.matrix(prefix + "ffn_up.weight", inner, self.width, gain=1.5)
        self.matrix(prefix + "ffn_down.weight", self.width, inner)

    def latent_attention(self, prefix, plain, rotated, value, rank, query_rank):
        key = plain + rotated
        if query_rank:
            self.matrix(prefix + "attn_q_a.weight", query_rank, self.width)
            self.vector(prefix + "attn_q_a_norm.weight", query_rank, mean=1.0)
            self.matrix(prefix + "attn_q_b.weight", self.heads * key, query_rank, gain=1.4)
        else:
            self.matrix(prefix + "attn_q.weight", self.heads * key, self.width, gain=1.4)
        self.matrix(prefix + "attn_kv_a_mqa.weight", rank + rotated, self.width, gain=1.4)
        self.vector(prefix + "attn_kv_a_norm.weight", rank, mean=1.0)
        # The first is transposed in files: a head's rows make a query as long as the latent vector.
        self.matrix(prefix + "attn_k_b.weight", rank, plain, gain=(plain / rank)**0.5 * 1.4, experts=self.heads)
        self.matrix(prefix + "attn_v_b.weight", value, rank, experts=self.heads)
        self.matrix(prefix + "attn_output.weight", self.width, self.heads * value, gain=0.7)

    def mixture(self, prefix, inner, shared, biased):
        self.matrix(prefix + "ffn_gate_inp.weight", self.experts, self.width, gain=1.5)
        if biased:
            self.vector(prefix + "exp_probs_b.bias", self.experts, spread=0.1)
        for suffix, size, experts in [("exps", inner, self.experts), ("shexp", shared * inner, None)]:
            self.matrix(prefix + f"ffn_gate_{suffix}.weight", size, self.width, gain=1.5, experts=experts)
            self.matrix(prefix + f"ffn_up_{suffix}.weight", size, self.width, gain=1.5, experts=experts)
            self.matrix(prefix + f"ffn_down_{suffix}.weight", self.width, size, experts=experts)

    def delta(self, prefix, key_heads, value_heads, size, taps):
        inner, channels = value_heads * size, (2 * key_heads + value_heads) * size
        self.matrix(prefix + "attn_qkv.weight", channels, self.width)
        self.matrix(prefix + "attn_gate.weight", inner, self.width)
        kernel = 0.4 * self.random.standard_normal((channels, taps)) + ([0.0] * (taps - 1) + [0.7])
        self.file.add_tensor(prefix + "ssm_conv1d.weight", kernel.astype(np.float32))
        rates = -self.random.uniform(0.2, 1.2, value_heads)
        self.file.add_tensor(prefix + "ssm_a", rates.astype(np.float32))
        self.vector(prefix + "ssm_dt.bias", value_heads, mean=-1.0, spread=0.7)
        self.matrix(prefix + "ssm_beta.weight", value_heads, self.width, gain=1.5)
        self.matrix(prefix + "ssm_alpha.weight", value_heads, self.width, gain=1.5)
        self.vector(prefix + "ssm_norm.weight", size, mean=1.0)
        self.matrix(prefix + "ssm_out.weight", self.width, inner, gain=1.5)

    def gated_attention(self, prefix):
        self.matrix(prefix + "attn_q.weight", 2 * self.heads * self.head, self.width, gain=1.4)
        self.matrix(prefix + "attn_k.weight", self.key_value_heads * self.head, self.width)
        self.matrix(prefix + "attn_v.weight", self.key_value_heads * self.head, self.width)
        self.vector(prefix + "attn_q_norm.weight", self.head, mean=1.5)
        self.vector(prefix + "attn_k_norm.weight", self.head, mean=1.5)
        self.matrix(prefix + "attn_output.weight", self.width, self.heads * self.head, gain=1.5)

    def factors(self, name, values):
        self.file.add_tensor(name, np.asarray(values, dtype=np.float32))

    def write(self):
        self.file.write_header_to_file()
        self.file.write_kv_data_to_file()
        self.file.write_tensors_to_file()
        self.file.close()


def random_blocks(random, form, rows, columns, spread):
    """Rows of blocks of 256 whose decoded elements have mean 0 and standard deviation `spread`, about.

    Q4_K: f16 scale, f16 minimum, 8 pairs of 6-bit scales and minima in 12 bytes, 4-bit elements.
    Q6_K: low 4 bits, high 2 bits, 16 signed scales, f16 scale.
    """
    count = rows * columns // 256
    if form == QUANTS.Q4_K:
        # Minima equal scales, so that elements are scale * (number - 7.5), whose deviation is 4.61 * mean scale.
        scales = random.integers(20, 60, (count, 8), dtype=np.uint8)
        size = np.full(count, spread / (4.61 * 40), dtype=np.float32)
        low = (scales[:, :4] & 63) | ((scales[:, 4:] >> 4) << 6)
        packed = np.concatenate([low, low, (scales[:, 4:] & 15) * 17], axis=1)
        head = np.stack([size, size * np.float32(7.5)], axis=1).astype(np.float16).view(np.uint8)
        numbers = random.integers(0, 256, (count, 128), dtype=np.uint8)
        blocks = np.concatenate([head, packed, numbers], axis=1)
    else:
        numbers = random.integers(0, 256, (count, 192), dtype=np.uint8)
        scales = random.integers(20, 60, (count, 16), dtype=np.int8).view(np.uint8)
        size = np.full((count, 1), spread / (18.47 * 40), dtype=np.float16).view(np.uint8)
        blocks = np.concatenate([numbers, scales, size], axis=1)
    return np.ascontiguousarray(blocks.reshape(rows, -1))


def llama3_factors(pairs, base, original, factor=8.0, slow=1.0, fast=4.0):
    """Divisors of the frequencies as Llama 3.1's configuration describes them ("rope_type": "llama3")."""
    wavelengths = 2 * np.pi * base ** (np.arange(pairs) / pairs)
    smooth = np.clip((original / wavelengths - slow) / (fast - slow), 0, 1)
    return 1 / ((1 - smooth) / factor + smooth)


def small_llama(folder, name, seed, **options):
    """The shape of the models for rope scalings: heads of 32 elements, so that 16 pairs rotate."""
    return Model(folder, name, "llama", seed, layers=2, width=32, heads=2, key_value_heads=1, feed_forward=32, head=32,
                 **options)


def llama(folder):
    model = Model(folder, "tiny-llama", "llama", 1, layers=2, width=64, heads=4, key_value_heads=2, feed_forward=48,
                  table=QUANTS.F16)
    model.sentence_pieces()
    model.file.add_rope_dimension_count(16)
    model.file.add_chat_template(BRACKETS)
    model.ends(tied=False)
    model.blocks()
    model.write()


def llama3(folder):
    model = small_llama(folder, "tiny-llama3", 2, base=500000.0)
    model.byte_pairs("llama-bpe")
    model.file.add_rope_dimension_count(32)
    model.ends(tied=True)
    model.factors("rope_freqs.weight", llama3_factors(16, 500000.0, original=64))
    model.blocks()
    model.write()


def llama_yarn(folder):
    model = small_llama(folder, "tiny-llama-yarn", 3)
    model.sentence_pieces()
    model.file.add_rope_dimension_count(32)
    model.file.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    model.file.add_rope_scaling_factor(4.0)
    model.file.add_rope_scaling_orig_ctx_len(256)
    model.ends(tied=True)
    model.blocks()
    model.write()


def llama_linear(folder):
    model = small_llama(folder, "tiny-llama-linear", 4)
    model.sentence_pieces()
    model.file.add_rope_dimension_count(32)
    model.file.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    model.file.add_rope_scaling_factor(4.0)
    model.ends(tied=True)
    model.blocks()
    model.write()


def llama_experts(folder):
    model = small_llama(folder, "tiny-llama-experts", 15, experts=4)
    model.sentence_pieces()
    model.file.add_rope_dimension_count(32)
    model.ends(tied=True)
    model.blocks()
    model.write()


def llama_q4_0(folder):
    model = Model(folder, "tiny-llama-q4_0", "llama", 6, layers=2, width=64, heads=4, key_value_heads=2,
                  feed_forward=96, matrix=QUANTS.Q4_0, table=QUANTS.Q8_0)
    model.sentence_pieces()
    model.file.add_rope_dimension_count(16)
    model.ends(tied=False)
    model.blocks()
    model.write()


def llama_q4_k(folder):
    model = Model(folder, "tiny-llama-q4_k", "llama", 7, layers=1, width=256, heads=4, key_value_heads=1,
                  feed_forward=256, head=64, matrix=QUANTS.Q4_K, table=QUANTS.Q6_K)
    model.sentence_pieces()
    model.file.add_rope_dimension_count(64)
    model.ends(tied=True, spread=0.15)
    model.blocks()
    model.write()


def qwen2(folder):
    model = Model(folder, "tiny-qwen2", "qwen2", 8, layers=2, width=48, heads=3, key_value_heads=1, feed_forward=64,
                  base=1000000.0)
    model.byte_pairs("qwen2")
    model.file.add_chat_template(CHATML)
    model.ends(tied=True)
    model.blocks(bias=True)
    model.write()


def qwen3(folder):
    model = Model(folder, "tiny-qwen3", "qwen3", 9, layers=2, width=48, heads=4, key_value_heads=2, feed_forward=64,
                  head=24, base=1000000.0)
    model.byte_pairs("qwen2")
    model.file.add_chat_template(CHATML)
    model.ends(tied=True)
    model.blocks(head_norm=True)
    model.write()


def qwen3moe(folder):
    model = Model(folder, "tiny-qwen3moe", "qwen3moe", 20, layers=2, width=32, heads=2, key_value_heads=1,
                  feed_forward=32, head=24, base=1000000.0, experts=8)
    model.file.add_expert_feed_forward_length(32)
    model.byte_pairs("qwen2")
    model.ends(tied=True)
    model.blocks(head_norm=True)
    model.write()


def gemma3(folder):
    model = Model(folder, "tiny-gemma3", "gemma3", 11, layers=7, width=32, heads=2, key_value_heads=1, feed_forward=32,
                  head=24, base=1000000.0)
    model.file.add_sliding_window(16)
    model.file.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    model.file.add_rope_scaling_factor(8.0)
    model.sentence_pieces(prefix_space=False)
    model.ends(tied=True)
    model.blocks(head_norm=True, post_norm=True)
    model.write()


def phi3(folder):
    model = Model(folder, "tiny-phi3", "phi3", 12, layers=2, width=48, heads=3, key_value_heads=3, feed_forward=32,
                  table=QUANTS.F16)
    model.file.add_rope_dimension_count(16)
    model.sentence_pieces(special=PHI3)
    model.ends(tied=False)
    model.blocks(fused=True)
    model.write()


def phi3_longrope(folder):
    model = Model(folder, "tiny-phi3-longrope", "phi3", 13, layers=2, width=48, heads=2, key_value_heads=1,
                  feed_forward=32)
    # Three quarters of each head rotate, as in the Phi 4 models that are small.
    model.file.add_rope_dimension_count(18)
    model.file.add_rope_scaling_orig_ctx_len(256)
    model.file.add_rope_scaling_attn_factors(1.19)
    model.sentence_pieces(special=PHI3)
    model.ends(tied=True)
    model.factors("rope_factors_long.weight", np.linspace(1.0, 12.0, 9))
    model.factors("rope_factors_short.weight", np.linspace(1.0, 2.5, 9))
    model.blocks(fused=True)
    model.write()


def deepseek(folder, name, seed, query_rank, biased, shared):
    plain, rotated, value, rank, inner = 16, 8, 16, 32, 16
    model = Model(folder, name, "deepseek2", seed, layers=3, width=32, heads=2, key_value_heads=1, feed_forward=32,
                  experts=8)
    file = model.file
    file.add_key_length(rank + rotated)
    file.add_value_length(rank)
    file.add_key_length_mla(plain + rotated)
    file.add_value_length_mla(value)
    file.add_rope_dimension_count(rotated)
    file.add_kv_lora_rank(rank)
    # Only models of some numbers of layers may leave it out elsewhere.
    file.add_q_lora_rank(query_rank)
    file.add_leading_dense_block_count(1)
    file.add_expert_feed_forward_length(inner)
    file.add_expert_shared_count(shared)
    model.byte_pairs("deepseek-v3")
    model.ends(tied=True)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.vector(prefix + "attn_norm.weight", model.width, mean=1.0)
        model.latent_attention(prefix, plain, rotated, value, rank, query_rank)
        model.vector(prefix + "ffn_norm.weight", model.width, mean=1.0)
        if layer == 0:
            model.experts = None
            model.feed_forward_part(prefix, fused=False)
            model.experts = 8
        else:
            model.mixture(prefix, inner, shared, biased)
    return model


def deepseek2(folder):
    model = deepseek(folder, "tiny-deepseek2", 21, query_rank=24, biased=True, shared=1)
    file = model.file
    file.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    file.add_expert_group_count(4)
    file.add_expert_group_used_count(2)
    file.add_expert_weights_norm(True)
    file.add_expert_weights_scale(0.75)
    file.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    file.add_rope_scaling_factor(4.0)
    file.add_rope_scaling_orig_ctx_len(256)
    file.add_rope_scaling_yarn_log_mul(0.0707)
    model.write()


def deepseek2_lite(folder):
    model = deepseek(folder, "tiny-deepseek2-lite", 22, query_rank=0, biased=False, shared=2)
    model.file.add_expert_gating_func(gguf.ExpertGatingFuncType.SOFTMAX)
    model.write()


def qwen35(folder):
    key_heads, value_heads, size, taps = 2, 4, 16, 4
    # The last block only guesses.
    model = Model(folder, "tiny-qwen35", "qwen35", 23, layers=5, width=32, heads=2, key_value_heads=1, feed_forward=32,
                  head=16, base=1000000.0)
    file = model.file
    file.add_nextn_predict_layers(1)
    file.add_full_attention_interval(4)
    file.add_rope_dimension_count(8)
    file.add_rope_dimension_sections([2, 1, 1, 0])
    file.add_ssm_conv_kernel(taps)
    file.add_ssm_state_size(size)
    file.add_ssm_group_count(key_heads)
    file.add_ssm_time_step_rank(value_heads)
    file.add_ssm_inner_size(value_heads * size)
    model.byte_pairs("qwen35")
    file.add_chat_template(CHATML)
    model.ends(tied=True)
    for layer in range(model.layers):
        prefix = f"blk.{layer}."
        model.vector(prefix + "attn_norm.weight", model.width, mean=1.0)
        if layer < 3:
            model.delta(prefix, key_heads, value_heads, size, taps)
        else:
            model.gated_attention(prefix)
        model.vector(prefix + "post_attention_norm.weight", model.width, mean=1.0)
        model.feed_forward_part(prefix, fused=False)
    model.matrix("blk.4.nextn.eh_proj.weight", model.width, 2 * model.width)
    for part in ["enorm", "hnorm", "shared_head_norm"]:
        model.vector(f"blk.4.nextn.{part}.weight", model.width, mean=1.0)
    model.write()


def smollm3(folder):
    # The last layer does not rotate.
    model = Model(folder, "tiny-smollm3", "smollm3", 24, layers=4, width=32, heads=4, key_value_heads=2, feed_forward=32,
                  base=5000000.0)
    model.file.add_rope_dimension_count(8)
    model.byte_pairs("smollm")
    model.file.add_chat_template(CHATML)
    model.ends(tied=True)
    model.blocks()
    model.write()


MODELS = [llama, llama3, llama_yarn, llama_linear, llama_experts, llama_q4_0, llama_q4_k, qwen2, qwen3, qwen3moe,
          gemma3, phi3, phi3_longrope, deepseek2, deepseek2_lite, qwen35, smollm3]


def main():
    folder = Path(sys.argv[1])
    for make in MODELS:
        make(folder)


if __name__ == "__main__":
    main()
