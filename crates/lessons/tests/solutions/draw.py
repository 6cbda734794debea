from f32 import *

MASK = 2**32 - 1


def bits(seed, position):
    a, b, c, d = position & MASK, position >> 32, 0, 0
    k0, k1 = seed & MASK, seed >> 32
    for _ in range(10):
        first, second = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = second >> 32 ^ b ^ k0, second & MASK, first >> 32 ^ d ^ k1, first & MASK
        k0, k1 = k0 + 0x9E3779B9 & MASK, k1 + 0xBB67AE85 & MASK
    return a | b << 32


def line(words):
    seed, positions, count = words.wholes(3)
    positions, weights = words.wholes(positions), words.wholes(count)
    chosen = []
    for position in positions:
        point = bits(seed, position) * sum(weights) >> 64
        total, at = 0, -1
        while total <= point:
            at += 1
            total += weights[at]
        chosen.append(at)
    return chosen


answer(line)
