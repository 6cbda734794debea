//! Exams: what is drawn for whom, and by which numbers an exercise is graded.
//!
//! All of it follows from the exam's seed and the pupil's number. So neighbours have other questions and, of the same exercise, other
//! numbers to compute; and whoever knows the seed can draw and grade it all again.

use crate::limits::{MAX_EXAM_EXERCISES, MAX_EXAM_MINUTES, MAX_EXAM_QUESTIONS};
use crate::progress::{Asked, Sat, Set};
use crate::refusal::Refusal;
use hefu_lessons::lesson::{Lesson, Level};
use hefu_proof::Digest;
use serde::{Deserialize, Serialize};

/// First bytes of draws.
const DRAW: &[u8] = b"hefu exam draw 1\n";
/// First bytes of the seeds of cases.
const CASES: &[u8] = b"hefu exam cases 1\n";
/// Greatest seed: every reader of JSON has it exactly.
pub const MAX_SEED: u64 = (1 << 53) - 1;
const MINUTE: u64 = 60;

/// Wishes of a teacher for an exam.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Questions for each pupil.
    pub questions: usize,
    /// Exercises for each pupil.
    pub exercises: usize,
    /// Duration in minutes.
    pub minutes: u64,
    /// From the lessons of which levels; of all where none is named.
    pub levels: Vec<String>,
    /// By which it is drawn; without one, by a random one.
    pub seed: Option<u64>,
}

/// An exam.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exam {
    /// Its number, from 1.
    pub number: u32,
    /// By which it is drawn.
    pub seed: u64,
    /// Questions for each pupil.
    pub questions: usize,
    /// Exercises for each pupil.
    pub exercises: usize,
    /// From the lessons of which levels; of all where none is named.
    pub levels: Vec<String>,
    /// Time when it began, in seconds since 1970.
    pub begins: u64,
    /// Time when it ends.
    pub ends: u64,
}

impl Plan {
    /// The exam that it makes, if there is enough to draw from.
    pub(crate) fn exam(&self, number: u32, lessons: &[Lesson], now: u64) -> Result<Exam, Refusal> {
        let wrong = |sentence: String| Err(Refusal::Plan(sentence));
        if let Some(level) = self.levels.iter().find(|level| Level::ALL.iter().all(|known| known.name() != **level)) {
            let known = Level::ALL.map(Level::name).join(", ");
            return wrong(format!(
                "there is no level {}; these are: {known}",
                level.chars().take(20).collect::<String>()
            ));
        }
        if self.minutes == 0 || self.minutes > MAX_EXAM_MINUTES {
            return wrong(format!("an exam lasts 1 to {MAX_EXAM_MINUTES} minutes"));
        }
        let (questions, exercises) = (questions(lessons, &self.levels).count(), names(lessons, &self.levels).count());
        for (wanted, there, most, what) in [
            (self.questions, questions, MAX_EXAM_QUESTIONS, "questions"),
            (self.exercises, exercises, MAX_EXAM_EXERCISES, "exercises"),
        ] {
            let most = there.min(most);
            if wanted > most {
                return wrong(format!(
                    "{wanted} {what} are wanted, but of these lessons an exam can have at most {most}"
                ));
            }
        }
        if self.questions + self.exercises == 0 {
            return wrong("an exam has at least one question or exercise".to_owned());
        }
        let seed = match self.seed {
            Some(seed) if seed > MAX_SEED => return wrong(format!("a seed is a whole number up to {MAX_SEED}")),
            Some(seed) => seed,
            None => random()?,
        };
        Ok(Exam {
            number,
            seed,
            questions: self.questions,
            exercises: self.exercises,
            levels: self.levels.clone(),
            begins: now,
            ends: now.saturating_add(self.minutes * MINUTE),
        })
    }
}

impl Exam {
    /// True if it is under way.
    pub fn is_on(&self, now: u64) -> bool {
        now < self.ends
    }

    /// Tasks of a pupil.
    pub(crate) fn draw(&self, pupil: u64, lessons: &[Lesson], now: u64) -> Sat {
        let place = |name: &str, number: u32| {
            Digest::of(&[DRAW, &self.seed.to_le_bytes(), &pupil.to_le_bytes(), &number.to_le_bytes(), name.as_bytes()])
        };
        let mut drawn: Vec<(&str, u32)> = questions(lessons, &self.levels).collect();
        drawn.sort_by_cached_key(|(name, number)| place(name, *number));
        let mut exercises: Vec<&str> = names(lessons, &self.levels).collect();
        exercises.sort_by_cached_key(|name| place(name, 0));
        let asked =
            |(lesson, question): (&str, u32)| Asked { lesson: lesson.to_owned(), question, answer: None, right: false };
        Sat {
            exam: self.number,
            seed: self.seed,
            begun: now,
            questions: drawn.into_iter().take(self.questions).map(asked).collect(),
            exercises: exercises
                .into_iter()
                .take(self.exercises)
                .map(|name| Set { name: name.to_owned(), handed: None })
                .collect(),
        }
    }
}

/// The seed of the cases that a pupil has of an exercise in an exam with a seed; never that of the lessons.
pub fn cases_seed(seed: u64, pupil: u64, exercise: &str) -> u64 {
    let digest = Digest::of(&[CASES, &seed.to_le_bytes(), &pupil.to_le_bytes(), exercise.as_bytes()]);
    digest.0.iter().take(8).fold(0_u64, |seed, byte| seed << 8 | u64::from(*byte)) | 1
}

fn random() -> Result<u64, Refusal> {
    Ok(getrandom::u64().map_err(Refusal::Random)? & MAX_SEED)
}

fn of_levels<'a>(lessons: &'a [Lesson], levels: &'a [String]) -> impl Iterator<Item = &'a Lesson> {
    lessons
        .iter()
        .filter(move |lesson| levels.is_empty() || levels.iter().any(|level| level == lesson.data.level.name()))
}

fn questions<'a>(lessons: &'a [Lesson], levels: &'a [String]) -> impl Iterator<Item = (&'a str, u32)> {
    of_levels(lessons, levels)
        .flat_map(|lesson| (1_u32..).zip(&lesson.data.question).map(move |(number, _)| (&lesson.name[..], number)))
}

fn names<'a>(lessons: &'a [Lesson], levels: &'a [String]) -> impl Iterator<Item = &'static str> + use<'a> {
    of_levels(lessons, levels).filter_map(|lesson| lesson.exercise().map(|(_, exercise)| exercise.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_lessons::lesson::built_in;

    fn plan() -> Plan {
        Plan { questions: 4, exercises: 2, minutes: 30, levels: Vec::new(), seed: Some(7) }
    }

    #[test]
    fn pupils_have_different_things_and_the_same_again() {
        let lessons = built_in().unwrap();
        let exam = plan().exam(1, lessons, 100).unwrap();
        assert!(exam.is_on(100) && exam.is_on(100 + 30 * 60 - 1) && !exam.is_on(100 + 30 * 60));
        let drawn: Vec<Sat> = (1..=30).map(|pupil| exam.draw(pupil, lessons, 100)).collect();
        assert_eq!(drawn[0], exam.draw(1, lessons, 100));
        for sat in &drawn {
            assert_eq!((sat.questions.len(), sat.exercises.len()), (4, 2));
            assert!(sat.exercises[0].name != sat.exercises[1].name);
        }
        assert!(drawn.iter().any(|sat| sat.questions != drawn[0].questions));
        assert_ne!(cases_seed(7, 1, "chain"), cases_seed(7, 2, "chain"));
        assert_ne!(cases_seed(7, 1, "chain"), cases_seed(8, 1, "chain"));
    }

    #[test]
    fn levels_choose_lessons_and_what_cannot_be_drawn_is_refused() {
        let lessons = built_in().unwrap();
        let of = |change: &dyn Fn(&mut Plan)| {
            let mut plan = plan();
            change(&mut plan);
            plan.exam(1, lessons, 0).map_err(|refusal| refusal.to_string())
        };
        let exam = of(&|plan| (plan.levels, plan.exercises) = (vec!["everyone".to_owned()], 0)).unwrap_or_else(|_| {
            of(&|plan| (plan.levels, plan.exercises, plan.questions) = (vec!["awareness".to_owned()], 0, 1)).unwrap()
        });
        let sat = exam.draw(1, lessons, 0);
        let level = |name: &str| lessons.iter().find(|lesson| lesson.name == name).unwrap().data.level.name();
        assert!(sat.questions.iter().all(|asked| exam.levels[0] == level(&asked.lesson)));
        for (change, said) in [
            (&(|plan: &mut Plan| plan.minutes = 0) as &dyn Fn(&mut Plan), "minutes"),
            (&|plan: &mut Plan| plan.minutes = u64::MAX, "minutes"),
            (&|plan: &mut Plan| plan.questions = 10_000, "at most"),
            (&|plan: &mut Plan| plan.exercises = 11, "at most 10"),
            (&|plan: &mut Plan| (plan.questions, plan.exercises) = (0, 0), "at least one"),
            (&|plan: &mut Plan| plan.levels = vec!["none".to_owned()], "no level none"),
            (&|plan: &mut Plan| plan.seed = Some(u64::MAX), "seed"),
        ] {
            let sentence = of(change).unwrap_err();
            assert!(sentence.contains(said), "{sentence}");
        }
    }
}
