from f32 import *


def line(words):
    pairs = words.whole()
    head = words.numbers(2 * pairs)
    cosines, sines = words.numbers(pairs), words.numbers(pairs)
    for i in range(pairs):
        x, y = head[i], head[i + pairs]
        head[i] = fma(x, cosines[i], -mul(y, sines[i]))
        head[i + pairs] = fma(x, sines[i], mul(y, cosines[i]))
    return head


answer(line)
