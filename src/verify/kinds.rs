//! Kinds of findings: rows of [`KINDS`].

use crate::archive::Flaw;

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Something wrong with the container.
    Flaw(Flaw),
    /// The format that the metadata tells is not that of the tiles.
    Format,
    /// Zooms that the metadata tells and that are not there, or the other way round.
    Zooms,
    /// Bounds that are not where the tiles are.
    Bounds,
    /// A center outside of the bounds or zooms.
    Center,
    /// A word for the type that nobody knows.
    Type,
    /// A tile without bytes.
    Empty,
    /// A tile that cannot be decoded.
    Damaged,
    /// A tile of a format that does not belong here.
    TileFormat,
    /// A tile of another size.
    Size,
    /// A tile that is missing where its parent has data.
    Hole,
    /// A tile on which there is nothing, where its parent has data.
    Blank,
    /// A tile without the one above it.
    Orphan,
    /// A tile that lies elsewhere than the picture of it in its parent, by some pixels.
    Shifted,
    /// A tile that shows something else than its parent does.
    Parent,
    /// A tile that does not go on where its neighbours end.
    Seam,
    /// A tile that is not what the sources make of it.
    Source,
    /// A tile that is missing where the sources have data.
    Missing,
    /// A tile that is stored where the sources have nothing.
    Surplus,
}

/// What is said of a kind.
#[derive(Debug)]
pub struct KindInfo {
    /// The kind.
    pub kind: Kind,
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn row(kind: Kind, name: &'static str, meaning: &'static str) -> KindInfo {
    KindInfo {
        kind,
        name,
        meaning,
    }
}

/// All kinds, containers first, then what they say of themselves, then tiles.
pub static KINDS: [KindInfo; 31] = [
    row(
        Kind::Flaw(Flaw::Container),
        "container",
        "the container is damaged, or cut short",
    ),
    row(
        Kind::Flaw(Flaw::Directory),
        "directory",
        "a directory of the archive is damaged or out of order",
    ),
    row(
        Kind::Flaw(Flaw::Header),
        "header",
        "a number in the archive's header is not true",
    ),
    row(
        Kind::Flaw(Flaw::Overlap),
        "overlap",
        "parts of the archive lie over each other",
    ),
    row(
        Kind::Flaw(Flaw::Beyond),
        "beyond",
        "a part of the archive lies beyond its end",
    ),
    row(
        Kind::Flaw(Flaw::Index),
        "index",
        "the database has no index by which tiles are found",
    ),
    row(
        Kind::Flaw(Flaw::Address),
        "address",
        "a tile lies outside the matrix, or has no address",
    ),
    row(
        Kind::Flaw(Flaw::Duplicate),
        "duplicate",
        "an address has two tiles",
    ),
    row(
        Kind::Flaw(Flaw::Dangling),
        "dangling",
        "a tile is listed, but its bytes are not stored",
    ),
    row(
        Kind::Flaw(Flaw::FileName),
        "file-name",
        "a file has a name that no tile has",
    ),
    row(
        Kind::Flaw(Flaw::Stray),
        "stray",
        "a file is no part of a tileset",
    ),
    row(
        Kind::Flaw(Flaw::Descriptions),
        "descriptions",
        "the tileset is described in two ways that disagree",
    ),
    row(
        Kind::Flaw(Flaw::Digest),
        "digest",
        "the tiles are not those that were summed up",
    ),
    row(
        Kind::Format,
        "format",
        "the metadata tells another format than the tiles have",
    ),
    row(
        Kind::Zooms,
        "zooms",
        "the metadata tells other zooms than there are",
    ),
    row(
        Kind::Bounds,
        "bounds",
        "the metadata tells bounds that are not where the tiles are",
    ),
    row(
        Kind::Center,
        "center",
        "the metadata tells a center outside of its bounds or zooms",
    ),
    row(Kind::Type, "type", "the metadata tells a type that is none"),
    row(Kind::Empty, "empty", "a tile has no bytes"),
    row(Kind::Damaged, "damaged", "a tile cannot be read or decoded"),
    row(
        Kind::TileFormat,
        "tile-format",
        "a tile is of another format than the tileset",
    ),
    row(
        Kind::Size,
        "size",
        "a tile has another size than the tileset",
    ),
    row(
        Kind::Hole,
        "hole",
        "a tile is missing where its parent has data",
    ),
    row(
        Kind::Blank,
        "blank",
        "there is nothing on a tile where its parent has data",
    ),
    row(Kind::Orphan, "orphan", "a tile has no parent"),
    row(
        Kind::Shifted,
        "shifted",
        "a tile and its parent, or two zooms, are shifted against each other",
    ),
    row(
        Kind::Parent,
        "parent",
        "a tile and its parent show different things",
    ),
    row(
        Kind::Seam,
        "seam",
        "a tile does not go on where its neighbours end",
    ),
    row(
        Kind::Source,
        "source",
        "a tile is not what the sources make of it (--against)",
    ),
    row(
        Kind::Missing,
        "missing",
        "a tile is missing where the sources have data (--against)",
    ),
    row(
        Kind::Surplus,
        "surplus",
        "a tile is stored where the sources have nothing (--against)",
    ),
];

impl Kind {
    /// The row of [`KINDS`] about this kind.
    pub fn info(self) -> &'static KindInfo {
        KINDS
            .iter()
            .find(|info| info.kind == self)
            .expect("every kind has a row in KINDS")
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        KINDS
            .iter()
            .find(|info| info.name == name)
            .map(|info| info.kind)
    }
}

impl From<Flaw> for Kind {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_in_the_order_of_the_table() {
        for info in &KINDS {
            assert_eq!(Kind::from_name(info.name), Some(info.kind));
            assert_eq!(info.kind.info().name, info.name);
        }
        assert!(KINDS.windows(2).all(|pair| pair[0].kind < pair[1].kind));
        assert_eq!(Kind::from_name("none"), None);
    }
}
