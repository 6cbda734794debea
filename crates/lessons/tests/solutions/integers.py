import math

from f32 import *


def line(words):
    x = words.rest()
    if not all(math.isfinite(value) for value in x):
        return [math.nan] + [0] * 32
    largest = max(abs(value) for value in x)
    if largest < 2.0**-100:
        return [0.0] + [0] * 32
    inverse = div(127.0, largest)
    return [div(largest, 127.0)] + [round(mul(value, inverse)) for value in x]


answer(line)
