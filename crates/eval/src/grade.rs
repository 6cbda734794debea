//! Points of a sample.

use crate::Error;
use crate::question::Expected;
use crate::record::{Part, Scored};
use crate::task::{DivideBy, ExactMatch, Measure};
use std::f64::consts::LN_2;

/// Parts of a bit in which likelihoods are counted, so that a score is a fraction of whole numbers.
pub const PARTS_OF_A_BIT: u64 = 1_000_000;

/// Points earned and points possible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Points {
    /// 1 for a right answer; of a likelihood, millionths of bits.
    pub points: u64,
    /// 1 for a question; of a likelihood, bytes times a million.
    pub of: u64,
}

impl Points {
    /// Adds those of another sample.
    pub fn add(&mut self, other: Self) {
        self.points = self.points.saturating_add(other.points);
        self.of = self.of.saturating_add(other.of);
    }

    /// The fraction, for people.
    pub fn value(self) -> f64 {
        self.points as f64 / self.of as f64
    }
}

/// Points of a sample's parts.
///
/// # Errors
/// Parts that are not those of such a task.
pub fn grade(measure: Measure<'_>, expected: &Expected, parts: &[Part]) -> Result<Points, Error> {
    let right = match (measure, expected, parts) {
        (Measure::MultipleChoice(choice), Expected::Choice(right), [Part::Likelihoods { texts, .. }]) => {
            best(texts, choice.divide_by) == Some(*right)
        }
        (Measure::Likelihood(_), Expected::Nothing, [Part::Likelihoods { texts, .. }]) => return Ok(bits(texts)),
        (Measure::ExactMatch(exact), Expected::Texts(accepted), [Part::Answer { text, .. }]) => {
            matches(exact, accepted, text)?
        }
        (Measure::Judge(_), Expected::Nothing, [Part::Answer { .. }, Part::Likelihoods { texts, .. }]) => {
            best(texts, DivideBy::Nothing) == Some(0)
        }
        _ => return Err(Error::of("its parts are not those of a sample of this task")),
    };
    Ok(Points { points: u64::from(right), of: 1 })
}

/// The likeliest text; of equal ones the first.
fn best(texts: &[Scored], divide_by: DivideBy) -> Option<usize> {
    let value = |text: &Scored| match divide_by {
        DivideBy::Nothing => text.logprob(),
        DivideBy::Tokens => text.logprob() / text.logprobs.len() as f64,
        DivideBy::Bytes => text.logprob() / text.bytes as f64,
    };
    let mut found: Option<(usize, f64)> = None;
    for (index, text) in texts.iter().enumerate() {
        let own = value(text);
        if found.is_none_or(|(_, most)| own > most) {
            found = Some((index, own));
        }
    }
    found.map(|(index, _)| index)
}

/// Bits in which texts are written by the model, in millionths, rounded once for each.
fn bits(texts: &[Scored]) -> Points {
    let parts = |text: &Scored| (-text.logprob() / LN_2 * PARTS_OF_A_BIT as f64).round().max(0.0) as u64;
    let bytes = texts.iter().map(|text| text.bytes as u64).sum::<u64>();
    Points { points: texts.iter().map(parts).sum(), of: bytes.saturating_mul(PARTS_OF_A_BIT) }
}

/// True if what is compared of an answer is accepted; blanks around it do not count.
fn matches(exact: &ExactMatch, accepted: &[String], text: &str) -> Result<bool, Error> {
    let found = match exact.pattern()? {
        None => Some(text),
        Some(pattern) => pattern
            .captures(text)
            .and_then(|groups| groups.get(1).or_else(|| groups.get(0)))
            .map(|group| group.as_str()),
    };
    let form = |text: &str| if exact.ignore_case { text.trim().to_lowercase() } else { text.trim().to_owned() };
    let found = found.map(form);
    Ok(found.is_some_and(|found| accepted.iter().any(|one| form(one) == found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Task;

    fn scored(logprobs: &[f32], bytes: usize) -> Scored {
        Scored { ids: vec![1], from: 1, bytes, logprobs: logprobs.to_vec() }
    }

    #[test]
    fn the_likeliest_by_each_measure_and_the_first_of_equals() {
        let texts = [scored(&[-1.0, -1.0], 1), scored(&[-1.5], 1), scored(&[-0.5, -0.5, -0.5], 30)];
        assert_eq!(best(&texts, DivideBy::Nothing), Some(1));
        assert_eq!(best(&texts, DivideBy::Tokens), Some(2));
        assert_eq!(best(&texts, DivideBy::Bytes), Some(2));
        assert_eq!(best(&[scored(&[-1.0], 1), scored(&[-1.0], 1)], DivideBy::Nothing), Some(0));
        assert_eq!(best(&[], DivideBy::Nothing), None);
    }

    #[test]
    fn bits_of_a_text_of_one_in_two() {
        let half = -std::f32::consts::LN_2;
        let points = bits(&[scored(&[half, half], 3), scored(&[half], 1)]);
        assert_eq!(points.of, 4_000_000);
        assert!(points.points.abs_diff(3_000_000) <= 1, "{points:?}");
    }

    #[test]
    fn answers_are_compared_as_the_task_says() {
        let of = |fields: &str, text: &str| {
            let task = Task::parse(&format!("name: t\ndata: d\nprompt: p\nexact_match: {{{fields}}}")).unwrap();
            let Measure::ExactMatch(exact) = task.measure() else { panic!() };
            matches(exact, &["42".into(), "Paris".into()], text).unwrap()
        };
        assert!(of("", " 42\n") && of("", "Paris") && !of("", "paris") && !of("", "42."));
        assert!(of("ignore_case: true", "PARIS"));
        assert!(of("extract: 'is ([0-9]+)'", "It is 42.") && of("extract: '[0-9]+'", "42 or 43"));
        assert!(!of("extract: 'is ([0-9]+)'", "42"));
    }
}
