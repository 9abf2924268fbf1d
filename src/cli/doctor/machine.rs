//! Processors, memory, limits and disks.

use std::path::Path;

use azulejo::archive::Disk;
use azulejo::pyramid::budget::LEAST_CEILING_BYTES;

use super::Check;
use crate::cli::values::Jobs;
use crate::cli::{human, memory};

/// Open files below which mosaics of many files come to a halt: GDAL keeps up to 128, and so does azulejo.
const OPEN_FILES: u64 = 1024;

/// Bytes of a disk below which hardly a tileset fits.
const LITTLE_DISK: u64 = 1 << 30;

/// What is looked at.
pub(super) fn checks() -> Vec<Check> {
    let temporary = std::env::temp_dir();
    vec![
        processors(),
        memory_check(),
        open_files(),
        disk("disk", Path::new(".")),
        disk("temporary", &temporary),
    ]
}

fn processors() -> Check {
    let threads = human::counted(Jobs::all().0 as u64, "thread");
    Check::well("processors", format!("{threads} at once"))
}

fn memory_check() -> Check {
    let half = memory::half_of_what_is_free();
    let found = format!(
        "{} free for us, half of which is taken by default",
        human::memory(half.saturating_mul(2))
    );
    let check = Check::well("memory", found);
    if half <= LEAST_CEILING_BYTES {
        return check.needed(format!(
            "a bake takes {} at least: give the container more, or lift `ulimit -v`",
            human::memory(LEAST_CEILING_BYTES)
        ));
    }
    check
}

fn open_files() -> Check {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the call fills in the struct that it is given.
    let code = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    if code != 0 {
        return Check::well("open files", "unknown");
    }
    let check = Check::well(
        "open files",
        format!("{} at once", human::count(limit.rlim_cur)),
    );
    if limit.rlim_cur < OPEN_FILES {
        return check.better(format!(
            "ulimit -n {OPEN_FILES}: mosaics of many files need as many"
        ));
    }
    check
}

fn disk(name: &'static str, folder: &Path) -> Check {
    let shown = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let Some(found) = Disk::of(folder) else {
        return Check::well(name, format!("{}: cannot be asked", shown.display()))
            .better("work in a folder that exists");
    };
    let free = human::bytes(found.free_bytes);
    let check = Check::well(name, format!("{free} free in {}", shown.display()));
    if found.is_read_only {
        return check.better("it can only be read: outputs must go elsewhere");
    }
    if found.free_bytes < LITTLE_DISK {
        return check.better("free some space, or write to another disk");
    }
    check
}
