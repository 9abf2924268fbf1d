"""Bakes that are killed and gone on with."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

from . import lost

# How often it is looked what parts there are.
GLANCE_S = 0.005

# One in so many runs that go on is killed, too.
AGAIN = 3


class Failed(Exception):
    """Something that must not be."""


@dataclass
class Place:
    """Where a bake goes: the folder that it is run in, what it writes, and where it keeps parts."""

    folder: str
    output: str
    environment: dict = field(default_factory=dict)
    # The folder with the objects of the bucket, where the output is one.
    bucket: str | None = None

    @property
    def written(self):
        return os.path.join(self.bucket, "x") if self.bucket else os.path.join(self.folder, self.output)

    @property
    def is_published(self):
        """Whether the output has its name, or in a bucket what says that it is whole."""
        return os.path.exists(os.path.join(self.written, "tilejson.json") if self.bucket else self.written)

    def parts(self):
        """Finished parts that are kept, by name, with the time of each."""
        found = {}
        for above, _, names in os.walk(self.folder):
            if above == self.bucket or above == self.written:
                continue
            for name in names:
                if name.endswith(".shard"):
                    try:
                        found[name] = os.stat(os.path.join(above, name)).st_mtime
                    except FileNotFoundError:
                        pass
        return found

    def clear(self):
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            if path != os.path.dirname(self.bucket or ""):
                _remove(path)
        if self.bucket:
            for name in os.listdir(self.bucket):
                _remove(os.path.join(self.bucket, name))

    def digest(self):
        """Of all files of the output, with their names."""
        names = [os.path.join(above, name) for above, _, names in os.walk(self.written) for name in names]
        digest = hashlib.sha256()
        for path in sorted(names) or [self.written]:
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
            digest.update(f"{os.path.relpath(path, self.written)} {content}\n".encode())
        return digest.hexdigest()


def _remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


class Baker:
    """Runs bakes at a place."""

    def __init__(self, tile, place):
        self.place = place
        # Elsewhere: the disk of the place may be full.
        self.notes = tempfile.TemporaryDirectory(prefix="azulejo-notes-")
        self.report = os.path.join(self.notes.name, "report.json")
        self.said = os.path.join(self.notes.name, "said.txt")
        self.command = [*tile, "--resume", "--report", self.report, "-o", place.output]
        self.environment = {**os.environ, **place.environment}

    def start(self, *more):
        if os.path.exists(self.report):
            os.remove(self.report)
        with open(self.said, "w", encoding="utf-8") as said:
            return subprocess.Popen(
                [*self.command, *more],
                cwd=self.place.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def finish(self, child):
        """Makes sure that a bake that has ended has ended well."""
        if child.wait() != 0:
            raise Failed(f"{self.place.output}: ended with {child.returncode}; expected 0:\n{self.words()}")

    def words(self):
        with open(self.said, encoding="utf-8", errors="replace") as said:
            return said.read().strip()

    def go_on(self, plan=None):
        """Bakes what is missing."""
        child = self.start(*(["--overwrite"] if self.place.is_published else []))
        while child.poll() is None:
            if plan:
                plan.saw(self.place.parts())
            time.sleep(GLANCE_S)
        self.finish(child)

    def kill_after(self, moment_s):
        """Kills a bake after so long; when that was, or nothing if the bake was done before."""
        child = self.start(*(["--overwrite"] if self.place.is_published else []))
        try:
            child.wait(timeout=moment_s)
        except subprocess.TimeoutExpired:
            child.kill()
            killed = time.time()
            if child.wait() != 0:
                return killed
        self.finish(child)
        return None

    def counted(self):
        """Parts taken and kept, as the report has it."""
        with open(self.report, encoding="utf-8") as report:
            return json.load(report)["parts"]


@dataclass
class Result:
    """What came of the bakes of a kind of output."""

    n_parts: int = 0
    alone_s: float = 0.0
    n_killed: int = 0
    # Killed when the output was there already, and only what was kept for it not yet gone.
    n_late: int = 0
    n_finished: int = 0
    n_taken: int = 0
    # Beyond the time of a bake that is left alone, for each bake.
    beyond_s: list = field(default_factory=list)
    lost_s: list = field(default_factory=list)
    part_s: list = field(default_factory=list)

    def text(self, kind, jobs):
        late = f", {self.n_late} of these times when the output was there already" if self.n_late else ""
        return "\n".join(
            [
                f"{kind}: {len(self.beyond_s)} bakes of {self.n_parts} parts, {self.n_killed} times killed{late}; all the same to the byte",
                f"  finished when killed  {self.n_finished} parts, {self.n_taken} of them taken by the run that ended",
                f"  begun when killed     at most {jobs} a time, a thread: {shown(self.lost_s)} of each lost",
                f"  a part takes          {shown(self.part_s)}",
                f"  a bake takes          {self.alone_s:.2f} s alone; when killed {shown(self.beyond_s)} more, with starting again",
            ]
        )


def shown(seconds):
    """Mean and largest."""
    if not seconds:
        return "nothing"
    return f"{sum(seconds) / len(seconds):.2f} s, at most {max(seconds):.2f} s"


def trial(baker, n, jobs, chance, say):
    """`n` bakes that are killed, and what came of them."""
    place, plan, result = baker.place, lost.Plan(jobs), Result()
    digest = alone(baker, plan, result)
    for at in range(n):
        beyond_s = killed_and_gone_on_with(baker, plan, result, chance)
        if place.digest() != digest:
            raise Failed(f"{place.output}: another one than that of a bake that was left alone; it is in {kept_copy(place)}")
        if left := place.parts():
            raise Failed(f"{place.output}: {len(left)} parts are left; expected none")
        result.beyond_s.append(beyond_s)
        say(f"{place.output}: {at + 1} of {n} bakes, {result.n_killed} times killed")
    result.lost_s, result.part_s = plan.lost_s(), plan.part_s()
    return result


def alone(baker, plan, result):
    """Bakes twice without being disturbed; what comes of it."""
    digests = set()
    for _ in range(2):
        baker.place.clear()
        started = time.monotonic()
        baker.go_on()
        took_s = time.monotonic() - started
        result.alone_s = min(result.alone_s or took_s, took_s)
        result.n_parts = baker.counted()["kept"]
        digests.add(baker.place.digest())
    # Looking at the parts as they come takes time of its own.
    baker.place.clear()
    baker.go_on(plan)
    digests.add(baker.place.digest())
    if len(digests) > 1:
        raise Failed(f"{baker.place.output}: bakes that were left alone differ")
    return digests.pop()


def killed_and_gone_on_with(baker, plan, result, chance):
    """A bake that is killed at least once; how much longer it took than one that is left alone."""
    place = baker.place
    place.clear()
    total_s, n_finished, is_late = 0.0, None, False
    while True:
        moment_s = chance.random() * result.alone_s
        began, started = time.time(), time.monotonic()
        killed = baker.kill_after(moment_s)
        total_s += time.monotonic() - started
        if killed is None and n_finished is None:
            # It was faster this time, and nobody has killed it.
            place.clear()
            total_s = 0.0
            continue
        if killed is None:
            break
        parts = place.parts()
        if n_finished is None:
            plan.killed(began, killed, parts)
        is_late = place.is_published
        n_finished = len(parts)
        result.n_killed += 1
        result.n_late += is_late
        if chance.randrange(AGAIN):
            started = time.monotonic()
            baker.go_on()
            total_s += time.monotonic() - started
            break
    n_taken = baker.counted()["taken"]
    # What is being removed cannot be taken.
    if not is_late:
        if n_taken != n_finished:
            raise Failed(f"{place.output}: {n_finished} parts were finished, {n_taken} taken; expected all")
        result.n_finished += n_finished
        result.n_taken += n_taken
    return total_s - result.alone_s


def kept_copy(place):
    """Where the output of a bake that failed can be looked at."""
    return shutil.copytree(place.folder, os.path.join(tempfile.mkdtemp(prefix="azulejo-killed-"), "x"))
