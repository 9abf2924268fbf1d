"""Runs a command and says what it cost: CPU seconds, wall seconds, peak memory, of all its processes together."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass


class Failed(Exception):
    """A command that did not end well."""


@dataclass
class Cost:
    cpu_s: float
    wall_s: float
    peak_mb: float

    def __add__(self, other):
        """One after the other."""
        return Cost(self.cpu_s + other.cpu_s, self.wall_s + other.wall_s, max(self.peak_mb, other.peak_mb))


# A file to hold a lock on while a command runs: whoever else takes it (`flock FILE make`) does not disturb the figures.
lock = None


def run(commands, environment, log):
    """The cost of `commands`, one after the other; what they say goes to the file `log`."""
    return sum((_run(command, environment, log) for command in commands), Cost(0.0, 0.0, 0.0))


@contextlib.contextmanager
def alone():
    """Holds the lock."""
    if not lock:
        yield
        return
    with open(lock, "a", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _run(command, environment, log):
    with open(log, "w", encoding="utf-8") as said:
        start = time.monotonic()
        # A session of its own: Ctrl-C reaches us alone, and we end all of its processes, not just the first.
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        with _Sampler(child.pid) as sampler:
            try:
                # The costs of a process and of all those that it has waited for.
                _, status, usage = os.wait4(child.pid, 0)
            except BaseException:
                _end(child)
                raise
        wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        with open(log, encoding="utf-8", errors="replace") as said:
            words = said.read().strip()[-1500:]
        raise Failed(f"`{' '.join(command)}` ended with {child.returncode}:\n{words}")
    # Linux counts kilobytes; the largest process is what a single one needs at its highest, between two samples too.
    peak = max(usage.ru_maxrss / 1024, sampler.peak_mb)
    return Cost(usage.ru_utime + usage.ru_stime, wall, peak)


def _end(child):
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(timeout=5)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


class _Sampler:
    """Watches the memory of a process and its descendants, what they share counted once (PSS)."""

    INTERVAL_S = 0.4

    def __init__(self, root):
        self.root, self.peak_mb = root, 0.0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def _watch(self):
        while not self.stop.wait(self.INTERVAL_S):
            total = sum(_pss_mb(pid) for pid in _tree(self.root))
            self.peak_mb = max(self.peak_mb, total)


def _tree(root):
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                    parent = int(stat.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def _pss_mb(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as rollup:
            return int(re.search(r"^Pss:\s+(\d+)", rollup.read(), re.MULTILINE).group(1)) / 1024
    except (OSError, AttributeError):
        return 0.0
