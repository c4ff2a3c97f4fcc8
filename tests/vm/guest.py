# SPDX-License-Identifier: BSD-2-Clause
"""A virtual machine that boots one kernel with record-trace and its fixtures in memory, and what it sends back.

Emulated (qemu without KVM), so it needs no privilege and no hardware. Its clock counts its instructions, 8 ns each: no tick
is late however busy the host is, and two runs give the same samples. That takes a single CPU (with two the kernel does
not come up in this mode); what several CPUs do is for the live tests. tests/vm/init is its first process.
"""

import base64
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("O", "build"))
BUILD = BUILD if BUILD.is_absolute() else ROOT / BUILD
KERNELS = BUILD / "kernels"
BUSYBOX = "/bin/busybox"
PROGRAMS = ["record-trace", "live/verifier", "fixtures/shares", "fixtures/work", "fixtures/forker", "fixtures/brief",
            "fixtures/frameless"]
# Another one than busybox has, which its shell prefers unless the path is given.
SETPRIV = "/usr/bin/setpriv"
FOLDERS = ["bin", "bpf", "dev", "proc", "sys", "tmp"]
# A machine takes 10 to 45 s of CPU time; the rest is for a host that others use as well.
LIMIT_S = 280
CONSOLE_LINES = 30  # of the kernel's messages, shown when a machine did not reach its end


class GuestError(Exception):
    """The machine hung, crashed, or could not be started."""


def libraries_of(program):
    """The shared libraries that the loader would take, with the loader itself."""
    listed = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return set(re.findall(r"(/\S+) \(0x", listed))


def copy_into(tree, path, name):
    target = tree / name.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)


def pack(tree, archive):
    """The cpio archive that the kernel unpacks as its root."""
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*"))) + "\n"
    with open(archive, "wb") as file:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"], cwd=tree, input=names.encode(), stdout=file,
                       check=True)


def build_initramfs(archive):
    """Busybox, our programs with their libraries, the BPF objects, and tests/vm/init."""
    with tempfile.TemporaryDirectory(prefix="onecollect-vm-") as folder:
        tree = pathlib.Path(folder)
        for name in FOLDERS:
            (tree / name).mkdir()
        copies = {SETPRIV: SETPRIV, **{BUILD / name: "bin/" + os.path.basename(name) for name in PROGRAMS}}
        for program, name in copies.items():
            copy_into(tree, program, name)
        libraries = set().union(*map(libraries_of, copies))
        copy_into(tree, BUSYBOX, "bin/busybox")
        for command in subprocess.run([BUSYBOX, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split():
            if not (tree / "bin" / command).exists():
                (tree / "bin" / command).symlink_to("busybox")
        for library in libraries:
            copy_into(tree, library, library)
        for path in (ROOT / "bpf").glob("*.bpf.c"):
            copy_into(tree, BUILD / "bpf" / (path.stem + ".o"), f"bpf/{path.stem}.o")
        copy_into(tree, ROOT / "tests" / "vm" / "init", "init")
        pack(tree, archive)


def read_results(text):
    """{file name: bytes} of what the machine sent; a file that is cut off is left out."""
    return {name: base64.b64decode(body) for name, body in re.findall(r"^== (\S+)\n([A-Za-z0-9+/=\n]*?)^==$", text, re.M)}


def run_guest(version, steps):
    """Boots the kernel, runs the steps, and returns {file name: bytes}. Raises GuestError when it does not come to its end."""
    kernel = KERNELS / version / "vmlinuz"
    if not kernel.exists():
        raise GuestError(f"{kernel} is not there; run: scripts/fetch-kernels {KERNELS}")
    with tempfile.TemporaryDirectory(prefix="onecollect-vm-") as folder:
        build_initramfs(f"{folder}/initramfs")
        argv = ["qemu-system-x86_64", "-accel", "tcg", "-icount", "shift=3,sleep=off", "-cpu", "max", "-smp", "1",
                "-m", "1024", "-nodefaults", "-nographic", "-no-reboot", "-kernel", kernel, "-initrd", f"{folder}/initramfs",
                "-serial", f"file:{folder}/console", "-serial", f"file:{folder}/results",
                "-append", f"console=ttyS0 panic=-1 quiet steps={steps}"]
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, timeout=LIMIT_S, check=False)
            problem = f"qemu ended with status {done.returncode}: {done.stdout}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            problem = f"no end after {LIMIT_S} s"
        console = pathlib.Path(folder, "console").read_text(encoding="utf-8", errors="replace").splitlines()
        sent = pathlib.Path(folder, "results").read_text(encoding="ascii", errors="replace").replace("\r", "")
    results = read_results(sent)
    if problem or "end.status" not in results:
        last = "\n".join(console[-CONSOLE_LINES:])
        raise GuestError(f"kernel {version}: {problem or 'it went down early'}; it sent {sorted(results)}\n{last}")
    return results
