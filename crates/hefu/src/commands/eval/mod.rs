//! `hefu eval`: what a model earns in tasks, so that anybody gets the same number.
//!
//! ```text
//! Plan: task, samples, questions ── asking ─▶ Part … ─▶ State: durable lines ─▶ Finished: records, signed score
//! ```

mod asking;
mod finished;
mod plan;
mod report;
mod state;

pub(crate) use asking::{Asking, ask};
pub(crate) use finished::{name_of, share};
pub(crate) use plan::Plan;

use crate::commands::bench::MAX_PARALLEL;
use crate::failure::Failure;
use crate::flags::{CacheArguments, DeviceArguments, ModelArguments};
use crate::load::Loaded;
use crate::options::{DeviceOptions, ModelChoice, ModelOptions};
use crate::output::{print, print_json};
use crate::progress::{Meter, Unit};
use clap::Args;
use finished::Finished;
use hefu_eval::question::{Asked, judgement};
use hefu_eval::work::{Writing, work};
use hefu_eval::{Error, Measure, Part, Points, grade};
use hefu_proof::{Digest, Judged};
use state::{Header, State};
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// The version of the file of what there is so far.
const STATE_VERSION: u32 = 1;

/// Measure a model's score in tasks: the same everywhere, with a receipt that anybody can spot-check
///
/// A task is a file in YAML beside its samples (JSONL, CSV or Parquet): multiple choice, likelihood (bits per byte), exact match, or
/// answers that a model judges. For each task DIR/NAME.score holds the signed score and a record of every sample, and
/// `hefu verify --sample N` makes samples again.
#[derive(Debug, Args)]
#[command(after_help = "\
An evaluation that was interrupted goes on when the same command is given again. The exit status is 1 if a share is below --at-least.

Examples:
  hefu eval task.yaml
  hefu eval tasks/*.yaml --out scores --model gemma-3-270m --junit report.xml --at-least 0.5
  hefu verify --sample 20 NAME.score")]
pub(crate) struct Arguments {
    /// The tasks
    #[arg(value_name = "TASK.yaml", required = true)]
    tasks: Vec<PathBuf>,

    /// The folder for scores
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    out: PathBuf,

    /// Take only the first N samples of each task
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,

    /// The model that judges answers [default: the one that is evaluated]
    #[arg(long, value_name = "NAME|PATH")]
    judge_model: Option<String>,

    /// Samples that are computed at the same time
    #[arg(long, value_name = "N", default_value = "32", value_parser = clap::value_parser!(u64).range(1..=MAX_PARALLEL))]
    parallel: u64,

    /// Fail if the share of right answers of a task is below X, from 0 to 1
    #[arg(long, value_name = "X", value_parser = fraction)]
    at_least: Option<f64>,

    /// Also write every sample as a test case in the format of JUnit
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Also draw the table
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Replace scores that are there already
    #[arg(long)]
    force: bool,

    /// Print the result as JSON, not as a table in Markdown
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    model: ModelArguments,

    /// Tokens that prompt and answer may have together [default: 4096, or fewer if the model was made for fewer]
    #[arg(short, long, value_name = "N", help_heading = "Model")]
    context: Option<NonZeroUsize>,

    /// Chat template (Jinja) in place of the model's own
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    template: Option<PathBuf>,

    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

fn fraction(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("it must be from 0 to 1".to_owned()) }
}

/// Carries the command out.
///
/// # Errors
/// A task, its samples or a model that cannot be had, or a share that is too small.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let most = arguments.limit.map(NonZeroUsize::get);
    let plans = arguments.tasks.iter().map(|path| Plan::read(path, most)).collect::<Result<Vec<_>, _>>()?;
    let places = arguments.places(&plans)?;
    let device = arguments.device.options();
    let loaded = arguments.load(arguments.model.choice(), &device)?;
    let judge = match &arguments.judge_model {
        Some(name) => Some(arguments.load(ModelChoice { name: Some(name), ..arguments.model.choice() }, &device)?),
        None => None,
    };
    let run = Run {
        judged: judged(&loaded)?,
        judge: judge.as_ref().map(judged).transpose()?,
        models: (&loaded, judge.as_ref().unwrap_or(&loaded)),
        parallel: usize::try_from(arguments.parallel).unwrap_or(usize::MAX),
        prefill_chunk: device.prefill_chunk,
        force: arguments.force,
    };
    let mut all = Vec::new();
    for (plan, place) in plans.iter().zip(&places) {
        all.push(run.evaluate(plan, place)?);
    }
    if let Some(path) = &arguments.junit {
        report::write(path, &report::junit(&all))?;
    }
    if let Some(path) = &arguments.svg {
        report::write(path, &report::svg(&all))?;
    }
    match arguments.json {
        true => print_json(&report::json(&all))?,
        false => print(&report::table(&all))?,
    }
    match arguments.at_least.map(|least| finished::below(&all, least)) {
        Some(Some(sentence)) => Err(Failure::Other(sentence)),
        _ => Ok(()),
    }
}

impl Arguments {
    fn load(&self, model: ModelChoice<'_>, device: &DeviceOptions) -> Result<Loaded, Failure> {
        Loaded::new(&ModelOptions {
            model,
            device,
            context: self.context.map(NonZeroUsize::get),
            cache: self.cache.profile(),
            template: self.template.as_deref(),
            state_memory: io::stderr().is_terminal(),
            guessing: false,
        })
    }

    /// Place of each score. Two tasks of one name, and scores that are there, are known before anything is computed.
    fn places(&self, plans: &[Plan]) -> Result<Vec<PathBuf>, Failure> {
        std::fs::create_dir_all(&self.out).map_err(|error| Failure::file("create", &self.out, error))?;
        let mut places: Vec<PathBuf> = Vec::new();
        for plan in plans {
            let place = self.out.join(format!("{}.score", plan.task.name));
            if places.contains(&place) {
                return Err(Failure::Usage(format!("two tasks are called {}; give one another name", plan.task.name)));
            }
            if place.exists() && !self.force {
                let shown = place.display();
                return Err(Failure::Usage(format!(
                    "{shown} is there already; give another folder, or --force to replace it"
                )));
            }
            places.push(place);
        }
        Ok(places)
    }
}

/// A model as scores name it.
fn judged(loaded: &Loaded) -> Result<Judged, Failure> {
    Ok(Judged { name: loaded.text.name.clone(), fingerprint: loaded.fingerprint()?.to_string() })
}

/// Models in memory, and how they are asked.
struct Run<'r> {
    /// The one that is evaluated, and the one that judges.
    models: (&'r Loaded, &'r Loaded),
    judged: Judged,
    /// Where it is another.
    judge: Option<Judged>,
    parallel: usize,
    prefill_chunk: usize,
    force: bool,
}

impl Run<'_> {
    /// Evaluates one task.
    fn evaluate(&self, plan: &Plan, place: &Path) -> Result<Finished, Failure> {
        let (model, judge_model) = self.models;
        let judge = match plan.task.measure() {
            Measure::Judge(judge) => Some(judge),
            _ => None,
        };
        let header = self.header(plan);
        let mut state = State::open(&beside(place), &header, plan.parts())?;
        let mut meter = Meter::new("evaluating", Unit::Count);
        let total = Some((plan.rows.len() * plan.parts()) as u64);
        let mut earned = Points::default();
        let writing = Writing::of(&plan.task);
        let asked =
            plan.questions.iter().enumerate().filter(|(index, _)| state.parts.get(*index).is_none_or(Vec::is_empty));
        let mut asked: Vec<(usize, &Asked)> = asked.map(|(index, question)| (index, &question.asked)).collect();
        asked.reverse();
        let mut next = || {
            let Some((index, asked)) = asked.pop() else { return Ok(None) };
            Ok(Some((index, work(asked, &writing, &model.text).map_err(|wrong| of_sample(index, &wrong))?)))
        };
        let mut done = |index: usize, part: Part| {
            if judge.is_none()
                && let Some(question) = plan.questions.get(index)
            {
                earned.add(grade(plan.task.measure(), &question.expected, std::slice::from_ref(&part))?);
                meter.note(format!("{:.4}", earned.value()));
            }
            state.add(index, part)?;
            meter.set(state.done() as u64, total);
            Ok(())
        };
        ask(model, self.parallel, self.prefill_chunk, &mut next, &mut done)?;
        if let Some(judge) = judge {
            let mut asked = Vec::new();
            for (index, (parts, row)) in state.parts.iter().zip(&plan.rows).enumerate().rev() {
                if let [Part::Answer { text, .. }] = parts.as_slice() {
                    asked.push((index, judgement(judge, row, text).map_err(|wrong| of_sample(index, &wrong).0)?));
                }
            }
            let mut next = || {
                let Some((index, asked)) = asked.pop() else { return Ok(None) };
                Ok(Some((index, work(&asked, &writing, &judge_model.text).map_err(|wrong| of_sample(index, &wrong))?)))
            };
            let mut done = |index: usize, part: Part| {
                state.add(index, part)?;
                meter.set(state.done() as u64, total);
                Ok(())
            };
            ask(judge_model, self.parallel, self.prefill_chunk, &mut next, &mut done)?;
        }
        drop(meter);
        let mut finished = Finished::new(plan, &header, &state.parts, (&self.judged, self.judge.as_ref()))?;
        finished.write(place, self.force)?;
        state.remove()?;
        Ok(finished)
    }

    fn header(&self, plan: &Plan) -> Header {
        let template = plan.task.chat.then(|| Digest::of(&[self.models.0.text.template_source().as_bytes()]));
        Header {
            evaluation: STATE_VERSION,
            task: Digest::of(&[plan.text.as_bytes()]),
            data: plan.data_digest,
            examples: plan.examples_digest,
            template,
            model: self.judged.fingerprint.clone(),
            judge: self.judge.as_ref().map(|judge| judge.fingerprint.clone()),
            context: self.models.0.text.context,
            samples: plan.rows.len(),
        }
    }
}

/// The file of what there is so far, beside the score's place.
fn beside(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".begun");
    PathBuf::from(name)
}

fn of_sample(index: usize, Error(wrong): &Error) -> Asking {
    Asking(Failure::Other(format!("sample {index}: {wrong}")))
}
