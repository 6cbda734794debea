//! Task: what is measured, a file in YAML.

use crate::Error;
use regex::Regex;
use serde::Deserialize;

/// Longest file of a task, in bytes.
pub const MAX_TASK_BYTES: usize = 1 << 20;
/// Most choices of one question.
pub const MAX_CHOICES: usize = 64;
/// Most tokens of an answer that may be asked for.
const MAX_ANSWER_TOKENS: usize = 1 << 16;
/// Longest regular expression once it is compiled, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// A task as its file has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its name: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Description for people.
    #[serde(default)]
    pub about: Option<String>,
    /// The file of samples, beside the task's: `.jsonl`, `.csv` or `.parquet`.
    pub data: String,
    /// Take so many samples from its beginning; all without it.
    #[serde(default)]
    pub limit: Option<usize>,
    /// Text before the answer: a template (Jinja) over the fields of a sample.
    #[serde(default)]
    pub prompt: Option<String>,
    /// The prompt is a message, and the model's chat template writes the conversation.
    #[serde(default)]
    pub chat: bool,
    /// A message of the system before it: a template.
    #[serde(default)]
    pub system: Option<String>,
    /// Worked examples before each prompt.
    #[serde(default)]
    pub examples: Option<Examples>,
    /// See [`Measure::MultipleChoice`].
    #[serde(default)]
    multiple_choice: Option<MultipleChoice>,
    /// See [`Measure::Likelihood`].
    #[serde(default)]
    likelihood: Option<Likelihood>,
    /// See [`Measure::ExactMatch`].
    #[serde(default)]
    exact_match: Option<ExactMatch>,
    /// See [`Measure::Judge`].
    #[serde(default)]
    judge: Option<Judge>,
}

/// Worked examples: samples whose answers are shown.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    /// Their file, beside the task's.
    pub data: String,
    /// Number of examples shown.
    pub count: usize,
    /// The answer: a template. In a choice, the right continuation without it.
    #[serde(default)]
    pub answer: Option<String>,
    /// Separator of two.
    #[serde(default = "blank_line")]
    pub separator: String,
}

/// Metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure<'a> {
    /// The share of samples whose likeliest continuation is the right one.
    MultipleChoice(&'a MultipleChoice),
    /// Prediction of texts, in bits per byte.
    Likelihood(&'a Likelihood),
    /// The share of samples whose answer is the expected one.
    ExactMatch(&'a ExactMatch),
    /// The share of samples whose answer a model finds right.
    Judge(&'a Judge),
}

/// Questions with continuations to choose from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultipleChoice {
    /// The field that holds the choices, or a template for each.
    #[serde(default = "choices")]
    pub choices: Choices,
    /// The field that holds the right one: its number from 0, its letter from A, or itself.
    #[serde(default = "answer")]
    pub answer: String,
    /// Text after the prompt: a template over `choice`, `letter` and the fields.
    #[serde(default = "spaced_choice")]
    pub continuation: String,
    /// By what the log-probability of a continuation is divided.
    #[serde(default)]
    pub divide_by: DivideBy,
}

/// Place of the choices.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Choices {
    /// In this field, as a list.
    Field(String),
    /// Each from a template.
    Templates(Vec<String>),
}

/// By what a log-probability is divided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DivideBy {
    /// By nothing.
    #[default]
    Nothing,
    /// By the continuation's tokens.
    Tokens,
    /// By the bytes of its text.
    Bytes,
}

/// Texts to predict.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Likelihood {
    /// The text: a template. With a prompt, it is predicted from there on.
    #[serde(default = "text")]
    pub text: String,
}

/// Questions with answers to be written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactMatch {
    /// The field that holds what is expected, or a list of what is accepted.
    #[serde(default = "answer")]
    pub answer: String,
    /// Most tokens of an answer.
    #[serde(default = "answer_tokens")]
    pub max_tokens: usize,
    /// Texts that end it.
    #[serde(default)]
    pub stop: Vec<String>,
    /// A regular expression: what its first group finds first, or all of it, is compared. Where it finds nothing, nothing is earned.
    #[serde(default)]
    pub extract: Option<String>,
    /// Upper and lower case are the same.
    #[serde(default)]
    pub ignore_case: bool,
}

/// Questions with answers to be written, and to be judged by a model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// The question: a template over `reply` and the fields.
    pub prompt: String,
    /// That prompt is a message.
    #[serde(default)]
    pub chat: bool,
    /// Continuation if the answer is right.
    #[serde(default = "yes")]
    pub yes: String,
    /// Continuation if it is wrong.
    #[serde(default = "no")]
    pub no: String,
    /// Most tokens of an answer.
    #[serde(default = "answer_tokens")]
    pub max_tokens: usize,
    /// Texts that end it.
    #[serde(default)]
    pub stop: Vec<String>,
}

fn blank_line() -> String {
    "\n\n".to_owned()
}

fn choices() -> Choices {
    Choices::Field("choices".to_owned())
}

fn answer() -> String {
    "answer".to_owned()
}

fn spaced_choice() -> String {
    " {{ choice }}".to_owned()
}

fn text() -> String {
    "{{ text }}".to_owned()
}

fn yes() -> String {
    " yes".to_owned()
}

fn no() -> String {
    " no".to_owned()
}

fn answer_tokens() -> usize {
    64
}

impl Task {
    /// Reads a task.
    ///
    /// # Errors
    /// Its fault.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_TASK_BYTES {
            return Err(Error(format!("it has {} bytes, but a task has at most {MAX_TASK_BYTES}", text.len())));
        }
        let task: Self = serde_saphyr::from_str(text).map_err(|error| {
            // The library draws the place on further lines, and says that it is an error where ours has said so already.
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Error(format!("it is no task: {}", line.strip_prefix("error: ").unwrap_or(line)))
        })?;
        task.check()?;
        Ok(task)
    }

    /// Metric.
    pub fn measure(&self) -> Measure<'_> {
        match self {
            Self { multiple_choice: Some(choice), .. } => Measure::MultipleChoice(choice),
            Self { exact_match: Some(exact), .. } => Measure::ExactMatch(exact),
            Self { judge: Some(judge), .. } => Measure::Judge(judge),
            Self { likelihood, .. } => Measure::Likelihood(likelihood.as_ref().unwrap_or(&WHOLE_TEXT)),
        }
    }

    fn check(&self) -> Result<(), Error> {
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty()
            || self.name.len() > 128
            || !self.name.chars().all(is_plain)
            || self.name.starts_with('.')
        {
            return Err(Error::of("name must be 1 to 128 letters, digits, -, _ or ., and not begin with a dot"));
        }
        let measures = [
            self.multiple_choice.is_some(),
            self.likelihood.is_some(),
            self.exact_match.is_some(),
            self.judge.is_some(),
        ];
        if measures.iter().filter(|given| **given).count() != 1 {
            return Err(Error::of("it must have one of multiple_choice, likelihood, exact_match and judge"));
        }
        if self.prompt.is_none() && !matches!(self.measure(), Measure::Likelihood(_)) {
            return Err(Error::of("it has no prompt"));
        }
        if self.chat && self.likelihood.is_some() {
            return Err(Error::of("chat goes with questions, not with likelihood"));
        }
        if self.system.is_some() && !self.chat {
            return Err(Error::of("system goes with chat: true"));
        }
        if self.limit == Some(0) {
            return Err(Error::of("limit must be at least 1"));
        }
        if self.examples.as_ref().is_some_and(|own| own.answer.is_none()) && self.multiple_choice.is_none() {
            return Err(Error::of("examples.answer is missing: a template for what is shown as the answer"));
        }
        match self.measure() {
            Measure::ExactMatch(exact) => {
                check_tokens(exact.max_tokens)?;
                exact.pattern().map(drop)
            }
            Measure::Judge(judge) => check_tokens(judge.max_tokens),
            _ => Ok(()),
        }
    }
}

static WHOLE_TEXT: Likelihood = Likelihood { text: String::new() };

fn check_tokens(asked: usize) -> Result<(), Error> {
    match asked {
        1..=MAX_ANSWER_TOKENS => Ok(()),
        _ => Err(Error(format!("max_tokens is {asked}, but must be 1 to {MAX_ANSWER_TOKENS}"))),
    }
}

impl ExactMatch {
    /// Expression for the part of an answer that is compared.
    ///
    /// # Errors
    /// A text that is no regular expression.
    pub fn pattern(&self) -> Result<Option<Regex>, Error> {
        let compile = |pattern: &String| regex::RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).build();
        let compiled = self.extract.as_ref().map(compile).transpose();
        compiled.map_err(|_| Error::of("extract is no regular expression, or too large a one"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_says_one_thing_that_is_measured() {
        let task = Task::parse(
            "name: t\ndata: d.jsonl\nprompt: |-\n  Question: {{ question }}\n  Answer:\nmultiple_choice: {}\n",
        )
        .unwrap();
        assert_eq!(task.prompt.as_deref(), Some("Question: {{ question }}\nAnswer:"));
        let Measure::MultipleChoice(choice) = task.measure() else { panic!() };
        assert_eq!((choice.answer.as_str(), choice.continuation.as_str()), ("answer", " {{ choice }}"));
        let likelihood = Task::parse("name: t\ndata: d.jsonl\nlikelihood:\n  text: '{{ a }}'").unwrap();
        assert!(matches!(likelihood.measure(), Measure::Likelihood(own) if own.text == "{{ a }}"));
    }

    #[test]
    fn what_is_no_task_is_refused_with_a_reason() {
        for (text, wrong) in [
            ("", "no task"),
            ("name: [", "no task"),
            ("# A document\n\n**No task**: `words`, [links](a.md)\n\n| a | b |\n| - | - |\n", "no task"),
            ("name: t\ndata: d\nprompt: p", "one of"),
            ("name: t\ndata: d\nlikelihood: {}\nexact_match: {}", "one of"),
            ("name: t\ndata: d\nexact_match: {}", "prompt"),
            ("name: t\ndata: d\nprompt: p\nexact_match: {max_token: 3}", "no task"),
            ("name: t\ndata: d\nprompt: p\nexact_match: {max_tokens: 0}", "max_tokens is 0"),
            ("name: t\ndata: d\nprompt: p\nexact_match: {extract: '('}", "regular expression"),
            ("name: ../t\ndata: d\nlikelihood: {}", "name"),
            ("name: t\ndata: d\nlikelihood: {}\nchat: true", "chat"),
            ("name: t\ndata: d\nlikelihood: {}\nlimit: 0", "limit"),
            ("name: t\ndata: d\nprompt: p\nexact_match: {}\nexamples: {data: e, count: 1}", "examples.answer"),
        ] {
            let error = Task::parse(text).unwrap_err().to_string();
            assert!(error.contains(wrong) && !error.contains('\n') && !error.contains("error"), "{text:?}: {error}");
        }
    }
}
