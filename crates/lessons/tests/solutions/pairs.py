from f32 import *


def line(words):
    merges = [tuple(words.wholes(2)) for _ in range(words.whole())]
    ids = words.wholes(words.whole())
    while True:
        found = [(merges.index(pair), at) for at, pair in enumerate(zip(ids, ids[1:])) if pair in merges]
        if not found:
            return ids
        rank, at = min(found)
        ids[at : at + 2] = [256 + rank]


answer(line)
