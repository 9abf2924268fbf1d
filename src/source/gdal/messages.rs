//! What GDAL says on the way: [`forward`] takes it off stderr, [`watched`] hears of damage that it passes over.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::{CStr, c_char, c_int};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use gdal::config::get_config_option;

thread_local! {
    /// The first warning of damaged data since somebody began to listen.
    static DAMAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Whether GDAL has ever said that a disk is full.
static FULL: AtomicBool = AtomicBool::new(false);

/// Whether a disk was found full by GDAL. The error that comes back in the end often says something else.
pub fn disk_was_full() -> bool {
    FULL.load(Ordering::Relaxed)
}

/// Does `f`, and tells what GDAL warned of meanwhile if that was damaged data. A JPEG that ends early is filled with gray,
/// and one with broken codes with whatever comes out, and GDAL calls that success.
pub(super) fn watched<T>(f: impl FnOnce() -> T) -> (T, Option<String>) {
    DAMAGE.set(None);
    let result = f();
    (result, DAMAGE.take().filter(|_| !is_allowed()))
}

/// Whether the user has said that libjpeg's warnings are none of ours.
fn is_allowed() -> bool {
    let told = get_config_option("GDAL_ERROR_ON_LIBJPEG_WARNING", "").unwrap_or_default();
    ["no", "false", "off", "0"].contains(&told.to_lowercase().as_str())
}

/// Whether a warning tells of samples that are not those that were once stored: libjpeg's words, by way of GDAL or libtiff.
fn tells_of_damage(text: &str) -> bool {
    [
        "Corrupt JPEG data",
        "Premature end of JPEG",
        "premature end of data segment",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// GDAL's messages go to the log. What is an error for the user comes back as a failed call on the same thread; but an open
/// option that the driver does not know is only told here, at each opening, and is a wish that nobody hears.
pub(super) unsafe extern "C" fn forward(
    class: gdal_sys::CPLErr::Type,
    _code: c_int,
    message: *const c_char,
) {
    if message.is_null() {
        return;
    }
    // SAFETY: GDAL passes a C string that lives for this call.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    if class >= gdal_sys::CPLErr::CE_Warning && tells_of_damage(&text) {
        DAMAGE.with_borrow_mut(|damage| {
            damage
                .get_or_insert_with(|| text.clone().into_owned())
                .len()
        });
    }
    if text.contains("No space left on device") {
        FULL.store(true, Ordering::Relaxed);
    }
    if class == gdal_sys::CPLErr::CE_Warning && text.contains("open option") {
        warn_once(&text);
    } else if class == gdal_sys::CPLErr::CE_Debug {
        log::trace!(target: "gdal", "{text}");
    } else {
        log::debug!(target: "gdal", "{text}");
    }
}

fn warn_once(text: &str) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // A set of strings is whole even when a thread died while it held it.
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.insert(text.to_owned()) {
        log::warn!("--oo: {text}");
    }
}
