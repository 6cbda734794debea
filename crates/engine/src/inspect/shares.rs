//! Where attention looks: how much of a query's output comes from each position.
//!
//! Keys are put in a cache of their own, rounded as the model's cache rounds them, and the naive loop of the contract makes the scores.
//! Where heads have sinks (clause A6), these take the rest: a head's shares and its sink's are the whole.

use hefu_numerics::attention::{Attention, Span, slopes};
use hefu_numerics::kv::{LayerCache, PAGE, Profile};
use hefu_numerics::program::{Entry, Op, Program, State, StateSpec, Value, Values, Weight};
use hefu_numerics::reference::{Shares, attention_shares, store_kv};
use std::collections::HashMap;

/// An operation that attends, and where its keys come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) queries: Value,
    pub(super) keys: Value,
    /// Query heads.
    pub(super) heads: usize,
    scale: f32,
    cap: Option<f32>,
    /// The score of each head that belongs to no position.
    pub(super) sinks: Option<Weight>,
    alibi: Option<f32>,
    /// Key-value heads, and numbers of a key.
    shape: (usize, usize),
    window: Option<usize>,
    profile: Profile,
}

/// The operations that attend, with their layers.
pub(super) fn places(program: &Program) -> Vec<(Option<u16>, Place)> {
    let body = program.section(Entry::Body).map_or(&[][..], |body| &body.steps);
    let mut stored: HashMap<State, Value> = HashMap::new();
    let mut places = Vec::new();
    for step in body {
        match step.op {
            Op::StoreKv { keys, state, .. } => {
                stored.insert(state, keys);
            }
            Op::Attend { queries, heads, scale, cap, sinks, alibi, state, .. } => {
                let StateSpec::KeyValue { heads: own, key, window, .. } = *program.state(state) else { continue };
                let Some(&keys) = stored.get(&state) else { continue };
                let (shape, profile) = ((own, key), program.profile);
                places.push((
                    step.layer,
                    Place { queries, keys, heads, scale, cap, sinks, alibi, shape, window, profile },
                ));
            }
            _ => {}
        }
    }
    places
}

/// The keys of a text, as the cache has them.
pub(super) struct Keys {
    place: Place,
    /// The device's numbers of [`Place::sinks`].
    sinks: Option<Vec<f32>>,
    cache: LayerCache,
    pages: Vec<u32>,
}

impl Keys {
    /// No keys yet, of a text of so many tokens.
    pub(super) fn new(place: Place, sinks: Option<Vec<f32>>, tokens: usize) -> Self {
        let pages = tokens.div_ceil(PAGE).max(1);
        let (heads, key) = place.shape;
        // Values take no part; where they are the first numbers of keys, they need no room.
        let state = StateSpec::KeyValue { group: 0, heads, key, value: Values::FirstOfKey(key), window: place.window };
        let cache = LayerCache::of(&state, place.profile, pages);
        Self { place, sinks, cache, pages: (0..pages as u32).collect() }
    }

    /// Bytes that the keys of a text take.
    pub(super) fn bytes(place: &Place, tokens: usize) -> usize {
        let (heads, key) = place.shape;
        // At most as many as two rows of f32.
        tokens.next_multiple_of(PAGE).saturating_mul(heads).saturating_mul(key).saturating_mul(2 * size_of::<f32>())
    }

    /// Takes the keys of the positions from `position` on.
    pub(super) fn take(&mut self, position: usize, keys: &[f32]) {
        let (heads, key) = self.place.shape;
        let tokens = keys.len() / (heads * key).max(1);
        let span = Span { row: 0, tokens, position, pages: &self.pages };
        store_kv(keys, None, &[span], &mut self.cache);
    }

    /// The shares in the output of a head whose queries at a position these are.
    pub(super) fn shares(&self, position: usize, queries: &[f32], head: usize) -> Shares {
        let Place { heads, scale, cap, alibi, window, .. } = self.place;
        let span = Span { row: 0, tokens: 1, position, pages: &self.pages };
        let spans = [span];
        let slopes = alibi.map(|most| slopes(heads, most));
        let (cache, spans, is_whole, slopes) = (&self.cache, &spans[..], false, slopes.as_deref());
        let sinks = self.sinks.as_deref();
        let attention = Attention { queries, heads, scale, window, is_whole, cap, sinks, slopes, cache, spans };
        attention_shares(&attention, &span, 0, head)
    }
}
