import hashlib
import struct

from f32 import *


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def whole(number):
    return struct.pack("<Q", number)


def line(words):
    before, count = bytes.fromhex(words.text()), words.whole()
    hashes = []
    for number in range(1, count + 1):
        time, clock = words.wholes(2)
        kind, name = words.text().encode(), words.text().encode()
        content = bytes.fromhex(words.text())
        digest = sha256(b"hefu audit content 1\n", content)
        before = sha256(
            b"hefu audit record 1\n",
            before,
            whole(number),
            whole(time),
            whole(clock),
            whole(len(kind)),
            kind,
            whole(len(name)),
            name,
            digest,
        )
        hashes.append(before.hex())
    return hashes


answer(line)
