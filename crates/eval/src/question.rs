//! Questions of a sample, by the task's templates: texts, not tokens yet.

use crate::Error;
use crate::data::{self, Row};
use crate::render::Fields;
use crate::task::{Choices, Judge, MAX_CHOICES, Measure, MultipleChoice, Task};
use hefu_answer::{Message, Prompt, Role};
use hefu_proof::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A sample's questions and the expected answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// SHA-256 of the sample.
    pub row: Digest,
    /// The question.
    pub asked: Asked,
    /// The expected answer.
    pub expected: Expected,
}

/// Kinds of questions.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// Likelihood of each text after a context.
    Continuations(Prompt, Vec<String>),
    /// An answer.
    Answer(Prompt),
}

/// The expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expected {
    /// That this continuation is the likeliest.
    Choice(usize),
    /// One of these texts.
    Texts(Vec<String>),
    /// Nothing: a likelihood, or what somebody else judges.
    Nothing,
}

/// A task with its worked examples, ready for samples.
#[derive(Debug, Clone)]
pub struct Questions<'t> {
    task: &'t Task,
    /// A shown example: prompt and answer.
    examples: Vec<(String, String)>,
}

impl<'t> Questions<'t> {
    /// A task with the rows of its examples.
    ///
    /// # Errors
    /// Too few rows, or one that lacks what a template names.
    pub fn new(task: &'t Task, rows: &[Row]) -> Result<Self, Error> {
        let wanted = task.examples.as_ref().map_or(0, |examples| examples.count);
        if rows.len() < wanted {
            return Err(Error(format!("there are only {} examples, but {wanted} are to be shown", rows.len())));
        }
        let shown = |(number, row): (usize, &Row)| {
            example(task, row).map_err(|Error(wrong)| Error(format!("example {}: {wrong}", number + 1)))
        };
        let examples = rows.iter().take(wanted).enumerate().map(shown).collect::<Result<_, _>>()?;
        Ok(Self { task, examples })
    }

    /// A sample's questions.
    ///
    /// # Errors
    /// A field that it lacks.
    pub fn of(&self, row: &Row) -> Result<Question, Error> {
        let (fields, row_digest) = (Fields::of(row), data::digest(row));
        let question = |asked, expected| Question { row: row_digest, asked, expected };
        Ok(match self.task.measure() {
            Measure::MultipleChoice(choice) => {
                let (texts, right) = choices(choice, row, &fields)?;
                question(Asked::Continuations(self.prompt(&fields)?, texts), Expected::Choice(right))
            }
            Measure::Likelihood(own) => {
                let context = match &self.task.prompt {
                    Some(_) => self.prompt(&fields)?,
                    None => Prompt::Text(String::new()),
                };
                let text = fields.render(&own.text, "likelihood.text")?;
                if text.is_empty() {
                    return Err(Error::of("its text is empty"));
                }
                question(Asked::Continuations(context, vec![text]), Expected::Nothing)
            }
            Measure::ExactMatch(exact) => {
                let expected = Expected::Texts(accepted(row, &exact.answer)?);
                question(Asked::Answer(self.prompt(&fields)?), expected)
            }
            Measure::Judge(_) => question(Asked::Answer(self.prompt(&fields)?), Expected::Nothing),
        })
    }

    /// The prompt, with the examples before it.
    fn prompt(&self, fields: &Fields) -> Result<Prompt, Error> {
        let own = prompt_text(self.task, fields)?;
        if !self.task.chat {
            let separator = self.task.examples.as_ref().map_or("", |examples| &examples.separator);
            let shown = self.examples.iter().map(|(prompt, answer)| format!("{prompt}{answer}{separator}"));
            return Ok(Prompt::Text(shown.collect::<String>() + &own));
        }
        let mut messages = Vec::new();
        if let Some(system) = &self.task.system {
            messages.push(Message::new(Role::System, fields.render(system, "system")?));
        }
        for (prompt, answer) in &self.examples {
            messages.push(Message::new(Role::User, prompt));
            messages.push(Message::new(Role::Assistant, answer.trim()));
        }
        messages.push(Message::new(Role::User, own));
        Ok(Prompt::Messages(messages))
    }
}

/// Question to a judge about a reply.
///
/// # Errors
/// A template that fails.
pub fn judgement(judge: &Judge, row: &Row, reply: &str) -> Result<Asked, Error> {
    let text = Fields::of(row).with("reply", reply).render(&judge.prompt, "judge.prompt")?;
    let prompt = match judge.chat {
        true => Prompt::Messages(vec![Message::new(Role::User, text)]),
        false => Prompt::Text(text),
    };
    Ok(Asked::Continuations(prompt, vec![judge.yes.clone(), judge.no.clone()]))
}

fn prompt_text(task: &Task, fields: &Fields) -> Result<String, Error> {
    fields.render(task.prompt.as_deref().unwrap_or_default(), "prompt")
}

fn example(task: &Task, row: &Row) -> Result<(String, String), Error> {
    let fields = Fields::of(row);
    let template = task.examples.as_ref().and_then(|examples| examples.answer.as_ref());
    let answer = match (template, task.measure()) {
        (Some(template), _) => fields.render(template, "examples.answer")?,
        (None, Measure::MultipleChoice(choice)) => {
            let (mut texts, right) = choices(choice, row, &fields)?;
            texts.swap_remove(right)
        }
        (None, _) => String::new(),
    };
    Ok((prompt_text(task, &fields)?, answer))
}

/// The continuations of a question, and which is right.
fn choices(choice: &MultipleChoice, row: &Row, fields: &Fields) -> Result<(Vec<String>, usize), Error> {
    let plain: Vec<String> = match &choice.choices {
        Choices::Templates(templates) => {
            let render = |template: &String| fields.render(template, "multiple_choice.choices");
            templates.iter().map(render).collect::<Result<_, _>>()?
        }
        Choices::Field(name) => match row.get(name) {
            Some(Value::Array(items)) => items.iter().map(|item| plain_text(item, name)).collect::<Result<_, _>>()?,
            Some(_) => return Err(Error(format!("its field {name} is no list"))),
            None => return Err(Error(format!("it has no field {name}"))),
        },
    };
    if plain.len() < 2 || plain.len() > MAX_CHOICES {
        return Err(Error(format!("it has {} choices, but 2 to {MAX_CHOICES} are possible", plain.len())));
    }
    let right = right(&plain, row, &choice.answer)?;
    let text = |(number, text): (usize, &String)| {
        let fields = fields.with("choice", text).with("letter", &letter(number));
        fields.render(&choice.continuation, "multiple_choice.continuation")
    };
    Ok((plain.iter().enumerate().map(text).collect::<Result<_, _>>()?, right))
}

/// The letter of a choice: A, B, … Z, then its number.
fn letter(number: usize) -> String {
    let letter = u8::try_from(number).ok().filter(|number| *number < 26).map(|number| char::from(b'A' + number));
    letter.map_or_else(|| number.to_string(), String::from)
}

/// Choice that a field says is right: the text of one, or else a number from 0, or a letter.
fn right(choices: &[String], row: &Row, name: &str) -> Result<usize, Error> {
    let value = row.get(name).ok_or_else(|| Error(format!("it has no field {name}")))?;
    let text = plain_text(value, name)?;
    let number = || text.parse::<usize>().ok().filter(|number| *number < choices.len());
    let by_letter = || (0..choices.len()).find(|number| letter(*number).eq_ignore_ascii_case(&text));
    let by_text = || choices.iter().position(|choice| *choice == text);
    // A number in the data is a place; a text of digits may be a choice itself.
    let found = if value.is_number() { number() } else { by_text().or_else(by_letter).or_else(number) };
    found.ok_or_else(|| Error(format!("its field {name} is {text:?}, which is none of its choices")))
}

/// The texts that a field accepts.
fn accepted(row: &Row, name: &str) -> Result<Vec<String>, Error> {
    match row.get(name) {
        Some(Value::Array(items)) if !items.is_empty() => items.iter().map(|item| plain_text(item, name)).collect(),
        Some(value) => Ok(vec![plain_text(value, name)?]),
        None => Err(Error(format!("it has no field {name}"))),
    }
}

fn plain_text(value: &Value, name: &str) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(Error(format!("its field {name} is neither a text nor a number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(value: Value) -> Row {
        value.as_object().unwrap().clone()
    }

    fn task(text: &str) -> Task {
        Task::parse(&format!("name: t\ndata: d.jsonl\n{text}")).unwrap()
    }

    #[test]
    fn a_choice_is_known_by_text_letter_or_number() {
        let task = task("prompt: 'Q: {{ q }}'\nmultiple_choice: {continuation: ' {{ letter }}. {{ choice }}'}");
        let questions = Questions::new(&task, &[]).unwrap();
        let of = |answer: Value| questions.of(&row(json!({"q": "?", "choices": ["7", "b", "1"], "answer": answer})));
        for (answer, right) in
            [(json!("b"), 1), (json!("B"), 1), (json!(1), 1), (json!("1"), 2), (json!("0"), 0), (json!("7"), 0)]
        {
            assert_eq!(of(answer).unwrap().expected, Expected::Choice(right));
        }
        for wrong in [json!("x"), json!(3), json!(-1), json!(null), json!("D")] {
            assert!(of(wrong).is_err());
        }
        let asked = of(json!(0)).unwrap().asked;
        let texts = [" A. 7", " B. b", " C. 1"].map(str::to_owned).to_vec();
        assert_eq!(asked, Asked::Continuations(Prompt::Text("Q: ?".into()), texts));
    }

    #[test]
    fn worked_examples_stand_before_the_prompt() {
        let rows = [row(json!({"q": "1+1", "answer": 2})), row(json!({"q": "1+2", "answer": 3}))];
        let text =
            "prompt: 'Q: {{ q }} A:'\nexact_match: {}\nexamples: {data: e.jsonl, count: 2, answer: ' {{ answer }}'}";
        let own = task(text);
        let question = Questions::new(&own, &rows).unwrap().of(&rows[0]).unwrap();
        let expected = "Q: 1+1 A: 2\n\nQ: 1+2 A: 3\n\nQ: 1+1 A:";
        assert_eq!(question.asked, Asked::Answer(Prompt::Text(expected.into())));
        assert_eq!(question.expected, Expected::Texts(vec!["2".into()]));
        let own = task(&format!("{text}\nchat: true\nsystem: Be brief."));
        let Asked::Answer(Prompt::Messages(messages)) =
            Questions::new(&own, &rows).unwrap().of(&rows[1]).unwrap().asked
        else {
            panic!()
        };
        let texts: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["Be brief.", "Q: 1+1 A:", "2", "Q: 1+2 A:", "3", "Q: 1+2 A:"]);
        assert!(Questions::new(&own, &rows[..1]).is_err());
    }
}
