from f32 import *


def line(words):
    return [lane_sum16(words.numbers(words.whole()))]


answer(line)
