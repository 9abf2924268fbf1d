//! Hides the symbols of static libraries (libwebp, libdeflate, mozjpeg) in every binary and test, so that the system's
//! libgdal keeps using its own copies of them instead of ours.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-link-arg=-Wl,--exclude-libs,ALL");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
