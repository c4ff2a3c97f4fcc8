# SPDX-License-Identifier: BSD-2-Clause
"""Parquet files as DuckDB and Arrow read them: types, every value, groups of rows, and the queries of docs/formats.md."""

import os
import re
import subprocess
import tempfile
import unittest

import known_recording
import parquet

TYPES = {
    "time_ns": "BIGINT", "time": "TIMESTAMP WITH TIME ZONE", "kind": "VARCHAR", "count": "UBIGINT", "value": "UBIGINT",
    "unit": "VARCHAR", "span": "VARCHAR", "pid": "UINTEGER", "tid": "UINTEGER", "comm": "VARCHAR", "thread": "VARCHAR",
    "cpu": "UINTEGER", "host": "VARCHAR", "container": "VARCHAR", "function": "VARCHAR", "module": "VARCHAR",
    "stack": "VARCHAR[]", "attributes": 'STRUCT("key" VARCHAR, "value" VARCHAR)[]',
}
START_NS = 1700000000123456789  # of the known recording, in the time of day


class Parquet(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        self.path = os.path.join(self.dir, "x.parquet")

    def query(self, sql):
        return parquet.query(self.dir, sql)

    def sample(self, *flags):
        known_recording.write("parquet", self.path, *flags)

    def stacks(self, records):
        """records: (comm, pid, thread, tid, count, frames)."""
        text = "".join("\x1f".join(map(str, [*record[:5], *(f"u{name}" for name in record[5])])) + "\x1e" for record in records)
        subprocess.run([os.path.join(known_recording.BUILD, "interop", "write_stacks"), "parquet=" + self.path],
                       input=text.encode(), check=True)

    def test_types(self):
        for flags in (("timeline",), ("empty",)):
            self.sample(*flags)
            self.assertEqual({row[0]: row[1] for row in self.query("DESCRIBE SELECT * FROM 'x.parquet'")}, TYPES)
        self.assertEqual(self.query("SELECT count(*) FROM 'x.parquet'"), [(0,)])
        self.assertEqual(parquet.arrow(self.path).num_rows, 0)

    def test_values(self):
        self.sample("timeline", "two-kinds", "waits")
        self.assertEqual(self.query("SELECT kind, unit, count(*), sum(count)::INT, sum(value)::INT FROM 'x.parquet'"
                                    " GROUP BY ALL ORDER BY kind"),
                         [("cpu", "nanoseconds", 101, 101, 101 * known_recording.PERIOD_NS),
                          ("off_cpu", "nanoseconds", 1, 1, 200000000), ("page_faults", "bytes", 9, 9, 9 * 4096)])
        self.assertEqual(self.query("SELECT pid, tid, comm, thread, host, container, count(*) FROM 'x.parquet'"
                                    " WHERE kind = 'cpu' GROUP BY ALL ORDER BY pid, tid"),
                         [(100, 100, "server", None, "host.example", None, 41),
                          (100, 101, "server", "work;er\\n1", "host.example", None, 30),
                          (200, 0, "no;de </script>", None, "host.example", "c0ffee", 5),
                          (200, 200, "no;de </script>", None, "host.example", "c0ffee", 25)])
        self.assertEqual(self.query("SELECT DISTINCT stack, module FROM 'x.parquet' WHERE function = 'recurse'"),
                         [(["main", "recurse", "recurse", "recurse"], "/usr/bin/server")])
        self.assertEqual(self.query("SELECT stack, module, count(*) FROM 'x.parquet' WHERE function = '[no stack]'"
                                    " GROUP BY ALL"), [([], None, 2)])
        self.assertEqual(self.query("SELECT DISTINCT cpu FROM 'x.parquet' WHERE kind = 'cpu' ORDER BY cpu"), [(0,), (1,)])
        self.assertEqual(self.query("SELECT bool_and(len(attributes) = 0) FROM 'x.parquet'"), [(True,)])

    def test_times(self):
        self.sample("timeline")
        times = parquet.arrow(self.path).select(["time_ns", "time"])
        monotonic = times.column("time_ns").to_pylist()
        self.assertEqual(monotonic, sorted(monotonic))
        self.assertEqual(monotonic[0], 5000000000)
        wall = times.column("time").cast("int64").to_pylist()
        self.assertEqual({one - other for one, other in zip(wall, monotonic)}, {START_NS - 5000000000})
        metadata, _ = parquet.about(self.path)
        statistics = metadata.row_group(0).column(0).statistics
        self.assertEqual((statistics.min, statistics.max), (monotonic[0], monotonic[-1]))
        self.sample()
        self.assertEqual(self.query("SELECT count(time), count(time_ns), count(*), sum(count)::INT FROM 'x.parquet'"),
                         [(0, 0, 9, known_recording.TOTAL)])

    def test_losses(self):
        self.sample()
        _, pairs = parquet.about(self.path)
        self.assertEqual((pairs["onecollect.cpu.taken"], pairs["onecollect.cpu.kept"],
                          pairs["onecollect.cpu.lost.ring_full"], pairs["onecollect.host"]),
                         ("104", "101", "3", "host.example"))
        self.assertIn(("onecollect.cpu.kept", "101"),
                      self.query("SELECT decode(key), decode(value) FROM parquet_kv_metadata('x.parquet')"))

    def test_hostile_names(self):
        known_recording.write_hostile(("parquet", self.path))
        rows = self.query("SELECT function, comm, stack, count FROM 'x.parquet' ORDER BY count")
        self.assertEqual(rows, [(name, name, ["root", name], count)
                                for name, count in known_recording.HOSTILE_SELF.items()])

    def test_groups_of_rows(self):
        """More rows than one group has, and one whose stacks make it full before."""
        total = 130000
        self.stacks(("program", 100 + number % 7, "t", 100 + number % 7, 1 + number % 3,
                     [f"f{number % 1000}", f"g{number // 1000}"]) for number in range(total))
        metadata, _ = parquet.about(self.path)
        self.assertEqual([metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)],
                         [122880, total - 122880])
        self.assertEqual(self.query("SELECT count(*), sum(count)::INT, count(DISTINCT stack) FROM 'x.parquet'"),
                         [(total, sum(1 + number % 3 for number in range(total)), total)])
        expected = {}
        for number in range(total):
            name = f"g{number // 1000}"
            expected[name] = expected.get(name, 0) + 1 + number % 3
        self.assertEqual(parquet.weights(self.path), {"cpu": expected})
        deep = [f"n{number}" for number in range(800)]
        self.stacks(("program", 1, "t", 1, 1, [*deep, f"f{number}"]) for number in range(8000))
        metadata, _ = parquet.about(self.path)
        self.assertGreater(metadata.num_row_groups, 1)
        self.assertEqual(self.query("SELECT count(*), min(len(stack)), max(len(stack)), count(DISTINCT stack)"
                                    " FROM 'x.parquet'"), [(8000, 801, 801, 8000)])

    def test_queries_of_the_documentation(self):
        with open(os.path.join(known_recording.ROOT, "docs", "formats.md"), encoding="utf-8") as file:
            hottest, callers, slices = re.findall(r"```sql\n(.*?)```", file.read(), re.S)
        self.sample("timeline")
        rows = self.query(hottest)
        self.assertEqual(rows[0], ("hot_loop", 50, 49.5))
        self.assertEqual({name: count for name, count, _ in rows}, known_recording.ALL_SELF)
        self.assertEqual(self.query(callers), [("main", 50.0)])
        rows = self.query(slices)
        self.assertEqual(rows[0][:2], ("2023-11-14 22:13:20.12+00", "server"))
        self.assertEqual(sum(ms for _, _, ms in rows), known_recording.TOTAL)


if __name__ == "__main__":
    unittest.main()
