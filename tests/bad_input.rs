//! What must not work, and how it must fail: damaged sources, options that make no sense, outputs that cannot be written,
//! disks that fill up, and signals. Every failure has its exit code and names the file or option concerned; nothing is
//! left under an output's name, nor beside it.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.
#![allow(clippy::print_stdout)] // What was skipped.
#![allow(clippy::zombie_processes)] // Children are waited for by `wait`, which also tells how much memory they took.

mod disk;
mod program;
mod rasters;
mod skip;
mod under_way;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, Seek, SeekFrom};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use self::disk::{is_root, remount_read_only, with_disk};
use self::rasters::shared;
use self::under_way::under_way;

/// No run here may keep more than this in memory, in KiB.
const PEAK_KIB: i64 = 1 << 20;

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// All that lies in a folder: what each path is, and a file's bytes.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// A folder to work in, with nothing in it.
struct Desk(TempDir);

/// What a run left behind.
struct Run {
    args: Vec<OsString>,
    status: ExitStatus,
    stderr: String,
    peak_kib: i64,
}

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn vrt(&self, name: &str, vrt: &Vrt) {
        self.write(name, vrt.text());
    }

    fn copy(&self, from: impl AsRef<Path>, name: impl AsRef<Path>) {
        self.write(name, fs::read(from).unwrap());
    }

    /// The program, to be run here with at most 8 GiB of address space: were it to ask for more, it should fail and not the
    /// computer.
    fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = program::program(self.0.path(), args);
        // SAFETY: between fork and exec only `setrlimit` is called, which may be. No test here is within PROJ meanwhile (see
        // `program`).
        unsafe {
            command.pre_exec(|| {
                let most = 8 << 30;
                for (what, most) in [(libc::RLIMIT_AS, most), (libc::RLIMIT_CORE, 0)] {
                    let limit = libc::rlimit {
                        rlim_cur: most,
                        rlim_max: most,
                    };
                    libc::setrlimit(what, &limit);
                }
                Ok(())
            });
        }
        command
    }

    fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Run {
        let mut command = self.command(args);
        // A file, which nobody needs to empty while we wait.
        let mut stderr = tempfile::tempfile().unwrap();
        command
            .stdout(Stdio::null())
            .stderr(stderr.try_clone().unwrap());
        let (status, peak_kib) = wait(&command.spawn().unwrap());
        stderr.seek(SeekFrom::Start(0)).unwrap();
        let stderr = std::io::read_to_string(stderr).unwrap();
        program::schema::check_told(&command, status.code(), stderr.as_bytes());
        Run {
            args: args.iter().map(|arg| arg.as_ref().to_owned()).collect(),
            status,
            stderr,
            peak_kib,
        }
    }

    /// `azulejo tile` that must fail with `code`, say all of `words`, and change nothing here.
    #[track_caller]
    fn check<S: AsRef<OsStr>>(&self, args: &[S], code: i32, words: &[&str]) -> Run {
        let before = tree(self.0.path());
        let all: Vec<&OsStr> = [OsStr::new("tile"), OsStr::new("-q")]
            .into_iter()
            .chain(args.iter().map(AsRef::as_ref))
            .collect();
        let run = self.run(&all).fails(code, words);
        let after = tree(self.0.path());
        let names = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&before), names(&after), "{:?}", run.args);
        assert!(before == after, "{:?} changed a file", run.args);
        run
    }

    /// [`Desk::check`] for a line of words that need no quotes.
    #[track_caller]
    fn check_line(&self, line: &str, code: i32, words: &[&str]) -> Run {
        self.check(&line.split_whitespace().collect::<Vec<_>>(), code, words)
    }
}

impl Run {
    #[track_caller]
    fn fails(self, code: i32, words: &[&str]) -> Self {
        let Self { args, stderr, .. } = &self;
        assert_eq!(
            self.status.code(),
            Some(code),
            "{args:?}: {:?} {stderr}",
            self.status
        );
        assert!(stderr.starts_with("error: "), "{args:?}: {stderr}");
        assert_eq!(stderr.matches("error: ").count(), 1, "{args:?}: {stderr}");
        for word in words {
            assert!(stderr.contains(word), "{args:?}: {word:?} in {stderr}");
        }
        for word in ["panicked", "internal:"] {
            assert!(!stderr.contains(word), "{args:?}: {stderr}");
        }
        let length = stderr.lines().map(str::len).max().unwrap_or(0);
        assert!(
            length < 1000,
            "{args:?}: a line of {length} bytes: {stderr}"
        );
        self.frugal()
    }

    #[track_caller]
    fn ok(self) -> Self {
        assert_eq!(
            self.status.code(),
            Some(0),
            "{:?}: {}",
            self.args,
            self.stderr
        );
        self.frugal()
    }

    #[track_caller]
    fn frugal(self) -> Self {
        assert!(
            self.peak_kib < PEAK_KIB,
            "{:?}: {} KiB",
            self.args,
            self.peak_kib
        );
        self
    }
}

/// The end of a child and the most memory that it had, in KiB. The test fails when it hangs.
#[track_caller]
fn wait(child: &Child) -> (ExitStatus, i64) {
    wait_for(child, PATIENCE)
}

#[track_caller]
fn wait_for(child: &Child, patience: Duration) -> (ExitStatus, i64) {
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    let started = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: all zeros is a valid `rusage`; both pointers are to our own variables; nobody else waits for the child.
        let (found, usage) = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            (
                libc::wait4(pid, &mut status, libc::WNOHANG, &mut usage),
                usage,
            )
        };
        if found == pid {
            return (ExitStatus::from_raw(status), usage.ru_maxrss);
        }
        assert_eq!(found, 0, "{}", std::io::Error::last_os_error());
        if started.elapsed() > patience {
            send(child, libc::SIGKILL);
            panic!("still running after {patience:?}");
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn send(child: &Child, signal: libc::c_int) {
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: a signal to our own child, which has not been waited for.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

fn tree(folder: &Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            let what = if kind.is_file() {
                fs::read(&path).unwrap()
            } else {
                format!("{kind:?}").into()
            };
            if kind.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, what);
        }
    }
    found
}

fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let is_leftover = |path: &PathBuf| path.to_string_lossy().ends_with(".part");
    tree(folder).into_keys().filter(is_leftover).collect()
}

fn fixture(name: &str) -> String {
    format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn bahamas() -> String {
    fixture("RGB.byte.tif")
}

/// A raster without files behind it: all its pixels are zero.
struct Vrt<'a> {
    size: (i64, i64),
    crs: &'a str,
    geotransform: &'a str,
    types: &'a [&'a str],
    /// What stands inside each band.
    band: &'a str,
}

const PLAIN: Vrt = Vrt {
    size: (64, 64),
    crs: "EPSG:4326",
    geotransform: "7, 0.01, 0, 47, 0, -0.01",
    types: &["Byte"],
    band: "",
};

impl Vrt<'_> {
    fn text(&self) -> String {
        let (width, height) = self.size;
        let bands = self.types.iter().enumerate().map(|(k, sample)| {
            let (number, inside) = (k + 1, self.band);
            format!(
                r#"<VRTRasterBand dataType="{sample}" band="{number}">{inside}</VRTRasterBand>"#
            )
        });
        format!(
            r#"<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>{}</SRS>
            <GeoTransform>{}</GeoTransform>{}</VRTDataset>"#,
            self.crs,
            self.geotransform,
            bands.collect::<String>()
        )
    }
}

#[test]
fn files_that_are_damaged_or_cannot_be_placed_end_with_3() {
    if shared("corrupt").is_none() {
        return;
    }
    let rows: &[(&str, &str)] = &[
        ("bigtiff_header_extract.tif", "no georeferencing"),
        ("byte_truncated.tif", "damaged"),
        ("corrupt.mbtiles", "cannot be opened"),
        ("corrupt_jpeg_block.tif", "damaged"),
        ("corrupted_deflate_singlestrip.tif", "no georeferencing"),
        ("huge-sparse.tiff", "no georeferencing"),
        ("huge4GB.tif", "no georeferencing"),
        ("hugeblocksize.tif", "cannot be opened"),
        ("invalid.nogeoref.tif", "no georeferencing"),
        ("invalid.pmtiles", "cannot be opened"),
        ("invalid.projection.tif", "no place on the Earth"),
        ("invalid.unknown.tif", "cannot be opened"),
        ("invalid_v4.pmtiles", "cannot be opened"),
        ("lzw_corrupted.tif", "no georeferencing"),
        ("mars_srs.tif", "MARS"),
        (
            "missing_tilebytecounts_and_offsets.tif",
            "no georeferencing",
        ),
        ("truncated.tiff", "no georeferencing"),
        ("zero_bytes.tif", "cannot be opened"),
    ];
    let desk = Desk::new();
    for (name, said) in rows {
        let path = shared(&format!("corrupt/{name}")).unwrap();
        let path = path.to_str().unwrap();
        desk.check(&[path, "-o", "x.mbtiles"], 3, &[name, said]);
        // What is asked of a file that has no system of its own must not change what is wrong with it.
        if *name != "invalid.projection.tif" {
            let args = [path, "--src-crs", "EPSG:4326", "-o", "x"];
            desk.check(&args, 3, &[name, said]);
        }
    }
    let n_files = fs::read_dir(shared("corrupt").unwrap()).unwrap().count();
    assert_eq!(n_files, rows.len(), "a file without a row");
}

/// Damage that only shows when pixels are read: the same files, put on the map by a world file.
#[test]
fn damaged_blocks_end_with_3_and_never_with_a_hole() {
    let rows = [
        ("bigtiff_header_extract.tif", "0.0001"),
        ("bigtiff_header_extract.tif", "10"),
        ("corrupted_deflate_singlestrip.tif", "0.0001"),
        ("huge4GB.tif", "0.0001"),
        ("huge4GB.tif", "10"),
        ("lzw_corrupted.tif", "0.0001"),
        ("missing_tilebytecounts_and_offsets.tif", "0.0001"),
    ];
    for (name, pixel) in rows {
        let Some(path) = shared(&format!("corrupt/{name}")) else {
            return;
        };
        let desk = Desk::new();
        desk.copy(path, name);
        let world_file = format!("{pixel}\n0\n0\n-{pixel}\n0.5\n0.5\n");
        desk.write(Path::new(name).with_extension("tfw"), world_file);
        let crs = if pixel == "10" {
            "EPSG:3857"
        } else {
            "EPSG:4326"
        };
        for more in ["", "-r nearest", "-r average", "-r lanczos --tile-size 512"] {
            let line = format!("{name} --src-crs {crs} -o x.mbtiles -o y {more}");
            desk.check_line(&line, 3, &[name, "damaged or out of reach at column"]);
        }
    }
}

#[test]
fn sources_that_are_no_rasters_end_with_3() {
    let desk = Desk::new();
    desk.write("text.tif", "no raster");
    desk.write("empty.tif", "");
    desk.write("texts/readme.txt", "no raster");
    desk.write("empty.txt", "# nothing\n\n");
    desk.write("list.txt", "# a list\n\nmissing.tif\n");
    desk.write("lists.txt", "@list.txt\n");
    desk.write("latin1.txt", b"stra\xdfe.tif\n");
    fs::create_dir(desk.path("folder")).unwrap();
    symlink("nowhere.tif", desk.path("link.tif")).unwrap();
    desk.write("broken.vrt", "<VRTDataset rasterXSize=");
    desk.copy(fixture("byte_truncated.tif"), "truncated.tif");
    desk.copy(fixture("rotated.tif"), "no crs.tif");
    desk.copy(fixture("RGB.byte.tif"), "rgb.tif");
    desk.copy(fixture("byte.tif"), "gray.tif");
    desk.copy(fixture("l8_lowres.tif"), "deep.tif");
    let rows: &[(&[&str], &[&str])] = &[
        (&["text.tif"], &["text.tif: cannot be opened"]),
        (&["empty.tif"], &["empty.tif: cannot be opened"]),
        (&["broken.vrt"], &["broken.vrt: cannot be opened"]),
        (&["missing.tif"], &["missing.tif: no such file"]),
        (&["link.tif"], &["link.tif: no such file"]),
        (&[""], &["no such file"]),
        (&["texts"], &["texts: a folder without rasters"]),
        (&["folder/"], &["folder/: a folder without rasters"]),
        (&["@empty.txt"], &["empty.txt: no sources"]),
        (
            &["@list.txt"],
            &["missing.tif: no such file", "line 3 of list.txt"],
        ),
        (
            &["@lists.txt"],
            &["@list.txt", "list within a list", "line 1 of"],
        ),
        (&["@latin1.txt"], &["latin1.txt: not UTF-8"]),
        (&["@none.txt"], &["none.txt: cannot be read"]),
        (&["@folder"], &["folder: cannot be read"]),
        (&["-"], &["standard input"]),
        (&["*.jp2"], &["*.jp2: no file matches"]),
        (&["NETCDF:none.nc:band"], &["none.nc"]),
        (&["/vsizip/none.zip/a.tif"], &["none.zip"]),
        (
            &["no crs.tif"],
            &["no crs.tif: no coordinate", "help: --src-crs EPSG:"],
        ),
        (&["truncated.tif"], &["truncated.tif: damaged"]),
        (&["rgb.tif", "missing.tif"], &["missing.tif"]),
        (&["rgb.tif", "truncated.tif"], &["truncated.tif"]),
        (&["truncated.tif", "gray.tif"], &["truncated.tif: damaged"]),
    ];
    for (sources, words) in rows {
        let args = [sources, &["-o", "x.mbtiles", "-o", "y"][..]].concat();
        desk.check(&args, 3, words);
    }
    let pattern = ["[", "-o", "x.mbtiles"];
    desk.check(&pattern, 2, &["[: no file of that name, and no pattern"]);
}

/// GDAL takes a dataset's description for its name.
#[test]
fn a_vrt_may_be_written_out_in_place_of_a_name() {
    let desk = Desk::new();
    // No colon in it, by which it would be known for no path.
    let vrt = Vrt {
        crs: "NAD83",
        ..PLAIN
    }
    .text();
    desk.run(&["tile", &vrt, "-o", "x.mbtiles"]).ok();
    desk.check(
        &["<VRTDataset/>", "-o", "y.mbtiles"],
        3,
        &["<VRTDataset/>: cannot be opened"],
    );
}

#[test]
fn headers_that_mean_nothing_end_with_3() {
    let rows: &[(Vrt, &[&str])] = &[
        (
            Vrt {
                types: &[],
                ..PLAIN
            },
            &["cannot be opened"],
        ),
        (
            Vrt {
                types: &["CFloat32"],
                ..PLAIN
            },
            &["samples; expected"],
        ),
        (
            Vrt {
                size: (0, 64),
                ..PLAIN
            },
            &["cannot be opened"],
        ),
        (
            Vrt {
                size: (-5, 64),
                ..PLAIN
            },
            &["cannot be opened"],
        ),
        (
            Vrt { crs: "", ..PLAIN },
            &["no coordinate reference system", "--src-crs"],
        ),
        (
            Vrt {
                crs: r#"LOCAL_CS["site",UNIT["metre",1]]"#,
                ..PLAIN
            },
            &["no place on the Earth (site)", "--src-crs"],
        ),
        (
            Vrt {
                crs: "EPSG:4978",
                ..PLAIN
            },
            &["no place on the Earth"],
        ),
        (
            Vrt {
                crs: "EPSG:5773",
                ..PLAIN
            },
            &["no place on the Earth"],
        ),
        // Europa, the Moon and Mars.
        (
            Vrt {
                crs: "+proj=longlat +R=1560800",
                ..PLAIN
            },
            &["no way from EPSG:3857"],
        ),
        (
            Vrt {
                crs: "+proj=eqc +R=1737400",
                geotransform: "0, 99, 0, 0, 0, -99",
                ..PLAIN
            },
            &["no way from EPSG:3857"],
        ),
        (
            Vrt {
                crs: "IAU_2015:49900",
                ..PLAIN
            },
            &["no way from EPSG:3857"],
        ),
        (
            Vrt {
                geotransform: "0, 0, 0, 0, 0, 0",
                ..PLAIN
            },
            &["without an area"],
        ),
        (
            Vrt {
                geotransform: "0, 1, 1, 0, 1, 1",
                ..PLAIN
            },
            &["without an area"],
        ),
        (
            Vrt {
                geotransform: "nan, 1, 0, 0, 0, -1",
                ..PLAIN
            },
            &["a geotransform"],
        ),
        (
            Vrt {
                geotransform: "0, inf, 0, 0, 0, -1",
                ..PLAIN
            },
            &["a geotransform"],
        ),
    ];
    let desk = Desk::new();
    for (vrt, words) in rows {
        desk.write("a.vrt", vrt.text());
        desk.check_line(
            "a.vrt -o x.mbtiles",
            3,
            &[&["error: a.vrt: "], *words].concat(),
        );
    }
}

/// GDAL goes round the Earth turn by turn to bring a longitude back, and would never come back from there.
#[test]
fn coordinates_beyond_any_place_end_with_3_and_soon() {
    let desk = Desk::new();
    let rows = [
        ("EPSG:3857", "1e300, 1, 0, 1e300, 0, -1"),
        ("EPSG:3857", "0, 1e300, 0, 0, 0, -1e300"),
        ("EPSG:3857", "1e16, 1, 0, 0, 0, -1"),
        ("EPSG:32632", "1e12, 1, 0, 1e12, 0, -1"),
    ];
    for (crs, geotransform) in rows {
        desk.vrt(
            "a.vrt",
            &Vrt {
                crs,
                geotransform,
                ..PLAIN
            },
        );
        desk.check_line("a.vrt -o x.mbtiles", 3, &["error: a.vrt: "]);
        desk.run(&["info", "a.vrt"]);
    }
}

#[test]
fn a_vrt_whose_sources_are_missing_ends_with_3() {
    let desk = Desk::new();
    let source = r#"<SimpleSource><SourceFilename relativeToVRT="1">gone.tif</SourceFilename>
        <SourceBand>1</SourceBand></SimpleSource>"#;
    desk.vrt(
        "a.vrt",
        &Vrt {
            band: source,
            ..PLAIN
        },
    );
    desk.check_line("a.vrt -o x.mbtiles -o y", 3, &["a.vrt: ", "gone.tif"]);
    if let Some(vrt) = shared("vrt/missing_raster.vrt") {
        let args = [vrt.to_str().unwrap(), "-o", "x.mbtiles"];
        desk.check(&args, 3, &["missing_raster.vrt: "]);
    }
}

#[test]
fn rasters_of_absurd_size_end_soon_and_take_little_memory() {
    let desk = Desk::new();
    let pixel = |pixel: &str| format!("0, {pixel}, 0, 0, 0, -{pixel}");
    // A tile's pixel is far larger than the whole raster.
    for (name, geotransform) in [("a.vrt", pixel("1e-6")), ("b.vrt", pixel("1e-12"))] {
        desk.vrt(
            name,
            &Vrt {
                geotransform: &geotransform,
                ..PLAIN
            },
        );
        for kernel in ["bilinear", "cubic", "lanczos", "average", "nearest", "mode"] {
            let line = format!("{name} -z 0-1 -r {kernel} --keep-blank -o {name}-{kernel}/");
            let args: Vec<&str> = line.split_whitespace().collect();
            desk.run(&[&["tile", "-q"], &args[..]].concat()).ok();
        }
    }
    // All of a large one falls into one pixel of the tile.
    let (size, geotransform) = ((2_000_000, 2_000_000), pixel("1e-6"));
    desk.vrt(
        "c.vrt",
        &Vrt {
            size,
            geotransform: &geotransform,
            ..PLAIN
        },
    );
    desk.check_line("c.vrt -z 0 -o x.mbtiles", 9, &["c.vrt"]);
}

/// Headers with a few bytes changed, and files cut short: whatever GDAL makes of them, the program says it and ends.
#[test]
fn mutated_files_end_with_a_message_or_with_a_tileset() {
    let desk = Desk::new();
    let mut state: u64 = 1;
    let mut random = |n: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    for name in [
        "byte.tif",
        "byte_pct.tif",
        "geomatrix.tif",
        "southup_inverted_lat.tif",
    ] {
        let whole = fs::read(fixture(name)).unwrap();
        let at = |k: usize| usize::from(whole[k]) | usize::from(whole[k + 1]) << 8;
        let directory = at(4) | at(6) << 16;
        for round in 0..10 {
            let mut bytes = whole.clone();
            if round % 5 == 0 {
                bytes.truncate(random(whole.len()));
            } else {
                for _ in 0..=random(3) {
                    let place = directory + random(12 * at(directory));
                    bytes[place] = [0, 1, 2, 16, 127, 128, 254, 255][random(8)];
                }
            }
            desk.write("a.tif", bytes);
            let run = desk.run(&["tile", "-q", "a.tif", "-o", "x.mbtiles", "--overwrite"]);
            let code = run.status.code();
            assert!(
                matches!(code, Some(0 | 3 | 8)),
                "{name} {round}: {:?} {}",
                run.status,
                run.stderr
            );
            let run = if code == Some(0) {
                run.ok()
            } else {
                run.fails(code.unwrap(), &["a.tif"])
            };
            assert_eq!(
                leftovers(desk.0.path()),
                [""; 0].map(PathBuf::from),
                "{:?}",
                run.stderr
            );
            let code = desk.run(&["info", "a.tif"]).status.code();
            assert!(matches!(code, Some(0 | 3)), "{name} {round}: {code:?}");
        }
    }
}

#[test]
fn sources_that_the_grid_does_not_hold_end_with_8() {
    let desk = Desk::new();
    let blank = "<NoDataValue>0</NoDataValue>";
    let polar = "7, 0.01, 0, 89.5, 0, -0.01";
    desk.vrt(
        "blank.vrt",
        &Vrt {
            band: blank,
            ..PLAIN
        },
    );
    desk.vrt(
        "polar.vrt",
        &Vrt {
            geotransform: polar,
            ..PLAIN
        },
    );
    desk.check_line(
        "blank.vrt -o x.mbtiles -o y",
        8,
        &["blank.vrt: no valid pixel", "--keep-blank"],
    );
    desk.check_line("polar.vrt -o x.mbtiles -o y", 8, &["WebMercatorQuad"]);
    let only = r#"<ComplexSource><SourceFilename>SOURCE</SourceFilename><SourceBand>1</SourceBand><NODATA>255</NODATA>
        <ScaleOffset>255</ScaleOffset><ScaleRatio>0</ScaleRatio></ComplexSource>"#;
    let band = format!(
        "<NoDataValue>255</NoDataValue>{}",
        only.replace("SOURCE", &fixture("byte.tif"))
    );
    desk.vrt(
        "white.vrt",
        &Vrt {
            size: (20, 20),
            band: &band,
            ..PLAIN
        },
    );
    desk.check_line("white.vrt -o x.mbtiles", 8, &["white.vrt: no valid pixel"]);
}

#[test]
fn options_that_make_no_sense_end_with_2() {
    let desk = Desk::new();
    desk.copy(fixture("RGB.byte.tif"), "a.tif");
    desk.copy(fixture("l8_lowres.tif"), "deep.tif");
    let rows: &[(&str, &[&str])] = &[
        ("-z 31", &["31", "none above 30"]),
        ("-z 5-31", &["5-31"]),
        ("-z 256", &["256"]),
        ("-z 5-2", &["5 is more than 2"]),
        ("-z 5..2", &["5 is more than 2"]),
        ("-z abc", &["abc", "--zoom"]),
        ("-z 5-x", &["5-x"]),
        ("-z 1.5", &["1.5"]),
        ("-z -", &["'-'"]),
        ("-z --3", &["--3"]),
        ("-z 12-", &["12 to 9", "lowest zoom first"]),
        ("-z -1-3", &["-1"]),
        ("--min-zoom 12", &["12 to 9"]),
        ("--min-zoom 9 --max-zoom 5", &["9 to 5"]),
        ("--min-zoom -1", &["-1"]),
        ("--max-zoom 31", &["31", "0 to 30"]),
        ("--max-zoom 256", &["256"]),
        ("--max-zoom abc", &["abc"]),
        ("--zoom-level-strategy best", &["best", "lower"]),
        ("--tile-size 0", &["--tile-size", "64 to 4096"]),
        ("--tile-size 100", &["--tile-size", "power of two"]),
        ("--tile-size 32", &["--tile-size", "64 to 4096"]),
        ("--tile-size 8192", &["--tile-size", "64 to 4096"]),
        ("--tile-size -256", &["-2"]),
        ("--tile-size 99999999999999999999", &["--tile-size"]),
        ("-r spline", &["spline", "lanczos"]),
        ("--overview-resampling cubic", &["cubic", "average"]),
        ("-f gif", &["gif", "png, palette, jpeg, mixed, webp"]),
        ("--scheme zyx", &["zyx", "tms"]),
        ("--type map", &["map", "baselayer"]),
        ("--tiling-scheme Foo", &["'Foo'", "WebMercatorQuad"]),
        (
            "--tiling-scheme none.json",
            &["'none.json'", "neither a known name nor a file"],
        ),
        ("-f webp --quality 0", &["'0'", "1 to 100"]),
        ("-f webp --quality 101", &["'101'", "1 to 100"]),
        ("-f webp --quality abc", &["'abc'", "--quality"]),
        ("--quality 50", &["quality", "png"]),
        (
            "-f webp --lossless --quality 50",
            &["quality", "lossless webp"],
        ),
        ("-f jpeg --lossless", &["jpeg cannot be lossless"]),
        ("--effort 10", &["'10'", "0..=9"]),
        ("-j 0", &["'0'", "ALL_CPUS"]),
        ("-j -1", &["-1"]),
        ("-j 100000", &["'100000'", "ALL_CPUS"]),
        ("-j many", &["'many'"]),
        ("--shard-height 300", &["300"]),
        ("--meta nothing", &["NAME=VALUE"]),
        ("--meta =x", &["NAME=VALUE"]),
        ("--oo x", &["NAME=VALUE"]),
        ("--config x", &["NAME=VALUE"]),
        ("--src-crs EPSG:0", &["EPSG:0"]),
        ("--src-crs EPSG:4978", &["EPSG:4978"]),
        ("--frobnicate", &["--frobnicate"]),
        ("-v", &["cannot be used with"]),
    ];
    for (options, words) in rows {
        desk.check_line(&format!("a.tif -o x.mbtiles {options}"), 2, words);
    }
    for format in ["jpeg", "webp"] {
        let line = format!("deep.tif -o x.mbtiles --rescale none -f {format}");
        desk.check_line(
            &line,
            2,
            &["--rescale none: 16-bit samples", "help: -f png"],
        );
    }
    desk.check_line("-o x.mbtiles", 2, &["<SOURCE>"]);
    desk.check_line("a.tif", 2, &["--output"]);
}

#[test]
fn tiling_schemes_that_are_none_name_their_file() {
    let desk = Desk::new();
    desk.copy(fixture("byte.tif"), "a.tif");
    desk.write("text.json", "no JSON");
    desk.write("empty.json", "");
    desk.write(
        "other.json",
        r#"{"type": "FeatureCollection", "features": []}"#,
    );
    desk.write("bytes.json", b"\xff\xfe");
    let level = |id: u8, cell: f64, n: u32| {
        format!(
            r#"{{"id": "{id}", "scaleDenominator": {}, "cellSize": {cell}, "pointOfOrigin": [0, 1000],
            "tileWidth": 256, "tileHeight": 256, "matrixWidth": {n}, "matrixHeight": {n}}}"#,
            cell / 0.00028
        )
    };
    let scheme = |levels: &[String]| {
        let levels = levels.join(", ");
        format!(
            r#"{{"id": "Own", "crs": "http://www.opengis.net/def/crs/EPSG/0/32632", "tileMatrices": [{levels}]}}"#
        )
    };
    desk.write("thirds.json", scheme(&[level(0, 9.0, 1), level(1, 3.0, 3)]));
    desk.write("none.json", scheme(&[]));
    desk.write("zero.json", scheme(&[level(0, 0.0, 1)]));
    fs::create_dir(desk.path("folder")).unwrap();
    let names = [
        "text.json",
        "empty.json",
        "other.json",
        "bytes.json",
        "thirds.json",
        "none.json",
        "zero.json",
        "folder",
        "a.tif",
    ];
    for name in names {
        let line = format!("a.tif -o x.mbtiles -o y --tiling-scheme {name}");
        desk.check_line(&line, 3, &[&format!("error: {name}: ")]);
    }
    // Real ones that are no quadtrees.
    for name in [
        "UTM31WGS84Quad",
        "CanadianNAD83_LCC",
        "CDB1GlobalGrid",
        "GNOSISGlobalGrid",
    ] {
        if let Some(path) = shared(&format!("tms/{name}.json")) {
            let args = [
                "a.tif",
                "-o",
                "x",
                "--tiling-scheme",
                path.to_str().unwrap(),
            ];
            desk.check(&args, 3, &[name, "expected"]);
        }
    }
}

#[test]
fn outputs_that_cannot_be_are_refused_before_the_work() {
    let desk = Desk::new();
    desk.copy(fixture("RGB.byte.tif"), "a.tif");
    desk.copy(fixture("RGB.byte.tif"), "in/b.tif");
    desk.write("notes.txt", "keep me");
    desk.write("notes.mbtiles", "keep me");
    desk.write("notes.pmtiles", "keep me");
    desk.write("old/0/0/0.png", "a tile");
    desk.write("photos/5/holiday.jpg", "keep me");
    desk.write("mixed/0/0/0.png", "a tile");
    desk.write("mixed/readme.txt", "keep me");
    desk.write("tiles.mbtiles/0/0/0.png", "a tile");
    desk.write("hot.mbtiles", b"SQLite format 3\0");
    desk.write("hot.mbtiles-journal", "unfinished");
    symlink("nowhere.mbtiles", desk.path("link.mbtiles")).unwrap();
    let long = "n".repeat(300);
    let rows: &[(&str, i32, &[&str])] = &[
        (
            "-o x.zip",
            2,
            &[
                "x.zip: no known kind",
                "help: for a folder of that name: -o x.zip/",
            ],
        ),
        (
            "-o x.pmtiles --tiling-scheme WorldCRS84Quad",
            2,
            &["x.pmtiles: 2 x 1 tiles at zoom 0", "expected one tile"],
        ),
        ("-o x.tif", 2, &["x.tif: no known kind"]),
        ("-o ftp://host/x", 2, &["ftp://host/x: an address"]),
        ("-o .", 2, &[".: "]),
        ("-o ..", 2, &["..: "]),
        ("-o a.tif", 2, &["a.tif: ", "the source"]),
        ("-o a.tif/ --overwrite", 2, &["a.tif/: ", "the source"]),
        ("in/b.tif -o in --overwrite", 2, &["in: ", "the source"]),
        ("-o x -o x", 2, &["x: the same place"]),
        (
            "-o x.mbtiles -o ./x.mbtiles",
            2,
            &["./x.mbtiles: the same place as x.mbtiles"],
        ),
        (
            "-o old -o old/y.mbtiles --overwrite",
            2,
            &["old/y.mbtiles: the same place as old"],
        ),
        ("-o x.mbtiles --report a.tif", 2, &["a.tif: ", "the source"]),
        (
            "-o x.mbtiles --report x.mbtiles",
            2,
            &["x.mbtiles: the same place"],
        ),
        (
            "-o none/x.mbtiles",
            4,
            &["none: no such folder", "help: mkdir -p none"],
        ),
        ("-o none/x/", 4, &["none: no such folder"]),
        (
            "-o notes.txt/x.mbtiles",
            4,
            &["notes.txt: a file; expected the folder"],
        ),
        (
            "-o notes.mbtiles",
            4,
            &["notes.mbtiles: exists already", "help: --overwrite"],
        ),
        ("-o old", 4, &["old: exists already", "help: --overwrite"]),
        ("-o old/", 4, &["old/: exists already"]),
        ("-o link.mbtiles", 4, &["link.mbtiles: exists already"]),
        (
            "-o link.mbtiles --overwrite",
            4,
            &["link.mbtiles: a symbolic link to nothing"],
        ),
        (
            "-o notes.mbtiles --overwrite",
            4,
            &["notes.mbtiles: not an SQLite database"],
        ),
        (
            "-o notes.pmtiles --overwrite",
            4,
            &["notes.pmtiles: not a PMTiles archive"],
        ),
        (
            "-o tiles.mbtiles --overwrite",
            4,
            &["tiles.mbtiles: a folder; expected an MBTiles file"],
        ),
        (
            "-o hot.mbtiles --overwrite",
            4,
            &["hot.mbtiles-journal: the journal"],
        ),
        (
            "-o notes.txt/ --overwrite",
            4,
            &[": a file; expected a folder"],
        ),
        (
            "-o photos --overwrite",
            4,
            &["photos/5/holiday.jpg: not part of a tileset"],
        ),
        (
            "-o mixed --overwrite",
            4,
            &["mixed/readme.txt: not part of a tileset"],
        ),
        (
            "-o x.mbtiles -o mixed --overwrite",
            4,
            &["mixed/readme.txt"],
        ),
        ("-o y -o none/x.mbtiles", 4, &["none: no such folder"]),
        ("-o /dev/full", 4, &["/dev/full: exists already"]),
        ("-o /dev/full --overwrite", 4, &["/dev/full: "]),
        ("-o /proc/x.mbtiles", 4, &["/proc"]),
        ("-o /proc/self/x", 4, &["/proc/self"]),
        (
            "-o x.mbtiles --report none/r.json",
            4,
            &["none: no such folder"],
        ),
        (
            "-o x.mbtiles --report notes.txt/r.json",
            4,
            &["notes.txt: a file"],
        ),
        ("-o x.mbtiles --report old", 4, &["old: a folder"]),
        ("-o x.mbtiles --report /proc/r.json", 4, &["/proc: "]),
    ];
    for (options, code, words) in rows {
        desk.check_line(&format!("a.tif {options}"), *code, words);
    }
    desk.check_line(&format!("a.tif -o {long}.mbtiles"), 4, &["name too long"]);
    desk.check_line(&format!("a.tif -o {long}/"), 4, &["name too long"]);
    desk.check(&["a.tif", "-o", ""], 2, &["--output"]);
}

/// `--report /dev/stdout` and the like: renaming a file over a device would take the device away.
#[test]
fn a_report_never_takes_the_place_of_what_is_no_file() {
    let desk = Desk::new();
    let name = std::ffi::CString::new(desk.path("pipe").as_os_str().as_bytes()).unwrap();
    // SAFETY: the name is a C string that outlives the call.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    desk.check(
        &[&bahamas(), "-o", "x.mbtiles", "--report", "pipe"],
        4,
        &["pipe: "],
    );
    assert!(
        fs::symlink_metadata(desk.path("pipe"))
            .unwrap()
            .file_type()
            .is_fifo()
    );
}

#[test]
fn an_existing_tileset_stays_untouched_when_its_replacement_fails() {
    let desk = Desk::new();
    desk.copy(fixture("utmsmall.tif"), "a.tif");
    desk.copy(fixture("byte_truncated.tif"), "bad.tif");
    desk.run(&["tile", "a.tif", "-o", "x.mbtiles", "-o", "y"])
        .ok();
    desk.check_line("bad.tif -o x.mbtiles -o y --overwrite", 3, &["bad.tif"]);
    desk.check_line("a.tif -o x.mbtiles -o z", 4, &["x.mbtiles: exists already"]);
    desk.check_line("a.tif -o z -o x.mbtiles", 4, &["x.mbtiles: exists already"]);
}

#[test]
fn names_of_every_kind_work() {
    let desk = Desk::new();
    let names = [
        "with space",
        "it's \"so\"",
        "tab\tand\nnewline",
        "Köln ☃ 地図",
        "100%20",
        "a;b&c|d$HOME",
        "{x}[1]*",
        "-dash",
        "#:a,b",
    ];
    for name in names {
        desk.copy(fixture("byte.tif"), format!("{name}/{name}.tif"));
        let source = format!("./{name}/{name}.tif");
        let (file, folder, report) = (
            format!("./{name}.mbtiles"),
            format!("./{name}-tiles/"),
            format!("./{name}.json"),
        );
        let args = [
            "tile", &source, "-o", &file, "-o", &folder, "--report", &report,
        ];
        desk.run(&args).ok();
        assert!(desk.path(&folder).join("11").is_dir(), "{name:?}");
        let report: serde_json::Value =
            serde_json::from_slice(&fs::read(desk.path(&report)).unwrap()).unwrap();
        assert_eq!(report["sources"][0]["name"], source);
        desk.run(&["info", &source, &file, &folder]).ok();
    }
    assert_eq!(leftovers(desk.0.path()), [""; 0].map(PathBuf::from));
}

#[test]
fn a_name_that_is_not_utf8_is_refused_as_a_source_and_works_as_an_output() {
    let desk = Desk::new();
    let named = |name: &[u8]| OsString::from_vec(name.to_vec());
    let source = named(b"stra\xdfe.tif");
    desk.copy(fixture("byte.tif"), &source);
    let to_x = [OsString::from("-o"), OsString::from("x.mbtiles")];
    for given in [source, ".".into()] {
        let args = [&[given][..], &to_x].concat();
        desk.check(&args, 3, &["stra\u{fffd}e.tif: a name that is not UTF-8"]);
    }
    let source = OsString::from(fixture("byte.tif"));
    for output in [named(b"gr\xfc\xdfe.mbtiles"), named(b"gr\xfc\xdfe")] {
        let args = [
            OsString::from("tile"),
            source.clone(),
            "-o".into(),
            output.clone(),
        ];
        desk.run(&args).ok();
        assert!(desk.path(output).exists());
    }
}

#[test]
fn a_pattern_is_no_worse_for_a_name_that_is_not_utf8() {
    let desk = Desk::new();
    desk.copy(
        fixture("byte.tif"),
        OsString::from_vec(b"stra\xdfe.txt".to_vec()),
    );
    desk.copy(fixture("byte.tif"), "a.tif");
    desk.copy(fixture("byte.tif"), ".hidden.tif");
    desk.run(&["tile", "*.tif", "-o", "x.mbtiles"]).ok();
}

#[test]
fn a_closed_stdout_does_not_harm_the_outputs() {
    let desk = Desk::new();
    for (closed, name) in [(true, "x"), (false, "y")] {
        let (file, folder) = (format!("{name}.mbtiles"), format!("{name}/"));
        let source = fixture("byte.tif");
        let mut command = desk.command(&["tile", &source, "-o", &file, "-o", &folder]);
        command.stderr(Stdio::null());
        let status = if closed {
            let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
            drop(child.stdout.take());
            wait(&child).0
        } else {
            let full = File::options().write(true).open("/dev/full").unwrap();
            wait(&command.stdout(full).spawn().unwrap()).0
        };
        // A reader who has seen enough is no failure; a disk that is full is, but not of the outputs.
        assert_eq!(status.code(), Some(if closed { 0 } else { 4 }));
        assert!(
            desk.path(&file).is_file() && desk.path(&folder).is_dir(),
            "{closed}"
        );
    }
    assert_eq!(leftovers(desk.0.path()), [""; 0].map(PathBuf::from));
}

const LONG: &[&str] = &[
    "-z",
    "0-16",
    "--progress",
    "json",
    "-j",
    "2",
    "-o",
    "x.mbtiles",
    "-o",
    "y",
    "--report",
    "r.json",
];

#[test]
fn a_source_that_shrinks_under_the_bake_ends_with_3() {
    let desk = Desk::new();
    desk.copy(bahamas(), "a.tif");
    let before = tree(desk.0.path()).into_keys();
    let (child, stderr) = under_way(&mut desk.command(&[&["tile", "a.tif"], LONG].concat()));
    File::options()
        .write(true)
        .open(desk.path("a.tif"))
        .unwrap()
        .set_len(5000)
        .unwrap();
    let status = wait(&child).0;
    let last = stderr.lines().last().unwrap().unwrap();
    assert_eq!(status.code(), Some(3), "{last}");
    // Or too short to be a raster at all, for a thread that comes to it only now.
    let words = ["a.tif: damaged", "a.tif: cannot be opened"];
    assert!(words.iter().any(|words| last.contains(words)), "{last}");
    assert!(before.eq(tree(desk.0.path()).into_keys()));
}

#[test]
fn a_signal_leaves_the_old_outputs_and_nothing_else() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let desk = Desk::new();
        desk.run(&["tile", &fixture("byte.tif"), "-o", "x.mbtiles", "-o", "y"])
            .ok();
        let before = tree(desk.0.path());
        let source = bahamas();
        let args = [&["tile", &source, "--overwrite"], LONG].concat();
        let (child, stderr) = under_way(&mut desk.command(&args));
        assert_eq!(leftovers(desk.0.path()).len(), 3);
        send(&child, signal);
        let status = wait(&child).0;
        let last = stderr.lines().last().unwrap().unwrap();
        assert_eq!(status.code(), Some(130), "{last}");
        assert!(last.contains("interrupted"), "{last}");
        assert!(before == tree(desk.0.path()));
    }
}

/// The degrees of a continent at a resolution of millimetres: nobody can wait for that, but anybody may ask for it.
#[test]
fn a_bake_without_end_can_be_interrupted_from_the_start() {
    let desk = Desk::new();
    let geotransform = "0, 1, 0, 0, 0, -1";
    desk.vrt(
        "a.vrt",
        &Vrt {
            geotransform,
            ..PLAIN
        },
    );
    let before = tree(desk.0.path());
    let mut command = desk.command(&["tile", "a.vrt", "-q", "-z", "30", "-o", "x.mbtiles"]);
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    send(&child, libc::SIGTERM);
    let (status, peak_kib) = wait_for(&child, Duration::from_secs(5));
    assert_eq!(status.code(), Some(130));
    assert!(peak_kib < PEAK_KIB, "{peak_kib} KiB");
    assert!(before == tree(desk.0.path()));
}

#[test]
fn a_killed_run_leaves_no_final_name_and_does_not_hinder_the_next() {
    let desk = Desk::new();
    let source = bahamas();
    let (child, _) = under_way(&mut desk.command(&[&["tile", &source], LONG].concat()));
    send(&child, libc::SIGKILL);
    assert_eq!(wait(&child).0.signal(), Some(libc::SIGKILL));
    let left = leftovers(desk.0.path());
    assert_eq!(left.len(), 3, "{left:?}");
    for name in ["x.mbtiles", "y", "r.json"] {
        assert!(!desk.path(name).exists(), "{name}");
    }
    let next = [
        "tile",
        &source,
        "-o",
        "x.mbtiles",
        "-o",
        "y",
        "--report",
        "r.json",
    ];
    desk.run(&next).ok();
    desk.run(&["info", "x.mbtiles", "y"]).ok();
    assert_eq!(leftovers(desk.0.path()), [""; 0].map(PathBuf::from));
}

#[test]
fn a_folder_that_cannot_be_written_ends_with_4() {
    let desk = Desk::new();
    fs::create_dir(desk.path("locked")).unwrap();
    let check = || {
        for output in ["locked/x.mbtiles", "locked/x"] {
            let said = "locked: cannot be written";
            desk.check(&[&bahamas(), "-o", output], 4, &[said]);
            desk.check(&[&bahamas(), "-o", "y.mbtiles", "-o", output], 4, &[said]);
        }
        let report = ["-o", "y.mbtiles", "--report", "locked/r.json"];
        desk.check(
            &[&[&bahamas()[..]], &report[..]].concat(),
            4,
            &["locked: cannot be written"],
        );
    };
    if is_root() {
        // Permissions do not stop root; a disk that is read-only does.
        let locked = desk.path("locked");
        with_disk(&locked, c"size=9m", || {
            let tilesets = ["flat.mbtiles", "normalized.mbtiles", "a.pmtiles", "a"];
            let tilesets = tilesets.map(|name| format!("locked/{name}"));
            for tileset in &tilesets {
                let is_normalized = tileset.contains("normalized");
                let kind = ["--mbtiles-type", "normalized"];
                let more: &[&str] = if is_normalized { &kind } else { &[] };
                let args = ["tile", "-q", &bahamas(), "-z", "4-8", "-o", tileset];
                desk.run(&[&args[..], more].concat()).ok();
            }
            remount_read_only(&locked);
            check();
            // What is there can be read all the same, by us and by others.
            for tileset in &tilesets {
                desk.run(&["convert", "-q", tileset, "-o", "copy", "--overwrite"])
                    .ok();
            }
            for tileset in &tilesets[..2] {
                let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
                let db = rusqlite::Connection::open_with_flags(desk.path(tileset), flags).unwrap();
                let count = "SELECT count(*) FROM tiles";
                let n: i64 = db.query_row(count, [], |row| row.get(0)).unwrap();
                assert!(n > 10);
            }
        });
    } else {
        fs::set_permissions(desk.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
        check();
        fs::set_permissions(desk.path("locked"), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_disk_that_fills_up_ends_with_9_and_is_empty_again() {
    let desk = Desk::new();
    let disk = desk.path("disk");
    fs::create_dir(&disk).unwrap();
    let source = bahamas();
    let check = |output: &str| {
        desk.check(
            &[&source, "-o", output],
            9,
            &[&format!("{output}: the disk is full"), "help: "],
        );
        desk.check(&[&source, "-o", "y.mbtiles", "-o", output], 9, &[output]);
    };
    // Much less than the tiles need, and hardly less.
    for options in [c"size=200k", c"size=1300k"] {
        with_disk(&disk, options, || {
            check("disk/x.mbtiles");
            check("disk/x");
        });
    }
    // Room for bytes but not for files.
    with_disk(&disk, c"size=100m,nr_inodes=12", || check("disk/x"));
    // The report comes last: the tileset is there by then, and stays.
    with_disk(&disk, c"size=4k", || {
        fs::write(disk.join("filler"), [1; 4096]).unwrap();
        let args = [
            "tile",
            "-q",
            &source,
            "-o",
            "z.mbtiles",
            "--report",
            "disk/r.json",
        ];
        let said = [
            "disk/r.json: the disk is full",
            "; written all the same: z.mbtiles",
        ];
        desk.run(&args).fails(9, &said);
        assert!(desk.path("z.mbtiles").is_file());
        assert_eq!(fs::read_dir(&disk).unwrap().count(), 1);
    });
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_leaves_nothing() {
    let desk = Desk::new();
    for output in ["x.mbtiles", "x.pmtiles"] {
        let (code, found) = (9, "the file would be larger");
        let mut command = desk.command(&["tile", "-q", &bahamas(), "-o", output]);
        // SAFETY: between fork and exec only `setrlimit` is called, which may be.
        unsafe {
            command.pre_exec(|| {
                let limit = libc::rlimit {
                    rlim_cur: 200 << 10,
                    rlim_max: 200 << 10,
                };
                libc::setrlimit(libc::RLIMIT_FSIZE, &limit);
                Ok(())
            });
        }
        let ended = command.output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(code), "{output}: {said}");
        assert!(said.contains(&format!("{output}: {found}")), "{said}");
        assert_eq!(tree(desk.0.path()), Tree::default(), "{output}");
    }
}

#[test]
fn a_merge_on_a_disk_that_is_full_ends_with_9_and_leaves_nothing() {
    let desk = Desk::new();
    let disk = desk.path("disk");
    fs::create_dir(&disk).unwrap();
    with_disk(&disk, c"size=200k", || {
        let source = bahamas();
        let args = ["merge", "-q", &source, "-o", "disk/x.tif"];
        desk.run(&args).fails(9, &["disk/x.tif: the disk is full"]);
        assert_eq!(fs::read_dir(&disk).unwrap().count(), 0);
    });
}
