//! Merging of adjacent symbols, best pair first: the algorithm that both kinds of tokeniser share.
//!
//! ```text
//! symbols := the characters (or bytes) of the text, as a linked list
//! queue   := every adjacent pair that may merge, by (priority, position)
//! while the queue is not empty:
//!     take the best pair; skip it if one of its symbols has changed since
//!     replace the pair by one symbol; queue its pairs with its new neighbours
//! ```
//! A text of n symbols takes O(n log n) steps, because a merge removes a symbol and adds at most two pairs.
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A stretch of the text that is one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbol {
    /// Byte offset of its start.
    pub(super) start: usize,
    /// Byte offset of its end.
    pub(super) end: usize,
    /// Its token id, or [`NO_TOKEN`].
    pub(super) id: u32,
}

/// The id of a symbol that is no token.
pub(super) const NO_TOKEN: u32 = u32::MAX;

/// Merges until no pair can merge. `candidate` gives the priority (lowest first; equal ones leftmost first) and the id
/// of a pair, or `None` for a pair that must not merge.
pub(super) fn merge(symbols: &mut Vec<Symbol>, candidate: impl FnMut(&Symbol, &Symbol) -> Option<(u32, u32)>) {
    if symbols.len() > 1 {
        let next = (1..=symbols.len()).collect();
        let previous = (0..symbols.len()).map(|index| index.wrapping_sub(1)).collect();
        let queue = BinaryHeap::with_capacity(symbols.len());
        Merger { symbols, next, previous, queue, candidate }.run();
    }
}

struct Merger<'a, F> {
    symbols: &'a mut Vec<Symbol>,
    /// Index of the symbol to the right; the number of symbols for the last.
    next: Vec<usize>,
    /// Index of the symbol to the left; `usize::MAX` for the first.
    previous: Vec<usize>,
    queue: BinaryHeap<Reverse<Pair>>,
    candidate: F,
}

/// A pair that may merge, ordered by priority and then by position.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    priority: u32,
    left: usize,
    /// Where the left symbol ended and the right one ended when the pair was queued.
    middle: usize,
    end: usize,
    id: u32,
}

impl<F: FnMut(&Symbol, &Symbol) -> Option<(u32, u32)>> Merger<'_, F> {
    fn run(mut self) {
        for left in 0..self.symbols.len() - 1 {
            self.queue_pair(left);
        }
        while let Some(Reverse(pair)) = self.queue.pop() {
            if self.is_current(&pair) {
                self.apply(&pair);
            }
        }
        // A symbol that was merged into its left neighbour is empty.
        self.symbols.retain(|symbol| symbol.start < symbol.end);
    }

    fn queue_pair(&mut self, left: usize) {
        let Some(right) = self.next.get(left).and_then(|next| self.symbols.get(*next)) else { return };
        let Some(symbol) = self.symbols.get(left) else { return };
        if let Some((priority, id)) = (self.candidate)(symbol, right) {
            self.queue.push(Reverse(Pair { priority, left, middle: symbol.end, end: right.end, id }));
        }
    }

    fn is_current(&self, pair: &Pair) -> bool {
        let left = &self.symbols[pair.left];
        let right = self.symbols.get(self.next[pair.left]);
        left.start < left.end && left.end == pair.middle && right.is_some_and(|right| right.end == pair.end)
    }

    fn apply(&mut self, pair: &Pair) {
        let right = self.next[pair.left];
        let after = self.next[right];
        self.symbols[pair.left].end = pair.end;
        self.symbols[pair.left].id = pair.id;
        self.symbols[right].end = self.symbols[right].start;
        self.next[pair.left] = after;
        if let Some(previous) = self.previous.get_mut(after) {
            *previous = pair.left;
        }
        self.queue_pair(self.previous[pair.left]);
        self.queue_pair(pair.left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A made-up table: the union of two symbols may merge when its hash says so.
    fn candidate(text: &str, left: &Symbol, right: &Symbol) -> Option<(u32, u32)> {
        let joined = text.get(left.start..right.end)?;
        let hash = joined.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        (hash % 3 != 0).then_some((hash % 5, hash))
    }

    fn by_searching(text: &str, symbols: &mut Vec<Symbol>) {
        loop {
            let pairs = symbols.windows(2).enumerate();
            let found = pairs.filter_map(|(at, pair)| Some((candidate(text, &pair[0], &pair[1])?, at)));
            let Some(((_, id), at)) = found.min_by_key(|((priority, _), at)| (*priority, *at)) else { return };
            symbols[at] = Symbol { start: symbols[at].start, end: symbols[at + 1].end, id };
            symbols.remove(at + 1);
        }
    }

    proptest! {
        #[test]
        fn the_queue_merges_as_a_search_does(text in "[a-d]{0,60}") {
            let symbol = |start| Symbol { start, end: start + 1, id: NO_TOKEN };
            let mut symbols: Vec<Symbol> = (0..text.len()).map(symbol).collect();
            let mut expected = symbols.clone();
            merge(&mut symbols, |left, right| candidate(&text, left, right));
            by_searching(&text, &mut expected);
            prop_assert_eq!(symbols, expected);
        }
    }
}
