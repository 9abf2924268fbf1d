"""What is here to measure with: azulejo, its peers, the folder of inputs."""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

INPUTS_HELP = """\
The cases bake generated rasters, and measure programs that must be installed. A set-up script makes both in a folder of
yours, 4 GB in ten minutes, if you have the project's shared folder beside this clone:

    BENCH=~/azulejo-bench ../shared/bench/setup.sh
    BENCH=~/azulejo-bench scripts/bench

Without it, measure azulejo on a raster of your own beside the peers that are on PATH:

    scripts/bench your.tif"""

# Where to get what is missing, in words that can be followed.
GET = {
    "gdal": "`gdal raster tile` comes with GDAL 3.11 or newer (conda install -c conda-forge libgdal-core)",
    "gdal2tiles": "gdal2tiles.py comes with GDAL's Python package (apt install gdal-bin python3-gdal)",
    "gdal_translate": "gdal_translate and gdaladdo come with GDAL (apt install gdal-bin)",
    "gdaldem": "gdaldem comes with GDAL (apt install gdal-bin)",
    "rio": "rio mbtiles: python3 -m venv V && V/bin/pip install rio-mbtiles, then put V/bin on PATH",
}


class Setup:
    """Tools by name, each a path, or absent."""

    def __init__(self, azulejo):
        self.bench = os.environ.get("BENCH")
        if self.bench:
            self.bench = os.path.abspath(self.bench)
        self.built_here = azulejo is None
        self.tools = {
            "azulejo": _azulejo(azulejo),
            "gdal": self._first(["gdal"], lambda path: _works([path, "raster", "tile", "--help"]) or _is_ours(path)),
            "gdal2tiles": self._first(["gdal2tiles.py", "gdal2tiles"]),
            "gdal_translate": self._first(["gdal_translate"]),
            "gdaladdo": self._first(["gdaladdo"]),
            "gdaldem": self._first(["gdaldem"]),
            "gdalwarp": self._first(["gdalwarp"]),
            "rio": self._first(["rio"], lambda path: _works([path, "mbtiles", "--version"])),
        }
        self.python = self._first(["python3"], lambda path: _works([path, "-c", "import numpy, PIL"]))

    def has_inputs(self):
        return bool(self.bench) and os.path.isdir(os.path.join(self.bench, "data"))

    def data(self, name):
        return os.path.join(self.bench, "data", name)

    def _first(self, names, fits=lambda path: True):
        """The first of `names` in $BENCH, in its Python environment, or on PATH."""
        folders = [self.bench, os.path.join(self.bench, "venv", "bin")] if self.bench else []
        for name in names:
            for path in [os.path.join(folder, name) for folder in folders] + [shutil.which(name)]:
                if path and os.access(path, os.X_OK) and os.path.isfile(path) and fits(path):
                    return path
        return None

    def azulejo_digest(self):
        with open(self.tools["azulejo"], "rb") as program:
            return hashlib.sha256(program.read()).hexdigest()[:12]

    def versions(self):
        """What was measured, by tool."""
        asked = {
            "azulejo": [self.tools["azulejo"], "--version"],
            "gdal raster tile": [self.tools["gdal"], "--version"],
            "gdal2tiles": [self.tools["gdal2tiles"], "--version"],
            "GDAL": [self.tools["gdal_translate"], "--version"],
            "rio mbtiles": [self.tools["rio"], "mbtiles", "--version"],
        }
        said = {name: _version(command) for name, command in asked.items() if command[0]}
        # Of a program from elsewhere nobody knows.
        if self.built_here:
            said["azulejo"] += _commit()
        return said


def machine():
    """The processor and how many of it there are."""
    model = "unknown processor"
    for path in glob.glob("/proc/cpuinfo"):
        with open(path, encoding="utf-8") as info:
            found = re.search(r"^model name\s*:\s*(.+)$", info.read(), re.MULTILINE)
            model = found.group(1) if found else model
    return f"{model}, {len(os.sched_getaffinity(0))} cores"


def _azulejo(path):
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    path = os.path.abspath(path or os.path.join(target, "release", "azulejo"))
    if not os.access(path, os.X_OK):
        sys.exit(f"error: {path}: no program there\nhelp: cargo build --release, or name one with --azulejo")
    return path


def _works(command):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _is_ours(path):
    """The front end that the set-up script builds over a newer libgdal knows no --help."""
    return os.path.dirname(path) == os.path.abspath(os.environ.get("BENCH", "/nowhere")) and _works([path, "--version"])


def _version(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    words = (done.stdout or done.stderr).strip()
    found = re.search(r"\d+(\.\d+)+", words)
    return found.group(0) if found else words[:40]


def _commit():
    """The last commit that changed the program, and a plus if it was changed since."""
    git, sources = ["git", "-C", ROOT], ["--", "src", "build.rs", "Cargo.lock"]
    head = subprocess.run([*git, "log", "-1", "--format=%h", *sources], capture_output=True, text=True, check=False)
    if head.returncode != 0 or not head.stdout.strip():
        return ""
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", *sources], check=False)
    return f" ({head.stdout.strip()}{'+' if changed.returncode else ''})"
