# SPDX-License-Identifier: BSD-2-Clause
"""Two threads with work of their own, for profilers of Python; ends by itself after a minute."""

import threading
import time


def leaf(turns):
    total = 0
    for i in range(turns):
        total += i * i
    return total


def middle(end):
    while time.monotonic() < end:
        leaf(2000)


def other(end):
    while time.monotonic() < end:
        sum(range(500))


def main():
    end = time.monotonic() + 60
    thread = threading.Thread(target=other, args=(end,), name="second worker")
    thread.start()
    middle(end)
    thread.join()


main()
