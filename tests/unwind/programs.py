# SPDX-License-Identifier: BSD-2-Clause
"""The programs on which unwinding is proven, each under a load of its own, bounded, on this machine only.

    with running("redis-server", directory) as pids:
        ...

Everything is started below `directory`, with a low priority, and ended when the block is left.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("O", "build"))
BUILD = BUILD if BUILD.is_absolute() else ROOT / BUILD
TARGETS = pathlib.Path(__file__).resolve().parent / "targets"
COMPARE = BUILD / "unwind" / "compare"

LIMIT_S = 300  # what is still running then ends by itself
NICE = ["nice", "-n", "5"]


class Setup:
    """The processes and the folder of one program under load."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.processes = []

    def start(self, *argv, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", subprocess.DEVNULL)
        kwargs.setdefault("stderr", open(self.directory / "stderr", "ab"))
        process = subprocess.Popen([*NICE, *map(str, argv)], start_new_session=True, cwd=self.directory, **kwargs)
        self.processes.append(process)
        return process

    def run(self, *argv):
        done = subprocess.run([*NICE, *map(str, argv)], cwd=self.directory, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{argv[0]}: exit status {done.returncode}: {done.stdout[-500:]}")

    def check(self):
        """Raises when something that was started has ended."""
        for process in self.processes:
            if process.poll() is not None:
                text = (self.directory / "stderr").read_text(errors="replace")[-500:]
                raise RuntimeError(f"{process.args[3]} ended with status {process.returncode}: {text}")

    def end(self):
        """Load first, then servers, with all their children."""
        for sig in (signal.SIGINT, signal.SIGKILL):
            for process in reversed(self.processes):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sig)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(3)
        for process in self.processes:
            process.wait()


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def needs(program, package):
    """The path of a program; fails with a sentence when it is not there."""
    path = shutil.which(program)
    if not path:
        raise RuntimeError(f"{program} is not installed; run: sudo scripts/install-deps unwind ({package})")
    return path


def children(pid):
    """The living children of a process, by all of its threads."""
    pids = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            pids += map(int, path.read_text().split())
    return pids


def comm(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def program_of(process, name):
    """The pid of the program that a niced process becomes."""
    return wait_until(lambda: comm(process.pid).startswith(name[:15]) and process.pid, f"{name} starts")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- programs that are their own load -------------------------------------------------------------------------------


def own(name, *args):
    """A program of ours: built by rules.mk."""
    def start(setup):
        return [program_of(setup.start(BUILD / "unwind" / name, LIMIT_S, *args), name)]
    return start


def script(program, package, comm_name, *args):
    def start(setup):
        return [program_of(setup.start(needs(program, package), *args), comm_name)]
    return start


def start_sqlite(setup):
    statements = (TARGETS / "busy.sql").read_text()
    tables = "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL); CREATE INDEX i ON t(b, c);\n"
    change = ("DELETE FROM t; INSERT INTO t WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 500) "
              "SELECT x, hex(x * 7919), x / 3.0 FROM n; UPDATE t SET c = c + 1 WHERE b LIKE '%3%';\n")
    path = setup.directory / "busy.sql"
    path.write_text(tables + (statements + change) * 20000)
    return [program_of(setup.start(needs("sqlite3", "sqlite3"), setup.directory / "busy.db", "PRAGMA synchronous=0",
                                   f".read {path}"), "sqlite3")]


def c_source(functions):
    """C that keeps an optimizing compiler busy."""
    parts = ["struct s { int a; double b; char t[16]; struct s *next; };\n"]
    for i in range(functions):
        parts.append(f"""
static int f{i}(struct s *s, int n)
{{
	int sum = {i};
	for (int i = 0; i < n; i++) {{
		switch ((s[i].a + {i}) % {i % 7 + 3}) {{
		case 0: sum += s[i].t[i & 15] * {i % 13}; break;
		case 1: s[i].b = s[i].b * {i % 9}.5 + sum; break;
		case 2: for (struct s *p = s[i].next; p; p = p->next) sum ^= p->a << {i % 5}; break;
		default: sum = sum * 31 + (s[i].next ? f{max(i - 1, 0)}(s[i].next, n - 1) : {i}); break;
		}}
	}}
	return sum;
}}
""" if i else "static int f0(struct s *s, int n) { return s->a + n; }\n")
    parts.append(f"int all(struct s *s, int n) {{ return f{functions - 1}(s, n); }}\n")
    return "".join(parts)


def start_cc1(setup):
    path = setup.directory / "large.c"
    path.write_text(c_source(20000))
    cc1 = subprocess.run(["gcc", "-print-prog-name=cc1"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    return [program_of(setup.start(cc1, "-quiet", "-O2", path, "-o", "/dev/null"), "cc1")]


def start_node(setup, *options):
    return [program_of(setup.start(needs("node", "nodejs"), *options, TARGETS / "busy.js", LIMIT_S), "node")]


def start_java(setup, *options):
    setup.run(needs("javac", "openjdk-17-jdk-headless"), "-d", setup.directory, TARGETS / "Busy.java")
    return [program_of(setup.start(needs("java", "openjdk-17-jdk-headless"), "-XX:-UsePerfData", *options, "-cp",
                                   setup.directory, "Busy", LIMIT_S), "java")]


# ---- servers and their clients --------------------------------------------------------------------------------------


def start_redis(setup):
    path = setup.directory / "redis.sock"
    server = setup.start(needs("redis-server", "redis-server"), "--port", 0, "--unixsocket", path, "--save", "",
                         "--dir", setup.directory)
    wait_until(path.exists, "redis-server listens")
    setup.start(needs("redis-benchmark", "redis-tools"), "-s", path, "-q", "-l", "-c", 10, "-P", 50, "-n", 200000, "-t",
                "set,get,incr,lpush,rpop,sadd,hset,zadd,zpopmin,lrange_300,mset")
    setup.start(needs("redis-benchmark", "redis-tools"), "-s", path, "-q", "-l", "-c", 2, "-n", 100000, "eval",
                "local t = {} for i = 1, 50 do t[i] = redis.call('incr', 'n' .. i) end return #t", 0)
    return [server.pid]


NGINX_CONF = """
daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
events {{ worker_connections 64; }}
http {{
	access_log off; gzip on; gzip_comp_level 2; gzip_types text/plain; gzip_min_length 100;
	client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
	uwsgi_temp_path {directory}; scgi_temp_path {directory};
	server {{
		listen 127.0.0.1:{port}; root {directory}/www;
		location ~ ^/item/([0-9]+)$ {{ rewrite ^/item/([0-9]+)$ /page.txt; }}
	}}
}}
user root;
"""


def start_nginx(setup):
    port = free_port()
    (setup.directory / "www").mkdir()
    (setup.directory / "www" / "page.txt").write_text("".join(f"line {i} of a page, {i * i:x}\n" for i in range(120)))
    conf = setup.directory / "nginx.conf"
    conf.write_text(NGINX_CONF.format(directory=setup.directory, port=port))
    server = setup.start(needs("nginx", "nginx"), "-c", conf, "-p", setup.directory, "-e", setup.directory / "error.log")
    workers = wait_until(lambda: children(server.pid), "nginx starts its worker")
    setup.start(needs("wrk", "wrk"), "-t", 1, "-c", 8, "-d", LIMIT_S, "-H", "Accept-Encoding: gzip",
                f"http://127.0.0.1:{port}/item/7")
    return workers


def start_postgres(setup):
    base = pathlib.Path("/usr/lib/postgresql/15/bin")
    needs(str(base / "postgres"), "postgresql-15")
    data = setup.directory / "data"
    shutil.chown(setup.directory, "postgres")
    setup.directory.chmod(0o755)
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    setup.run(*as_postgres, base / "initdb", "-D", data, "-A", "trust", "--no-sync", "-U", "postgres")
    server = setup.start(*as_postgres, base / "postgres", "-D", data, "-k", setup.directory, "-h", "", "-c", "fsync=off",
                         "-c", "autovacuum=off")
    client = ["-h", setup.directory, "-U", "postgres"]
    wait_until((setup.directory / ".s.PGSQL.5432").exists, "postgres listens")
    wait_until(lambda: subprocess.run([base / "pg_isready", *client], stdout=subprocess.DEVNULL,
                                      check=False).returncode == 0, "postgres is ready")
    setup.run(base / "pgbench", *client, "-i", "-s", 1, "-q", "postgres")
    queries = setup.directory / "busy.sql"
    shutil.copy(TARGETS / "busy.sql", queries)
    setup.start(base / "pgbench", *client, "-n", "-c", 2, "-T", LIMIT_S, "-b", "tpcb-like@5", "-f", f"{queries}@1",
                "postgres")
    time.sleep(0.5)  # its first connection only asks for the size of the tables

    def backends():
        pids = [pid for pid in children(server.pid) if "postgres postgres [local]" in command_line(pid)]
        return pids if len(pids) == 2 else None
    return wait_until(backends, "pgbench connects")


def start_churn(setup):
    """Loads and unloads two libraries at one address, a thousand times a second."""
    return [program_of(setup.start(BUILD / "unwind" / "churn", "dlopen", LIMIT_S), "churn")]


STARTS = {
    "C": own("mix", 3),
    "C++": own("throws"),
    "Rust": own("work_rs"),
    "python3": script("/usr/bin/python3", "python3", "python3", TARGETS / "busy.py", LIMIT_S),
    "perl": script("/usr/bin/perl", "perl", "perl", TARGETS / "busy.pl", LIMIT_S),
    "bash": script("/bin/bash", "bash", "bash", TARGETS / "busy.sh", LIMIT_S),
    "sqlite3": start_sqlite,
    "redis-server": start_redis,
    "nginx": start_nginx,
    "postgres": start_postgres,
    "cc1": start_cc1,
    "static glibc": own("mix_static", 2),
    # Without signals: libdw does not know the trampoline that musl's handlers return to, and guesses.
    "musl": own("mix_musl", 2, "quiet"),
}

# Only for equality: what it maps is new in each moment.
CHURN = {"dlopen": start_churn}

# Managed code: only for the share of complete stacks, as there is nothing that it could be compared with.
MANAGED = {
    "node": start_node,
    "node --perf-basic-prof": lambda setup: start_node(setup, "--perf-basic-prof"),
    "java": start_java,
    "java +PreserveFramePointer": lambda setup: start_java(setup, "-XX:+PreserveFramePointer"),
}


@contextlib.contextmanager
def running(name, directory):
    """Starts a program and its load, yields the pids to look at, and ends all of it."""
    setup = Setup(directory)
    try:
        pids = {**STARTS, **CHURN, **MANAGED}[name](setup)
        time.sleep(0.5)  # past its start
        setup.check()
        yield pids
        setup.check()
    finally:
        setup.end()
