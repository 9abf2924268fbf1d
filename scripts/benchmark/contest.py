"""Runs a case round by round, everybody once a round, and keeps what was found in a file of its own."""

import atexit
import datetime
import hashlib
import itertools
import json
import os
import shutil
import statistics
import subprocess
import tempfile

from . import measure, setup, tiles

# Tiles whose pictures are compared: of the highest zoom, and of those above.
N_BASE, N_ABOVE = 24, 12


class Contest:
    """What is known about a case: rounds of `{entry: figures}`, pictures, tiles that all have."""

    def __init__(self, here, case, source_of, folder):
        self.here, self.case, self.source_of, self.folder = here, case, source_of, folder
        self.file = os.path.join(folder, f"{case.name}.json")
        self.known = {"rounds": []}
        if os.path.exists(self.file):
            with open(self.file, encoding="utf-8") as kept:
                self.known = json.load(kept)

    def is_current(self):
        """Whether the figures are of this azulejo, asked the same way."""
        return self.known.get("azulejo") == self.here.azulejo_digest() and self.known.get("asked") == self._asked()

    def _asked(self):
        return {entry.key: self._asked_of(entry) for entry in self.case.entries}

    def _asked_of(self, entry):
        return entry.commands({tool: tool for tool in self.here.tools}, self.source(entry), f"OUT{entry.suffix}")

    def source(self, entry):
        """The raster that an entry bakes."""
        return self.source_of[entry.source or self.case.source]

    def forget(self):
        """As if nothing was ever found."""
        self.known = {"rounds": []}

    def bring_to(self, runs, say):
        """Runs rounds until there are `runs` of this azulejo."""
        if not self.is_current():
            self.known = {"rounds": [], "azulejo": self.here.azulejo_digest(), "asked": self._asked()}
        if len(self.known["rounds"]) >= runs:
            return
        self.known["date"] = datetime.date.today().isoformat()
        self.known["machine"], self.known["versions"] = setup.machine(), self.here.versions()
        self._warm_up()
        while len(self.known["rounds"]) < runs:
            say(f"{self.case.name}: round {len(self.known['rounds']) + 1} of {runs}")
            self._round(say)
            self._save()

    def _warm_up(self):
        """Brings the inputs into the page cache."""
        for path in {path for entry in self.case.entries for path in self.source(entry).paths}:
            with open(path, "rb") as data:
                while data.read(1 << 24):
                    pass

    def _round(self, say):
        """Everybody once. What they wrote is kept until all are through, and compared in the first round."""
        _clear_left(self.folder)
        prefix = f"round-{os.getpid()}-"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=self.folder, ignore_cleanup_errors=True) as work:
            figures, written = {}, {}
            first = not self.known["rounds"]
            for entry in self.case.entries:
                cost, out = self._bake(entry, work)
                found = tiles.Tiles(out)
                figures[entry.key] = {
                    "cpu_s": cost.cpu_s,
                    "wall_s": cost.wall_s,
                    "peak_mb": cost.peak_mb,
                    "tiles": len(found.sizes),
                    "bytes": sum(found.sizes.values()),
                }
                say(f"  {entry.label}: {cost.cpu_s:.2f} CPU s, {cost.wall_s:.2f} s, {cost.peak_mb:.0f} MB")
                if first:
                    written[entry.key] = found
                else:
                    _remove(found)
            if first:
                self._compare(written, work)
            self.known["rounds"].append(figures)

    def _bake(self, entry, work):
        out = os.path.join(work, f"{entry.key}{entry.suffix}")
        commands = entry.commands(self.here.tools, self.source(entry), out)
        with measure.alone():
            os.sync()  # What was written before is not to be written out during this run.
            return measure.run(commands, entry.environment, os.path.join(work, "said")), out

    def _compare(self, written, work):
        """Bytes of the tiles that azulejo and its peer both have, and the pictures of some of them."""
        self.known["zooms"] = {key: found.by_zoom() for key, found in written.items()}
        peer = self.case.peer
        if peer:
            theirs = written[peer.key].sizes
            self.known["common"] = {}
            for entry in self.case.azulejo:
                ours = written[entry.key].sizes
                common = ours.keys() & theirs.keys()
                self.known["common"][entry.key] = {
                    "tiles": len(common),
                    "azulejo": sum(ours[tile] for tile in common),
                    "peer": sum(theirs[tile] for tile in common),
                }
            self.known["pictures"], self.known["no_pictures"] = {}, None
            try:
                if self.case.plain:
                    self.known["pictures"] = self._pictures(written, work)
            except (measure.Failed, OSError, subprocess.SubprocessError, ValueError) as error:
                self.known["no_pictures"] = str(error)[-400:]
        for found in written.values():
            _remove(found)

    def _pictures(self, written, work):
        if not self.here.python:
            raise ValueError("no Python with numpy and Pillow, in $BENCH/venv or on PATH")
        entries = self.case.entries
        common = set.intersection(*(set(written[entry.key].sizes) for entry in entries))
        if not common:
            raise ValueError("there is no tile that all have")
        chosen = tiles.sample(common, N_BASE, N_ABOVE)
        folders = {entry.key: self._pictures_of(entry, chosen, written[entry.key]) for entry in entries}
        lossy = any(entry.lossless for entry in entries)
        if lossy:
            for entry in entries:
                folders[f"{entry.key} lossless"] = self._lossless(entry.lossless, chosen, work)
        rows = [{key: _file(folder, tile) for key, folder in folders.items()} for tile in chosen]
        if not lossy:
            base = max(z for z, _, _ in chosen)
            rows = [
                {**row, "reference": self._reference(tile, work)} for tile, row in zip(chosen, rows) if tile[0] == base
            ]
        task = {"kind": "lossy" if lossy else "exact", "tiles": rows}
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "quality.py")
        asked = [self.here.python, script]
        done = subprocess.run(asked, input=json.dumps(task), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ValueError(done.stderr.strip().splitlines()[-1])
        return json.loads(done.stdout)

    def _pictures_of(self, entry, chosen, found=None):
        """The folder with the chosen tiles of an entry, filled from `found`. It is kept: other cases compare with them."""
        asked = json.dumps([self.here.azulejo_digest() if entry.is_azulejo else "", self._asked_of(entry)])
        folder = os.path.join(self.folder, "pictures", hashlib.sha1(asked.encode()).hexdigest()[:12])
        os.makedirs(folder, exist_ok=True)
        for tile in chosen if found else []:
            with open(_file(folder, tile), "wb") as out:
                out.write(found.read(tile))
        return folder

    def _lossless(self, twin, chosen, work):
        """The same tiles of the same program, baked without loss: what a lossy tile is measured against."""
        folder = self._pictures_of(twin, chosen)
        if not all(os.path.exists(_file(folder, tile)) for tile in chosen):
            beside = os.path.join(work, "lossless")  # Twins have names of their own, but not among the others.
            os.makedirs(beside, exist_ok=True)
            found = tiles.Tiles(self._bake(twin, beside)[1])
            self._pictures_of(twin, chosen, found)
            _remove(found)
        return folder

    def _reference(self, tile, work):
        """The tile as gdalwarp renders it with every pixel transformed exactly."""
        if not self.here.tools["gdalwarp"]:
            raise ValueError("no gdalwarp on PATH, which renders the exact reference")
        path = os.path.join(work, "reference-{}-{}-{}.tif".format(*tile))
        west, south, east, north = tiles.bounds(tile)
        grid = ["-t_srs", "EPSG:3857", "-te", repr(west), repr(south), repr(east), repr(north), "-ts", "256", "256"]
        warp = [self.here.tools["gdalwarp"], "-q", "-et", "0", "-r", "bilinear", *grid, "-dstalpha"]
        measure.run([[*warp, self.source_of[self.case.source].path, path]], {}, os.path.join(work, "said"))
        return path

    def _save(self):
        part = f"{self.file}.part"
        with open(part, "w", encoding="utf-8") as kept:
            json.dump(self.known, kept, indent=1)
        os.replace(part, self.file)

    def median(self, key, what):
        """The median of all rounds; `None` when there are none."""
        values = [figures[key][what] for figures in self.known["rounds"] if key in figures]
        return statistics.median(values) if values else None


def _file(folder, tile):
    return os.path.join(folder, "{}-{}-{}".format(*tile))


def _clear_left(folder):
    """Removes what runs that were killed have left."""
    for name in os.listdir(folder):
        kind, _, rest = name.partition("-")
        if kind == "round" and not os.path.exists(f"/proc/{rest.partition('-')[0]}"):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def _remove(found):
    """Gives back the room that tiles take. Files are emptied now and removed when all is over: ext4 is slow for minutes to make
    files where many have been removed, and the next in turn would pay for that."""
    found.close()
    if not os.path.isdir(found.path):
        os.remove(found.path)
        return
    for folder, _, names in os.walk(found.path):
        for name in names:
            os.truncate(os.path.join(folder, name), 0)
    work = os.path.dirname(found.path)
    while os.path.basename(work) == "lossless":
        work = os.path.dirname(work)
    emptied = os.path.join(os.path.dirname(work), f"round-{os.getpid()}-emptied-{next(_numbers)}")
    os.rename(found.path, emptied)
    atexit.register(shutil.rmtree, emptied, ignore_errors=True)


_numbers = itertools.count()
