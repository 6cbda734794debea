//! The teacher's view: who is where, and an exam as JSON, CSV or Markdown.

use crate::class::Class;
use crate::doing::right_of;
use crate::exam::Exam;
use crate::progress::{Progress, Sat};
use crate::refusal::Refusal;
use hefu_lessons::language::Language;
use hefu_lessons::lesson::Level;
use serde_json::{Value, json};

/// Format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
    /// For people.
    Markdown,
}

impl Form {
    /// The form of a name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "markdown" => Some(Self::Markdown),
            _ => None,
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8",
        }
    }
}

/// A pupil's line in a report.
struct Line<'a> {
    progress: &'a Progress,
    sat: Option<&'a Sat>,
}

impl<'a> Line<'a> {
    fn of(progress: &'a Progress, exam: &Exam) -> Self {
        Self { progress, sat: progress.exams.iter().find(|sat| sat.exam == exam.number) }
    }
}

impl Class {
    /// Pupils of the class, and their places.
    pub fn overview(&self, language: Language, now: u64) -> Value {
        let state = self.lock();
        let exam = state.about.exams.last();
        let of = |progress: &Progress| {
            let right: usize = self.lessons.iter().map(|lesson| right_of(progress, &lesson.name)).sum();
            let done = self.lessons.iter().filter(|lesson| {
                let questions = lesson.data.question.len();
                questions > 0 && right_of(progress, &lesson.name) >= questions
            });
            let at = progress.at.as_ref().and_then(|at| self.lessons.iter().find(|lesson| lesson.name == *at));
            let written = progress.exercises.values().filter(|handed| handed.right == handed.cases);
            let sat = exam.and_then(|exam| progress.exams.iter().find(|sat| sat.exam == exam.number));
            json!({
                "pupil": progress.pupil,
                "name": progress.name,
                "seen": progress.seen,
                "at": at.map(|lesson| lesson.data.title.of(language)),
                "lessons": done.count(),
                "questions": right,
                "exercises": written.count(),
                "exam": sat.map(|sat| json!({
                    "questions": sat.questions.iter().filter(|asked| asked.right).count(),
                    "answered": sat.questions.iter().filter(|asked| asked.answer.is_some()).count(),
                    "exercises": solved(sat),
                })),
            })
        };
        let levels = Level::ALL.map(|level| {
            let lessons = || self.lessons.iter().filter(move |lesson| lesson.data.level == level);
            json!({
                "name": level.name(),
                "said": level.said(language),
                "questions": lessons().map(|lesson| lesson.data.question.len()).sum::<usize>(),
                "exercises": lessons().filter(|lesson| lesson.exercise().is_some()).count(),
            })
        });
        json!({
            "class": state.about.id,
            "code": crate::code::shown(&state.about.code),
            "now": now,
            "pupils": state.pupils.values().map(of).collect::<Vec<_>>(),
            "lessons": self.lessons.len(),
            "questions": self.lessons.iter().map(|lesson| lesson.data.question.len()).sum::<usize>(),
            "exercises": self.lessons.iter().filter(|lesson| lesson.exercise().is_some()).count(),
            "levels": levels,
            "exam": exam.map(|exam| json!({"on": exam.is_on(now), "about": exam})),
            "exams": state.about.exams.len(),
            "public_key": self.public_key().to_string(),
        })
    }

    /// An exam of all pupils, by its number; without one, the last.
    ///
    /// # Errors
    /// No such exam.
    pub fn report(&self, number: Option<u32>, form: Form) -> Result<String, Refusal> {
        let state = self.lock();
        let exams = &state.about.exams;
        let exam = match number {
            None => exams.last(),
            Some(number) => exams.iter().find(|exam| exam.number == number),
        };
        let exam = exam.ok_or(Refusal::Nothing("exam"))?;
        let lines: Vec<Line<'_>> = state.pupils.values().map(|progress| Line::of(progress, exam)).collect();
        Ok(match form {
            Form::Json => as_json(&state.about.id, exam, &lines),
            Form::Csv => as_csv(exam, &lines),
            Form::Markdown => as_markdown(exam, &lines),
        })
    }
}

fn solved(sat: &Sat) -> usize {
    sat.exercises.iter().filter(|set| set.handed.as_ref().is_some_and(|handed| handed.right == handed.cases)).count()
}

fn right(sat: &Sat) -> usize {
    sat.questions.iter().filter(|asked| asked.right).count()
}

fn as_json(class: &str, exam: &Exam, lines: &[Line<'_>]) -> String {
    let pupils = lines.iter().map(|Line { progress, sat }| {
        json!({
            "pupil": progress.pupil,
            "name": progress.name,
            "sat": sat,
            "questions_right": sat.map(right),
            "exercises_right": sat.map(solved),
        })
    });
    let report = json!({"class": class, "exam": exam, "pupils": pupils.collect::<Vec<_>>()});
    format!("{report:#}\n")
}

/// The cells of a line, as far as an exam has them: one for each exercise, with cases right of all.
fn cells(exam: &Exam, Line { progress, sat }: &Line<'_>) -> Vec<String> {
    let mut cells = vec![progress.pupil.to_string(), progress.name.clone()];
    cells.push(sat.map_or_else(String::new, |sat| format!("{}", right(sat))));
    cells.push(exam.questions.to_string());
    cells.push(sat.map_or_else(String::new, |sat| format!("{}", solved(sat))));
    cells.push(exam.exercises.to_string());
    for place in 0..exam.exercises {
        let set = sat.and_then(|sat| sat.exercises.get(place));
        cells.push(set.map_or_else(String::new, |set| match &set.handed {
            Some(handed) => format!("{} {} of {}", set.name, handed.right, handed.cases),
            None => format!("{} not handed in", set.name),
        }));
    }
    cells
}

fn heads(exam: &Exam) -> Vec<String> {
    let heads = ["pupil", "name", "questions right", "questions", "exercises right", "exercises"];
    let further = (1..=exam.exercises).map(|number| format!("exercise {number}"));
    heads.into_iter().map(str::to_owned).chain(further).collect()
}

/// RFC 4180, with a mark by which a spreadsheet takes no name for a formula.
fn as_csv(exam: &Exam, lines: &[Line<'_>]) -> String {
    let cell = |text: &String| {
        let mark = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
        format!("\"{mark}{}\"", text.replace('"', "\"\""))
    };
    let row = |cells: &Vec<String>| cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n";
    row(&heads(exam)) + &lines.iter().map(|line| row(&cells(exam, line))).collect::<String>()
}

fn as_markdown(exam: &Exam, lines: &[Line<'_>]) -> String {
    let plain = |text: &String| -> String {
        let escaped = |sign: char| match sign {
            '\\' | '|' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '#' | '&' => vec!['\\', sign],
            _ => vec![sign],
        };
        text.chars().flat_map(escaped).collect()
    };
    let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let heads = heads(exam);
    let mut text =
        format!("# Exam {}\n\nSeed {}, {} minutes.\n\n", exam.number, exam.seed, (exam.ends - exam.begins) / 60);
    text += &row(&heads);
    text += &row(&vec!["---".to_owned(); heads.len()]);
    for line in lines {
        text += &row(&cells(exam, line).iter().map(plain).collect::<Vec<_>>());
    }
    text
}
