//! `hefu learn`: lessons in the browser, and exercises that are graded by equality.

mod class;

use super::serve::{self, Extra};
use crate::failure::Failure;
use crate::lessons::lessons;
use crate::output::{print_json, print_plain};
use crate::words;
use clap::{Args, Subcommand};
use hefu_lessons::exercise::{self, EXERCISES, Exercise, Word};
use hefu_lessons::grade::{Fault, Kind, Report, grade, input};
use hefu_lessons::language::Language;
use hefu_lessons::lesson::{Lesson, Task, built_in};
use hefu_lessons::run::{Limits, run as run_program};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Address of lessons on the server.
const PAGE: &str = "/learn";
/// Most bytes that a program may write for all cases together.
const MAX_OUTPUT_BYTES: usize = 16 << 20;
/// Most seconds that may be given to a program.
const MAX_SECONDS: u64 = 3600;

/// Learn how a language model computes: lessons in the browser, and exercises that are graded to the bit
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Without a subcommand it is `hefu serve`, and prints the address of the lessons. Nothing is fetched but the model, where it is not here yet.

Examples:
  hefu learn
  hefu learn --model gemma-3-270m --port 8090
  hefu learn list
  hefu learn class --model gemma-3-270m
  hefu learn check chain.py
  hefu learn check --exercise chain ./my-program"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: Option<Action>,

    #[command(flatten)]
    serve: serve::Arguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the lessons with their exercises
    List {
        /// A folder of further lessons for /learn, each a folder with en.md, zh-CN.md and lesson.toml
        #[arg(long, value_name = "FOLDER")]
        lessons: Option<PathBuf>,

        /// Print everything as JSON
        #[arg(long)]
        json: bool,
    },
    /// Hold a class: pupils in the room come in by a code, and what they do is kept here as signed files
    Class(Box<class::ClassArguments>),
    /// Check a pupil's signed file, and show what is in it
    Progress(class::ProgressArguments),
    /// Grade a program: feed it the exercise's cases and compare every bit of what it writes
    Check(CheckArguments),
}

#[derive(Debug, Args)]
struct CheckArguments {
    /// The program: a file in Python (*.py), Rust (*.rs), JavaScript (*.js) or Ruby (*.rb), or any command with its arguments (after -- where they begin with a hyphen)
    #[arg(value_name = "FILE|COMMAND", required = true)]
    program: Vec<OsString>,

    /// The exercise [default: the one that the file is named after]
    #[arg(long, value_name = "EXERCISE")]
    exercise: Option<String>,

    /// Seconds that the program may take for all cases together
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    seconds: u64,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Carries the command out.
///
/// # Errors
/// Lessons that cannot be taken, what keeps a server from serving, a program that cannot be graded or is not right.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.what {
        None => serve::serve_at(&arguments.serve, Extra { path: PAGE, ..Extra::default() }),
        Some(Action::List { lessons: folder, json }) => list(&lessons(folder.as_deref())?, *json),
        Some(Action::Class(arguments)) => class::run(arguments),
        Some(Action::Progress(arguments)) => class::progress(arguments),
        Some(Action::Check(arguments)) => check(arguments),
    }
}

fn language() -> Language {
    match words::language() {
        words::Language::En => Language::English,
        words::Language::Zh => Language::Chinese,
    }
}

fn list(lessons: &[Lesson], json: bool) -> Result<(), Failure> {
    if json {
        let of = |lesson: &Lesson| {
            let title = |language| lesson.data.title.of(language).clone();
            json!({
                "name": lesson.name,
                "title": {"en": title(Language::English), "zh-CN": title(Language::Chinese)},
                "level": lesson.data.level.name(),
                "minutes": lesson.data.minutes,
                "needs": lesson.data.needs,
                "exercise": lesson.exercise().map(|(_, exercise)| json!({"name": exercise.name, "clause": exercise.clause})),
            })
        };
        return print_json(&lessons.iter().map(of).collect());
    }
    let language = language();
    let mut text = String::new();
    for lesson in lessons {
        let exercise = lesson.exercise().map_or_else(String::new, |(_, exercise)| format!("  [{}]", exercise.name));
        let (title, level) = (lesson.data.title.of(language), lesson.data.level.said(language));
        text += &format!("{:16} {title} ({level}){exercise}\n", lesson.name);
    }
    print_plain(&text)
}

/// The exercise that was named, or the one that the program's file is named after.
fn wanted(arguments: &CheckArguments) -> Result<&'static Exercise, Failure> {
    let first = arguments.program.first().map(Path::new).and_then(Path::file_stem);
    let stem = first.map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = arguments.exercise.as_deref().unwrap_or(&stem);
    exercise::find(name).ok_or_else(|| {
        let known: Vec<&str> = EXERCISES.iter().map(|exercise| exercise.name).collect();
        Failure::Usage(format!("there is no exercise {name}; name one with --exercise: {}", known.join(", ")))
    })
}

/// A lesson's words for an exercise.
fn task_of(exercise: &Exercise) -> Option<&'static Task> {
    let lessons = built_in().ok()?.iter();
    lessons.filter_map(Lesson::exercise).find(|(_, of)| of.name == exercise.name).map(|(task, _)| task)
}

fn check(arguments: &CheckArguments) -> Result<(), Failure> {
    let exercise = wanted(arguments)?;
    let cases = (exercise.cases)(0);
    let limits = Limits { time: Duration::from_secs(arguments.seconds), output: MAX_OUTPUT_BYTES };
    let output = run_program(&arguments.program, input(&cases), &limits);
    let output = output.map_err(|error| Failure::Other(error.to_string()))?;
    let (report, task) = (grade(exercise, &cases, &output), task_of(exercise));
    if arguments.json {
        print_json(&as_json(exercise, &report, task))?;
    } else {
        print_plain(&report.said(task, language()))?;
    }
    match report.is_right() {
        true => Ok(()),
        false => Err(Failure::Other(format!("{} of {} cases are wrong", report.cases - report.right, report.cases))),
    }
}

fn as_json(exercise: &Exercise, report: &Report, task: Option<&Task>) -> Value {
    let cause = report.cause.map(|cause| {
        let words = task.and_then(|task| task.mistakes.get(cause.mistake));
        json!({
            "mistake": cause.mistake,
            "everywhere": cause.is_everywhere,
            "en": words.map(|words| words.of(Language::English)),
            "zh-CN": words.map(|words| words.of(Language::Chinese)),
        })
    });
    json!({
        "exercise": exercise.name,
        "clause": exercise.clause,
        "cases": report.cases,
        "right": report.right,
        "fault": report.fault.as_ref().map(fault_as_json),
        "cause": cause,
    })
}

fn fault_as_json(fault: &Fault) -> Value {
    let number = |word: &Word| match word {
        Word::Number(number) => json!({"bits": word.to_string(), "decimal": format!("{number:e}")}),
        _ => json!(word.to_string()),
    };
    let kind = match &fault.kind {
        Kind::NoLine => json!({"kind": "no_line"}),
        Kind::MoreLines => json!({"kind": "more_lines"}),
        Kind::Words { expected, found } => json!({"kind": "words", "expected": expected, "found": found}),
        Kind::Unreadable { word, expected, found } => {
            json!({"kind": "unreadable", "word": word, "expected": number(expected), "found": found})
        }
        Kind::Differs { word, expected, found } => {
            json!({"kind": "differs", "word": word, "expected": number(expected), "found": number(found)})
        }
    };
    json!({"case": fault.case, "name": fault.name, "what": kind})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_graded_by_the_exercise_that_it_is_named_after() {
        let of = |program: &str, exercise: Option<&str>| {
            let exercise = exercise.map(str::to_owned);
            let program = vec![program.into()];
            wanted(&CheckArguments { program, exercise, seconds: 1, json: false }).map(|exercise| exercise.name).ok()
        };
        assert_eq!(of("some/where/chain.py", None), Some("chain"));
        assert_eq!(of("./chain", None), Some("chain"));
        assert_eq!(of("chain.py", Some("norm")), Some("norm"));
        assert_eq!(of("other.py", None), None);
        assert_eq!(of("chain.py", Some("other")), None);
    }

    #[test]
    fn every_exercise_has_its_words() {
        assert!(EXERCISES.iter().all(|exercise| task_of(exercise).is_some()));
    }
}
