//! Blocks of sources that could not be read and became holes: what is said of them.

use azulejo::error::{Error, Kind, Result};
use azulejo::source::cache::Hole;

use super::console::Console;
use super::human;

/// Holes that stderr names. The report has all.
const NAMED: usize = 10;

/// Names the first holes, and says how many more there are.
pub(super) fn warn(holes: &[Hole], console: &Console) {
    for hole in holes.iter().take(NAMED) {
        let window = hole.window;
        let level = match hole.level {
            0 => String::new(),
            n => format!(" of overview {n}"),
        };
        console.warn(&format!(
            "{}: damaged at column {}, row {}{level}: a hole of {} x {} pixels",
            hole.source, window.col, window.row, window.width, window.height
        ));
    }
    if holes.len() > NAMED {
        let n_more = (holes.len() - NAMED) as u64;
        console.warn(&format!("{} more holes", human::count(n_more)));
    }
}

/// How a bake with holes ends.
///
/// # Errors
/// [`Kind::Holes`] when there are any.
pub(super) fn check(holes: &[Hole], help: &str) -> Result<()> {
    let Some(first) = holes.first() else {
        return Ok(());
    };
    let n_holes = human::counted(holes.len() as u64, "hole");
    Err(Error::new(
        Kind::Holes,
        format!(
            "{}: damaged; the outputs are complete but for {n_holes} in the sources",
            first.source
        ),
    )
    .with_help(help))
}
