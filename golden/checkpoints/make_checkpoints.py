#!/usr/bin/env python3
"""Writes small folders as the hub has them, and what llama.cpp's converter makes of each.

    pip install numpy==2.4.6 torch transformers safetensors sentencepiece
    python golden/checkpoints/make_checkpoints.py LLAMA_CPP

LLAMA_CPP is a checkout of llama.cpp (b11549) with `convert_hf_to_gguf.py`, which is run with `--outtype bf16`. Weights are
random, from a fixed seed; vocabularies have the 256 bytes, some merges and three special tokens. The converter knows
pre-tokenisers by what they make of a text with a published vocabulary; as these are made up, it is told the name.

    NAME/            config.json, tokenizer.json, tokenizer_config.json, generation_config.json, *.safetensors
    NAME.gguf        what the converter makes of it
"""

import json
import pathlib
import struct
import subprocess
import sys

import numpy

HERE = pathlib.Path(__file__).parent
WIDTH, INNER, LAYERS, HEADS, KEY_VALUES, HEAD = 32, 48, 2, 4, 2, 16
EXPERTS = 4
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
SPECIALS = ["<|begin|>", "<|end|>", "<|pad|>"]
MERGES = ["t h", "th e", "i n", "Ġ the", "a n", "e r", "Ġ a", "Ġa n"]


def byte_character(byte):
    prints = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return chr(byte) if byte in prints else chr(256 + [b for b in range(256) if b not in prints].index(byte))


def vocabulary():
    tokens = [byte_character(byte) for byte in range(256)]
    return tokens + [merge.replace(" ", "") for merge in MERGES]


def tokenizer(pattern, composes, takes_whole, with_bos):
    tokens = vocabulary()
    added = [
        {"id": len(tokens) + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for i, text in enumerate(SPECIALS)
    ]
    processor = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    if with_bos:
        single = [{"SpecialToken": {"id": SPECIALS[0], "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
        pair = single + [{"SpecialToken": {"id": SPECIALS[0], "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}]
        special = {SPECIALS[0]: {"id": SPECIALS[0], "ids": [len(tokens)], "tokens": [SPECIALS[0]]}}
        processor = {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"} if composes else None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
            ],
        },
        "post_processor": processor,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": takes_whole,
            "vocab": {text: i for i, text in enumerate(tokens)}, "merges": MERGES,
        },
    }


def config(**more):
    tokens = len(vocabulary()) + len(SPECIALS)
    return {
        "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_VALUES, "head_dim": HEAD, "max_position_embeddings": 512, "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0, "vocab_size": tokens + 5, "hidden_act": "silu", "tie_word_embeddings": False,
        "torch_dtype": "bfloat16", "bos_token_id": len(vocabulary()), "eos_token_id": len(vocabulary()) + 1, **more,
    }


def attention(layer, bias=False, head_norms=False):
    start = f"model.layers.{layer}.self_attn."
    shapes = {
        "q_proj.weight": (HEADS * HEAD, WIDTH), "k_proj.weight": (KEY_VALUES * HEAD, WIDTH),
        "v_proj.weight": (KEY_VALUES * HEAD, WIDTH), "o_proj.weight": (WIDTH, HEADS * HEAD),
    }
    if bias:
        shapes |= {"q_proj.bias": (HEADS * HEAD,), "k_proj.bias": (KEY_VALUES * HEAD,), "v_proj.bias": (KEY_VALUES * HEAD,)}
    if head_norms:
        shapes |= {"q_norm.weight": (HEAD,), "k_norm.weight": (HEAD,)}
    return {start + name: shape for name, shape in shapes.items()}


def gated(start, names=("gate_proj", "up_proj", "down_proj")):
    gate, up, down = names
    return {f"{start}{gate}.weight": (INNER, WIDTH), f"{start}{up}.weight": (INNER, WIDTH), f"{start}{down}.weight": (WIDTH, INNER)}


def shapes(norms, feed_forward, **more):
    tokens = len(vocabulary()) + len(SPECIALS) + 5
    all = {"model.embed_tokens.weight": (tokens, WIDTH), "model.norm.weight": (WIDTH,), "lm_head.weight": (tokens, WIDTH)}
    for layer in range(LAYERS):
        all |= attention(layer, **more)
        all |= {f"model.layers.{layer}.{norm}.weight": (WIDTH,) for norm in norms}
        all |= feed_forward(f"model.layers.{layer}.")
    return all


def experts(start):
    all = {f"{start}mlp.gate.weight": (EXPERTS, WIDTH)}
    for expert in range(EXPERTS):
        all |= gated(f"{start}mlp.experts.{expert}.")
    return all


def mixtral(start):
    all = {f"{start}block_sparse_moe.gate.weight": (EXPERTS, WIDTH)}
    for expert in range(EXPERTS):
        all |= gated(f"{start}block_sparse_moe.experts.{expert}.", ("w1", "w3", "w2"))
    return all


def dense(start):
    return gated(f"{start}mlp.")


BEFORE = ["input_layernorm", "post_attention_layernorm"]
AROUND = [*BEFORE, "pre_feedforward_layernorm", "post_feedforward_layernorm"]
LLAMA3_ROPE = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}
FOLDERS = {
    "llama": (
        config(architectures=["LlamaForCausalLM"], model_type="llama", rope_scaling=LLAMA3_ROPE), shapes(BEFORE, dense),
        "llama-bpe", (LLAMA3, False, True, True),
    ),
    "mixtral": (
        config(architectures=["MixtralForCausalLM"], model_type="mixtral", num_local_experts=EXPERTS, num_experts_per_tok=2),
        shapes(BEFORE, mixtral), "llama-bpe", (LLAMA3, False, True, True),
    ),
    "qwen2": (
        config(architectures=["Qwen2ForCausalLM"], model_type="qwen2", rope_scaling=YARN, use_sliding_window=False),
        shapes(BEFORE, dense, bias=True), "qwen2", (QWEN2, True, False, False),
    ),
    "qwen3": (
        config(architectures=["Qwen3ForCausalLM"], model_type="qwen3"), shapes(BEFORE, dense, head_norms=True), "qwen2",
        (QWEN2, True, False, False),
    ),
    "qwen3moe": (
        config(architectures=["Qwen3MoeForCausalLM"], model_type="qwen3_moe", num_experts=EXPERTS, num_experts_per_tok=2,
               moe_intermediate_size=INNER), shapes(BEFORE, experts, head_norms=True), "qwen2", (QWEN2, True, False, False),
    ),
    "gemma3": (
        config(architectures=["Gemma3ForCausalLM"], model_type="gemma3_text", sliding_window=64, rope_local_base_freq=10000.0,
               hidden_activation="gelu_pytorch_tanh", query_pre_attn_scalar=16),
        shapes(AROUND, dense, head_norms=True), "qwen2", (QWEN2, True, False, False),
    ),
}


def bfloat16(numbers):
    return (numbers.astype(numpy.float32).view(numpy.uint32) >> 16).astype(numpy.uint16)


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (kind, shape, bytes) in tensors.items():
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [len(data), len(data) + len(bytes)]}
        data += bytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write(name, config, shapes, cut):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    random = numpy.random.default_rng(len(name))
    tensors = {}
    for tensor, shape in shapes.items():
        numbers = bfloat16(random.standard_normal(shape) * 0.1 + (1 if len(shape) == 1 else 0))
        tensors[tensor] = ("BF16", shape, numbers.tobytes())
    # Two files, as large models have them.
    names = list(tensors)
    half = len(names) // 2
    for part, chosen in enumerate([names[:half], names[half:]], 1):
        write_safetensors(folder / f"model-{part:05}-of-00002.safetensors", {n: tensors[n] for n in chosen})
    index = {n: f"model-{1 + (i >= half):05}-of-00002.safetensors" for i, n in enumerate(names)}
    dump = lambda file, value: (folder / file).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    dump("model.safetensors.index.json", {"metadata": {}, "weight_map": index})
    dump("config.json", config)
    dump("tokenizer.json", tokenizer(*cut))
    dump("tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIALS[0], "eos_token": SPECIALS[1],
        "pad_token": SPECIALS[2], "chat_template": "{% for m in messages %}{{ m.content }}<|end|>{% endfor %}",
    })
    dump("generation_config.json", {"temperature": 0.5, "top_k": 20, "top_p": 0.75})


CONVERT = """
import runpy, sys
sys.path.insert(0, sys.argv[1] + "/gguf-py")
sys.path.insert(0, sys.argv[1])
from conversion.base import TextModel
name = sys.argv[2]
TextModel.get_vocab_base_pre = lambda self, tokenizer: name
sys.argv = ["convert", *sys.argv[3:]]
runpy.run_path(sys.path[0] + "/convert_hf_to_gguf.py", run_name="__main__")
"""


def main():
    only = sys.argv[2:]
    for name, (config, shapes, pre, cut) in FOLDERS.items():
        if only and name not in only:
            continue
        write(name, config, shapes, cut)
        arguments = [str(HERE / name), "--outtype", "bf16", "--outfile", str(HERE / f"{name}.gguf")]
        subprocess.run([sys.executable, "-c", CONVERT, sys.argv[1], pre, *arguments], check=True)


main()
