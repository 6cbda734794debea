"""Writes `expected/` for tiny models where llama.cpp differs from the original on purpose or cannot run them.

    python make_originals.py [--compare]

Every line follows the original's description, in f64: Phi 3.5 MoE's implementation in transformers (norms about the mean,
SparseMixer, LongRoPE with the factor of its configuration), and RWKV-7's (arXiv 2503.14456). `--compare` writes nothing but
says how far RWKV-7 is from llama.cpp's logits of `tiny-rwkv7`, whose only head has the size that llama.cpp is right for.
"""

import sys
from pathlib import Path

import gguf
import numpy as np

HERE = Path(__file__).parent
STEP = 3


def read(name):
    model = gguf.GGUFReader(HERE / f"{name}.gguf")
    keys = {key: field.contents() for key, field in model.fields.items() if not key.startswith("GGUF.")}
    tensors = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float64).squeeze()
               for tensor in model.tensors}
    return keys, tensors


def norm(x, gain, bias, epsilon):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * gain + bias


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    weights = np.exp(x - x.max())
    return weights / weights.sum()


def sparse_mixer(scores, jitter=0.01):
    """Two experts and their weights."""
    left, chosen = scores.copy(), []
    for _ in range(2):
        best = int(left.argmax())
        unit = np.maximum(np.abs(scores), left[best])
        near = np.where((left[best] - scores) / unit > 2 * jitter, -np.inf, left)
        chosen.append((best, softmax(near)[best]))
        left[best] = -np.inf
    return chosen


class Phimoe:
    MAGNITUDE = 1.243163121016122

    def __init__(self, name, is_long):
        self.keys, self.tensors = read(name)
        self.epsilon = self.keys["phimoe.attention.layer_norm_epsilon"]
        self.head = self.keys["phimoe.rope.dimension_count"]
        self.factors = self.tensors[f"rope_factors_{'long' if is_long else 'short'}.weight"]

    def linear(self, x, name):
        return x @ self.tensors[name + ".weight"].T + self.tensors.get(name + ".bias", 0)

    def norm(self, x, name):
        return norm(x, self.tensors[name + ".weight"], self.tensors[name + ".bias"], self.epsilon)

    def rotate(self, x):
        pairs = self.head // 2
        frequencies = 1 / (self.factors * self.keys["phimoe.rope.freq_base"] ** (np.arange(pairs) / pairs))
        angles = np.arange(len(x))[:, None, None] * frequencies
        cosine, sine = np.cos(angles) * self.MAGNITUDE, np.sin(angles) * self.MAGNITUDE
        first, second = x[..., :pairs], x[..., pairs:]
        return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], -1)

    def attention(self, x, prefix):
        q, k, v = [self.linear(x, f"{prefix}attn_{part}").reshape(len(x), -1, self.head) for part in "qkv"]
        q, k = self.rotate(q), self.rotate(k)
        group = q.shape[1] // k.shape[1]
        out = np.empty_like(q)
        for at in range(len(x)):
            for head in range(q.shape[1]):
                scores = k[:at + 1, head // group] @ q[at, head] / np.sqrt(self.head)
                out[at, head] = softmax(scores) @ v[:at + 1, head // group]
        return self.linear(out.reshape(len(x), -1), prefix + "attn_output")

    def experts(self, x, prefix):
        out = np.zeros_like(x)
        gate, up, down = [self.tensors[f"{prefix}ffn_{part}_exps.weight"] for part in ["gate", "up", "down"]]
        for row, scores in enumerate(self.linear(x, prefix + "ffn_gate_inp")):
            for expert, weight in sparse_mixer(scores):
                opened = gate[expert] @ x[row]
                out[row] += weight * (down[expert] @ (opened * sigmoid(opened) * (up[expert] @ x[row])))
        return out

    def logits(self, tokens):
        x = self.tensors["token_embd.weight"][tokens]
        for layer in range(self.keys["phimoe.block_count"]):
            prefix = f"blk.{layer}."
            x = x + self.attention(self.norm(x, prefix + "attn_norm"), prefix)
            x = x + self.experts(self.norm(x, prefix + "ffn_norm"), prefix)
        return self.linear(self.norm(x, "output_norm"), "output")


class Rwkv7:
    def __init__(self, name):
        self.keys, self.tensors = read(name)
        self.epsilon = self.keys["rwkv7.attention.layer_norm_epsilon"]
        self.size = self.keys["rwkv7.wkv.head_size"]

    def norm(self, x, name):
        return norm(x, self.tensors[name + ".weight"], self.tensors[name + ".bias"], self.epsilon)

    def weight(self, name):
        return self.tensors[name + ".weight"]

    def low_rank(self, x, prefix, letter, function=lambda x: x):
        return function(x @ self.weight(f"{prefix}{letter}1").T) @ self.weight(f"{prefix}{letter}2").T

    def time_mix(self, x, prefix, first):
        prefix += "time_mix_"
        before = np.concatenate([np.zeros_like(x[:1]), x[:-1]])
        x_r, x_w, x_k, x_v, x_a, x_g = [x + (before - x) * share for share in self.weight(prefix + "lerp_fused")]
        r, k, v = [x @ self.weight(prefix + name).T for x, name in [(x_r, "receptance"), (x_k, "key"), (x_v, "value")]]
        w = self.weight(prefix + "w0") + self.low_rank(x_w, prefix, "w", np.tanh)
        w = np.exp(-np.exp(-0.5) * sigmoid(w))
        a = sigmoid(self.weight(prefix + "a0") + self.low_rank(x_a, prefix, "a"))
        g = self.low_rank(x_g, prefix, "g", sigmoid)
        if first is not None:
            v = v + (first - v) * sigmoid(self.weight(prefix + "v0") + self.low_rank(x_v, prefix, "v"))
        heads = lambda rows: rows.reshape(len(x), -1, self.size)
        kk = heads(k * self.weight(prefix + "k_k"))
        kk = kk / np.maximum(np.sqrt((kk**2).sum(-1, keepdims=True)), 1e-12)
        k = k * (1 + (a - 1) * self.weight(prefix + "k_a"))
        out = np.empty_like(kk)
        for head in range(kk.shape[1]):
            state = np.zeros((self.size, self.size))
            for at in range(len(x)):
                of = lambda rows: heads(rows)[at, head]
                removal = kk[at, head]
                state = state * of(w) - np.outer(state @ removal, removal * of(a)) + np.outer(of(v), of(k))
                out[at, head] = state @ of(r)
        shape = (kk.shape[1], self.size)
        gain, bias = [self.tensors[prefix + "ln." + part].reshape(shape) for part in ["weight", "bias"]]
        out = norm(out, gain, bias, 64e-5)
        bonus = (heads(r) * heads(k) * self.weight(prefix + "r_k").reshape(shape)).sum(-1, keepdims=True)
        out = (out + bonus * heads(v)).reshape(x.shape) * g
        return out @ self.weight(prefix + "output").T, v

    def channel_mix(self, x, prefix):
        prefix += "channel_mix_"
        before = np.concatenate([np.zeros_like(x[:1]), x[:-1]])
        x = x + (before - x) * self.weight(prefix + "lerp_k")
        return np.maximum(x @ self.weight(prefix + "key").T, 0) ** 2 @ self.weight(prefix + "value").T

    def logits(self, tokens):
        x, first = self.norm(self.weight("token_embd")[tokens], "token_embd_norm"), None
        for layer in range(self.keys["rwkv7.block_count"]):
            prefix = f"blk.{layer}."
            mixed, values = self.time_mix(self.norm(x, prefix + "attn_norm"), prefix, first)
            first = values if first is None else first
            x = x + mixed
            x = x + self.channel_mix(self.norm(x, prefix + "attn_norm_2"), prefix)
        return self.norm(x, "output_norm") @ self.weight("output").T


def main():
    tokens = [int(token) for token in (HERE / "tokens.txt").read_text().split()]
    if "--compare" in sys.argv:
        ours = Rwkv7("tiny-rwkv7").logits(tokens)[::STEP]
        theirs = np.fromfile(HERE / "expected" / "tiny-rwkv7.f32", dtype="<f4").reshape(ours.shape)
        print("largest difference in standard deviations:", np.abs(ours - theirs).max() / theirs.std())
        return
    for name, logits in [("tiny-phimoe", Phimoe("tiny-phimoe", False)), ("tiny-phimoe-long", Phimoe("tiny-phimoe", True)),
                         ("tiny-rwkv7-heads", Rwkv7("tiny-rwkv7-heads"))]:
        logits.logits(tokens)[::STEP].astype("<f4").tofile(HERE / "expected" / f"{name}.f32")


if __name__ == "__main__":
    main()
