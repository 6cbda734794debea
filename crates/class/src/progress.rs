//! A pupil's progress, and its file, which the class signs.

use crate::limits::MAX_FILE_BYTES;
use hefu_proof::canonical::canonical;
use hefu_proof::{Digest, Identity, PublicKey, Signature};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the form.
pub const VERSION: u32 = 1;
/// First bytes of what is signed.
const PURPOSE: &[u8] = b"hefu class progress 1\n";

/// Everything that a pupil has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The version of the form, [`VERSION`].
    pub version: u32,
    /// The class, by which exams of one are told from those of another.
    pub class: String,
    /// The pupil's number in the class.
    pub pupil: u64,
    /// The name that the pupil gave.
    pub name: String,
    /// Number of times that the teacher has let this pupil back in; no earlier entry is valid any more.
    pub entries: u32,
    /// Time when the pupil came, in seconds since 1970.
    pub joined: u64,
    /// Time when anything was done last.
    pub seen: u64,
    /// The lesson that was opened last.
    pub at: Option<String>,
    /// Answers to questions, by lesson and the question's number from 1.
    pub lessons: BTreeMap<String, BTreeMap<u32, Answered>>,
    /// Exercises that were handed in.
    pub exercises: BTreeMap<String, Handed>,
    /// Exams that were sat.
    pub exams: Vec<Sat>,
}

/// An answer to a question of a lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// The first one, counted from 1.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// True if a right one was among them.
    pub right: bool,
    /// Number of tries.
    pub tries: u32,
}

/// Output of a program, graded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handed {
    /// Number of cases.
    pub cases: u32,
    /// Number of right ones: of the best try in a lesson, of the last in an exam.
    pub right: u32,
    /// Number of hand-ins.
    pub tries: u32,
    /// When, in seconds since 1970.
    pub time: u64,
    /// The SHA-256 of what was written.
    pub output: Digest,
}

/// An exam as a pupil sat it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sat {
    /// The exam's number.
    pub exam: u32,
    /// The seed by which it was drawn.
    pub seed: u64,
    /// Time when the pupil first saw it, in seconds since 1970.
    pub begun: u64,
    /// The questions that were drawn.
    pub questions: Vec<Asked>,
    /// The exercises that were drawn.
    pub exercises: Vec<Set>,
}

/// A question of an exam.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The lesson that it is of.
    pub lesson: String,
    /// Its number there, from 1.
    pub question: u32,
    /// The last answer, counted from 1.
    pub answer: Option<u32>,
    /// True if it is right.
    pub right: bool,
}

/// An exercise of an exam.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// Last hand-in.
    pub handed: Option<Handed>,
}

/// The file: what was done, by whose key it is signed, and the signature.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The progress.
    pub progress: Progress,
    /// The key of the class.
    pub public_key: PublicKey,
    /// Its signature of the SHA-256 of `progress` in its one form.
    pub signature: Signature,
}

fn message(progress: &Progress) -> Result<Vec<u8>, String> {
    let text = canonical(progress)?;
    Ok([PURPOSE, &Digest::of(&[text.as_bytes()]).0].concat())
}

impl Signed {
    /// Signs.
    ///
    /// # Errors
    /// A sentence, where it cannot be written down.
    pub fn new(progress: Progress, key: &Identity) -> Result<Self, String> {
        let signature = key.sign(&message(&progress)?);
        Ok(Self { progress, public_key: key.public(), signature })
    }

    /// The file's text.
    ///
    /// # Errors
    /// A sentence, where it cannot be written down.
    pub fn text(&self) -> Result<String, String> {
        Ok(canonical(self)? + "\n")
    }

    /// Reads a file, whose signature must be that of the key that it names. Whether that key is trusted is for the reader to say.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_FILE_BYTES {
            return Err(format!("it has {} bytes, more than the {MAX_FILE_BYTES} of any", text.len()));
        }
        let signed: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Progress { version, .. } = signed.progress;
        if version != VERSION {
            return Err(format!("it is of version {version}, but this program reads version {VERSION}"));
        }
        if !signed.public_key.has_signed(&message(&signed.progress)?, &signed.signature) {
            return Err("its signature is not that of the key that it names, so it was changed or forged".to_owned());
        }
        Ok(signed)
    }
}

impl Progress {
    /// A pupil who has just come.
    pub(crate) fn new(class: &str, pupil: u64, name: String, now: u64) -> Self {
        Self {
            version: VERSION,
            class: class.to_owned(),
            pupil,
            name,
            entries: 0,
            joined: now,
            seen: now,
            at: None,
            lessons: BTreeMap::new(),
            exercises: BTreeMap::new(),
            exams: Vec::new(),
        }
    }

    /// Notes an answer to a question of a lesson.
    pub(crate) fn note(&mut self, lesson: &str, question: u32, answer: u32, right: bool) {
        let of_lesson = self.lessons.entry(lesson.to_owned()).or_default();
        let new = Answered { first: answer, last: answer, right, tries: 0 };
        let answered = of_lesson.entry(question).or_insert(new);
        answered.last = answer;
        answered.right |= right;
        answered.tries = answered.tries.saturating_add(1);
    }

    /// Takes over what another record of the same pupil has and this one lacks; only what `is_known` of lessons and exercises is
    /// taken. Of an exam the record that was begun stays.
    pub(crate) fn merge(&mut self, other: Self, is_known: impl Fn(&str, Option<u32>) -> bool) {
        for (lesson, answers) in other.lessons {
            for (number, answered) in answers {
                if is_known(&lesson, Some(number)) {
                    let own = self.lessons.entry(lesson.clone()).or_default().entry(number).or_insert(answered);
                    own.right |= answered.right;
                    own.tries = own.tries.max(answered.tries);
                }
            }
        }
        for (name, handed) in other.exercises {
            if is_known(&name, None) && self.exercises.get(&name).is_none_or(|own| own.right < handed.right) {
                self.exercises.insert(name, handed);
            }
        }
        if (&other.class, other.pupil) == (&self.class, self.pupil) {
            for sat in other.exams {
                if self.exams.iter().all(|own| own.exam != sat.exam) {
                    self.exams.push(sat);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Progress {
        let mut progress = Progress::new("c", 3, "梅".to_owned(), 5);
        progress.note("01-tokens", 1, 2, false);
        progress.note("01-tokens", 1, 3, true);
        progress
    }

    #[test]
    fn a_file_is_read_as_it_was_signed_and_no_other() {
        let key = Identity::from_seed(&[1; 32]);
        let text = Signed::new(some(), &key).unwrap().text().unwrap();
        let read = Signed::read(&text).unwrap();
        assert_eq!((read.progress, read.public_key), (some(), key.public()));
        let answered = some().lessons["01-tokens"][&1];
        assert_eq!(answered, Answered { first: 2, last: 3, right: true, tries: 2 });
        for (from, to) in [("\"tries\":2", "\"tries\":1"), ("梅", "兰"), ("\"version\":1", "\"version\":2"), ("{", "[")]
        {
            assert!(text.contains(from) && Signed::read(&text.replacen(from, to, 1)).is_err(), "{from}");
        }
        assert!(Signed::read(&" ".repeat(MAX_FILE_BYTES + 1)).unwrap_err().contains("bytes"));
    }

    #[test]
    fn merging_loses_nothing_and_takes_nothing_unknown() {
        let mut own = some();
        let mut other = Progress::new("other", 3, "梅".to_owned(), 9);
        other.note("01-tokens", 2, 1, true);
        other.note("absent", 1, 1, true);
        let handed = |right| Handed { cases: 6, right, tries: 1, time: 7, output: Digest([0; 32]) };
        other.exercises.insert("chain".to_owned(), handed(6));
        own.exercises.insert("chain".to_owned(), handed(2));
        other.exams.push(Sat { exam: 1, seed: 1, begun: 1, questions: Vec::new(), exercises: Vec::new() });
        own.merge(other, |name, _| name != "absent");
        assert_eq!(own.lessons.keys().collect::<Vec<_>>(), ["01-tokens"]);
        assert_eq!(own.lessons["01-tokens"].len(), 2);
        assert_eq!(own.exercises["chain"].right, 6);
        // An exam of another class is none of this one.
        assert!(own.exams.is_empty());
    }
}
