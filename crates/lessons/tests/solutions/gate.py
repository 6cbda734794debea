from f32 import *


def line(words):
    count = words.whole()
    gates, ups = words.numbers(count), words.numbers(count)
    return [mul(div(gate, add(1.0, exp(-gate))), up) for gate, up in zip(gates, ups)]


answer(line)
