//! Huffman codes: from how often symbols occur to the length of each one's code, and from lengths to codes (RFC 1951,
//! section 3.2.2).

/// The longest code of any alphabet.
pub(super) const MAX_BITS: usize = 15;

/// Builds codes; keeps its buffers from block to block.
#[derive(Default)]
pub(super) struct Builder {
    /// Symbols that occur: how often, and which.
    leaves: Vec<(u32, u16)>,
    /// Weights of the nodes on the way up, then parents, then depths.
    nodes: Vec<u32>,
}

impl Builder {
    /// The lengths of an optimal code for symbols that occur as often as `counts` says, none longer than `limit` bits; 0 for
    /// symbols that do not occur. If one or none occurs, two get a code of one bit, for decoders that want a complete code.
    pub(super) fn lengths(&mut self, counts: &[u32], limit: usize, lengths: &mut [u8]) {
        lengths.fill(0);
        let present = (0_u16..).zip(counts).filter(|(_, n)| **n > 0);
        self.leaves.clear();
        self.leaves.extend(present.map(|(symbol, &n)| (n, symbol)));
        if self.leaves.len() < 2 {
            let one = self.leaves.first().map_or(0, |leaf| usize::from(leaf.1));
            lengths[one] = 1;
            lengths[usize::from(one == 0)] = 1;
            return;
        }
        self.leaves.sort_unstable();
        self.depths();
        let mut per_length = [0_u32; MAX_BITS + 1];
        for &depth in &self.nodes[..self.leaves.len()] {
            per_length[(depth as usize).min(limit)] += 1;
        }
        fit(&mut per_length, limit);
        // The rarest symbols first: they get the longest codes.
        let mut leaves = self.leaves.iter();
        for length in (1..=limit).rev() {
            for &(_, symbol) in leaves.by_ref().take(per_length[length] as usize) {
                lengths[usize::from(symbol)] = length as u8;
            }
        }
    }

    /// Leaves in `nodes` how deep each leaf lies in the tree, by the method of Moffat and Katajainen (In-place calculation
    /// of minimum-redundancy codes, 1995), here with the leaves kept apart.
    fn depths(&mut self) {
        let n = self.leaves.len();
        // Inner nodes, in the order they are made in, which is that of their weights.
        let nodes = &mut self.nodes;
        nodes.clear();
        nodes.resize(3 * n, 0);
        let (weights, rest) = nodes.split_at_mut(n);
        let (parents, leaf_parents) = rest.split_at_mut(n);
        let (mut leaf, mut inner) = (0, 0);
        for new in 0..n - 1 {
            let mut weight = 0;
            for _ in 0..2 {
                let takes_leaf =
                    leaf < n && (inner == new || self.leaves[leaf].0 <= weights[inner]);
                if takes_leaf {
                    weight += self.leaves[leaf].0;
                    leaf_parents[leaf] = new as u32;
                    leaf += 1;
                } else {
                    weight += weights[inner];
                    parents[inner] = new as u32;
                    inner += 1;
                }
            }
            weights[new] = weight;
        }
        // From the root down: parents become depths.
        let root = n - 2;
        parents[root] = 0;
        for k in (0..root).rev() {
            parents[k] = parents[parents[k] as usize] + 1;
        }
        for leaf in 0..n {
            weights[leaf] = parents[leaf_parents[leaf] as usize] + 1;
        }
    }
}

/// Mends a code that was cut to `limit` bits and has become too long to be one: `per_length` counts the symbols of each length.
/// Each step makes one shorter code longer, and takes back one of the longest.
fn fit(per_length: &mut [u32; MAX_BITS + 1], limit: usize) {
    let room = 1_u32 << limit;
    let mut used: u32 = (1..=limit).map(|l| per_length[l] << (limit - l)).sum();
    while used > room {
        let shorter = (1..limit)
            .rev()
            .find(|&l| per_length[l] > 0)
            .expect("not all codes can be of the longest length: there are fewer than 2^limit");
        per_length[shorter] -= 1;
        per_length[shorter + 1] += 2;
        per_length[limit] -= 1;
        used -= 1;
    }
}

/// The codes of symbols whose codes have such lengths: the bits as they are written, first bit lowest.
pub(super) fn codes(lengths: &[u8], codes: &mut [u16]) {
    let mut per_length = [0_u32; MAX_BITS + 2];
    for &length in lengths {
        per_length[usize::from(length)] += 1;
    }
    per_length[0] = 0;
    let mut next = [0_u32; MAX_BITS + 2];
    for length in 1..=MAX_BITS {
        next[length + 1] = (next[length] + per_length[length]) << 1;
    }
    for (code, &length) in codes.iter_mut().zip(lengths) {
        let length = usize::from(length);
        if length == 0 {
            *code = 0;
            continue;
        }
        *code = (next[length] as u16).reverse_bits() >> (16 - length);
        next[length] += 1;
    }
}

#[cfg(test)]
mod tests;
