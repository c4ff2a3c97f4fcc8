# SPDX-License-Identifier: BSD-2-Clause
"""A program to be named by what lies elsewhere, and the line by which write_unnamed makes a recording of it."""

import os
import re
import subprocess

SOURCE = """
    __attribute__((noinline)) static int hidden_deep(int x) { for (int i = 0; i < x; i++) __asm__ volatile(""); return x; }
    __attribute__((noinline)) static int hidden_high(int x) { return hidden_deep(x) + 1; }
    int main(int argc, char **argv) { (void)argv; return hidden_high(argc) + NUMBER; }
    """


def run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout


class Program:
    """A small program, in full, stripped, and the debug file that belongs to it."""

    def __init__(self, folder, number=0):
        self.full = os.path.join(folder, f"full{number}")
        self.stripped = os.path.join(folder, f"stripped{number}")
        self.debug = os.path.join(folder, f"debug{number}")
        source = os.path.join(folder, "program.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(SOURCE)
        run("gcc", "-O1", "-g", f"-DNUMBER={number}", "-Wl,--build-id", "-o", self.full, source)
        run("objcopy", "--only-keep-debug", self.full, self.debug)
        run("strip", "-o", self.stripped, self.full)
        self.id = re.search(r"Build ID: (\w+)", run("readelf", "-n", self.full))[1]
        code = re.search(r"LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+) 0x\w+ R E", run("readelf", "-lW", self.full))
        offset, address, size = (int(digits, 16) for digits in code.groups())
        self.map_offset = offset & ~0xfff
        self.map_size = ((address + size + 0xfff) & ~0xfff) - (address & ~0xfff)
        self.places = {name: int(value, 16) - (address & ~0xfff) + 1
                       for value, name in re.findall(r"^(\w+) t (hidden_\w+)$", run("nm", self.full), re.M)}

    def line(self, path="/nowhere/program", map_size=None, names=("hidden_deep", "hidden_high")):
        return "\t".join([path, self.id, f"{map_size or self.map_size:x}", f"{self.map_offset:x}",
                          *(f"{self.places[name]:x}" for name in names)]) + "\n"

    def url(self, what):
        return f"/buildid/{self.id}/{what}"
