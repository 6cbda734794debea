//! A lesson: a folder with `en.md`, `zh-CN.md` and `lesson.toml`.

use crate::exercise::{self, Exercise};
use crate::language::{Both, Language};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Most bytes of a file of a lesson.
const MAX_BYTES: u64 = 1 << 20;
/// Most lessons in a folder.
const MAX_LESSONS: usize = 1000;

/// A folder that is part of the program.
struct Folder {
    name: &'static str,
    data: &'static str,
    texts: [&'static str; 2],
}

static FOLDERS: &[Folder] = include!(concat!(env!("OUT_DIR"), "/lessons.rs"));

/// A lesson.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// The folder's name, by which it is addressed.
    pub name: String,
    /// Everything that is not text.
    pub data: Data,
    texts: [String; 2],
}

/// Content of `lesson.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// For whom.
    pub level: Level,
    /// Duration in minutes.
    pub minutes: u32,
    /// Lessons that come before, by their names.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Its title.
    pub title: Both<String>,
    /// Subject, in a sentence.
    pub summary: Both<String>,
    /// Questions about the text.
    #[serde(default)]
    pub question: Vec<Question>,
    /// The exercise.
    pub exercise: Option<Task>,
}

/// For whom a lesson is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Who has never heard of it.
    Everyone,
    /// Primary school.
    Awareness,
    /// Junior secondary school.
    Principles,
    /// Senior secondary school and university.
    Systems,
}

/// A question with answers to choose from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question.
    pub ask: Both<String>,
    /// Possible answers.
    pub answers: Both<Vec<String>>,
    /// Number of the right answer, from 1.
    pub right: usize,
    /// Why.
    pub why: Both<String>,
}

/// The exercise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The exercise of the program.
    pub name: String,
    /// Content of a line of input.
    pub input: Both<String>,
    /// Content of the line of output.
    pub output: Both<String>,
    /// Words for known mistakes, by their names.
    pub mistakes: BTreeMap<String, Both<String>>,
}

/// Reason why a lesson cannot be taken.
#[derive(Debug, thiserror::Error)]
#[error("the lesson {name} cannot be taken: {why}")]
pub struct LessonError {
    name: String,
    why: String,
}

impl Level {
    /// All, from the first to the last.
    pub const ALL: [Level; 4] = [Level::Everyone, Level::Awareness, Level::Principles, Level::Systems];

    /// Its name for people.
    pub fn said(self, language: Language) -> &'static str {
        match self {
            Level::Everyone => language.choose("For everyone", "人人可读"),
            Level::Awareness => language.choose("Awareness", "感知"),
            Level::Principles => language.choose("Principles", "原理"),
            Level::Systems => language.choose("Systems", "系统"),
        }
    }

    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Level::Everyone => "everyone",
            Level::Awareness => "awareness",
            Level::Principles => "principles",
            Level::Systems => "systems",
        }
    }
}

impl Lesson {
    /// A lesson by its parts, which are checked.
    ///
    /// # Errors
    /// Their fault.
    pub fn new(name: &str, data: &str, texts: [String; 2]) -> Result<Lesson, LessonError> {
        let wrong = |why: String| LessonError { name: name.to_owned(), why };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_plain) {
            return Err(wrong("its folder's name must be of Latin letters, digits, - and _".to_owned()));
        }
        let data: Data = toml::from_str(data).map_err(|error| wrong(format!("lesson.toml: {}", error.message())))?;
        for (number, question) in data.question.iter().enumerate() {
            let [english, chinese] = Language::ALL.map(|language| question.answers.of(language).len());
            if english != chinese || question.right == 0 || question.right > english {
                return Err(wrong(format!(
                    "question {} needs the same answers in both languages, and a right one",
                    number + 1
                )));
            }
        }
        if let Some(task) = &data.exercise {
            let known = exercise::find(&task.name);
            let known = known.ok_or_else(|| wrong(format!("there is no exercise {}", task.name)))?;
            if let Some(missing) = known.mistakes.iter().find(|mistake| !task.mistakes.contains_key(**mistake)) {
                return Err(wrong(format!("exercise.mistakes lacks words for {missing}")));
            }
            if let Some(unknown) = task.mistakes.keys().find(|name| !known.mistakes.contains(&&name[..])) {
                return Err(wrong(format!("exercise.mistakes has {unknown}, which is no mistake of {}", task.name)));
            }
        }
        Ok(Lesson { name: name.to_owned(), data, texts })
    }

    /// Its text (Markdown).
    pub fn text(&self, language: Language) -> &str {
        language.choose(&self.texts[0], &self.texts[1])
    }

    /// Its exercise.
    pub fn exercise(&self) -> Option<(&Task, &'static Exercise)> {
        self.data.exercise.as_ref().and_then(|task| Some((task, exercise::find(&task.name)?)))
    }
}

/// The lessons that are part of the program, in their order.
///
/// # Errors
/// A fault of one; a test says that there is none.
pub fn built_in() -> Result<&'static [Lesson], &'static LessonError> {
    static LESSONS: OnceLock<Result<Vec<Lesson>, LessonError>> = OnceLock::new();
    let made = LESSONS.get_or_init(|| {
        let lesson = |folder: &Folder| Lesson::new(folder.name, folder.data, folder.texts.map(str::to_owned));
        FOLDERS.iter().map(lesson).collect()
    });
    made.as_ref().map(|lessons| &lessons[..])
}

/// The lessons in a folder of folders, in the order of their names.
///
/// # Errors
/// A folder that cannot be read, or what is wrong with a lesson.
pub fn in_folder(folder: &Path) -> Result<Vec<Lesson>, LessonError> {
    let wrong = |path: &Path, why: String| LessonError { name: path.display().to_string(), why };
    let entries = std::fs::read_dir(folder).map_err(|error| wrong(folder, error.to_string()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    paths.sort();
    if paths.len() > MAX_LESSONS {
        return Err(wrong(folder, format!("it holds more than {MAX_LESSONS} lessons")));
    }
    let file = |path: &Path, name: &str| {
        let path = path.join(name);
        let size = std::fs::metadata(&path).map_err(|error| wrong(&path, error.to_string()))?.len();
        if size > MAX_BYTES {
            return Err(wrong(&path, format!("it is longer than {} KiB", MAX_BYTES >> 10)));
        }
        std::fs::read_to_string(&path).map_err(|error| wrong(&path, error.to_string()))
    };
    let lesson = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Lesson::new(&name, &file(path, "lesson.toml")?, [file(path, "en.md")?, file(path, "zh-CN.md")?])
    };
    paths.iter().map(lesson).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercise::EXERCISES;

    #[test]
    fn every_lesson_of_the_program_can_be_taken() {
        let lessons = built_in().unwrap();
        for lesson in lessons {
            for need in &lesson.data.needs {
                assert!(lessons.iter().any(|other| other.name == *need), "{} needs {need}", lesson.name);
            }
        }
        for exercise in EXERCISES {
            let of = lessons.iter().filter(|lesson| lesson.exercise().is_some_and(|(_, of)| of.name == exercise.name));
            assert_eq!(of.count(), 1, "{} belongs to one lesson", exercise.name);
        }
    }

    #[test]
    fn what_is_wrong_with_a_lesson_is_said() {
        let texts = || [String::new(), String::new()];
        let data = |more: &str| {
            format!(
                "level = 'systems'\nminutes = 1\ntitle = {{en = 'a', zh-CN = 'b'}}\nsummary = {{en = 'a', zh-CN = 'b'}}\n{more}"
            )
        };
        assert!(Lesson::new("a", &data(""), texts()).is_ok());
        let both = "{en = 'a', zh-CN = 'b'}";
        let question = |answers: &str, right: u32| {
            data(&format!("[[question]]\nask = {both}\nwhy = {both}\nanswers = {answers}\nright = {right}\n"))
        };
        assert!(Lesson::new("a", &question("{en = ['x'], zh-CN = ['y']}", 1), texts()).is_ok());
        let exercise = |name: &str| {
            data(&format!("[exercise]\nname = '{name}'\ninput = {both}\noutput = {both}\nmistakes = {{}}"))
        };
        for (name, data, said) in [
            ("a/b", data(""), "Latin letters"),
            ("a", data("colour = 1"), "colour"),
            ("a", question("{en = ['x'], zh-CN = ['y', 'z']}", 1), "question 1"),
            ("a", question("{en = ['x'], zh-CN = ['y']}", 2), "question 1"),
            ("a", exercise("nothing"), "no exercise nothing"),
            ("a", exercise("chain"), "words for separate"),
        ] {
            let sentence = Lesson::new(name, &data, texts()).unwrap_err().to_string();
            assert!(sentence.contains(said), "{sentence}");
        }
    }

    #[test]
    fn lessons_of_a_teacher_are_read_from_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(in_folder(folder.path()).unwrap().is_empty());
        let own = folder.path().join("50-mine");
        std::fs::create_dir(&own).unwrap();
        assert!(in_folder(folder.path()).unwrap_err().to_string().contains("lesson.toml"));
        std::fs::write(own.join("lesson.toml"), FOLDERS[0].data).unwrap();
        std::fs::write(own.join("en.md"), "## One").unwrap();
        std::fs::write(own.join("zh-CN.md"), "## 一").unwrap();
        assert_eq!(in_folder(folder.path()).unwrap()[0].text(Language::Chinese), "## 一");
        assert!(in_folder(&folder.path().join("absent")).is_err());
    }
}
