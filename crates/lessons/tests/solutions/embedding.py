import math

from f32 import *


def widened(bits):
    sign = -1.0 if bits >> 15 else 1.0
    exponent, fraction = bits >> 10 & 31, bits & 1023
    if exponent == 31:
        return sign * math.inf if fraction == 0 else math.nan
    if exponent == 0:
        return sign * math.ldexp(fraction, -24)
    return sign * math.ldexp(1024 + fraction, exponent - 25)


def line(words):
    rows, columns, token = words.wholes(3)
    table = [int(words.text(), 16) for _ in range(rows * columns)]
    return [widened(bits) for bits in table[token * columns : (token + 1) * columns]]


answer(line)
