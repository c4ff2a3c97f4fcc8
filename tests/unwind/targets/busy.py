# SPDX-License-Identifier: BSD-2-Clause
"""Python that calls C that calls Python. Usage: busy.py SECONDS"""

import decimal
import functools
import json
import pickle
import re
import sys
import time
import zlib


def leaf(n):
    words = [f"{i:x}" for i in range(n % 50)]
    text = json.dumps({"words": words, "n": n, "values": [i * 1.5 for i in range(n % 20)]})
    packed = zlib.compress(pickle.dumps(json.loads(text)))
    return len(re.findall(r"(\w+)[\",]", text)) + len(packed) + int(decimal.Decimal(n).sqrt() * 10)


def descend(depth, n):
    if depth == 0:
        return leaf(n)
    kind = (n * 7 + depth) % 5
    if kind == 0:
        done = []
        sorted([3, 1, 2], key=lambda x: x if done else done.append(descend(depth - 1, n + x)) or x)
        return len(done)
    if kind == 1:
        return sum(map(lambda x: descend(depth - 1, n + x), [1]))
    if kind == 2:
        return len(re.sub("a", lambda m: str(descend(depth - 1, n)), "a"))
    if kind == 3:
        return functools.reduce(lambda a, b: a + descend(depth - 1, n + b), [1, 2])
    return Node(depth, n) + 1


class Node:
    def __init__(self, depth, n):
        self.depth = depth
        self.n = n

    def __add__(self, other):
        return descend(self.depth - 1, self.n + other)


def main():
    end = time.monotonic() + float(sys.argv[1])
    n = 0
    while time.monotonic() < end:
        n += 1
        descend(n % 12, n)


main()
