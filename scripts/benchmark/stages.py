"""The stages by themselves, and what whole jobs would cost if they were nothing but these: their floors."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from . import measure, setup

TILE_MPX = 256 * 256 / 1e6
# The jobs: case, scene of the stages, megapixels of the source.
JOBS = [("A-png", "A8", 16384 * 16384 / 1e6), ("B-png", "B", 9 * 4000 * 4000 / 1e6), ("E-png", "E", 16384 * 8192 / 1e6)]


def run(here, asked, say):
    """Measures, unless only the table is asked for; prints the rows and the floors."""
    results = os.path.join(here.bench, "results") if here.has_inputs() else None
    kept = os.path.join(results, "stages.json") if results else None
    if asked.table:
        if not kept or not os.path.exists(kept):
            sys.exit("error: no figures of stages are kept; expected them in $BENCH/results\nhelp: scripts/bench --stages")
        with open(kept, encoding="utf-8") as file:
            rows = json.load(file)
    else:
        with _kept(here.tools["azulejo"]):
            rows = _measure(results, say)
        if kept:
            _save(rows, kept)
    if asked.json:
        _save(rows, asked.json)
    if not results:
        say(f"note: no floors without the inputs of the cases\n\n{setup.INPUTS_HELP}")
        return 0
    for case, scene, source_mpx in JOBS:
        print(_floor(results, case, scene, source_mpx, rows))
    return 0


@contextlib.contextmanager
def _kept(program):
    """Puts the program back afterwards: Cargo replaces it by the benchmarks' build, of which no figures are kept."""
    before = f"{program}.before-stages"
    shutil.copy2(program, before)
    try:
        yield
    finally:
        os.replace(before, program)


def _measure(results, say):
    """The rows of `cargo bench --bench stages`. The tiles it writes go where the results are, not into memory."""
    with tempfile.TemporaryDirectory(prefix="stages-", dir=results) as work:
        out = os.path.join(work, "stages.json")
        command = ["cargo", "bench", "--quiet", "--locked", "--bench", "stages", "--", "--json", out]
        environment = {**os.environ, "TMPDIR": work}
        say(f"$ {' '.join(command[:-2])}")
        try:
            with measure.alone():
                done = subprocess.run(command, cwd=setup.ROOT, env=environment, check=False)
        except FileNotFoundError:
            sys.exit("error: no cargo on PATH; expected Rust\nhelp: scripts/setup installs it")
        if done.returncode != 0:
            sys.exit(done.returncode)
        with open(out, encoding="utf-8") as rows:
            return json.load(rows)


def _save(rows, path):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(rows, out, indent=1)


def _floor(results, case, scene, source_mpx, rows):
    """The sum for one job, beside what it really took."""
    file = os.path.join(results, f"{case}.json")
    if not os.path.exists(file):
        return f"\n{case}: no floor, its tiles are not known yet: scripts/bench {case}"
    with open(file, encoding="utf-8") as kept:
        known = json.load(kept)
    ms = {(row["stage"], row["scene"], row["what"].split(",")[0]): row["cpu_ms_per_tile"] for row in rows}
    n_bytes = {(row["scene"], row["what"]): row["bytes_per_tile"] for row in rows if row["stage"] == "encode"}
    zooms = {int(zoom): n for zoom, n in known["zooms"]["folder"].items()}
    n_all, n_base, n_top = sum(zooms.values()), zooms[max(zooms)], zooms[min(zooms)]
    encode = "png effort 3"
    parts = [
        ("decode", f"{source_mpx:.0f} Mpx of the source", source_mpx / TILE_MPX, ms["decode", scene, "by blocks"]),
        ("warp", f"{n_base * TILE_MPX:.0f} Mpx, bilinear", n_base, ms["warp", scene, "bilinear"]),
        ("reduce", f"{(n_all - n_top) * TILE_MPX:.0f} Mpx, average", n_all - n_top, ms["reduce", scene, "average"]),
        ("encode", f"{n_all} tiles, {encode}", n_all, ms["encode", scene, encode]),
    ]
    per_tile = known["rounds"][0]["folder"]["bytes"] / n_all
    lines = ["", f"{case}: what the stages alone would take, one thread, and the job (scene {scene})"]
    for name, what, n, cost in parts:
        lines.append(f"  {name:<8} {what:<34} {n * cost / 1000:>8.2f} CPU s")
    pure = sum(n * cost for _, _, n, cost in parts) / 1000
    full = next(value for key, value in n_bytes.items() if value and key == (scene, encode))
    for entry, container in [("folder", "folder"), ("mbtiles", "MBTiles"), ("pmtiles", "PMTiles")]:
        writing = next((v for k, v in ms.items() if k[0] == "write" and k[2] == container), None)
        if writing is None or entry not in known["rounds"][0]:
            continue
        # Measured with whole tiles; the job's have other sizes.
        writing_s = n_all * writing / 1000 * per_tile / full
        cpu_s = sorted(r[entry]["cpu_s"] for r in known["rounds"])[len(known["rounds"]) // 2]
        floor = pure + writing_s
        lines.append(f"  {'write':<8} {f'{n_all * per_tile / 1e6:.0f} MB, {container}':<34} {writing_s:>8.2f} CPU s")
        lines.append(f"  {'':<8} {f'floor, {container}':<34} {floor:>8.2f} CPU s")
        lines.append(f"  {'':<8} {f'the job, {container}':<34} {cpu_s:>8.2f} CPU s: {cpu_s / floor:.2f} times the floor")
    return "\n".join(lines)
