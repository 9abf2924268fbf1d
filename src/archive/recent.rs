//! [`Recent`]: the last so many keys that were new, and what belongs to each.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// How many keys are remembered, in some 8 MB. A map of a few hundred colours needs no more than those; where short tiles
/// are all different, one of them that comes often is new again once in so many tiles, and nobody will notice.
const REMEMBERED: usize = 1 << 16;

/// The last keys that were new. First in, first out: what is remembered depends on the order of the keys alone.
pub(crate) struct Recent<K, V> {
    values: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Copy + Eq + Hash, V: Copy> Recent<K, V> {
    /// What belongs to a key.
    pub(crate) fn find(&self, key: K) -> Option<V> {
        self.values.get(&key).copied()
    }

    /// Remembers a key that was not found.
    pub(crate) fn remember(&mut self, key: K, value: V) {
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
        self.order.push_back(key);
        self.values.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_came_is_forgotten_first_and_no_more_are_kept() {
        let mut recent = Recent::default();
        for n in 0..REMEMBERED + 10 {
            recent.remember(n, n + 1);
        }
        assert_eq!(recent.find(9), None);
        assert_eq!(recent.find(10), Some(11));
        assert_eq!(
            (recent.values.len(), recent.order.len()),
            (REMEMBERED, REMEMBERED)
        );
    }
}
