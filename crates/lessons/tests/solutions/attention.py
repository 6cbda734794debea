from f32 import *

SEGMENT = 512


def line(words):
    size, positions = words.wholes(2)
    scale = words.number()
    query = words.numbers(size)
    keys = [words.numbers(size) for _ in range(positions)]
    values = [words.numbers(size) for _ in range(positions)]
    scores = []
    for key in keys:
        total = 0.0
        for a, b in zip(query, key):
            total = fma(a, b, total)
        scores.append(mul(scale, total))
    largest = max(scores)
    output, total = [0.0] * size, 0.0
    for first in range(0, positions, SEGMENT):
        sums, stripes = [0.0] * size, [0.0] * 16
        for t in range(first, min(first + SEGMENT, positions)):
            weight = exp(add(scores[t], -largest))
            stripes[t % 16] = add(stripes[t % 16], weight)
            sums = [fma(weight, value, part) for value, part in zip(values[t], sums)]
        output = [add(a, b) for a, b in zip(output, sums)]
        total = add(total, in_halves(stripes))
    factor = div(1.0, total)
    return [mul(value, factor) for value in output]


answer(line)
