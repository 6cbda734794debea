"""Numbers of 32 bits in plain Python: what a learner keeps from exercise to exercise."""

import math
import struct
import sys


def rounded(x):
    """The binary32 nearest to a binary64."""
    try:
        return struct.unpack(">f", struct.pack(">f", x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


def of_hex(digits):
    return struct.unpack(">f", bytes.fromhex(digits))[0]


def to_hex(x):
    return struct.pack(">f", x).hex()


def add(a, b):
    return rounded(a + b)


def mul(a, b):
    return rounded(a * b)


def div(a, b):
    if b == 0:
        return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1, b)
    return rounded(a / b)


def fma(a, b, c):
    """a * b + c, rounded once: the sum is rounded to odd in binary64 first."""
    product = a * b
    total = product + c
    if math.isinf(total) or math.isnan(total):
        return rounded(total)
    back = total - product
    lost = (product - (total - back)) + (c - back)
    is_even = struct.unpack(">Q", struct.pack(">d", total))[0] % 2 == 0
    if lost != 0 and is_even:
        total = math.nextafter(total, math.copysign(math.inf, lost))
    return rounded(total)


def in_halves(stripes):
    for width in (8, 4, 2, 1):
        for j in range(width):
            stripes[j] = add(stripes[j], stripes[j + width])
    return stripes[0]


def lane_sum16(x, step=lambda x, total: add(total, x)):
    stripes = [0.0] * 16
    for i, value in enumerate(x):
        stripes[i % 16] = step(value, stripes[i % 16])
    return in_halves(stripes)


def exp(x):
    if x != x:
        return x
    x = min(89.0, max(-104.0, x))
    n = add(fma(x, of_hex("3fb8aa3b"), 12582912.0), -12582912.0)
    r = fma(n, -of_hex("3f318000"), x)
    r = fma(n, of_hex("395e8083"), r)
    y = of_hex("39506967")
    for c in ("3ab743ce", "3c088908", "3d2aa9c1", "3e2aaaaa", "3f000000"):
        y = fma(y, r, of_hex(c))
    y = add(fma(y, mul(r, r), r), 1.0)
    return rounded(math.ldexp(y, int(n)))


class Words:
    """The words of a line, one after another."""

    def __init__(self, line):
        self.left = iter(line.split())

    def text(self):
        return next(self.left)

    def whole(self):
        return int(self.text())

    def wholes(self, count):
        return [self.whole() for _ in range(count)]

    def number(self):
        return of_hex(self.text())

    def numbers(self, count):
        return [self.number() for _ in range(count)]

    def rest(self):
        return [of_hex(word) for word in self.left]


def answer(line):
    """Writes a line for each line that is read; numbers become their bits."""
    for text in sys.stdin:
        words = line(Words(text))
        print(*[to_hex(word) if isinstance(word, float) else word for word in words])
