import struct

from f32 import *


def half(x):
    if x != x:
        return "7e00"
    if abs(x) >= 65520:
        return "fc00" if x < 0 else "7c00"
    return struct.pack(">e", x).hex()


def line(words):
    return [half(x) for x in words.rest()]


answer(line)
