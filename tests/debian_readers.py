# SPDX-License-Identifier: BSD-2-Clause
"""Other people's readers that are packages of Debian, and what they say of a file; those of pprof and perf.data have
modules of their own. Called by tests of single formats and by the table of all."""

import collections
import json
import os
import re
import subprocess

import known_recording

HANG_S = 300  # longer than this means that a reader hangs, however busy the machine is
HERE = os.path.dirname(os.path.abspath(__file__))
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
OTLP_SCHEMA = os.path.join(HERE, "interop", "otlp_profiles.proto")
PERFVIEW_SOURCE = os.path.join(HERE, "interop", "read_perfview.cs")
PERFVIEW_READER = os.path.join(known_recording.BUILD, "interop", "read_perfview.exe")


def run(argv, silent=False, stdin=os.devnull):
    """Standard output of a program, which must end well; silent: without a word of warning."""
    try:
        with open(stdin, "rb") as file:
            done = subprocess.run(argv, stdin=file, capture_output=True, check=False, timeout=HANG_S)
    except FileNotFoundError:
        raise AssertionError(f"{argv[0]} is missing; run: sudo scripts/install-deps check") from None
    if done.returncode or silent and done.stderr:
        raise AssertionError(f"{' '.join(argv)}: exit status {done.returncode}: {done.stderr[-2000:]!r}")
    return done.stdout


def version(package):
    """The version of a package, without what Debian adds; empty when the reader came in another way."""
    done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=False,
                          timeout=HANG_S)
    return re.split("[-+]", done.stdout.rpartition(":")[2])[0] if done.returncode == 0 else ""


def callgrind(path, *options):
    """callgrind_annotate's rows, {function: costs}, its totals and its events; names without blanks at their ends."""
    text = run(["callgrind_annotate", "--threshold=100", "--auto=no", "--show-percs=no", *options, path],
               silent=True).decode()
    rows, totals, events = {}, [], []
    for line in text.split("\n"):
        row = re.fullmatch(r"\s*((?:[\d,.]+\s+)+)(?:[^: ]*:(.*) \[.*\]|PROGRAM TOTALS)", line)
        if line.startswith("Events shown:"):
            events = line.partition(":")[2].split()
        if not row:
            continue
        costs = [int(cost.replace(",", "").replace(".", "0")) for cost in row[1].split()]
        if row[2] is None:
            totals = costs
        elif any(costs):
            rows[row[2].strip()] = costs
    return rows, totals, events


def perfview_reader():
    """Path of the program that reads as PerfView does; compiles it when that was not done yet."""
    if not os.path.exists(PERFVIEW_READER) or os.path.getmtime(PERFVIEW_READER) < os.path.getmtime(PERFVIEW_SOURCE):
        made = f"{PERFVIEW_READER}.{os.getpid()}"
        os.makedirs(os.path.dirname(made), exist_ok=True)
        run(["mcs", "-out:" + made, PERFVIEW_SOURCE])
        os.replace(made, PERFVIEW_READER)
    return PERFVIEW_READER


def perfview(path):
    """(metric, time, frames from root to leaf) of each sample, as .NET's XmlReader has them."""
    rows = [line.split("\x1f") for line in run(["mono", perfview_reader(), path]).decode().split("\n")[:-1]]
    return [(row[0], row[1], row[2:]) for row in rows]


def json_lines(path, *fields):
    """Rows of the fields of each line, as jq has them."""
    text = run(["jq", "-c", "[" + ", ".join(fields) + "]", path]).decode()
    return [json.loads(line) for line in text.split("\n")[:-1]]


def unescape(text):
    """A string as protoc prints it, without its quotes."""
    data = re.sub(r"\\([0-7]{3}|.)", lambda m: chr(int(m[1], 8)) if m[1].isdigit() else ESCAPES.get(m[1], m[1]), text)
    return data.encode("latin-1").decode()


def text_format(lines):
    """A message as protoc prints it: {field: [values]}, from an iterator over its lines."""
    message = collections.defaultdict(list)
    for line in lines:
        line = line.strip()
        if line == "}":
            break
        if line[0].isdigit():
            raise AssertionError(f"a field number that the schema does not know: {line}")
        if line.endswith(" {"):
            message[line[:-2]].append(text_format(lines))
            continue
        name, _, value = line.partition(": ")
        message[name].append(unescape(value[1:-1]) if value.startswith('"') else int(value))
    return message


def otlp(path):
    """A file of OTLP profiles, as protoc has it with a schema of our own."""
    text = run(["protoc", "-I", os.path.dirname(OTLP_SCHEMA), "--decode=otlp.ProfilesData", OTLP_SCHEMA], stdin=path)
    return text_format(iter(text.decode().split("\n")[:-1]))


def otlp_weights(path):
    """(kind, innermost function, samples or what they measured) of each sample of a file."""
    data = otlp(path)
    tables = data["dictionary"][0]
    strings = tables["string_table"]
    profiles = [profile for resource in data["resource_profiles"] for scope in resource["scope_profiles"]
                for profile in scope["profiles"]]
    for profile in profiles:
        kind = strings[profile["sample_type"][0]["type_strindex"][0]]
        for sample in profile["samples"]:
            stack = tables["stack_table"][(sample["stack_index"] or [0])[0]]["location_indices"]
            yield kind, otlp_leaf(tables, stack[0]) if stack else "[no stack]", \
                sum(sample["values"]) or len(sample["timestamps_unix_nano"])


def otlp_leaf(tables, index):
    """The innermost function at a location, or its place when it has none."""
    strings, location = tables["string_table"], tables["location_table"][index]
    for line in location["lines"][:1]:
        return strings[tables["function_table"][line["function_index"][0]]["name_strindex"][0]]
    address = location["address"][0]
    if not location["mapping_index"]:
        return f"0x{address:x}"
    mapping = tables["mapping_table"][location["mapping_index"][0]]
    place = address - sum(mapping["memory_start"]) + sum(mapping["file_offset"])
    return f"{os.path.basename(strings[mapping['filename_strindex'][0]])}+0x{place:x}"


# The frames of the image in their order, from callers to callees: what is above what, the name, and the samples.
SVG_FRAMES = """[...document.querySelector('#frames').children].map((g) => {
    const rect = g.querySelector('rect'), title = g.querySelector('title').textContent;
    return [Number(rect.getAttribute('y')), title.slice(0, title.lastIndexOf(' (')), Number(rect.getAttribute('fg:w'))];
})"""


def flame_svg(browser, path):
    """Samples by innermost function of a flame graph, as a browser has its elements."""
    page = browser.open(f"file://{path}")
    weights, path_to = collections.Counter(), []
    for y, name, width in page.evaluate(SVG_FRAMES):
        while path_to and path_to[-1][0] <= y:  # callers stand lower
            path_to.pop()
        if path_to:
            weights[path_to[-1][1]] -= width
        weights[name] += width
        path_to.append((y, name))
    page.close()
    return weights


def flame_html(browser, path):
    """Samples by innermost function of the interactive flame graph, as its own script has them in a browser."""
    page = browser.open(f"file://{path}")
    weights = page.evaluate("onecollect.selfByFunction()")
    page.close()
    return weights
