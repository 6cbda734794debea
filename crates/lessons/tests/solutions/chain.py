from f32 import *


def line(words):
    count = words.whole()
    a, b = words.numbers(count), words.numbers(count)
    total = 0.0
    for i in range(count):
        total = fma(a[i], b[i], total)
    return [total]


answer(line)
