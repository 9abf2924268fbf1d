"""The formats of tiles beside each other: what they cost, how many bytes they have, how near they are to the picture."""

import json
import os
import subprocess
import sys
import tempfile

from . import measure, setup, tiles

# Name, options of azulejo.
FORMATS = [
    ("png", ["-f", "png"]),
    ("palette", ["-f", "palette"]),
    ("jpeg", ["-f", "jpeg"]),
    ("mixed", ["-f", "mixed"]),
    ("webp", ["-f", "webp"]),
    ("webp lossless", ["-f", "webp", "--lossless"]),
    ("avif", ["-f", "avif"]),
]
# Where none are named: what it is called, its file, zooms.
INPUTS = [("orthophoto, 67 Mpx", "A8.tif", "11-16"), ("9 overlapping RGBA files, one turned", "B.vrt", None)]
# Tiles whose pictures are looked at.
BASE, ABOVE = 60, 30


def run(here, asked, say):
    """Bakes each input in each format and prints a table."""
    named = [(os.path.basename(path), path, None) for path in asked.names]
    if not named and not here.has_inputs():
        sys.exit(f"error: no inputs; expected rasters, or BENCH\n\n{setup.INPUTS_HELP}")
    inputs = named or [(name, here.data(file), zooms) for name, file, zooms in INPUTS]
    if not here.python:
        say("note: no pictures compared: no Python with numpy and Pillow here")
    rows = []
    for name, path, zooms in inputs:
        with tempfile.TemporaryDirectory(prefix="azulejo-formats-") as folder:
            rows += _of_input(here, (name, path, zooms), folder, say)
    print(_markdown(rows))
    if asked.json:
        with open(asked.json, "w", encoding="utf-8") as out:
            json.dump(rows, out, indent=1)
    return 0


def _of_input(here, source, folder, say):
    name, path, zooms = source
    rows, made = [], {}
    for label, options in FORMATS:
        out = os.path.join(folder, f"{label}.mbtiles".replace(" ", "-"))
        zoom = ["-z", zooms] if zooms else []
        command = [here.tools["azulejo"], "tile", path, "-o", out, "-j", "2", "-q", *options, *zoom]
        try:
            cost = measure.run([command], {}, os.path.join(folder, "said"))
        except measure.Failed as error:
            say(f"note: {name}: {label} left out: {str(error).splitlines()[-1]}")
            continue
        say(f"{name}: {label}, {cost.cpu_s:.1f} CPU s")
        made[label] = tiles.Tiles(out)
        rows.append({"job": name, "format": label, "cpu_s": cost.cpu_s, **_bytes(made[label])})
    pictures = _pictures(here.python, made, folder) if here.python and "png" in made else {}
    for row in rows:
        row.update(pictures.get(row["format"], {}))
    for tileset in made.values():
        tileset.close()
    return rows


def _bytes(tileset):
    return {"tiles": len(tileset.sizes), "bytes": sum(tileset.sizes.values())}


def _pictures(python, made, folder):
    """PSNR and SSIM by format, over the same opaque tiles of each."""
    task = []
    for number, tile in enumerate(tiles.sample(list(made["png"].sizes), BASE, ABOVE)):
        row = {}
        for place, tileset in enumerate(made.values()):
            path = os.path.join(folder, f"{number}-{place}")
            with open(path, "wb") as file:
                file.write(tileset.read(tile))
            # Not by its label: that may end in " lossless", too.
            row[str(place)] = path
        # PNG comes first.
        task.append(row | {f"{place} lossless": row["0"] for place in row})
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "quality.py")
    told = json.dumps({"kind": "lossy", "tiles": task})
    done = subprocess.run([python, script], input=told, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"error: pictures could not be compared:\n{done.stderr.strip()[-1500:]}")
    labels = list(made)
    return {labels[int(place)]: found for place, found in json.loads(done.stdout).items()}


def _markdown(rows):
    lines = ["| job | format | CPU s | bytes | of png | PSNR | SSIM |", "|---|---|---|---|---|---|---|"]
    png = {row["job"]: row["bytes"] for row in rows if row["format"] == "png"}
    for row in rows:
        psnr, ssim = "", ""
        if "ssim" in row:
            psnr = f"{row['psnr']:.1f} dB" if row["psnr"] else "exact"
            ssim = f"{row['ssim']:.4f}" if row["psnr"] else ""
        share = f"{row['bytes'] / png[row['job']]:.2f}" if row["job"] in png else ""
        cells = [row["job"], row["format"], f"{row['cpu_s']:.1f}", f"{row['bytes'] / 1e6:.1f} MB", share, psnr, ssim]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
