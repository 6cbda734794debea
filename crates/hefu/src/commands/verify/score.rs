//! Scores of evaluations: samples made again, and what it proves that they agree.

use super::{Arguments, own_key};
use crate::commands::eval::{Asking, Plan, ask, name_of, share};
use crate::failure::Failure;
use crate::load::Loaded;
use crate::models;
use crate::options::{ModelChoice, ModelOptions};
use crate::progress::{Meter, Unit};
use crate::verifier::suitable;
use hefu_eval::question::{Asked, judgement};
use hefu_eval::work::{Work, Writing, work};
use hefu_eval::{Error, Measure, Part, SampleRecord, Task, again};
use hefu_proof::score::chance::{draw, excluded};
use hefu_proof::{Digest, Judged, PublicKey, Score, ScoreReceipt};
use serde_json::{Value, json};
use std::path::Path;

/// Samples that are computed at the same time.
const PARALLEL: usize = 32;

/// A score, and what came of it.
#[derive(Debug)]
pub(super) struct Examined {
    name: String,
    /// It, if it is one.
    receipt: Option<ScoreReceipt>,
    /// The samples that were made again; why the score does not hold.
    result: Result<Vec<usize>, String>,
}

/// A score with its records, in order as far as that can be told without the model.
struct Document {
    receipt: ScoreReceipt,
    task: Task,
    records: Vec<SampleRecord>,
}

impl Examined {
    /// Examines a file.
    ///
    /// # Errors
    /// A model that cannot be had; that the score does not hold is none.
    pub(super) fn new(
        name: String,
        text: &str,
        key: Option<&PublicKey>,
        arguments: &Arguments,
    ) -> Result<Self, Failure> {
        let document = match Document::read(text, key) {
            Ok(document) => document,
            Err(wrong) => return Ok(Self { name, receipt: None, result: Err(format!("refused: {wrong}")) }),
        };
        let result = document.examine(arguments)?;
        Ok(Self { name, receipt: Some(document.receipt), result })
    }

    /// True if it holds.
    pub(super) fn is_match(&self) -> bool {
        self.result.is_ok()
    }

    /// The result in words.
    pub(super) fn sentence(&self, key_is_known: bool) -> String {
        let signer = match &self.receipt {
            Some(receipt) if !key_is_known && own_key().as_ref() == Some(receipt.key()) => {
                "; signed by this instance".to_owned()
            }
            Some(receipt) if !key_is_known => format!("; signed by {}, which --key can ask for", receipt.key()),
            _ => String::new(),
        };
        let words = match (&self.result, &self.receipt) {
            (Ok(drawn), Some(receipt)) => proves(receipt.score(), drawn.len()),
            (Err(wrong), _) => wrong.clone(),
            (Ok(_), None) => String::new(),
        };
        format!("{}: {words}{signer}", self.name)
    }

    /// The same as JSON.
    pub(super) fn json(&self) -> Value {
        let score = self.receipt.as_ref().map(ScoreReceipt::score);
        let drawn = self.result.as_ref().ok();
        json!({
            "name": self.name,
            "id": score.map(|score| &score.id),
            "task": score.map(|score| &score.name),
            "key": self.receipt.as_ref().map(|receipt| receipt.key().to_string()),
            "matches": self.is_match(),
            "samples": score.map(|score| score.samples),
            "numerator": score.map(|score| score.numerator),
            "denominator": score.map(|score| score.denominator),
            "drawn": drawn,
            "excluded": score.zip(drawn).and_then(|(score, drawn)| excluded(score.samples, drawn.len())),
            "reason": self.result.as_ref().err(),
        })
    }
}

/// Sentence on what it proves that so many samples agree.
fn proves(score: &Score, drawn: usize) -> String {
    let measure = Task::parse(&score.task).map_or("", |task| name_of(task.measure()));
    let (all, value) = (score.samples, share(score, measure));
    let what = format!("the score {value} of {} in {}", score.model.name, score.name);
    match excluded(all, drawn) {
        Some(1) if drawn >= all => format!("matches: all {all} samples were made again and agree; {what} is right"),
        Some(wrong) => format!(
            "matches: {drawn} of {all} samples were drawn by chance and made again, and all agree. Were {wrong} or more of \
             the {all} records wrong, that would have shown with a probability of at least 95 %; so {what} rests on at most \
             {} wrong records, with that certainty",
            wrong - 1
        ),
        None => format!(
            "its form, signature, records and sum are right, but no sample was made again: nothing is shown of {what}"
        ),
    }
}

impl Document {
    /// Checks what can be checked without the model: signature, records, points, sum.
    fn read(text: &str, key: Option<&PublicKey>) -> Result<Self, String> {
        let mut lines = text.lines();
        let receipt = ScoreReceipt::parse(lines.next().unwrap_or_default()).map_err(|error| error.to_string())?;
        if key.is_some_and(|key| key != receipt.key()) {
            return Err(format!("it is signed by another key, {}", receipt.key()));
        }
        let lines: Vec<&str> = lines.collect();
        receipt.covers(&lines)?;
        let task = Task::parse(&receipt.score().task).map_err(|Error(wrong)| wrong)?;
        let (mut records, mut sum) = (Vec::with_capacity(lines.len()), hefu_eval::Points::default());
        for (index, line) in lines.iter().enumerate() {
            let wrong = |wrong: String| format!("the record of sample {index}: {wrong}");
            let record: SampleRecord = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            if record.index != index {
                return Err(wrong(format!("it says that it is that of sample {}", record.index)));
            }
            again::check_points(&record, &task).map_err(|Error(sentence)| wrong(sentence))?;
            sum.add(hefu_eval::Points { points: record.points, of: record.of });
            records.push(record);
        }
        let score = receipt.score();
        if (sum.points, sum.of) != (score.numerator, score.denominator) {
            let (points, of) = (sum.points, sum.of);
            return Err(format!(
                "it says {}/{}, but its records sum to {points}/{of}",
                score.numerator, score.denominator
            ));
        }
        Ok(Self { receipt, task, records })
    }

    /// Makes samples again; those that were, or where one differs.
    fn examine(&self, arguments: &Arguments) -> Result<Result<Vec<usize>, String>, Failure> {
        let score = self.receipt.score();
        let plan = arguments.task.as_deref().map(|path| Plan::read(path, Some(score.samples))).transpose()?;
        if let Some(wrong) = plan.as_ref().and_then(|plan| self.other_task(plan)) {
            return Ok(Err(wrong));
        }
        let drawn = draw(score.samples, arguments.sample.unwrap_or(usize::MAX)).map_err(Failure::Other)?;
        let model = load(&score.model, score.context, arguments.model.choice(), arguments)?;
        let own_template = Digest::of(&[model.text.template_source().as_bytes()]);
        if plan.is_some() && score.template_digest.is_some_and(|digest| digest != own_template) {
            return Ok(Err("its prompts were written by another chat template than the model's own".to_owned()));
        }
        let judge = match &score.judge {
            Some(judge) => {
                let named = ModelChoice { name: arguments.judge_model.as_deref(), ..arguments.model.choice() };
                Some(load(judge, score.context, named, arguments)?)
            }
            None => None,
        };
        for (part, model) in [&model, judge.as_ref().unwrap_or(&model)].into_iter().enumerate() {
            if let Some(plan) = &plan
                && let Some(wrong) = self.other_prompt(plan, &drawn, part, model)?
            {
                return Ok(Err(wrong));
            }
            if let Some(wrong) = self.first_difference(part, &drawn, model, arguments)? {
                return Ok(Err(wrong));
            }
        }
        Ok(Ok(drawn))
    }

    /// Difference of the given task from the one that the score is of.
    fn other_task(&self, plan: &Plan) -> Option<String> {
        let score = self.receipt.score();
        let differs = [
            ("the task", plan.text != score.task),
            ("the file of samples", plan.data_digest != score.data_digest),
            ("the file of examples", plan.examples_digest != score.examples_digest),
            ("the number of samples", plan.rows.len() != self.records.len()),
        ];
        if let Some((what, _)) = differs.iter().find(|(_, differs)| *differs) {
            return Some(format!("{what} is another than that of the score"));
        }
        let mut pairs = self.records.iter().zip(&plan.questions);
        let other =
            pairs.position(|(record, question)| (record.row, &record.expected) != (question.row, &question.expected));
        other.map(|index| format!("the record of sample {index} is not of the task's sample"))
    }

    /// Question of the task to a sample, or to the judge about its answer.
    fn asked(&self, plan: &Plan, index: usize, part: usize) -> Result<Option<Asked>, Error> {
        let answer = self.records.get(index).and_then(|record| record.parts.first());
        match (part, self.task.measure(), answer, plan.rows.get(index)) {
            (0, ..) => Ok(plan.questions.get(index).map(|question| question.asked.clone())),
            (_, Measure::Judge(judge), Some(Part::Answer { text, .. }), Some(row)) => {
                judgement(judge, row, text).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Record that has in one part a prompt that is not the task's.
    fn other_prompt(
        &self,
        plan: &Plan,
        drawn: &[usize],
        part: usize,
        model: &Loaded,
    ) -> Result<Option<String>, Failure> {
        let writing = Writing::of(&self.task);
        for index in drawn {
            let of_sample = |Error(wrong)| Failure::Other(format!("sample {index}: {wrong}"));
            let Some(asked) = self.asked(plan, *index, part).map_err(of_sample)? else { continue };
            let wanted = work(&asked, &writing, &model.text).map_err(of_sample)?;
            let own = self.records.get(*index).and_then(|record| record.parts.get(part));
            let is_same = match (&wanted, own) {
                (Work::Answer(prepared), Some(Part::Answer { prompt, .. })) => prepared.request.prompt == *prompt,
                (Work::Texts(texts), Some(Part::Likelihoods { shared, texts: own })) => {
                    let pairs = texts.iter().zip(own);
                    texts.len() == own.len()
                        && pairs.into_iter().all(|(text, own)| {
                            text.ids == [&shared[..], &own.ids].concat()
                                && (text.from, text.bytes) == (own.from, own.bytes)
                        })
                }
                _ => false,
            };
            if !is_same {
                let whose = if part == 0 { "prompt" } else { "judge's prompt" };
                return Ok(Some(format!("the {whose} of sample {index} is not the task's")));
            }
        }
        Ok(None)
    }

    /// Makes one part of each of these samples again.
    fn first_difference(
        &self,
        part: usize,
        drawn: &[usize],
        model: &Loaded,
        arguments: &Arguments,
    ) -> Result<Option<String>, Failure> {
        let claimed = |index: usize| self.records.get(index).and_then(|record| record.parts.get(part));
        let mut meter = Meter::new("verifying", Unit::Count);
        let (mut done, mut found) = (0, None::<(usize, String)>);
        let mut left = drawn.iter().filter_map(|index| Some((*index, claimed(*index)?)));
        let mut next = || {
            let Some((index, claimed)) = left.next() else { return Ok(None) };
            let asked = again::work(claimed, &self.task, &model.text);
            let wrong = |Error(wrong)| Asking(Failure::Other(format!("sample {index}: {wrong}")));
            Ok(Some((index, asked.map_err(wrong)?)))
        };
        let mut finished = |index: usize, again: Part| {
            done += 1;
            meter.set(done, Some(drawn.len() as u64));
            let words = claimed(index).and_then(|claimed| again::difference(claimed, &again));
            if let Some(words) = words.filter(|_| found.as_ref().is_none_or(|(first, _)| index < *first)) {
                found = Some((index, words));
            }
            Ok(())
        };
        ask(model, PARALLEL, arguments.device.options().prefill_chunk, &mut next, &mut finished)?;
        Ok(found.map(|(index, words)| format!("sample {index} differs: {words}")))
    }
}

/// A model of a score in memory, with the cache that its fingerprint asks for.
fn load(judged: &Judged, context: usize, choice: ModelChoice<'_>, arguments: &Arguments) -> Result<Loaded, Failure> {
    let own = choice.name.is_none();
    let model = ModelChoice { check: choice.check, ..ModelChoice::named(&judged.name).or_named(choice.name) };
    let found = models::find(model).map_err(|failure| match failure {
        failure if own => Failure::Other(format!("{failure}; name the model that was evaluated with --model")),
        failure => failure,
    });
    let (cache, context) = suitable(found?, &judged.fingerprint, context)?;
    Loaded::new(&ModelOptions {
        model,
        device: &arguments.device.options(),
        context: Some(context),
        cache,
        template: None,
        state_memory: false,
        guessing: false,
    })
}

/// True if a file is a score.
pub(super) fn is_score(text: &str) -> bool {
    text.lines().next().is_some_and(ScoreReceipt::is_meant)
}

/// Everything as JSON.
pub(super) fn json_of(all: &[Examined]) -> Value {
    all.iter().map(Examined::json).collect()
}

/// Checks a flag that names a task for something that has none.
pub(super) fn check_task(path: Option<&Path>, scores: usize) -> Result<(), Failure> {
    match path {
        Some(_) if scores != 1 => Err(Failure::Usage("--task goes with one score".to_owned())),
        _ => Ok(()),
    }
}
