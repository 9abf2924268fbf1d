//! Files that are damaged, or have no place on the Earth: an error, little memory, and nothing left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use azulejo::archive::RowScheme;
use azulejo::error::{Error, Kind};
use azulejo::pyramid::plan::PlanOptions;

use crate::bench::{bake_to, data, defaults, source, translate, zooms};

/// Bakes `path` into a folder of its own, which must be empty after the error that must come.
fn failure(path: &Path, options: PlanOptions) -> std::result::Result<Error, String> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("tiles.mbtiles");
    let baked = bake_to(&[path.to_owned()], options, &output, RowScheme::Xyz);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    match baked {
        Ok((_, baked)) => Err(format!("no error, {} tiles", baked.tiles())),
        Err(error) if left.is_empty() => Ok(error),
        Err(error) => Err(format!("{left:?} left behind after: {error}")),
    }
}

/// Where a file fails at the latest.
#[derive(Clone, Copy, PartialEq, Debug)]
enum When {
    Opened,
    Placed,
    Read,
}

#[test]
fn damaged_and_placeless_files_end_in_an_error_and_leave_nothing_behind() {
    let rows = [
        ("hugeblocksize.tif", When::Opened),
        ("invalid.unknown.tif", When::Opened),
        ("zero_bytes.tif", When::Opened),
        ("byte_truncated.tif", When::Read),
        ("corrupt_jpeg_block.tif", When::Read),
        ("corrupted_deflate_singlestrip.tif", When::Opened),
        ("lzw_corrupted.tif", When::Opened),
        ("missing_tilebytecounts_and_offsets.tif", When::Opened),
        ("truncated.tiff", When::Opened),
        ("bigtiff_header_extract.tif", When::Opened),
        ("huge-sparse.tiff", When::Opened),
        ("huge4GB.tif", When::Opened),
        ("invalid.nogeoref.tif", When::Opened),
        ("invalid.projection.tif", When::Opened),
        ("mars_srs.tif", When::Placed),
        ("../georef/merc_nad27.tif", When::Placed),
        ("corrupt.mbtiles", When::Opened),
        ("no such file.tif", When::Opened),
        ("../projections/europa_nonearth.tif", When::Placed),
        ("../dem/whitebox_utm_float32.tif", When::Opened),
        ("../dem/zurich_nocrs_int16.tif", When::Opened),
        ("../rgb/RGB.byte.rpc.vrt", When::Opened),
        ("../georef/389225main_sw_1965_1024.jpg", When::Opened),
        ("../vrt/missing_raster.vrt", When::Read),
        ("../README.md", When::Opened),
    ];
    let Some(folder) = data("corrupt") else {
        return;
    };
    let mut failures = Vec::new();
    for (file, when) in rows {
        let path = folder.join(file);
        let opened = source(&path).err();
        if (when == When::Opened) != opened.is_some() {
            failures.push(format!("{file}: opening it gives {opened:?}"));
        }
        match failure(&path, defaults()) {
            Ok(error) => {
                println!("{error}\n    help: {:?}", error.help());
                let name = Path::new(file).file_name().unwrap().to_str().unwrap();
                let text = error.to_string();
                let clear = text.contains(name) && !text.contains("no reason") && text.len() < 400;
                let unreadable = [Kind::Input, Kind::Damaged].contains(&error.kind());
                if !unreadable || !clear {
                    failures.push(format!("{file}: {:?} {error}", error.kind()));
                }
            }
            Err(what) => failures.push(format!("{file}: {what}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Most damaged files have no place on the Earth, and fail for that; given one, they must fail when they are read.
#[test]
fn damaged_files_that_are_given_a_place_fail_when_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "corrupted_deflate_singlestrip.tif",
        "lzw_corrupted.tif",
        "missing_tilebytecounts_and_offsets.tif",
        "truncated.tiff",
        "../vrt/missing_raster.vrt",
    ] {
        let Some(path) = data(&format!("corrupt/{file}")) else {
            continue;
        };
        let placed = folder.path().join("placed.vrt");
        place(&path, &placed);
        let error = failure(&placed, defaults()).unwrap_or_else(|what| panic!("{file}: {what}"));
        println!("{error}");
        assert_eq!(error.kind(), Kind::Damaged, "{file}: {error}");
    }
}

/// A view of a file that has no place, laid over Europe.
fn place(path: &Path, to: &Path) {
    let corners = ["-a_srs", "EPSG:4326", "-a_ullr", "0", "60", "20", "40"];
    translate(
        path,
        to,
        &[&["-of", "VRT", "-ot", "Byte"], &corners[..]].concat(),
    );
}

#[test]
fn a_file_cut_short_fails_at_every_zoom() {
    let Some(path) = data("golden/small_world.tif") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.tif");
    fs::write(&cut, &fs::read(&path).unwrap()[..4096]).unwrap();
    for z in 0..=3 {
        let error = failure(&cut, zooms((0, z), defaults()));
        let error = error.unwrap_or_else(|what| panic!("z{z}: {what}"));
        assert_eq!(error.kind(), Kind::Input, "{error}");
        assert!(error.to_string().contains("cut.tif"), "{error}");
    }
}

#[test]
fn an_output_that_exists_is_refused_and_stays_as_it_is() {
    let Some(path) = data("georef/byte.tif") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("tiles.mbtiles");
    fs::write(&output, "mine").unwrap();
    let error = bake_to(&[path], defaults(), &output, RowScheme::Xyz)
        .err()
        .unwrap();
    assert_eq!(error.kind(), Kind::Output, "{error}");
    assert_eq!(fs::read(&output).unwrap(), b"mine");
}

/// Set in the process that is measured.
const MEASURED: &str = "AZULEJO_FACTS_MEASURED";

/// In a process of its own, because peak memory belongs to a process, and other tests need some too.
#[test]
fn files_that_claim_to_be_huge_need_little_memory() {
    if std::env::var_os(MEASURED).is_some() {
        return bake_huge_files();
    }
    let out = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "broken::files_that_claim_to_be_huge_need_little_memory",
            "--nocapture",
        ])
        .env(MEASURED, "1")
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&out.stdout));
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

fn bake_huge_files() {
    let folder = tempfile::tempdir().unwrap();
    let before = peak_memory();
    let mut paths: Vec<PathBuf> = Vec::new();
    for file in [
        "bigtiff_header_extract.tif",
        "huge-sparse.tiff",
        "huge4GB.tif",
        "hugeblocksize.tif",
    ] {
        paths.extend(data(&format!("corrupt/{file}")));
    }
    for file in ["bigtiff_header_extract.tif", "huge4GB.tif"] {
        let Some(path) = data(&format!("corrupt/{file}")) else {
            continue;
        };
        let placed = folder.path().join(format!("{file}.vrt"));
        place(&path, &placed);
        paths.push(placed);
    }
    for path in paths {
        for options in [zooms((0, 0), defaults()), zooms((8, 8), defaults())] {
            let error = failure(&path, options).unwrap_or_else(|what| panic!("{path:?}: {what}"));
            println!("{error}");
        }
        if let (Some(before), Some(now)) = (before, peak_memory()) {
            println!("{} MB more for {}", (now - before) >> 20, path.display());
            assert!(now - before < 1 << 30, "{}", path.display());
        }
    }
}

/// The most memory that this process has had, in bytes; `None` where the system does not say.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
