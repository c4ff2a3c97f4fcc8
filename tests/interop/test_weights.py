# SPDX-License-Identifier: BSD-2-Clause
"""Equal totals and weights of one recording in the formats that programs of Debian read; all: tests/readers."""

import unittest

import weights


class Weights(weights.Table, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
