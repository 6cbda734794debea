//! Byte strings that begin a text: all of them, or the longest.
//!
//! The nodes stand level by level, so that the children of a node are neighbours, ordered by their bytes.

/// A set of byte strings with a number each.
pub(super) struct Trie {
    /// Where each node's children begin; they end where those of the next node begin.
    children: Vec<u32>,
    /// The byte that leads to each node.
    labels: Vec<u8>,
    /// The number of the string that ends at each node, or [`NONE`].
    numbers: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Trie {
    /// Of equal strings the one with the highest number counts; empty ones are left out.
    pub(super) fn new<'a>(strings: impl Iterator<Item = (&'a [u8], u32)>) -> Self {
        let mut sorted: Vec<(&[u8], u32)> = strings.filter(|(string, _)| !string.is_empty()).collect();
        sorted.sort_unstable();
        let mut trie = Self { children: Vec::new(), labels: vec![0], numbers: vec![NONE] };
        // The strings below each node of a level: a range of `sorted`.
        let all = 0..sorted.len();
        let mut level = vec![all];
        let mut depth = 0;
        while !level.is_empty() {
            let mut below = Vec::new();
            for range in level {
                trie.children.push(trie.labels.len() as u32);
                let mut start = range.start;
                while let Some(label) = byte(&sorted, start, depth).filter(|_| start < range.end) {
                    let same = sorted.get(start..range.end).unwrap_or_default();
                    let end = start + same.partition_point(|(string, _)| string.get(depth) == Some(&label));
                    // Strings that end here stand first, the highest number last of them.
                    let ends = sorted.get(start..end).unwrap_or_default();
                    let whole = ends.partition_point(|(string, _)| string.len() == depth + 1);
                    let number =
                        whole.checked_sub(1).and_then(|last| ends.get(last)).map_or(NONE, |(_, number)| *number);
                    trie.labels.push(label);
                    trie.numbers.push(number);
                    below.push(start + whole..end);
                    start = end;
                }
            }
            level = below;
            depth += 1;
        }
        trie.children.push(trie.labels.len() as u32);
        trie
    }

    /// Hands the length and the number of every string that `text` begins with to `each`, shortest first.
    pub(super) fn prefixes(&self, text: &[u8], mut each: impl FnMut(usize, u32)) {
        let mut node = 0;
        for (depth, byte) in text.iter().enumerate() {
            let Some(child) = self.child(node, *byte) else { return };
            node = child;
            if let Some(number) = self.numbers.get(node).filter(|number| **number != NONE) {
                each(depth + 1, *number);
            }
        }
    }

    /// The length and the number of the longest string that `text` begins with.
    pub(super) fn longest(&self, text: &[u8]) -> Option<(usize, u32)> {
        let mut longest = None;
        self.prefixes(text, |length, number| longest = Some((length, number)));
        longest
    }

    fn child(&self, node: usize, byte: u8) -> Option<usize> {
        let (first, end) = (*self.children.get(node)? as usize, *self.children.get(node + 1)? as usize);
        let place = self.labels.get(first..end)?.binary_search(&byte).ok()?;
        Some(first + place)
    }
}

fn byte(sorted: &[(&[u8], u32)], at: usize, depth: usize) -> Option<u8> {
    sorted.get(at)?.0.get(depth).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_prefix_is_found(strings in prop::collection::vec("[ab\u{e9}]{0,4}", 0..30), text in "[ab\u{e9}]{0,8}") {
            let trie = Trie::new((0..).zip(&strings).map(|(number, string)| (string.as_bytes(), number)));
            let mut found = Vec::new();
            trie.prefixes(text.as_bytes(), |length, number| found.push((length, number)));
            let mut expected = Vec::new();
            for end in 1..=text.len() {
                let last = strings.iter().rposition(|string| string.as_bytes() == &text.as_bytes()[..end]);
                expected.extend(last.map(|number| (end, number as u32)));
            }
            prop_assert_eq!(trie.longest(text.as_bytes()), expected.last().copied());
            prop_assert_eq!(found, expected);
        }
    }
}
