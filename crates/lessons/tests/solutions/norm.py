import math

from f32 import *


def line(words):
    count = words.whole()
    epsilon = words.number()
    x, gain = words.numbers(count), words.numbers(count)
    mean = div(lane_sum16(x, lambda value, total: fma(value, value, total)), float(count))
    factor = div(1.0, rounded(math.sqrt(add(mean, epsilon))))
    return [mul(mul(value, factor), g) for value, g in zip(x, gain)]


answer(line)
