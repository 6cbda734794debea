//! Actions of a pupil, and the server's replies.

use crate::class::{Class, State, alike};
use crate::exam::{Exam, cases_seed};
use crate::limits::{MAX_HAND_INS, MAX_OUTPUT_BYTES};
use crate::progress::{Handed, Progress, Sat, Signed};
use crate::refusal::Refusal;
use hefu_lessons::exercise::Exercise;
use hefu_lessons::grade::{Report, grade, input};
use hefu_lessons::language::Language;
use hefu_lessons::lesson::{Lesson, Question, Task};
use hefu_proof::Digest;
use serde_json::{Value, json};

/// The seed of the cases of lessons, which are the same for all.
const COMMON: u64 = 0;

/// Grade of what was handed in.
#[derive(Debug)]
pub struct Graded {
    /// The report.
    pub report: Report,
    /// The lesson's words for the exercise.
    pub task: Task,
}

impl Class {
    fn lesson(&self, name: &str) -> Result<&Lesson, Refusal> {
        self.lessons.iter().find(|lesson| lesson.name == name).ok_or(Refusal::Nothing("lesson"))
    }

    fn question(&self, lesson: &str, number: u32) -> Result<&Question, Refusal> {
        let place = (number as usize).checked_sub(1);
        let question = place.and_then(|place| self.lesson(lesson).ok()?.data.question.get(place));
        question.ok_or(Refusal::Nothing("question"))
    }

    pub(crate) fn task(&self, exercise: &str) -> Result<(&Task, &'static Exercise), Refusal> {
        let found = self.lessons.iter().filter_map(Lesson::exercise).find(|(_, known)| known.name == exercise);
        found.ok_or(Refusal::Nothing("exercise"))
    }

    /// Notes that a pupil has opened a lesson.
    ///
    /// # Errors
    /// No such lesson, or too much at once.
    pub fn visit(&self, pupil: u64, lesson: &str, now: u64) -> Result<(), Refusal> {
        self.lesson(lesson)?;
        self.change(pupil, now, |progress, _| {
            progress.at = Some(lesson.to_owned());
            Ok(())
        })
    }

    /// Notes an answer to a question of a lesson, and says whether it is right.
    ///
    /// # Errors
    /// No such question or answer, or too much at once.
    pub fn answer(&self, pupil: u64, lesson: &str, number: u32, answer: u32, now: u64) -> Result<bool, Refusal> {
        let question = self.question(lesson, number)?;
        let is_right = judged(question, answer)?;
        self.change(pupil, now, |progress, _| {
            progress.at = Some(lesson.to_owned());
            progress.note(lesson, number, answer, is_right);
            Ok(is_right)
        })
    }

    /// Input of a program for an exercise: of the lessons, or of the exam that is under way.
    ///
    /// # Errors
    /// No such exercise, or none that was drawn for this pupil.
    pub fn cases(&self, pupil: u64, exercise: &str, in_exam: bool, now: u64) -> Result<String, Refusal> {
        let (_, known) = self.task(exercise)?;
        let seed = if in_exam { self.seed(pupil, exercise, now)? } else { COMMON };
        Ok(input(&(known.cases)(seed)))
    }

    /// The seed of the cases of an exercise that was drawn for a pupil.
    fn seed(&self, pupil: u64, exercise: &str, now: u64) -> Result<u64, Refusal> {
        let state = self.lock();
        let sat = sat(&state, pupil, now)?;
        let drawn = sat.exercises.iter().any(|set| set.name == exercise);
        drawn.then(|| cases_seed(sat.seed, pupil, exercise)).ok_or(Refusal::Nothing("exercise in this exam"))
    }

    /// Grades what a pupil's program wrote, and notes it.
    ///
    /// # Errors
    /// No such exercise, an output that is too long, or too many of them.
    pub fn hand_in(
        &self,
        pupil: u64,
        exercise: &str,
        output: &str,
        in_exam: bool,
        now: u64,
    ) -> Result<Graded, Refusal> {
        if output.len() > MAX_OUTPUT_BYTES {
            return Err(Refusal::Output);
        }
        let (task, known) = self.task(exercise)?;
        // Nothing is graded for one who is too quick.
        self.paced(pupil, now)?;
        if !in_exam && self.lock().about.exams.last().is_some_and(|exam| exam.is_on(now)) {
            return Err(Refusal::Exam);
        }
        let seed = if in_exam { self.seed(pupil, exercise, now)? } else { COMMON };
        let report = grade(known, &(known.cases)(seed), output);
        let handed = |tries: u32| Handed {
            cases: report.cases as u32,
            right: report.right as u32,
            tries: tries.saturating_add(1),
            time: now,
            output: Digest::of(&[output.as_bytes()]),
        };
        self.change(pupil, now, |progress, about| {
            if !in_exam {
                let before = progress.exercises.get(exercise).cloned();
                let tries = before.as_ref().map_or(0, |before| before.tries);
                // The best stays.
                let kept = before.filter(|before| before.right > report.right as u32);
                let kept =
                    kept.map_or_else(|| handed(tries), |before| Handed { tries: tries.saturating_add(1), ..before });
                progress.exercises.insert(exercise.to_owned(), kept);
                return Ok(());
            }
            let exam = about.exams.last().filter(|exam| exam.is_on(now)).ok_or(Refusal::NoExam)?;
            let sat = progress.exams.iter_mut().find(|sat| sat.exam == exam.number).ok_or(Refusal::NoExam)?;
            let set = sat.exercises.iter_mut().find(|set| set.name == exercise);
            let set = set.ok_or(Refusal::Nothing("exercise in this exam"))?;
            let tries = set.handed.as_ref().map_or(0, |handed| handed.tries);
            if tries >= MAX_HAND_INS {
                return Err(Refusal::HandIns);
            }
            set.handed = Some(handed(tries));
            Ok(())
        })?;
        Ok(Graded { report, task: task.clone() })
    }

    /// Notes an answer to a question of the exam, by its place from 1. Whether it is right is told once the exam is over.
    ///
    /// # Errors
    /// No exam, or no such question or answer.
    pub fn answer_exam(&self, pupil: u64, place: usize, answer: u32, now: u64) -> Result<(), Refusal> {
        self.change(pupil, now, |progress, about| {
            let exam = about.exams.last().filter(|exam| exam.is_on(now)).ok_or(Refusal::NoExam)?;
            let sat = progress.exams.iter_mut().find(|sat| sat.exam == exam.number).ok_or(Refusal::NoExam)?;
            let asked = place.checked_sub(1).and_then(|place| sat.questions.get_mut(place));
            let asked = asked.ok_or(Refusal::Nothing("question in this exam"))?;
            asked.right = judged(self.question(&asked.lesson, asked.question)?, answer)?;
            asked.answer = Some(answer);
            Ok(())
        })
    }

    /// The sheet of the last exam: drawn when a pupil first looks at it, and with what is right once it is over.
    ///
    /// # Errors
    /// No exam that this pupil sat or can sit.
    pub fn sheet(&self, pupil: u64, language: Language, now: u64) -> Result<Value, Refusal> {
        let (exam, known) = {
            let state = self.lock();
            let exam = state.about.exams.last().cloned().ok_or(Refusal::NoExam)?;
            let progress = state.pupils.get(&pupil).ok_or(Refusal::NoPupil)?;
            let known = progress.exams.iter().find(|sat| sat.exam == exam.number).cloned();
            (exam, known)
        };
        let sat = match known {
            Some(sat) => sat,
            None if !exam.is_on(now) => return Err(Refusal::NoExam),
            None => self.change(pupil, now, |progress, _| {
                // Two browsers may ask at the same time; the first draws.
                if let Some(sat) = progress.exams.iter().find(|sat| sat.exam == exam.number) {
                    return Ok(sat.clone());
                }
                let sat = exam.draw(pupil, &self.lessons, now);
                progress.exams.push(sat.clone());
                Ok(sat)
            })?,
        };
        Ok(self.sheet_of(&exam, &sat, language, now))
    }

    fn sheet_of(&self, exam: &Exam, sat: &Sat, language: Language, now: u64) -> Value {
        let is_over = !exam.is_on(now);
        let questions = sat.questions.iter().map(|asked| {
            // A teacher may have taken a lesson away since.
            let question = self.question(&asked.lesson, asked.question).ok();
            json!({
                "ask": question.map(|question| question.ask.of(language)),
                "answers": question.map(|question| question.answers.of(language)),
                "answer": asked.answer,
                "right": is_over.then_some(asked.right),
            })
        });
        let exercises = sat.exercises.iter().map(|set| {
            let task = self.task(&set.name).ok();
            json!({
                "name": set.name,
                "clause": task.map(|(_, exercise)| exercise.clause),
                "input": task.map(|(task, _)| task.input.of(language)),
                "output": task.map(|(task, _)| task.output.of(language)),
                "handed": set.handed,
                "left": MAX_HAND_INS - set.handed.as_ref().map_or(0, |handed| handed.tries.min(MAX_HAND_INS)),
            })
        });
        json!({
            "exam": exam.number,
            "over": is_over,
            "seconds_left": exam.ends.saturating_sub(now),
            "questions": questions.collect::<Vec<_>>(),
            "exercises": exercises.collect::<Vec<_>>(),
        })
    }

    /// Progress of a pupil, for that pupil.
    ///
    /// # Errors
    /// No such pupil.
    pub fn own(&self, pupil: u64, language: Language, now: u64) -> Result<Value, Refusal> {
        let state = self.lock();
        let progress = state.pupils.get(&pupil).ok_or(Refusal::NoPupil)?;
        let lessons = self.lessons.iter().map(|lesson| {
            let right = right_of(progress, &lesson.name);
            let exercise = lesson
                .exercise()
                .map(|(_, exercise)| json!({"name": exercise.name, "handed": progress.exercises.get(exercise.name)}));
            json!({
                "name": lesson.name,
                "title": lesson.data.title.of(language),
                "right": right,
                "questions": lesson.data.question.len(),
                "exercise": exercise,
            })
        });
        let exam = state.about.exams.last();
        Ok(json!({
            "pupil": pupil,
            "name": progress.name,
            "lessons": lessons.collect::<Vec<_>>(),
            "exam": exam.map(|exam| json!({"number": exam.number, "on": exam.is_on(now), "ends": exam.ends})),
            "public_key": self.public_key().to_string(),
        }))
    }

    /// The signed file of what a pupil has done.
    ///
    /// # Errors
    /// No such pupil.
    pub fn file(&self, pupil: u64) -> Result<String, Refusal> {
        let progress = self.lock().pupils.get(&pupil).ok_or(Refusal::NoPupil)?.clone();
        self.signed(&progress)
    }

    /// Takes over what a signed file says of a pupil of the same name; nothing is lost by an older one.
    ///
    /// # Errors
    /// A file that was changed, is somebody else's, or is of a class that is not trusted.
    pub fn bring(&self, pupil: u64, text: &str, now: u64) -> Result<(), Refusal> {
        let signed = Signed::read(text).map_err(Refusal::Brought)?;
        if !self.trusts(&signed.public_key) {
            let key = signed.public_key;
            let sentence =
                format!("it is signed by {key}, which this class does not trust; its teacher can, with --trust");
            return Err(Refusal::Brought(sentence));
        }
        let is_known = |name: &str, number: Option<u32>| match number {
            Some(number) => self.question(name, number).is_ok(),
            None => self.task(name).is_ok(),
        };
        self.change(pupil, now, |progress, _| {
            if !alike(&signed.progress.name, &progress.name) {
                return Err(Refusal::Brought(format!("it is of {}", signed.progress.name)));
            }
            progress.merge(signed.progress, is_known);
            Ok(())
        })
    }
}

/// Number of questions of a lesson that a pupil has answered rightly.
pub(crate) fn right_of(progress: &Progress, lesson: &str) -> usize {
    progress.lessons.get(lesson).map_or(0, |answers| answers.values().filter(|answered| answered.right).count())
}

fn judged(question: &Question, answer: u32) -> Result<bool, Refusal> {
    let count = question.answers.of(Language::English).len();
    let is_one = (1..=count).contains(&(answer as usize));
    is_one.then_some(answer as usize == question.right).ok_or(Refusal::Nothing("answer"))
}

/// The exam that a pupil sits now.
fn sat(state: &State, pupil: u64, now: u64) -> Result<&Sat, Refusal> {
    let exam = state.about.exams.last().filter(|exam| exam.is_on(now)).ok_or(Refusal::NoExam)?;
    let progress = state.pupils.get(&pupil).ok_or(Refusal::NoPupil)?;
    progress.exams.iter().find(|sat| sat.exam == exam.number).ok_or(Refusal::NoExam)
}
