//! Exercises: each is a clause of a document, lines of input, what the naive loops say of them, and what known mistakes make of
//! them.
//!
//! Right results are those of the engine's own reference wherever it has the clause. The mistakes are computed too, by the
//! clause written once more with one thing wrong: so a mistake is named because its bits are the learner's, never by a guess.

mod attention;
mod block;
mod case;
mod chain;
mod digest;
mod draw;
mod embedding;
mod exp;
mod experts;
mod fma;
mod gate;
mod half;
mod integers;
mod log;
pub(crate) mod names;
mod norm;
mod pairs;
mod rotation;
mod state;
mod stripes;
mod weights;

pub use case::{Case, Exercise, Word};

/// Every exercise, in the order of the lessons.
pub const EXERCISES: &[&Exercise] = &[
    &pairs::EXERCISE,
    &weights::EXERCISE,
    &embedding::EXERCISE,
    &fma::EXERCISE,
    &chain::EXERCISE,
    &block::EXERCISE,
    &integers::EXERCISE,
    &norm::EXERCISE,
    &exp::EXERCISE,
    &rotation::EXERCISE,
    &attention::EXERCISE,
    &gate::EXERCISE,
    &half::EXERCISE,
    &experts::EXERCISE,
    &state::EXERCISE,
    &draw::EXERCISE,
    &stripes::EXERCISE,
    &digest::EXERCISE,
    &log::EXERCISE,
];

/// The exercise of a name.
pub fn find(name: &str) -> Option<&'static Exercise> {
    EXERCISES.iter().copied().find(|exercise| exercise.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &[Word], b: &[Word]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals(b))
    }

    #[test]
    fn every_mistake_is_told_from_what_is_right_and_from_the_others() {
        for exercise in EXERCISES {
            let cases = (exercise.cases)(0);
            let differs = |a: &dyn Fn(&Case) -> Vec<Word>, b: &dyn Fn(&Case) -> Vec<Word>| {
                cases.iter().any(|case| !same(&a(case), &b(case)))
            };
            assert!(exercise.mistakes.len() >= 3, "{}", exercise.name);
            for (i, mistake) in exercise.mistakes.iter().enumerate() {
                let mistaken = |case: &Case| case.mistaken[i].clone();
                assert!(differs(&|case| case.right.clone(), &mistaken), "{}: {mistake} is right", exercise.name);
                for (j, other) in exercise.mistakes.iter().enumerate().take(i) {
                    let same = !differs(&|case| case.mistaken[j].clone(), &mistaken);
                    assert!(!same, "{}: {mistake} computes what {other} does", exercise.name);
                }
            }
        }
    }

    /// The clause as the module writes it once more, with nothing wrong, is what the reference says.
    #[test]
    fn the_clause_without_a_mistake_is_the_reference() {
        for exercise in EXERCISES {
            for case in [0, 1, 7, u64::MAX].into_iter().flat_map(|seed| (exercise.cases)(seed)) {
                let place = format!("{}: {}", exercise.name, case.name);
                assert!(!case.right.is_empty() && case.mistaken.len() == exercise.mistakes.len(), "{place}");
                assert!(same(&case.right, &case.unmistaken), "{place}: {:?}, not {:?}", case.unmistaken, case.right);
            }
        }
    }

    #[test]
    fn another_seed_has_other_answers_and_as_many_cases() {
        for exercise in EXERCISES {
            let [common, own, other] = [0, 5, 6].map(|seed| (exercise.cases)(seed));
            assert!(common.len() == own.len() && own.len() == other.len(), "{}", exercise.name);
            let differ = own.iter().zip(&other).any(|(own, other)| !same(&own.right, &other.right));
            assert!(differ, "{}: two pupils could write the same", exercise.name);
        }
    }
}
