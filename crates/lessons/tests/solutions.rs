//! Every exercise has a solution in Python and in Rust that passes, and typical mistakes that are named rightly.

use hefu_lessons::exercise::{EXERCISES, Exercise, find};
use hefu_lessons::grade::{Cause, Report, grade, input};
use hefu_lessons::lesson::built_in;
use hefu_lessons::run::{Limits, run};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Deserialize)]
struct Mistakes {
    mistake: Vec<Mistake>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    file: String,
    cause: String,
    from: String,
    to: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/solutions")
}

fn graded(exercise: &Exercise, file: &Path) -> Report {
    let cases = (exercise.cases)(0);
    let limits = Limits { time: Duration::from_secs(300), output: 1 << 20 };
    let output =
        run(&[file.into()], input(&cases), &limits).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    grade(exercise, &cases, &output)
}

/// True if there is a compiler; the one that builds this is not always to be called.
fn has(program: &str) -> bool {
    let found =
        std::process::Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("{program} is not here: its solutions are not tried");
    }
    found
}

fn pass(program: &str, end: &str) {
    if !has(program) {
        return;
    }
    for exercise in EXERCISES {
        let report = graded(exercise, &folder().join(format!("{}.{end}", exercise.name)));
        assert!(report.is_right(), "{}.{end}: {report:?}", exercise.name);
    }
}

#[test]
fn solutions_in_python_pass() {
    pass("python3", "py");
}

#[test]
fn solutions_in_rust_pass() {
    pass("rustc", "rs");
}

/// The files of one language, with one of them changed.
fn changed(mistake: &Mistake) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for shared in ["f32.py", "words.rs"] {
        std::fs::copy(folder().join(shared), place.path().join(shared)).unwrap();
    }
    let text = std::fs::read_to_string(folder().join(&mistake.file)).unwrap();
    assert_eq!(text.matches(&mistake.from).count(), 1, "{}: {}", mistake.file, mistake.cause);
    std::fs::write(place.path().join(&mistake.file), text.replace(&mistake.from, &mistake.to)).unwrap();
    place
}

#[test]
fn typical_mistakes_are_named() {
    let text = std::fs::read_to_string(folder().join("mistakes.toml")).unwrap();
    let mistakes: Mistakes = toml::from_str(&text).unwrap();
    for exercise in EXERCISES {
        let of = |mistake: &&Mistake| mistake.file.split('.').next() == Some(exercise.name);
        assert!(mistakes.mistake.iter().filter(of).count() >= 3, "{} has fewer than three", exercise.name);
    }
    let (python, rust) = (has("python3"), has("rustc"));
    let mut wrong = Vec::new();
    for mistake in mistakes.mistake.iter().filter(|mistake| if mistake.file.ends_with(".rs") { rust } else { python }) {
        let exercise = find(mistake.file.split('.').next().unwrap()).unwrap();
        let place = changed(mistake);
        let report = graded(exercise, &place.path().join(&mistake.file));
        let named = report.cause.filter(|cause: &Cause| cause.is_everywhere).map(|cause| cause.mistake);
        if named != Some(&mistake.cause[..]) {
            wrong.push(format!("{}: {}: {report:?}", mistake.file, mistake.cause));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lessons_say_what_every_mistake_is_in_both_languages() {
    let lessons = built_in().unwrap();
    assert!(lessons.iter().filter(|lesson| lesson.exercise().is_some()).count() >= 14);
    assert!(lessons.iter().all(|lesson| lesson.exercise().is_none() || lesson.data.question.len() >= 3));
}

/// Widgets compute in the browser with the same bits.
#[test]
fn the_arithmetic_of_the_pages_is_that_of_the_engine() {
    if !has("node") {
        return;
    }
    for name in ["fma", "chain", "stripes", "exp", "norm", "rotation", "integers", "half", "weights", "draw"] {
        let exercise = find(name).unwrap();
        let cases = (exercise.cases)(0);
        let limits = Limits { time: Duration::from_secs(300), output: 1 << 20 };
        let page = [folder().join("page.mjs").into_os_string(), name.into()];
        let program = [&["node".into()], &page[..]].concat();
        let output = run(&program, input(&cases), &limits).unwrap_or_else(|error| panic!("{name}: {error}"));
        let report = grade(exercise, &cases, &output);
        assert!(report.is_right(), "{name}: {report:?}");
    }
}
