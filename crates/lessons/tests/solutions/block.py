import struct

from f32 import *


def line(words):
    kind, data = words.text(), bytes.fromhex(words.text())
    scale = struct.unpack("<e", data[:2])[0]
    codes = data[2:]
    if kind == "Q8_0":
        weights = struct.unpack("32b", codes)
    else:
        weights = [(code & 15) - 8 for code in codes] + [(code >> 4) - 8 for code in codes]
    return [scale * weight for weight in weights]


answer(line)
