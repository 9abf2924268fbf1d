//! What is wrong with a tileset: [`Finding`]s, of a kind each.

use std::collections::BTreeMap;

use super::kinds::Kind;
use crate::archive::Fault;
use crate::geo::tile::TileCoord;

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of fault.
    pub kind: Kind,
    /// The tile, where it is one.
    pub tile: Option<TileCoord>,
    /// Where it is, as text; the tile's address where it is a tile. Empty for the whole tileset.
    pub place: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl Finding {
    /// One about a place that is no tile.
    pub(super) fn at(
        kind: Kind,
        place: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            tile: None,
            place: place.to_owned(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// One about a tile.
    pub(super) fn of(
        kind: Kind,
        tile: TileCoord,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            tile: Some(tile),
            ..Self::at(kind, &tile.to_string(), found, expected)
        }
    }
}

impl From<Fault> for Finding {
    fn from(fault: Fault) -> Self {
        Self {
            kind: fault.flaw.into(),
            place: match fault.tile {
                Some(tile) => tile.to_string(),
                None => fault.place,
            },
            tile: fault.tile,
            found: fault.found,
            expected: fault.expected,
        }
    }
}

/// Findings of a kind that are kept; all are counted. A tileset that has more of one kind has a fault of another sort.
pub const KEPT: usize = 1000;

/// All findings, counted by kind, the first [`KEPT`] of each kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    kinds: BTreeMap<Kind, (u64, Vec<Finding>)>,
}

impl Findings {
    /// Takes one down.
    pub(super) fn add(&mut self, finding: Finding) {
        let (n, kept) = self.kinds.entry(finding.kind).or_default();
        *n += 1;
        if kept.len() < KEPT {
            kept.push(finding);
        }
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.kinds.values().map(|(n, _)| n).sum()
    }

    /// How many there are of each kind, and those that were kept; kinds in the order of [`KINDS`](super::KINDS), tiles in the order in which
    /// they were looked at.
    pub fn by_kind(&self) -> impl Iterator<Item = (Kind, u64, &[Finding])> {
        self.kinds
            .iter()
            .map(|(kind, (n, kept))| (*kind, *n, kept.as_slice()))
    }

    /// Drops those of `kinds`; how many there were of each.
    pub(super) fn ignore(&mut self, kinds: &[Kind]) -> Vec<(Kind, u64)> {
        let mut ignored = Vec::new();
        self.kinds.retain(|kind, (n, _)| {
            let is_kept = !kinds.contains(kind);
            if !is_kept {
                ignored.push((*kind, *n));
            }
            is_kept
        });
        ignored
    }

    /// Whether there is one of `kind`.
    pub fn has(&self, kind: Kind) -> bool {
        self.kinds.contains_key(&kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Flaw;

    #[test]
    fn all_are_counted_and_some_kept() {
        let mut findings = Findings::default();
        for _ in 0..KEPT + 5 {
            findings.add(Finding::at(Kind::Flaw(Flaw::Stray), "a", "b", "c"));
        }
        findings.add(Finding::at(Kind::Flaw(Flaw::Index), "a", "b", "c"));
        let counted: Vec<_> = findings
            .by_kind()
            .map(|(kind, n, kept)| (kind, n, kept.len()))
            .collect();
        assert_eq!(
            counted,
            [
                (Kind::Flaw(Flaw::Index), 1, 1),
                (Kind::Flaw(Flaw::Stray), KEPT as u64 + 5, KEPT)
            ]
        );
        assert_eq!(findings.total(), KEPT as u64 + 6);
        assert!(findings.has(Kind::Flaw(Flaw::Index)) && !findings.has(Kind::Hole));
    }
}
