from f32 import *


def line(words):
    return [exp(x) for x in words.rest()]


answer(line)
