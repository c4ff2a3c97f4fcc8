# SPDX-License-Identifier: BSD-2-Clause
"""A machine with many different programs: unwind tables stay inside their budget, and the ledger tells what had to go."""

import pathlib

from support import RATE, LiveTest

PROGRAMS = 500
BUDGET_MIB = 4
# What else is in the maps: the ring, counters, seen stacks, ranges and directory; see src/linux/unwind_maps.c.
OTHER_MAPS_MIB = 20
NOTE = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0"  # of a build-id of 20 bytes


class Budget(LiveTest):
    def make_programs(self):
        """Copies of a shell that differ in their build-ids, so that each is a module of its own."""
        shell = pathlib.Path("/bin/bash").read_bytes()
        at = shell.index(NOTE) + len(NOTE)
        folder = self.dir / "programs"
        folder.mkdir()
        for i in range(PROGRAMS):
            path = folder / f"shell-{i}"
            path.write_bytes(shell[:at] + i.to_bytes(20, "little") + shell[at + 20:])
            path.chmod(0o755)
        return folder

    def test_500_programs(self):
        each = f"for p in {self.make_programs()}/*; do $p -c 'for ((i = 0; i < 8000; i++)); do :; done'; done"
        result = self.record("-F", RATE, "--unwind-budget", f"{BUDGET_MIB}M", command=["sh", "-c", each])
        cpu, notes, own = result.cpu, result.summary["notes"], result.summary["self"]

        self.note(f"{cpu['complete']} of {cpu['stacks']} stacks complete, {cpu['incomplete']}; notes {notes}; "
                  f"maps {own['map_bytes'] >> 20} MiB, process {own['peak_rss_bytes'] >> 20} MiB")
        self.assertGreater(cpu["stacks"], 5 * PROGRAMS)
        self.assertGreater(notes["unwind_pages_evicted"], 0)
        # Programs of some milliseconds are seen mostly while they are being loaded.
        self.assertGreaterEqual(cpu["complete"], 0.93 * cpu["stacks"])
        self.assertLess(own["map_bytes"], (BUDGET_MIB + OTHER_MAPS_MIB) << 20)
        self.assertLess(own["peak_rss_bytes"], 96 << 20)
        self.assert_balanced(result.summary)
