//! The versions of the program and of the libraries that decide what it writes.

use serde_json::{Value, json};

/// This program's version.
pub(super) const AZULEJO: &str = env!("CARGO_PKG_VERSION");

/// GDAL's version as it is loaded, e.g. `3.6.2`.
pub(super) fn gdal() -> String {
    gdal::version::VersionInfo::release_name()
}

/// PROJ's version as GDAL found it, e.g. `9.1.1`.
pub(super) fn proj() -> String {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: three valid pointers to write numbers to.
    unsafe { gdal_sys::OSRGetPROJVersion(&mut major, &mut minor, &mut patch) };
    format!("{major}.{minor}.{patch}")
}

/// What `--version` says.
pub(super) fn long() -> String {
    format!(
        "{AZULEJO}\nGDAL {}\nPROJ {}\nSQLite {}",
        gdal(),
        proj(),
        rusqlite::version()
    )
}

/// All of them, by name.
pub(super) fn json() -> Value {
    json!({
        "azulejo": AZULEJO,
        "gdal": gdal(),
        "proj": proj(),
        "sqlite": rusqlite::version(),
    })
}
