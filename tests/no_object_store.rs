//! Programs that were built without object stores.
#![cfg(not(feature = "object-store"))]
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;

use self::desk::{Desk, fixture};

#[test]
fn an_output_in_an_object_store_says_how_to_build_it_in() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    for output in ["s3://maps/a/", "gs://maps/a.pmtiles", "az://maps"] {
        let run = desk.run(&["tile", &source, "-o", output]);
        run.fails(2, "an object store, which this program was built without")
            .says("help: cargo install --locked --features object-store --path .");
    }
    assert_eq!(desk.names(), Vec::<String>::new());
}
