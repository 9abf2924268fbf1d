"""Figures as rows, and rows as text or Markdown."""

import datetime

# Under which name the version of a peer was noted, by the tool that it needs.
VERSION_OF = {"gdal": "gdal raster tile", "gdal2tiles": "gdal2tiles", "gdal_translate": "GDAL", "rio": "rio mbtiles"}


def rows(contest):
    """One row for each entry of azulejo's: its figures, the peer's, what azulejo should reach and whether it does."""
    case, known = contest.case, contest.known
    if not known["rounds"]:
        return []
    if case.recorded:
        return [_row(contest, case.azulejo[0], peer) for peer in case.recorded]
    # Kept figures may be older than an entry.
    measured = [entry for entry in case.azulejo if contest.median(entry.key, "cpu_s") is not None]
    return [_row(contest, entry) for entry in measured]


def _figures(contest, entry):
    found = {what: contest.median(entry.key, what) for what in ("cpu_s", "wall_s", "peak_mb", "tiles", "bytes")}
    return found | contest.known.get("pictures", {}).get(entry.key, {})


def _row(contest, entry, recorded=None):
    case, known = contest.case, contest.known
    row = {
        "case": case.name,
        "job": case.job,
        "azulejo": {"label": entry.label, **_figures(contest, entry)},
        "runs": len(known["rounds"]),
        "date": known["date"],
        "machine": known["machine"],
        "versions": known["versions"],
        "current": contest.is_current(),
        "note": known.get("no_pictures"),
    }
    ours, ratio = row["azulejo"], {}
    if case.growth:
        row["peer"] = first = {"label": case.azulejo[0].label, **_figures(contest, case.azulejo[0])}
        ratio = {
            "cpu": ours["cpu_s"] / first["cpu_s"],
            "per_tile": ours["cpu_s"] / ours["tiles"] / (first["cpu_s"] / first["tiles"]),
            "peak": ours["peak_mb"] / first["peak_mb"],
        }
        wanted = {"cpu": entry.grown_cpu, "per_tile": entry.grown_per_tile, "peak": entry.grown_peak}
    else:
        peer = case.peer
        row["peer"] = theirs = recorded or {"label": _with_version(peer, known), **_figures(contest, peer)}
        row["recorded"] = bool(recorded)
        ratio = {what: theirs[f"{what}_s"] / max(ours[f"{what}_s"], 1e-3) for what in ("cpu", "wall")}
        common = known.get("common", {}).get(entry.key)
        if common and common["peer"]:
            row["common_tiles"] = common["tiles"]
            ratio["bytes"] = common["azulejo"] / common["peer"]
        wanted = recorded["wanted"] if recorded else {"cpu": entry.cpu, "wall": entry.wall, "bytes": entry.bytes}
        # Speed that is bought with worse pictures is none: they must be as good as those of the best peer.
        if not recorded and peer.key == "gdal" and "psnr" in ours and "psnr" in theirs:
            row["picture"] = "ssim" if "ssim" in ours else "psnr"
            row["picture_as_good"] = _as_good(ours[row["picture"]], theirs[row["picture"]], row["picture"])
    row["ratio"] = ratio
    row["wanted"] = {what: value for what, value in wanted.items() if value is not None}
    row["reached"] = {what: _reached(case, what, ratio.get(what), value) for what, value in row["wanted"].items()}
    return row


def _as_good(ours, theirs, measure):
    """To the digits that are shown: a tenth of a decibel, a thousandth of likeness. None is an exact picture."""
    if ours is None or theirs is None:
        return ours is None
    digits = 3 if measure == "ssim" else 1
    return round(ours, digits) >= round(theirs, digits)


def _with_version(peer, known):
    name = VERSION_OF[peer.needs[0]]
    version = known["versions"].get(name, "")
    return f"{peer.label} {version}" if name in peer.label else f"{peer.label} ({name} {version})"


def _reached(case, what, ratio, wanted):
    if ratio is None:
        return None
    # Ratios are said with two digits, and are believed to as many.
    return round(ratio, 2) <= wanted if case.growth or what == "bytes" else round(ratio, 2) >= wanted


def text(all_rows):
    """The table for a terminal."""
    lines = []
    for case in dict.fromkeys(row["case"] for row in all_rows):
        mine = [row for row in all_rows if row["case"] == case]
        lines += _text_of_growth(mine) if "per_tile" in mine[0]["ratio"] else _text_of_contest(mine)
    return "\n".join(lines)


def _head(row):
    stale = "" if row["current"] else ", NOT of this azulejo: run it again"
    return f"{row['case']}: {row['job']} ({_runs(row)}, {row['date']}{stale})"


def _runs(row):
    return f"median of {row['runs']} runs" if row["runs"] > 1 else "1 run"


def _text_of_contest(mine):
    lines = ["", _head(mine[0])]
    form = "  {:<53} {:>8} {:>8} {:>8} {:>6} {:>8}  {}"
    lines.append(form.format("", "CPU s", "wall s", "peak MB", "tiles", "MB", "picture"))
    ours = {f"azulejo, {row['azulejo']['label']}": row["azulejo"] for row in mine}
    theirs = {row["peer"]["label"] + (" (recorded)" if row["recorded"] else ""): row["peer"] for row in mine}
    for label, program in [*ours.items(), *theirs.items()]:
        cost = [_seconds(program["cpu_s"]), _seconds(program["wall_s"]), f"{program['peak_mb']:.0f}"]
        size = [_whole(program["tiles"]), _megabytes(program["bytes"])]
        lines.append(form.format(label, *cost, *size, _picture(program)).rstrip())
    for row in mine:
        ratio, parts = row["ratio"], []
        for what, name in [("cpu", "CPU"), ("wall", "wall")]:
            parts.append(f"{name} {ratio[what]:.2f} times less{_verdict(row, what, 'at least')}")
        if "bytes" in ratio:
            said = f"bytes {ratio['bytes']:.3f} of the peer's over the {row['common_tiles']} tiles that both have"
            parts.append(said + _verdict(row, "bytes", "at most"))
        if "picture" in row:
            parts.append(f"picture {'as good' if row['picture_as_good'] else 'NOT as good'} by {row['picture'].upper()}")
        name = row["peer"]["label"] if row["recorded"] else row["azulejo"]["label"]
        lines.append(f"  -> {name}: {'; '.join(parts)}")
    if mine[0]["note"]:
        lines.append(f"  pictures were not compared: {mine[0]['note']}")
    return lines


def _text_of_growth(mine):
    lines = ["", _head(mine[0])]
    form = "  {:<44} {:>8} {:>8} {:>8} {:>6} {:>12}"
    lines.append(form.format("", "CPU s", "wall s", "peak MB", "tiles", "CPU ms/tile"))
    for row in mine:
        ours = row["azulejo"]
        cost = [_seconds(ours["cpu_s"]), _seconds(ours["wall_s"]), f"{ours['peak_mb']:.0f}", _whole(ours["tiles"])]
        lines.append(form.format(ours["label"], *cost, f"{1000 * ours['cpu_s'] / ours['tiles']:.2f}"))
    for row in mine[1:]:
        names = {"cpu": "CPU", "per_tile": "CPU a tile", "peak": "peak memory"}
        parts = [f"{names[w]} {r:.2f}x{_verdict(row, w, 'at most')}" for w, r in row["ratio"].items()]
        lines.append(f"  -> {row['azulejo']['label']} over {row['peer']['label']}: {'; '.join(parts)}")
    return lines


def _verdict(row, what, bound):
    if what not in row["wanted"]:
        return ""
    good = {True: "reached", False: "MISSED", None: "not known"}[row["reached"][what]]
    return f" (wanted {bound} {row['wanted'][what]:g}: {good})"


def markdown(all_rows):
    """Two tables and what was measured, for the README."""
    contests = [row for row in all_rows if "per_tile" not in row["ratio"]]
    growths = [row for row in all_rows if "per_tile" in row["ratio"]]
    lines = []
    if contests:
        lines += [
            "| job | beside | CPU s | wall s | peak MB | tiles | tile bytes | picture |",
            "|---|---|---|---|---|---|---|---|",
            *[_markdown_of_contest(row) for row in contests],
            "",
            "Figures are azulejo's / the peer's; **bold** is the peer's over azulejo's. Tile bytes are azulejo's over the",
            "peer's, over the tiles that both have. Picture: of lossless tiles how near the base is to `gdalwarp -et 0`",
            "(PSNR), of lossy ones how near they are to the same program's lossless tiles (PSNR, SSIM).",
        ]
        if any(row["recorded"] for row in contests):
            lines += ["", "\\* recorded once on two cores of an AMD EPYC (Zen 5), not run again beside azulejo."]
        if not all(row["current"] for row in contests):
            lines += ["", "† of an older azulejo, or asked in another way then."]
    if growths:
        lines += ["", "| growing | CPU s | CPU ms a tile | peak MB |", "|---|---|---|---|"]
        for row in growths:
            ours = row["azulejo"]
            per_tile = 1000 * ours["cpu_s"] / ours["tiles"]
            cells = [ours["label"], _seconds(ours["cpu_s"]), f"{per_tile:.2f}", f"{ours['peak_mb']:.0f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_provenance(all_rows)])


def _markdown_of_contest(row):
    ours, theirs, ratio = row["azulejo"], row["peer"], row["ratio"]
    mark = "\\*" if row["recorded"] else ""
    old = "" if row["current"] else " †"

    def pair(what, show):
        return f"{show(ours[what])} / {show(theirs[what])}"

    cells = [
        f"{row['job']}: {ours['label']}{old}",
        f"{theirs['label']}{mark}",
        f"{pair('cpu_s', _seconds)}, **{_times(ratio['cpu'])}**",
        f"{pair('wall_s', _seconds)}, **{_times(ratio['wall'])}**",
        f"{ours['peak_mb']:.0f} / {theirs['peak_mb']:.0f}",
        pair("tiles", _whole),
        f"{ratio['bytes']:.2f}" if "bytes" in ratio else f"{_megabytes(ours['bytes'])} / {_megabytes(theirs['bytes'])} MB",
        " / ".join(filter(None, [_picture(ours), _picture(theirs)])),
    ]
    return f"| {' | '.join(cells)} |"


def _provenance(all_rows):
    dates = sorted({row["date"] for row in all_rows})
    when = _date(dates[0]) if len(dates) == 1 else f"{_date(dates[0])} to {_date(dates[-1])}"
    said = " and ".join(sorted({row["versions"]["azulejo"] for row in all_rows}))
    runs = sorted({row["runs"] for row in all_rows})
    medians = f"medians of {runs[0]}" if len(runs) == 1 else f"medians of {runs[0]} to {runs[-1]}"
    if runs == [1]:
        medians = "single"
    machine = "; ".join(sorted({row["machine"] for row in all_rows}))
    return [f"{machine}; two threads each, {medians} runs in turn, page cache warm, {when}; azulejo {said}."]


def _date(iso):
    day = datetime.date.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"


def _seconds(value):
    return "-" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _times(value):
    return f"{value:.1f}x" if value < 10 else f"{value:.0f}x"


def _whole(value):
    return "-" if value is None else f"{value:.0f}"


def _megabytes(value):
    return f"{value / 1e6:.1f}"


def _picture(program):
    if "psnr" not in program:
        return ""
    said = "exact" if program["psnr"] is None else f"{program['psnr']:.1f} dB"
    return f"{said}, {program['ssim']:.4f}" if "ssim" in program else said
