from f32 import *


def chain(a, b):
    total = 0.0
    for x, y in zip(a, b):
        total = fma(x, y, total)
    return total


def line(words):
    rows, keys, values = words.wholes(3)
    scale = words.number()
    # A list for each column, so that a chain runs along it.
    state = [[0.0] * keys for _ in range(values)]
    out = []
    for _ in range(rows):
        query, key, value = words.numbers(keys), words.numbers(keys), words.numbers(values)
        kept, beta = exp(words.number()), words.number()
        for v in range(values):
            column = [mul(x, kept) for x in state[v]]
            known = chain(column, key)
            delta = mul(add(value[v], -known), beta)
            state[v] = [fma(k, delta, x) for k, x in zip(key, column)]
            out.append(mul(scale, chain(state[v], query)))
    return out


answer(line)
