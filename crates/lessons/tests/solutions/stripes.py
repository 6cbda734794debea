from f32 import *


def line(words):
    return [stripe16(words.numbers(words.whole()))]


answer(line)
