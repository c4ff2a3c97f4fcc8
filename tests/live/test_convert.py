# SPDX-License-Identifier: BSD-2-Clause
"""Real recordings through .octrace: files made later are those made at once; names found later; parts; several in one."""

import re
import subprocess

from support import RATE, RECORD_TRACE, LiveTest, fixture, is_named, read_folded, self_weights, weight

TAKERS = ("take_half", "take_quarter", "take_fifteen", "take_ten")


class Convert(LiveTest):
    def convert(self, source, *options):
        path = self.dir / "converted.folded"
        subprocess.run([RECORD_TRACE, "convert", source, "-q", "--force", "-o", path, *options], check=True, timeout=60)
        return path

    def record_shares(self, *options, formats=("octrace", "folded")):
        return self.record("-F", RATE, *options, formats=formats, command=[fixture("shares"), 1, 2, self.truth_path])

    def test_what_is_converted_is_what_was_written(self):
        for options in ((), ("--timeline",)):
            with self.subTest(options=options):
                result = self.record_shares(*options)
                converted = self.convert(result.outputs["octrace"], "--no-symbols")
                self.assertEqual(converted.read_bytes(), result.outputs["folded"].read_bytes())
                self.assertEqual(weight(read_folded(converted)), result.cpu["kept"])

    def test_names_are_found_later_in_files_with_the_same_build_id(self):
        result = self.record_shares("--no-symbols")
        stacks = [s for s in result.folded if s.comm == "shares"]
        self.assertFalse(any(is_named(f) for s in stacks for f in s.frames))
        later = read_folded(self.convert(result.outputs["octrace"]))
        self.assertEqual(weight(later), weight(result.folded))
        found = sum(weight(later, comm="shares", containing=name) for name in TAKERS)
        self.note(f"{found} of {weight(stacks)} samples with the function that took them")
        self.assertGreater(found, 0.9 * weight(stacks))
        # The kernel of then need not be the kernel of now.
        self.assertFalse([f for f in self_weights(later) if f.startswith("[kernel]") and is_named(f)])

    def test_a_file_of_another_build_gives_no_names(self):
        program = self.dir / "program"
        program.write_bytes(open(fixture("shares"), "rb").read())
        program.chmod(0o700)
        result = self.record("-F", RATE, "--no-symbols", formats=("octrace", "folded"),
                             command=[program, 1, 2, self.truth_path])
        program.unlink()
        program.write_bytes(open(fixture("twin_a"), "rb").read())
        later = read_folded(self.convert(result.outputs["octrace"]))
        mine = [s for s in later if s.comm == "program"]
        self.assertGreater(weight(mine), 0)
        self.assertFalse([f for s in mine for f in s.frames if re.match("alpha_|take_", f)])

    def test_parts_add_up_to_the_whole(self):
        result = self.record_shares("--timeline")
        whole = result.outputs["octrace"]
        kept = result.cpu["kept"]
        for one, rest in (
            (("--process", "shares"), ()),
            (("--function", "^take_half$"), ("--ignore", "^take_half$")),
            (("--time-range", "..1s"), ("--time-range", "1s..")),
            (("--cpus", "0"), ("--cpus", "1-1023")),
        ):
            with self.subTest(options=one):
                first = weight(read_folded(self.convert(whole, *one)))
                second = weight(read_folded(self.convert(whole, *rest))) if rest else kept - first
                self.assertEqual(first + second, kept)
                self.assertGreater(first, 0)

    def test_two_recordings_in_one(self):
        paths, kept = [], 0
        for number, options in enumerate(((), ("--timeline",))):
            result = self.record_shares(*options)
            path = self.dir / f"{number}.octrace"
            path.write_bytes(result.outputs["octrace"].read_bytes())
            paths.append(path)
            kept += result.cpu["kept"]
        both = self.dir / "both.octrace"
        subprocess.run([RECORD_TRACE, "merge", *paths, "-q", "-o", both], check=True, timeout=60)
        merged = read_folded(self.convert(both, "--no-symbols"))
        parts = [s for p in paths for s in read_folded(self.convert(p, "--no-symbols"))]
        self.assertEqual(weight(merged), kept)
        self.assertEqual(self_weights(merged), self_weights(parts))
