//! [`Index`]: which of many rectangles meet a given one, without looking at all of them.

use super::bounds::Bounds;

/// Children of a node.
const FAN: usize = 16;

/// A packed R-tree over rectangles that never change: sorted into tiles (Leutenegger, Lopez, Edgington: STR, 1997), then
/// every few neighbours under one rectangle, up to the root.
pub struct Index {
    /// The items' rectangles, then those of each level above, the root last.
    boxes: Vec<Bounds>,
    /// Which item each of the first rectangles is.
    items: Vec<u32>,
    /// Where each level starts in `boxes`, the items' first.
    starts: Vec<usize>,
}

impl Index {
    /// An index over `items`, which are told apart by their place in the list.
    pub fn new(items: &[Bounds]) -> Self {
        let mut order: Vec<u32> = (0..items.len() as u32).collect();
        let middle = |k: &u32| {
            let b = &items[*k as usize];
            (b.west + b.east, b.south + b.north)
        };
        order.sort_by(|a, b| middle(a).0.total_cmp(&middle(b).0));
        let leaves = items.len().div_ceil(FAN).max(1);
        let slice = (leaves as f64).sqrt().ceil() as usize * FAN;
        for slice in order.chunks_mut(slice) {
            slice.sort_by(|a, b| middle(a).1.total_cmp(&middle(b).1));
        }
        let mut boxes: Vec<Bounds> = order.iter().map(|&k| items[k as usize]).collect();
        let mut starts = vec![0];
        while let Some(&start) = starts.last()
            && boxes.len() - start > 1
        {
            let above: Vec<Bounds> = boxes[start..]
                .chunks(FAN)
                .filter_map(|group| group.iter().copied().reduce(|a, b| a.union(&b)))
                .collect();
            starts.push(boxes.len());
            boxes.extend(above);
        }
        Self {
            boxes,
            items: order,
            starts,
        }
    }

    /// Calls `visit` with each item whose rectangle shares a point with `area`, edges included, in no order that means
    /// anything, until it says `false`.
    pub fn visit(&self, area: &Bounds, mut visit: impl FnMut(usize) -> bool) {
        let top = self.starts.len() - 1;
        let mut waiting: Vec<(usize, usize)> = (self.starts[top]..self.boxes.len())
            .map(|node| (top, node))
            .collect();
        while let Some((level, node)) = waiting.pop() {
            let b = &self.boxes[node];
            let meets = b.west <= area.east
                && b.east >= area.west
                && b.south <= area.north
                && b.north >= area.south;
            if !meets {
                continue;
            }
            if level == 0 {
                if !visit(self.items[node] as usize) {
                    return;
                }
                continue;
            }
            let below = self.starts[level - 1];
            let first = below + (node - self.starts[level]) * FAN;
            let last = (first + FAN).min(self.starts[level]);
            waiting.extend((first..last).map(|child| (level - 1, child)));
        }
    }

    /// Whether any item's rectangle shares a point with `area`.
    pub fn any(&self, area: &Bounds) -> bool {
        let mut found = false;
        self.visit(area, |_| {
            found = true;
            false
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boxes(corners: &[(f64, f64, f64, f64)]) -> Vec<Bounds> {
        corners
            .iter()
            .map(|&(x, y, w, h)| Bounds::new(x, y, x + w, y + h))
            .collect()
    }

    proptest! {
        #[test]
        fn finds_what_looking_at_all_of_them_finds(
            corners in proptest::collection::vec((0.0..100.0, 0.0..100.0, 0.0..20.0, 0.0..20.0), 0..700),
            areas in proptest::collection::vec((-10.0..110.0, -10.0..110.0, 0.0..50.0, 0.0..50.0), 8)
        ) {
            let items = boxes(&corners);
            let index = Index::new(&items);
            for area in boxes(&areas) {
                let mut found = Vec::new();
                index.visit(&area, |k| { found.push(k); true });
                found.sort_unstable();
                let meets = |b: &Bounds| b.west <= area.east && b.east >= area.west && b.south <= area.north && b.north >= area.south;
                let expected: Vec<usize> = (0..items.len()).filter(|&k| meets(&items[k])).collect();
                prop_assert_eq!(index.any(&area), !expected.is_empty());
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn touching_is_meeting_and_nothing_meets_an_empty_index() {
        let unit = Bounds::new(0.0, 0.0, 1.0, 1.0);
        assert!(Index::new(&[unit]).any(&Bounds::new(1.0, 1.0, 2.0, 2.0)));
        assert!(!Index::new(&[unit]).any(&Bounds::new(1.1, 0.0, 2.0, 2.0)));
        assert!(!Index::new(&[]).any(&unit));
    }
}
