//! Reason why a token was chosen: what each clause of the chain left in the running, and where the random point fell.
//!
//! Nothing is computed here that a choice does not compute: a clause is shown by running the chain with the settings of all
//! later clauses off.

use super::adjust;
use super::arithmetic::weight;
use super::chain;
use super::{Error, History, MAX_EXPLAINED, Parameters, Scratch, TokenMask, check_logits, sample_allowed};

/// A choice, clause by clause.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The model's own logits, then every clause that the settings turn on, in their order.
    pub stages: Vec<Stage>,
    /// The draw; `None` where the likeliest token is taken.
    pub draw: Option<Draw>,
    /// The token.
    pub id: u32,
    /// Its weight divided by that of all tokens, by the model's own logits (clause S4).
    pub share: f64,
}

/// Candidates after a clause.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The clause of `docs/readers/sampling.md`.
    pub clause: &'static str,
    /// The settings that it belongs to, as requests call them.
    pub name: &'static str,
    /// Number of tokens left.
    pub left: usize,
    /// The best of them.
    pub best: Vec<Candidate>,
}

/// A token in the running.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The token.
    pub id: u32,
    /// Its logit after the clause.
    pub logit: f32,
    /// Its weight divided by that of all that are left, at temperature 1 (clause S4).
    pub share: f64,
}

/// The draw of clause S16: the token is the one whose stretch holds the point.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// The random number, of 64 bits (clause S5).
    pub random: u64,
    /// The length of the line: the sum of all weights at the temperature.
    pub total: u64,
    /// `random * total / 2^64`, rounded down.
    pub point: u64,
    /// The stretches of the best tokens, one after the other from 0.
    pub stretches: Vec<Stretch>,
}

/// A token's part of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The token.
    pub id: u32,
    /// Its weight.
    pub weight: u64,
}

/// A clause: its number, its settings, whether they are on, and how they are taken over.
type Clause = (&'static str, &'static str, fn(&Parameters) -> bool, fn(&Parameters, &mut Parameters));

/// All clauses that change or remove tokens, in their order.
const CLAUSES: &[Clause] = &[
    (
        "S7",
        "banned",
        |p| !(p.banned.is_empty() && p.ignore_eos.is_empty()),
        |from, to| {
            (to.banned, to.ignore_eos) = (from.banned.clone(), from.ignore_eos.clone());
        },
    ),
    ("S8", "logit_bias", |p| !p.logit_bias.is_empty(), |from, to| to.logit_bias = from.logit_bias.clone()),
    ("S9", "penalties", adjust::has_penalties, |from, to| {
        (to.repetition_penalty, to.repeat_last_n) = (from.repetition_penalty, from.repeat_last_n);
        (to.presence_penalty, to.frequency_penalty) = (from.presence_penalty, from.frequency_penalty);
    }),
    ("S10", "dry", |p| p.dry.multiplier > 0.0, |from, to| to.dry = from.dry.clone()),
    ("S11", "top_k", |p| chooses(p) && p.top_k > 0, |from, to| to.top_k = from.top_k),
    ("S12", "typical_p", |p| chooses(p) && p.typical_p < 1.0, |from, to| to.typical_p = from.typical_p),
    ("S13", "top_p", |p| chooses(p) && p.top_p < 1.0, |from, to| to.top_p = from.top_p),
    ("S14", "min_p", |p| chooses(p) && p.min_p > 0.0, |from, to| to.min_p = from.min_p),
    ("S15", "xtc", |p| chooses(p) && p.xtc.probability > 0.0, |from, to| to.xtc = from.xtc.clone()),
];

/// True if tokens are removed and one is drawn.
fn chooses(parameters: &Parameters) -> bool {
    parameters.temperature != 0.0
}

/// Explains the choice that [`sample_allowed`] makes of the same; each stage shows at most `most` tokens.
///
/// # Errors
/// As [`sample_allowed`].
pub fn explain(
    logits: &[f32],
    history: &History,
    parameters: &Parameters,
    allowed: Option<&TokenMask>,
    position: u64,
    most: usize,
) -> Result<Explanation, Error> {
    let (most, mut scratch) = (most.min(MAX_EXPLAINED), Scratch::default());
    let id = sample_allowed(logits, history, parameters, allowed, position, &mut scratch)?.id;
    check_logits(logits)?;
    let mut settings = Parameters {
        temperature: parameters.temperature,
        min_keep: parameters.min_keep,
        seed: parameters.seed,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        ..Parameters::default()
    };
    let mut explained = Explained { logits, history, position, most, scratch };
    let mut stages = vec![explained.stage("S1", "logits", &settings, None)];
    let share = explained.share(logits.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY));
    for (clause, name, is_on, take_over) in CLAUSES {
        let is_mask = *clause == "S7" && allowed.is_some();
        if is_on(parameters) || is_mask {
            take_over(parameters, &mut settings);
            stages.push(explained.stage(clause, if is_mask { "allowed" } else { name }, &settings, allowed));
        }
    }
    let draw = chooses(parameters).then(|| explained.draw(&settings, allowed));
    Ok(Explanation { stages, draw, id, share })
}

/// State that is common to all stages.
struct Explained<'a> {
    logits: &'a [f32],
    history: &'a History,
    position: u64,
    most: usize,
    scratch: Scratch,
}

impl Explained<'_> {
    /// Brings the candidates to where these settings leave them.
    fn narrow(&mut self, settings: &Parameters, allowed: Option<&TokenMask>) {
        let Self { logits, history, position, scratch, .. } = self;
        let adjusted = adjust::adjust(logits, history, settings, allowed, &mut scratch.adjust);
        // Where no token is left there is no choice either, and `sample_allowed` said so before.
        let _ = chain::narrow(adjusted, settings, *position, &mut scratch.candidates);
    }

    fn stage(
        &mut self,
        clause: &'static str,
        name: &'static str,
        settings: &Parameters,
        allowed: Option<&TokenMask>,
    ) -> Stage {
        self.narrow(settings, allowed);
        let candidates = &mut self.scratch.candidates;
        let best = candidates.get(0).map_or(0.0, |(logit, _)| logit);
        let total = candidates.total_weight(best, 1.0) as f64;
        let shown = (0..self.most).map_while(|rank| candidates.get(rank));
        let candidate = |(logit, id): (f32, u32)| Candidate { id, logit, share: weight(logit - best) as f64 / total };
        Stage { clause, name, best: shown.map(candidate).collect(), left: candidates.len() }
    }

    /// The share of a logit among the candidates as they are.
    fn share(&mut self, logit: f32) -> f64 {
        let candidates = &mut self.scratch.candidates;
        let best = candidates.get(0).map_or(0.0, |(logit, _)| logit);
        weight(logit - best) as f64 / candidates.total_weight(best, 1.0) as f64
    }

    fn draw(&mut self, settings: &Parameters, allowed: Option<&TokenMask>) -> Draw {
        self.narrow(settings, allowed);
        let (temperature, candidates) = (settings.temperature, &mut self.scratch.candidates);
        let best = candidates.get(0).map_or(0.0, |(logit, _)| logit);
        let total = candidates.total_weight(best, temperature);
        let random = chain::random_of_choice(settings, self.position);
        let shown = (0..self.most).map_while(|rank| candidates.get(rank));
        let stretch = |(logit, id): (f32, u32)| Stretch { id, weight: weight((logit - best) / temperature) };
        Draw { random, total, point: chain::point(random, total), stretches: shown.map(stretch).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Xtc;
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn logits() -> Vec<f32> {
        (0..300_u32).map(|id| ((id * 7919 % 301) as f32 - 150.0) / 29.0).collect()
    }

    fn everything(seed: u64) -> Parameters {
        Parameters {
            temperature: 0.7,
            top_k: 60,
            top_p: 0.9,
            min_p: 0.02,
            typical_p: 0.95,
            repetition_penalty: 1.2,
            frequency_penalty: 0.1,
            xtc: Xtc { probability: 0.5, threshold: 0.05 },
            logit_bias: BTreeMap::from([(7, 3.0)]),
            banned: BTreeSet::from([11]),
            seed,
            ..Parameters::default()
        }
    }

    /// The token in whose stretch the point falls.
    fn drawn(draw: &Draw) -> Option<u32> {
        let mut end = 0;
        draw.stretches
            .iter()
            .find(|stretch| {
                end += stretch.weight;
                end > draw.point
            })
            .map(|stretch| stretch.id)
    }

    #[test]
    fn the_stages_lead_to_the_token_that_is_chosen() {
        let (logits, history) = (logits(), History::new(&[1, 2, 3, 7, 7]));
        for seed in 0..50 {
            let parameters = everything(seed);
            let expected = sample_allowed(&logits, &history, &parameters, None, 5, &mut Scratch::default()).unwrap().id;
            let found = explain(&logits, &history, &parameters, None, 5, 1000).unwrap();
            let names: Vec<&str> = found.stages.iter().map(|stage| stage.clause).collect();
            assert_eq!(names, ["S1", "S7", "S8", "S9", "S11", "S12", "S13", "S14", "S15"]);
            let left: Vec<usize> = found.stages.iter().map(|stage| stage.left).collect();
            assert!(left[0] == 300 && left[1] == 299 && left[4] == 60 && left.is_sorted_by(|a, b| a >= b), "{left:?}");
            let draw = found.draw.unwrap();
            assert_eq!((found.id, drawn(&draw)), (expected, Some(expected)));
            let own = found.stages[0].best.iter().find(|one| one.id == expected).unwrap();
            assert_eq!(own.share, found.share);
            assert_eq!(draw.total, draw.stretches.iter().map(|stretch| stretch.weight).sum::<u64>());
            assert_eq!(draw.stretches.len(), *left.last().unwrap());
        }
    }

    #[test]
    fn the_likeliest_token_needs_no_draw_and_a_mask_is_a_stage() {
        let (logits, history) = (logits(), History::new(&[]));
        let mask = TokenMask::below(10);
        let found = explain(&logits, &history, &Parameters::greedy(), Some(&mask), 0, 3).unwrap();
        assert!(found.draw.is_none());
        assert_eq!((found.stages[1].name, found.stages[1].left, found.stages[1].best.len()), ("allowed", 10, 3));
        assert_eq!(found.stages[1].best[0].id, found.id);
        assert!(explain(&[f32::NAN], &history, &Parameters::greedy(), None, 0, 3).is_err());
    }
}
