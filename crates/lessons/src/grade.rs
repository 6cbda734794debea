//! Grading: what a program wrote, compared to the bit with what the contract says.

use crate::exercise::{Case, Exercise, Word, names};
use crate::language::Language;
use crate::lesson::Task;

/// Grade of a program's output.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Number of cases.
    pub cases: usize,
    /// Number of right ones.
    pub right: usize,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
    /// The mistake that computes what was found.
    pub cause: Option<Cause>,
}

/// Fault in the first case that is not right.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// The case's number, from 1.
    pub case: usize,
    /// Its name.
    pub name: String,
    /// Kind of the fault.
    pub kind: Kind,
}

/// Kind of fault in a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The program wrote no line for it.
    NoLine,
    /// The line has another number of words than must be there.
    Words {
        /// Number that must be there.
        expected: usize,
        /// Number that is there.
        found: usize,
    },
    /// A word cannot be read.
    Unreadable {
        /// Its number, from 1.
        word: usize,
        /// The right word.
        expected: Word,
        /// The word that is there.
        found: String,
    },
    /// A word is another.
    Differs {
        /// Its number, from 1.
        word: usize,
        /// The right word.
        expected: Word,
        /// The word that is there.
        found: Word,
    },
    /// There are more lines than cases.
    MoreLines,
}

/// A mistake that computes what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Its name.
    pub mistake: &'static str,
    /// True if it computes all that was found, in every case; else in the case at fault alone.
    pub is_everywhere: bool,
}

/// Input of a program: a line for each case.
pub fn input(cases: &[Case]) -> String {
    cases.iter().map(|case| line(&case.input) + "\n").collect()
}

/// Words as a line.
pub fn line(words: &[Word]) -> String {
    words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Compares what a program wrote.
pub fn grade(exercise: &Exercise, cases: &[Case], output: &str) -> Report {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    let answers: Vec<Result<Vec<Word>, Kind>> =
        cases.iter().enumerate().map(|(at, case)| read(case, lines.get(at).copied())).collect();
    let faults = cases.iter().zip(&answers).map(|(case, answer)| match answer {
        Err(kind) => Some(kind.clone()),
        Ok(words) => differing(&case.right, words),
    });
    let mut faults: Vec<Option<Kind>> = faults.collect();
    if lines.len() > cases.len() && faults.iter().all(Option::is_none) {
        faults.pop();
        faults.push(Some(Kind::MoreLines));
    }
    let right = faults.iter().filter(|fault| fault.is_none()).count();
    let first = faults.iter().position(Option::is_some);
    let fault = first.and_then(|at| {
        let kind = faults[at].take()?;
        Some(Fault { case: at + 1, name: cases[at].name.clone(), kind })
    });
    let cause = first.and_then(|at| cause(exercise, cases, &answers, at));
    Report { cases: cases.len(), right, fault, cause }
}

/// The words of a line, each of the kind that stands in its place.
fn read(case: &Case, line: Option<&str>) -> Result<Vec<Word>, Kind> {
    let texts: Vec<&str> = line.ok_or(Kind::NoLine)?.split_whitespace().collect();
    let like = |(at, text): (usize, &&str)| match case.right.get(at) {
        None => Ok(Word::Text((*text).to_owned())),
        Some(right) => right.read_like(text).ok_or_else(|| Kind::Unreadable {
            word: at + 1,
            expected: right.clone(),
            found: text.chars().take(40).collect(),
        }),
    };
    texts.iter().enumerate().map(like).collect()
}

/// The first word that differs, or how many there are if that is what is wrong.
fn differing(right: &[Word], found: &[Word]) -> Option<Kind> {
    let differs = right.iter().zip(found).position(|(right, found)| !right.equals(found));
    if right.len() != found.len() {
        return Some(Kind::Words { expected: right.len(), found: found.len() });
    }
    differs.map(|at| Kind::Differs { word: at + 1, expected: right[at].clone(), found: found[at].clone() })
}

/// True if what was read is these words, however long either is.
fn is_same(words: &[Word], found: &[Word]) -> bool {
    words.len() == found.len()
        && words.iter().zip(found).all(|(word, found)| word.equals(found) || word.to_string() == found.to_string())
}

/// The mistake that computes what was found: in every case, or at least in the first that is wrong.
fn cause(exercise: &Exercise, cases: &[Case], answers: &[Result<Vec<Word>, Kind>], first: usize) -> Option<Cause> {
    let computes = |mistake: usize, at: usize| {
        answers[at].as_ref().is_ok_and(|found| is_same(&cases[at].mistaken[mistake], found))
    };
    let of = |is_everywhere: bool| {
        let fits = |mistake: &usize| {
            if is_everywhere { (0..cases.len()).all(|at| computes(*mistake, at)) } else { computes(*mistake, first) }
        };
        let found = (0..exercise.mistakes.len()).find(fits)?;
        Some(Cause { mistake: exercise.mistakes[found], is_everywhere })
    };
    of(true).or_else(|| of(false))
}

impl Report {
    /// True if everything is right.
    pub fn is_right(&self) -> bool {
        self.fault.is_none()
    }

    /// Sentence for a person. The words for a mistake are the lesson's.
    pub fn said(&self, task: Option<&Task>, language: Language) -> String {
        let Some(fault) = &self.fault else {
            return match language {
                Language::English => format!("All {} cases are right, to the bit.\n", self.cases),
                Language::Chinese => format!("全部 {} 个用例逐位正确。\n", self.cases),
            };
        };
        let (right, cases, case, name) = (self.right, self.cases, fault.case, names::said(&fault.name, language));
        let mut text = match language {
            Language::English => format!("{right} of {cases} cases are right. First fault: case {case} ({name}).\n"),
            Language::Chinese => format!("{cases} 个用例中 {right} 个正确。首个错误：用例 {case}（{name}）。\n"),
        };
        text += &fault.kind.said(language);
        if let Some(cause) = self.cause {
            let words = task.and_then(|task| task.mistakes.get(cause.mistake));
            let words = words.map_or(cause.mistake, |words| words.of(language));
            text += &match (language, cause.is_everywhere) {
                (Language::English, true) => {
                    format!("Cause: {words}\n  Computed so, every case gives exactly what your program wrote.\n")
                }
                (Language::Chinese, true) => {
                    format!("原因：{words}\n  照此计算，每个用例都恰好得到您的程序所写的结果。\n")
                }
                (Language::English, false) => format!(
                    "Likely cause: {words}\n  Computed so, this case gives exactly what your program wrote; others differ.\n"
                ),
                (Language::Chinese, false) => {
                    format!("可能的原因：{words}\n  照此计算，这个用例恰好得到您的程序所写的结果；其他用例则不然。\n")
                }
            };
        }
        text
    }
}

impl Kind {
    fn said(&self, language: Language) -> String {
        match self {
            Kind::NoLine => {
                language.choose("  The program wrote no line for it.\n", "  程序没有为它写出一行。\n").to_owned()
            }
            Kind::MoreLines => language
                .choose("  The program wrote more lines than it read.\n", "  程序写出的行多于读入的行。\n")
                .to_owned(),
            Kind::Words { expected, found } => match language {
                Language::English => format!("  The line must have {expected} words and has {found}.\n"),
                Language::Chinese => format!("  这一行应有 {expected} 个词，实有 {found} 个。\n"),
            },
            Kind::Unreadable { word, expected, found } => {
                let must = match (expected, language) {
                    (Word::Number(_), Language::English) => "the 8 hexadecimal digits of a binary32",
                    (Word::Number(_), Language::Chinese) => "一个 binary32 的 8 位十六进制数字",
                    (_, Language::English) => "a whole number",
                    (_, Language::Chinese) => "一个整数",
                };
                match language {
                    Language::English => format!("  Word {word} is {found:?} and must be {must}, like {expected}.\n"),
                    Language::Chinese => format!("  第 {word} 个词是 {found:?}，应为{must}，例如 {expected}。\n"),
                }
            }
            Kind::Differs { word, expected, found } => {
                let (must, is) = (in_full(expected), in_full(found));
                let mut text = match language {
                    Language::English => format!("  Word {word} must be  {must}\n  and your program has {is}\n"),
                    Language::Chinese => format!("  第 {word} 个词应为 {must}\n  您的程序写的是 {is}\n"),
                };
                if let (Word::Number(expected), Word::Number(found)) = (expected, found) {
                    text += &first_bit(*expected, *found, language);
                }
                text
            }
        }
    }
}

/// A word, a number in decimal too.
fn in_full(word: &Word) -> String {
    match word {
        Word::Number(number) => format!("{word} = {number:e}"),
        _ => word.to_string(),
    }
}

/// First bit that differs, and the distance of two numbers.
fn first_bit(expected: f32, found: f32, language: Language) -> String {
    let (a, b) = (expected.to_bits(), found.to_bits());
    let bit = 31 - (a ^ b).leading_zeros().min(31);
    let part = match bit {
        31 => language.choose("the sign", "符号"),
        23..31 => language.choose("the exponent", "指数"),
        _ => language.choose("the fraction", "尾数"),
    };
    // The bits of numbers in order, those below zero counted down.
    let place = |bits: u32| if bits >> 31 == 0 { i64::from(bits) } else { -i64::from(bits & 0x7fff_ffff) };
    let apart = (place(a) - place(b)).unsigned_abs();
    match language {
        Language::English => {
            format!("  First differing bit: {bit} (of 31 to 0), in {part}; {apart} units in the last place apart.\n")
        }
        Language::Chinese => {
            format!("  首个不同的位：第 {bit} 位（自 31 至 0），在{part}中；相差 {apart} 个末位单位。\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercise::{EXERCISES, find};

    fn answers(cases: &[Case], of: impl Fn(&Case) -> Vec<Word>) -> String {
        cases.iter().map(|case| line(&of(case)) + "\n").collect()
    }

    #[test]
    fn what_is_right_passes_and_every_mistake_is_named() {
        for exercise in EXERCISES {
            let cases = (exercise.cases)(0);
            assert!(
                grade(exercise, &cases, &answers(&cases, |case| case.right.clone())).is_right(),
                "{}",
                exercise.name
            );
            for (at, mistake) in exercise.mistakes.iter().enumerate() {
                let report = grade(exercise, &cases, &answers(&cases, |case| case.mistaken[at].clone()));
                let cause = Some(Cause { mistake, is_everywhere: true });
                assert_eq!(report.cause, cause, "{} {mistake}: {report:?}", exercise.name);
                assert!(!report.said(None, Language::Chinese).is_empty());
            }
        }
    }

    #[test]
    fn faults_of_form_are_told() {
        let exercise = find("chain").unwrap();
        let cases = (exercise.cases)(0);
        let right = answers(&cases, |case| case.right.clone());
        let kind = |output: &str| grade(exercise, &cases, output).fault.map(|fault| (fault.case, fault.kind));
        assert_eq!(kind(""), Some((1, Kind::NoLine)));
        assert_eq!(kind(&format!("{right}\n00000000\n")), Some((cases.len(), Kind::MoreLines)));
        let first = right.lines().next().unwrap();
        assert_eq!(kind(&right.replacen(first, "1.5", 1)).unwrap().0, 1);
        assert!(matches!(kind(&right.replacen(first, "1.5", 1)).unwrap().1, Kind::Unreadable { word: 1, .. }));
        assert_eq!(
            kind(&right.replacen(first, "0 0", 1)).unwrap().1,
            Kind::Unreadable { word: 1, expected: cases[0].right[0].clone(), found: "0".into() }
        );
        let twice = format!("{first} {first}");
        assert_eq!(kind(&right.replacen(first, &twice, 1)), Some((1, Kind::Words { expected: 1, found: 2 })));
        assert_eq!(kind(&right.to_uppercase().replace('\n', "\r\n")), None);
    }

    #[test]
    fn the_first_bit_and_the_distance_are_those_of_the_bits() {
        let said = first_bit(1.0, f32::from_bits(1.0f32.to_bits() - 1), Language::English);
        assert!(said.contains("bit: 23") && said.contains("exponent") && said.contains("; 1 units"), "{said}");
        assert!(first_bit(0.0, -0.0, Language::English).contains("31 (of 31 to 0), in the sign; 0 units"));
    }
}
