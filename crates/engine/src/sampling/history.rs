//! The tokens so far, with the counts that penalties need.

use std::collections::HashMap;

/// The tokens of a request so far: prompt and answer in order, and how often each occurs.
///
/// Adding a token costs O(1). A window shorter than half of the history is counted from its own tokens, a longer one
/// from the totals less the tokens before it, so a step costs at most half the history's length.
#[derive(Clone, Debug, Default)]
pub struct History {
    tokens: Vec<u32>,
    totals: HashMap<u32, u32>,
}

impl History {
    /// A history that starts with the prompt's tokens.
    pub fn new(prompt: &[u32]) -> Self {
        let mut history = Self::default();
        prompt.iter().for_each(|&id| history.push(id));
        history
    }

    /// Appends one token.
    pub fn push(&mut self, id: u32) {
        self.tokens.push(id);
        let count = self.totals.entry(id).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// Keeps the first `length` tokens and forgets the others, as when guessed tokens are taken back.
    pub fn truncate(&mut self, length: usize) {
        for id in self.tokens.drain(length.min(self.tokens.len())..) {
            if let Some(count) = self.totals.get_mut(&id) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.totals.remove(&id);
                }
            }
        }
    }

    /// All tokens in order.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The last tokens in order: at most `window` of them, all of them when `window` is -1.
    pub fn last(&self, window: i32) -> &[u32] {
        self.tokens.split_at(self.window_start(window)).1
    }

    /// Fills `counts` with (token id, occurrences of it in the window), ordered by nothing in particular.
    pub(super) fn count_window(&self, window: i32, counts: &mut Vec<(u32, u32)>) {
        counts.clear();
        let (before, inside) = self.tokens.split_at(self.window_start(window));
        if inside.len() <= before.len() {
            count(inside, counts);
            return;
        }
        let mut gone = Vec::new();
        count(before, &mut gone);
        counts.extend(self.totals.iter().filter_map(|(&id, &total)| {
            let earlier = gone
                .binary_search_by_key(&id, |entry| entry.0)
                .ok()
                .and_then(|at| gone.get(at))
                .map_or(0, |entry| entry.1);
            (total > earlier).then(|| (id, total - earlier))
        }));
    }

    fn window_start(&self, window: i32) -> usize {
        match usize::try_from(window) {
            Ok(length) => self.tokens.len().saturating_sub(length),
            Err(_) => 0,
        }
    }
}

/// Fills `counts` with (token id, occurrences), ascending by id.
fn count(tokens: &[u32], counts: &mut Vec<(u32, u32)>) {
    let mut sorted = tokens.to_vec();
    sorted.sort_unstable();
    for run in sorted.chunk_by(|a, b| a == b) {
        if let Some(&id) = run.first() {
            counts.push((id, u32::try_from(run.len()).unwrap_or(u32::MAX)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn counts_equal_a_plain_count(
            tokens in prop::collection::vec(0_u32..12, 0..60),
            more in prop::collection::vec(0_u32..12, 0..20),
            window in -1_i32..90,
        ) {
            let mut history = History::new(&tokens);
            more.iter().for_each(|&id| history.push(id));
            history.truncate(tokens.len() + more.len() / 2);
            let kept: Vec<u32> = [&tokens[..], &more[..more.len() / 2]].concat();
            prop_assert_eq!(history.tokens(), &kept[..]);

            let length = if window < 0 { kept.len() } else { kept.len().min(window as usize) };
            let inside = &kept[kept.len() - length..];
            prop_assert_eq!(history.last(window), inside);
            let mut expected = BTreeMap::new();
            inside.iter().for_each(|&id| *expected.entry(id).or_insert(0) += 1);

            let mut counts = Vec::new();
            history.count_window(window, &mut counts);
            prop_assert_eq!(counts.len(), expected.len());
            prop_assert_eq!(counts.into_iter().collect::<BTreeMap<_, _>>(), expected);
        }
    }
}
