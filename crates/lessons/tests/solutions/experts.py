from f32 import *


def line(words):
    count, used = words.wholes(2)
    scores = words.numbers(count)
    # Sorting keeps the order of equals, and so does it here.
    chosen = sorted(sorted(range(count), key=lambda expert: -scores[expert])[:used])
    largest = max(scores)
    p = [exp(add(score, -largest)) for score in scores]
    factor = div(1.0, lane_sum16(p))
    q = [mul(value, factor) for value in p]
    total = 0.0
    for expert in chosen:
        total = add(total, q[expert])
    words = []
    for expert in chosen:
        words += [expert, div(q[expert], max(total, 2.0**-14))]
    return words


answer(line)
