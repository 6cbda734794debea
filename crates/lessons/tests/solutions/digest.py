import hashlib
import struct

from f32 import *


def line(words):
    data = b""
    for _ in range(words.whole()):
        bits = int(words.text(), 16)
        if bits & 0x7FFFFFFF > 0x7F800000:
            bits = 0x7FC00000
        data += struct.pack("<I", bits)
    return [hashlib.sha256(data).hexdigest()[:32]]


answer(line)
