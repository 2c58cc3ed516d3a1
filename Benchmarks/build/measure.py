# SPDX-License-Identifier: Apache-2.0
"""Runs a command and measures it: wall time, processor time, peak memory, its children included."""

import ctypes
import os
import resource
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
INTERVAL = 0.2


@dataclass
class Measurement:
    seconds: float
    cpu_seconds: float  # of the command, its children and orphans
    peak_memory: int  # bytes
    status: int


def adopt_orphans() -> None:
    """Makes this process the parent of orphans below it, so that no child of a measured command escapes the sampler."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(root: int) -> list[int]:
    """All processes that descend from `root`."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                # The name may hold blanks and brackets: the fields begin after the last one.
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        children.setdefault(parent, []).append(int(entry))
    found = children.get(root, [])
    for pid in found:  # grows while it is walked
        found += children.get(pid, [])
    return found


def field(path: str, name: str) -> int:
    """A field of a /proc file that is given in kB, in bytes; 0 when the process is gone."""
    try:
        with open(path, "rb") as file:
            for line in file:
                if line.startswith(name.encode() + b":"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def resident() -> int:
    """The proportional set sizes of all processes below this one, in bytes: pages they share count once."""
    return sum(field(f"/proc/{pid}/smaps_rollup", "Pss") for pid in descendants(os.getpid()))


class MemorySampler(threading.Thread):
    """Samples the memory of all processes below this one, plus what lies in tmpfs since the start, whoever put it there: that is
    memory as well."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.done = threading.Event()
        self.shmem = field("/proc/meminfo", "Shmem")

    def run(self) -> None:
        while not self.done.wait(INTERVAL):
            self.peak = max(self.peak, resident() + max(0, field("/proc/meminfo", "Shmem") - self.shmem))


def cpu_of_children() -> float:
    """The processor seconds of all children so far. An orphan counts with its own children once it is waited for: who enters
    a process namespace by bubblewrap leaves the namespace's first process behind, and all it ran with it."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                break
        except ChildProcessError:
            break
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(command: list[str], log: Path, environment: dict[str, str] | None = None) -> Measurement:
    """Runs `command`, its output going to `log`."""
    os.sync()  # what the run before has left to write is not this run's work
    before = cpu_of_children()
    with open(log, "wb") as output:
        begin = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        sampler = MemorySampler()
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    sampler.done.set()
    sampler.join()
    # The largest single process as the kernel saw it, should it have come and gone between two samples.
    peak = max(sampler.peak, usage.ru_maxrss * 1024)
    return Measurement(seconds, cpu_of_children() - before, peak, process.returncode)
