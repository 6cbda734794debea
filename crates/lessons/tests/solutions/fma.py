from f32 import *


def line(words):
    x = words.rest()
    return [fma(a, b, c) for a, b, c in zip(x[0::3], x[1::3], x[2::3])]


answer(line)
