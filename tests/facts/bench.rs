//! What all subjects need: files, plans, bakes and the tiles that come out.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CString, c_char, c_int};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;

use azulejo::archive::{
    DEFAULT_VERSION, MbtilesOptions, Metadata, Overwrite, RemoteOptions, RowScheme, SinkOptions,
    TilesetKind, open_sink, open_store,
};
use azulejo::encode::{Format, Recipe, Settings};
use azulejo::error::Result;
use azulejo::geo::bounds::Bounds;
use azulejo::geo::scheme::Scheme;
use azulejo::mosaic::Mosaic;
use azulejo::pyramid::budget::Budget;
use azulejo::pyramid::plan::{Plan, PlanOptions};
use azulejo::pyramid::{Baked, BuildOptions, build};
use azulejo::raster::Raster;
use azulejo::raster::kernel::Resampling;
use azulejo::render::Renderer;
use azulejo::source::Source;
use azulejo::source::gdal::{GdalSource, OpenOptions, init};
use gdal::Dataset;
use image::DynamicImage;

/// An address: zoom, x, y from the north.
pub(crate) type Address = (u8, u32, u32);

/// Where the peers' files are; without them there is nothing to compare with, but for those that are among the fixtures.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let collected = root.join("../shared").join(name);
    let kept = root.join("fixtures").join(collected.file_name()?);
    let found = [collected, kept].into_iter().find(|path| path.exists());
    if found.is_none() {
        crate::skip::skipped(format_args!("../shared/{name} is not there"));
    }
    found?.canonicalize().ok()
}

pub(crate) fn data(name: &str) -> Option<PathBuf> {
    shared(&format!("data/{name}"))
}

pub(crate) fn source(path: &Path) -> Result<GdalSource> {
    GdalSource::open(path.to_str().unwrap(), &OpenOptions::default())
}

pub(crate) fn mosaic(paths: &[PathBuf]) -> Result<Mosaic> {
    let open = |path: &PathBuf| Ok(Arc::new(source(path)?) as Arc<dyn Source>);
    Mosaic::new(paths.iter().map(open).collect::<Result<_>>()?)
}

/// All defaults but for the kernel, which is nearest: what most facts are about.
pub(crate) fn nearest() -> PlanOptions {
    PlanOptions {
        resampling: Some(Resampling::Nearest),
        ..defaults()
    }
}

/// What a plan gets when the user says nothing.
pub(crate) fn defaults() -> PlanOptions {
    PlanOptions::new(Scheme::named("WebMercatorQuad").unwrap())
}

/// `options` for zooms `zooms.0` to `zooms.1`.
pub(crate) fn zooms(zooms: (u8, u8), options: PlanOptions) -> PlanOptions {
    PlanOptions {
        zoom_min: Some(zooms.0),
        zoom_max: Some(zooms.1),
        ..options
    }
}

pub(crate) fn plan(path: &Path, options: PlanOptions) -> Result<Plan> {
    Plan::new(&mosaic(&[path.to_owned()])?, options)
}

/// A tileset as it is read back from its container.
pub(crate) struct Tileset {
    pub(crate) plan: Plan,
    pub(crate) baked: Baked,
    pub(crate) tiles: BTreeMap<Address, Vec<u8>>,
}

impl Tileset {
    pub(crate) fn count(&self, z: u8) -> usize {
        self.tiles.keys().filter(|a| a.0 == z).count()
    }

    pub(crate) fn addresses(&self) -> BTreeSet<Address> {
        self.tiles.keys().copied().collect()
    }

    /// The picture of a tile that must be there.
    pub(crate) fn picture(&self, address: Address) -> DynamicImage {
        let data = self
            .tiles
            .get(&address)
            .unwrap_or_else(|| panic!("{address:?} is not there"));
        image::load_from_memory(data).unwrap()
    }
}

/// Bakes PNG tiles into an MBTiles file and reads them back.
pub(crate) fn bake(paths: &[PathBuf], options: PlanOptions) -> Result<Tileset> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("tiles.mbtiles");
    let (plan, baked) = bake_to(paths, options, &output, RowScheme::Xyz)?;
    let mut store = open_store(&output)?;
    let mut tiles = BTreeMap::new();
    for tile in store.tiles()? {
        let bytes = store.read(tile)?.unwrap();
        tiles.insert((tile.z(), tile.x(), tile.y()), bytes);
    }
    assert_eq!(tiles.len() as u64, baked.tiles());
    Ok(Tileset { plan, baked, tiles })
}

/// Bakes PNG tiles to `output`, whatever that is.
pub(crate) fn bake_to(
    paths: &[PathBuf],
    options: PlanOptions,
    output: &Path,
    rows: RowScheme,
) -> Result<(Plan, Baked)> {
    let mosaic = mosaic(paths)?;
    let plan = Plan::new(&mosaic, options)?;
    let (columns, lines) = plan.scheme.matrix_size(0);
    let matrix_roots = (columns as u32, lines as u32);
    let sink = open_sink(
        output,
        &SinkOptions {
            overwrite: Overwrite::Refuse,
            rows,
            format: Format::Png,
            matrix_roots,
            hosts: Vec::new(),
            mbtiles: MbtilesOptions::default(),
            remote: RemoteOptions::default(),
        },
    )?;
    let mut sinks = vec![sink];
    let recipe = Recipe {
        settings: Settings {
            effort: Some(0),
            ..Settings::default()
        },
        ..Format::Png.into()
    };
    let options = BuildOptions {
        jobs: 2,
        shard_height: None,
        budget: Budget::default(),
        digest: true,
        checkpoint: None,
        ledger: None,
    };
    let baked = build(&mosaic, &plan, &recipe, &mut sinks, &options, &mut |_| {
        Ok(())
    })?;
    let Bounds {
        west,
        south,
        east,
        north,
    } = plan.bounds;
    let metadata = Metadata {
        name: "facts".into(),
        description: None,
        attribution: None,
        kind: TilesetKind::Overlay,
        version: DEFAULT_VERSION.into(),
        format: Format::Png,
        bounds: plan.bounds,
        center: (
            (west + east) / 2.0,
            (south + north) / 2.0,
            plan.zoom_overall,
        ),
        zoom_min: plan.zoom_min,
        zoom_max: plan.zoom_max,
        tile_size_px: plan.shape.tile_size_px as u32,
        scheme_id: plan.scheme.id().into(),
        matrix_roots,
        extra: Vec::new(),
    };
    for sink in sinks {
        sink.finish(&metadata)?.publish()?;
    }
    Ok((plan, baked))
}

/// One tile made from the file itself, at whatever zoom; `None` when there is nothing.
pub(crate) fn render(
    path: &Path,
    (z, x, y): Address,
    options: PlanOptions,
) -> Result<Option<Raster>> {
    let mosaic = mosaic(&[path.to_owned()])?;
    let plan = Plan::new(&mosaic, zooms((z, z), options))?;
    let job = plan.job(&mosaic);
    let bounds = plan.scheme.bounds(plan.scheme.tile(z, x, y)?);
    Renderer::new(&job).render(&bounds)
}

/// All pixels of a source at full resolution.
pub(crate) fn pixels(source: &dyn Source) -> Result<Raster> {
    source.read(0, source.info().levels[0].whole())
}

/// GDAL's checksum (`GDALChecksumImage`) over one band, row by row.
pub(crate) fn checksum(values: impl IntoIterator<Item = u32>) -> u32 {
    const PRIMES: [u32; 11] = [7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43];
    let primes = PRIMES.iter().cycle();
    let add = |sum: u32, (value, prime): (u32, &u32)| (sum + value % prime) & 0xFFFF;
    values.into_iter().zip(primes).fold(0, add)
}

/// `gdal_translate` into a file.
pub(crate) fn translate(from: &Path, to: &Path, args: &[&str]) {
    init();
    let dataset = Dataset::open(from).unwrap();
    let owned: Vec<CString> = args.iter().map(|a| CString::new(*a).unwrap()).collect();
    let pointers = owned.iter().map(|a| a.as_ptr().cast_mut());
    let mut argv: Vec<*mut c_char> = pointers.chain([ptr::null_mut()]).collect();
    let name = CString::new(to.to_str().unwrap()).unwrap();
    // SAFETY: the arguments end with a null and outlive the calls; the handles are checked.
    unsafe {
        let options = gdal_sys::GDALTranslateOptionsNew(argv.as_mut_ptr(), ptr::null_mut());
        assert!(!options.is_null(), "{args:?}");
        let mut error: c_int = 0;
        let out = gdal_sys::GDALTranslate(name.as_ptr(), dataset.c_dataset(), options, &mut error);
        gdal_sys::GDALTranslateOptionsFree(options);
        assert!(!out.is_null(), "gdal_translate {args:?}");
        gdal_sys::GDALClose(out);
    }
}
