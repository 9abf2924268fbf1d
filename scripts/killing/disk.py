"""A disk that is full in the midst of a bake: one in memory, which nobody else sees."""

import os
import shutil
import subprocess
import sys
import tempfile
import time

from . import bakes

# An exit code of azulejo's: out of disk.
FULL = 9


def cannot():
    """Why there can be no such disk here, or nothing."""
    if os.geteuid() != 0:
        return "only root may mount a disk in memory"
    if not shutil.which("unshare"):
        return "there is no unshare to mount a disk with that nobody else sees"
    tried = subprocess.run([*ALONE, "mount", "-t", "tmpfs", "none", tempfile.gettempdir()], capture_output=True, check=False)
    return None if tried.returncode == 0 else "mounting is not allowed here"


ALONE = ["unshare", "--mount", "--propagation", "private"]


def run_alone(script, words):
    """Runs the same script where it can mount; whether all was well."""
    return subprocess.run([*ALONE, sys.executable, script, *words], check=False).returncode == 0


def full_in_the_midst(tile, output, say):
    """Bakes to a disk that is too small, and to one that somebody else fills, until each has room."""
    with tempfile.TemporaryDirectory(prefix="azulejo-disk-") as folder:
        straight = _baker(tile, os.path.join(folder, "straight"), output)
        straight.go_on()
        digest, n_bytes = straight.place.digest(), _allocated(straight.place.written)
        for how, fill in [("too small", _too_small), ("filled by somebody else", _filled)]:
            baker = _baker(tile, os.path.join(folder, "disk"), output)
            try:
                n_kept = fill(baker, n_bytes)
                baker.go_on()
                taken = baker.counted()
                if baker.place.digest() != digest:
                    raise bakes.Failed(f"{output}: another one after the disk was {how}")
                if taken["taken"] != n_kept:
                    raise bakes.Failed(f"{output}: {n_kept} parts were finished when the disk was {how}; taken: {taken['taken']}")
            finally:
                _mount("umount", "--lazy", baker.place.folder)
            of = taken["taken"] + taken["kept"]
            say(f"{output}: ended with {FULL} on a disk that was {how}; with room {n_kept} of {of} parts taken, the same to the byte")


def _baker(tile, folder, output):
    os.makedirs(folder, exist_ok=True)
    return bakes.Baker(tile, bakes.Place(folder, output))


def _mount(*command):
    subprocess.run(command, check=True)


def _allocated(path):
    """Bytes that a file, or a folder with all in it, takes on a disk."""
    files = [os.path.join(above, name) for above, _, names in os.walk(path) for name in names] or [path]
    return sum(-(-os.stat(file).st_size // 4096) * 4096 for file in files)


def _too_small(baker, n_bytes):
    """Bakes until the disk, which has room for the half, is full; then it has room. How many parts are there."""
    at = baker.place.folder
    _mount("mount", "-t", "tmpfs", "-o", f"size={n_bytes // 2 + (1 << 16)}", "none", at)
    _fails(baker, baker.start())
    _mount("mount", "-o", f"remount,size={6 * n_bytes + (64 << 20)}", at)
    return len(baker.place.parts())


def _filled(baker, n_bytes):
    """Bakes until somebody fills the disk after some parts, and gives the room back. How many parts are there."""
    at = baker.place.folder
    _mount("mount", "-t", "tmpfs", "-o", f"size={6 * n_bytes + (64 << 20)}", "none", at)
    child = baker.start()
    filler = os.path.join(at, "of-somebody-else")
    with open(filler, "wb") as file:
        while child.poll() is None:
            if len(baker.place.parts()) > 3:
                _fill(file)
            time.sleep(bakes.GLANCE_S)
    _fails(baker, child)
    os.remove(filler)
    return len(baker.place.parts())


def _fill(file):
    found = os.statvfs(file.fileno())
    n_bytes = found.f_bavail * found.f_frsize
    if n_bytes:
        end = file.seek(0, os.SEEK_END)
        try:
            os.posix_fallocate(file.fileno(), end, n_bytes)
        except OSError:
            # Somebody was faster.
            pass


def _fails(baker, child):
    code = child.wait()
    if code != FULL:
        raise bakes.Failed(f"{baker.place.output}: ended with {code} on a full disk; expected {FULL}:\n{baker.words()}")
