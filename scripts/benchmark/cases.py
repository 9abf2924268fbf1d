"""The cases: which job, who bakes it, and what azulejo should reach. A new case is a line of `CASES`."""

from dataclasses import dataclass, field
from typing import Callable


@dataclass(frozen=True)
class Source:
    """A raster to bake: `paths` for azulejo, one `path` that shows the same for programs that take one."""

    name: str
    paths: tuple
    path: str
    zooms: tuple


@dataclass(frozen=True)
class Entry:
    """A program with its options. `commands` makes its command lines of (tools, source, output)."""

    key: str
    label: str
    needs: tuple
    commands: Callable
    suffix: str = ""
    environment: dict = field(default_factory=dict)
    # The entry that writes the same pixels without loss, for lossy ones.
    lossless: "Entry | None" = None
    # azulejo only, ratios: CPU and wall of the peer over azulejo's at least so, bytes of azulejo over the peer's at most.
    cpu: float | None = None
    wall: float | None = None
    bytes: float | None = None
    # In cases of growth: the most that CPU, CPU a tile and peak memory may be of the first entry's.
    grown_cpu: float | None = None
    grown_per_tile: float | None = None
    grown_peak: float | None = None
    # The source, where it is not the case's.
    source: str | None = None

    @property
    def is_azulejo(self):
        return self.needs == ("azulejo",)


@dataclass(frozen=True)
class Case:
    """A contest: each of `azulejo` beside `peer`, in turn. Without a peer the first is what the others are compared with."""

    name: str
    job: str
    source: str
    azulejo: tuple
    peer: Entry | None = None
    runs: int = 3
    # Figures of peers that are not run: cpu_s, wall_s, peak_mb, tiles, bytes, and what is wanted beside them.
    recorded: tuple = ()
    growth: bool = False
    # Whether the tiles show what the source shows, so that they can be compared with it.
    plain: bool = True

    @property
    def entries(self):
        return (*self.azulejo, self.peer) if self.peer else self.azulejo


def azulejo(key, label, *options, suffix="", **more):
    def commands(tools, source, out):
        asked = ["-r", "bilinear", "-j", "2", "-q"]
        if source.zooms:
            asked += ["--min-zoom", str(source.zooms[0]), "--max-zoom", str(source.zooms[1])]
        return [[tools["azulejo"], "tile", *source.paths, "-o", out, *asked, *options]]

    return Entry(key, label, ("azulejo",), commands, suffix, **more)


def raster_tile(*options, **more):
    def commands(tools, source, out):
        low, high = source.zooms
        asked = ["--min-zoom", str(low), "--max-zoom", str(high), "-r", "bilinear", "-j", "2"]
        asked += ["--overview-resampling", "average", "--webviewer", "none"]
        return [[tools["gdal"], "raster", "tile", *asked, *options, source.path, out]]

    return Entry("gdal", "gdal raster tile", ("gdal",), commands, **more)


def _gdal2tiles(tools, source, out):
    low, high = source.zooms
    asked = ["--xyz", "-z", f"{low}-{high}", "-r", "bilinear", "--processes=2", "-w", "none", "-q"]
    return [[tools["gdal2tiles"], *asked, source.path, out]]


def _mbtiles_driver(tools, source, out):
    low, high = source.zooms
    translate = [tools["gdal_translate"], "-q", "-of", "MBTILES", "-co", "TILE_FORMAT=PNG", "-co", "RESAMPLING=BILINEAR"]
    factors = [str(2**n) for n in range(1, high - low + 1)]
    overviews = [[tools["gdaladdo"], "-q", "-r", "average", out, *factors]] if factors else []
    return [[*translate, source.path, out], *overviews]


def _rio_mbtiles(tools, source, out):
    low, high = source.zooms
    asked = ["--format", "PNG", "--zoom-levels", f"{low}..{high}", "--resampling", "bilinear", "-j", "2"]
    return [[tools["rio"], "mbtiles", source.path, "-o", out, *asked, "--implementation", "cf"]]


def _first_one_raster(make):
    """Another raster made of the source by `make`, of (tools, source's path, path), and tiles of that."""

    def commands(tools, source, out):
        made = f"{out}.tif"
        tile = RASTER_TILE.commands(tools, Source(source.name, (made,), made, source.zooms), out)
        return [make(tools, source.path, made), *tile]

    return commands


def _hillshade(tools, path, made):
    # Metres in a degree, as gdaldem's manual has it.
    return [tools["gdaldem"], "hillshade", "-q", "-s", "111120", "-compute_edges", path, made]


def _eight_bits(tools, path, made):
    # Told what it should look for: to find percentiles itself would be one more program.
    return [tools["gdal_translate"], "-q", "-ot", "Byte", "-scale", "0", "3000", path, made]


GDAL2TILES = Entry("gdal2tiles", "gdal2tiles", ("gdal2tiles",), _gdal2tiles)
MBTILES_DRIVER = Entry(
    "driver",
    "gdal_translate to MBTiles, gdaladdo",
    ("gdal_translate", "gdaladdo"),
    _mbtiles_driver,
    ".mbtiles",
    {"GDAL_NUM_THREADS": "2"},
)
RIO = Entry("rio", "rio mbtiles", ("rio",), _rio_mbtiles, ".mbtiles")

RASTER_TILE = raster_tile()
SHADED = Entry("gdal", "gdaldem hillshade, gdal raster tile", ("gdal", "gdaldem"), _first_one_raster(_hillshade))
SCALED = Entry("gdal", "gdal_translate -scale, gdal raster tile", ("gdal", "gdal_translate"), _first_one_raster(_eight_bits))


def _folder(**wanted):
    return azulejo("folder", "PNG, folder", **wanted)


def _mbtiles(**wanted):
    return azulejo("mbtiles", "PNG, MBTiles", suffix=".mbtiles", **wanted)


def _pmtiles(**wanted):
    return azulejo("pmtiles", "PNG, PMTiles", suffix=".pmtiles", **wanted)


FOLDER = _folder()
MBTILES = _mbtiles()


def _webp(effort, label, **wanted):
    # As the peer has it, which compresses tiles with transparency like the others.
    options = ["-f", "webp", "--quality", "75", "--lossy-edges", *effort]
    key = f"webp{''.join(effort)}"
    return azulejo(key, label, *options, lossless=FOLDER, **wanted)


def _recorded(label, cpu_s, wall_s, peak_mb, tiles, n_bytes, **wanted):
    """A peer's figures that were measured once, on two cores of an AMD EPYC (Zen 5), and not since."""
    figures = {"cpu_s": cpu_s, "wall_s": wall_s, "peak_mb": peak_mb, "tiles": tiles, "bytes": n_bytes}
    return {"label": label, **figures, "wanted": wanted}


def sources(data, fixtures):
    """The rasters of the cases by name; `data` and `fixtures` make paths of names."""
    found = {}
    for name, file, zooms in [("A", "A.tif", (11, 17)), ("A512", "A.tif", (10, 16)), ("A8", "A8.tif", (11, 17)),
                              ("D", "D.tif", (4, 12)), ("E", "E.tif", (0, 6)),
                              ("huge", "huge.vrt", (11, 17))]:
        found[name] = Source(name, (data(file),), data(file), zooms)
    parts = tuple(data(f"B/b{row}{col}.tif") for row in range(3) for col in range(3))
    found["B"] = Source("B", parts, data("B.vrt"), (11, 17))
    bands = tuple(data(f"C/B0{band}.tif") for band in (4, 3, 2))
    found["C"] = Source("C", bands, data("C.vrt"), (7, 13))
    world = fixtures("small_world.tif")
    found["world"] = Source("world", (world,), world, (0, 0))
    return found


# How three files of a band each are put together.
BY_BANDS = ["--stack", "{scene}0{band}.tif", "-b", "4,3,2"]

# Where A lies, and the quarter of it that A8 shows: in its own coordinates.
WHOLE_A = ["--bbox", "620000,5316892.8,633107.2,5330000", "--bbox-crs", "EPSG:32633"]
QUARTER_A = ["--bbox", "620000,5323446.4,626553.6,5330000", "--bbox-crs", "EPSG:32633"]


def _huge(key, label, box):
    return azulejo(key, label, *box, suffix=".mbtiles", source="huge", grown_per_tile=1.1, grown_peak=1.1)


CASES = [
    Case(
        "A-png",
        "orthophoto, 268 Mpx",
        "A",
        (
            _folder(cpu=5, wall=4.5, bytes=1.05),
            _mbtiles(cpu=6),
            _pmtiles(cpu=6),
            azulejo("effort5", "PNG, folder, --effort 5", "--effort", "5", cpu=2.5, bytes=1.0),
        ),
        RASTER_TILE,
    ),
    Case("A-mbtiles", "orthophoto, 268 Mpx", "A", (_mbtiles(cpu=13, wall=25),), MBTILES_DRIVER),
    Case("A-gdal2tiles", "orthophoto, 268 Mpx", "A", (_folder(cpu=20),), GDAL2TILES),
    Case("A8-rio", "orthophoto, 67 Mpx", "A8", (_mbtiles(cpu=18),), RIO),
    Case(
        "A-jpeg",
        "orthophoto, 268 Mpx",
        "A",
        (
            azulejo(
                "jpeg", "JPEG quality 75, folder", "-f", "jpeg", "--quality", "75", lossless=FOLDER, cpu=2.7, bytes=1.0,
            ),
        ),
        raster_tile("-f", "JPEG", "--co", "QUALITY=75", lossless=RASTER_TILE),
    ),
    Case(
        "A-webp",
        "orthophoto, 268 Mpx",
        "A",
        (
            _webp([], "WebP quality 75, lossy edges, folder", cpu=2.5, bytes=1.06),
            _webp(["--effort", "5"], "WebP quality 75, lossy edges, folder, --effort 5", cpu=1.4, bytes=1.0),
        ),
        raster_tile("-f", "WEBP", lossless=RASTER_TILE),
    ),
    Case(
        "A-webp-lossless",
        "orthophoto, 268 Mpx",
        "A",
        (
            azulejo("lossless", "WebP lossless, folder", "-f", "webp", "--lossless", cpu=15, bytes=1.16),
            azulejo(
                "lossless9", "WebP lossless, folder, --effort 9", "-f", "webp", "--lossless", "--effort", "9",
                cpu=1, bytes=1.0,
            ),
        ),
        raster_tile("-f", "WEBP", "--co", "LOSSLESS=YES"),
    ),
    Case(
        "A-webp-512",
        "orthophoto, 268 Mpx",
        "A512",
        (
            azulejo(
                "webp512", "WebP quality 75, lossy edges, 512 px, MBTiles", "-f", "webp", "--quality", "75", "--lossy-edges",
                "--tile-size", "512", suffix=".mbtiles",
            ),
        ),
        recorded=(
            _recorded("VersaTiles 5.3", 186, 100, 2621, 1609, 75.1e6, cpu=5),
            _recorded("pmtiler 0.1", 148, 83, 1337, None, 40.2e6, cpu=4),
        ),
    ),
    Case("B-png", "9 overlapping RGBA files, one turned", "B", (_folder(cpu=4),), RASTER_TILE),
    Case("E-png", "whole Earth, degrees, 134 Mpx", "E", (_folder(cpu=5),), RASTER_TILE),
    Case(
        "C-8bit",
        "three 16-bit bands, 120 Mpx, stretched",
        "C",
        (azulejo("auto", "PNG, folder, --rescale auto", *BY_BANDS, "--rescale", "auto", cpu=4),),
        SCALED,
        plain=False,
    ),
    Case(
        "D-hillshade",
        "heights, 64 Mpx, shaded",
        "D",
        (azulejo("shade", "PNG, folder, --hillshade", "--hillshade", cpu=4),),
        SHADED,
        plain=False,
    ),
    Case("start-up", "one tile", "world", (_folder(cpu=1, wall=1),), RASTER_TILE, runs=15),
    Case(
        "A8-A",
        "four times the pixels",
        "A8",
        (
            azulejo("A8", "orthophoto, 67 Mpx", suffix=".mbtiles"),
            azulejo("A", "orthophoto, 268 Mpx", suffix=".mbtiles", source="A", grown_cpu=4.1),
        ),
        growth=True,
    ),
    Case(
        "huge",
        "a part of 64 gigapixels: a VRT of A, 16 x 16 times",
        "A",
        (
            azulejo("A", "orthophoto, 268 Mpx, alone", suffix=".mbtiles"),
            _huge("part", "as much of 64 Gpx: it, 16 x 16 times", WHOLE_A),
            _huge("quarter", "a quarter of that part", QUARTER_A),
        ),
        growth=True,
    ),
]
