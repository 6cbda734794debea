import math

from f32 import *


def line(words):
    temperature = words.number()
    logits = words.numbers(words.whole())
    best = max(logits)
    weights = []
    for logit in logits:
        x = div(add(logit, -best), temperature)
        weights.append(math.floor(rounded(math.exp(x)) * 2**40))
    return weights + [sum(weights)]


answer(line)
