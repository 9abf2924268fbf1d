"""A contest about a raster of the user's: the zooms that azulejo chooses, the peers that are here."""

import json
import os
import sys

from . import cases, contest, measure, setup, table

PEERS = [
    ("gdal", cases.RASTER_TILE, cases.FOLDER),
    ("gdal2tiles", cases.GDAL2TILES, cases.FOLDER),
    ("gdal_translate", cases.MBTILES_DRIVER, cases.MBTILES),
    ("rio", cases.RIO, cases.MBTILES),
]


def rows(here, path, folder, runs, say):
    """The rows, and whether a peer failed."""
    found, failed = [], False
    zooms = _zooms(here, path, folder)
    source = cases.Source(os.path.basename(path), (path,), path, zooms)
    name = f"{source.name}, zooms {zooms[0]} to {zooms[1]}"
    present = [row for row in PEERS if all(here.tools[need] for need in row[1].needs)]
    for tool, peer, _ in PEERS:
        if (tool, peer) not in [row[:2] for row in present]:
            say(f"note: not here, left out: {setup.GET[tool]}")
    if not present:
        sys.exit("error: no peer is here to measure azulejo beside; expected one of those above on PATH")
    for tool, peer, ours in present:
        case = cases.Case(f"{source.name}-{tool}", name, source.name, (ours,), peer)
        trial = contest.Contest(here, case, {source.name: source}, folder)
        try:
            trial.bring_to(runs, say)
        except measure.Failed as error:
            say(f"error: {case.name}: {error}")
            failed = True
            continue
        _note_other_zooms(trial, ours, peer, say)
        found += table.rows(trial)
    return found, failed


def _zooms(here, path, folder):
    """What azulejo makes of the raster by itself; a bake that nobody times."""
    out, report = os.path.join(folder, "first.mbtiles"), os.path.join(folder, "report.json")
    command = [here.tools["azulejo"], "tile", path, "-o", out, "-r", "bilinear", "-j", "2", "-q", "--report", report]
    try:
        measure.run([command], {}, os.path.join(folder, "said"))
    except measure.Failed as error:
        sys.exit(f"error: {error}")
    os.remove(out)
    with open(report, encoding="utf-8") as told:
        plan = json.load(told)["plan"]
    return plan["zoom_min"], plan["zoom_max"]


def _note_other_zooms(trial, ours, peer, say):
    shown = [f"{min(zooms)}-{max(zooms)}" for zooms in (sorted(trial.known["zooms"][e.key]) for e in (ours, peer))]
    if shown[0] != shown[1]:
        say(f"note: azulejo wrote zooms {shown[0]}, {peer.label} {shown[1]}: the times are not of the same work")
    elif not trial.known["common"].get(ours.key, {}).get("tiles"):
        say(f"note: no tile of azulejo's is among those of {peer.label}: the times are not of the same work")
