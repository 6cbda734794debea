//! A schedule carried out, with everything checked after every step.

use super::Seen;
use super::fake::{self, Fake};
use super::schedule::{CAPACITY, Plan, Schedule};
use crate::forward::Session;
use crate::generation::tests::{Fake as Single, Fault, row};
use crate::generation::{Error, Finish, Generation, Step};
use crate::sampling::Choice;
use crate::scheduler::{Event, Failure, Key, Kind, Pooling, Refusal, Scheduler, What};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// No schedule needs more steps.
const MOST_STEPS: usize = 20_000;

/// What a job has got.
#[derive(Debug, Default)]
struct Got {
    plan: usize,
    submitted: usize,
    is_started: bool,
    done: usize,
    choices: Vec<Choice>,
    /// Rows of logits that came with tokens.
    rows: usize,
    vector: Option<Vec<f32>>,
    end: Option<What>,
    is_cancelled: bool,
}

/// What a job would get alone.
#[derive(Debug, PartialEq)]
enum Alone {
    Answer(Vec<Choice>, Finish),
    Vector(Vec<f32>),
    Fails(Vec<Choice>),
}

pub(super) fn run(seed: u64, seen: &Seen) {
    let mut schedule = Schedule::new(seed);
    let mut model = Fake::new(schedule.pages, schedule.page, CAPACITY);
    // Threads cost more than all the rest.
    if schedule.random.one_in(100) {
        model = model.with_threads(3);
    }
    let mut scheduler = Scheduler::new(model, schedule.limits.clone());
    let mut waiting: Vec<usize> = (0..schedule.plans.len()).collect();
    waiting.sort_by_key(|plan| schedule.plans[*plan].arrival);
    let mut jobs: BTreeMap<Key, Got> = BTreeMap::new();
    let mut now = Duration::ZERO;
    for step in 0.. {
        assert!(step < MOST_STEPS, "a job is starved");
        waiting.retain(|&plan| {
            schedule.plans[plan].arrival > step
                || !submit(&mut scheduler, &schedule.plans[plan], plan, step, now, &mut jobs, seen)
        });
        for (key, got) in &mut jobs {
            let is_due = schedule.plans[got.plan].cancelled.is_some_and(|after| got.submitted + after == step);
            if is_due && got.end.is_none() {
                scheduler.cancel(*key);
                got.is_cancelled = true;
                seen.cancelled.fetch_add(1, Relaxed);
            }
        }
        for event in scheduler.step(now) {
            let got = jobs.get_mut(&event.key).expect("an event of a job that was submitted");
            note(got, event, &schedule.plans[got.plan], &mut scheduler);
        }
        scheduler.check();
        let statistics = scheduler.statistics();
        assert!(statistics.pages_used + statistics.pages_cached <= schedule.pages, "more pages than there are");
        now += Duration::from_millis(schedule.random.within(0..1500) as u64);
        if waiting.is_empty() && scheduler.is_idle() {
            break;
        }
    }
    let statistics = scheduler.statistics();
    assert_eq!(statistics.pages_used, 0, "a page leaked");
    let ended = statistics.finished + statistics.expired + statistics.cancelled;
    assert_eq!((ended, jobs.len() as u64), (statistics.submitted, statistics.submitted), "a job was lost");
    seen.preemptions.fetch_add(statistics.preemptions, Relaxed);
    seen.reused.fetch_add(statistics.prompt_tokens_reused, Relaxed);
    jobs.values().for_each(|got| compare(got, &schedule.plans[got.plan], seen));
}

/// Whether the job was taken or refused for good.
fn submit(
    scheduler: &mut Scheduler<Fake>,
    plan: &Plan,
    number: usize,
    step: usize,
    now: Duration,
    jobs: &mut BTreeMap<Key, Got>,
    seen: &Seen,
) -> bool {
    match scheduler.submit(plan.job(now), now) {
        Ok(key) => {
            let is_new = jobs.insert(key, Got { plan: number, submitted: step, ..Got::default() }).is_none();
            assert!(is_new, "a key was given twice");
            true
        }
        Err(Refusal::QueueFull { .. }) => {
            seen.refused.fetch_add(1, Relaxed);
            false
        }
        Err(refusal) => {
            assert_eq!(refusal, Refusal::Invalid(too_long(plan)));
            true
        }
    }
}

fn too_long(plan: &Plan) -> Error<std::convert::Infallible> {
    Error::PromptTooLong { prompt: plan.request.prompt.len(), context: CAPACITY }
}

/// Takes an event, after a look at whether it is in order.
fn note(got: &mut Got, event: Event, plan: &Plan, scheduler: &mut Scheduler<Fake>) {
    assert!(got.end.is_none() && !got.is_cancelled, "an event after the last: {event:?}");
    let prompt = &plan.request.prompt;
    let is_first = got.choices.is_empty();
    let begun = got.is_started || matches!(event.what, What::Started { .. } | What::Finished(Finish::Deadline));
    assert!(begun, "an event before the first: {event:?}");
    match event.what {
        What::Started { reused } => {
            assert!(!got.is_started && reused < prompt.len());
            (got.is_started, got.done) = (true, reused);
        }
        What::Shared { reused } => assert!(got.is_started && reused > 0 && reused < prompt.len()),
        What::Prefill { done, total } => {
            assert!(done > got.done && done <= total && total == prompt.len());
            if plan.request.all_logits && plan.kind == Kind::Answer {
                assert_eq!(event.rows.len(), done - got.done, "rows of a prompt");
                for (at, rows) in (got.done..done).zip(event.rows) {
                    check_row(scheduler, rows..rows + 1, &prompt[..=at]);
                }
            }
            got.done = done;
        }
        What::Token(choice) => {
            assert_eq!(got.done, prompt.len());
            let ids = got.choices.iter().map(|choice| choice.id);
            let text: Vec<u32> = prompt.iter().copied().chain(ids).collect();
            assert!(event.rows.len() <= 1 && (!is_first || plan.rules.is_some() || event.rows.len() == 1));
            got.rows += event.rows.len();
            if !event.rows.is_empty() {
                check_row(scheduler, event.rows, &text);
            }
            got.choices.push(choice);
        }
        What::Embedding(vector) => got.vector = Some(vector),
        What::Finished(_) | What::Failed(_) => got.end = Some(event.what),
    }
}

fn check_row(scheduler: &mut Scheduler<Fake>, rows: std::ops::Range<usize>, text: &[u32]) {
    if !fake::is_faulty(text) {
        assert_eq!(scheduler.logits(rows).expect("rows of this step"), row(text), "the logits after {text:?}");
    }
}

/// Compares what a job got with what it would get alone.
fn compare(got: &Got, plan: &Plan, seen: &Seen) {
    let expected = alone(plan);
    let is_beginning = |of: &Vec<Choice>| of.starts_with(&got.choices);
    match (&got.end, &expected) {
        (None, _) => assert!(got.is_cancelled, "a job without end"),
        (Some(What::Finished(Finish::Deadline)), _) => {
            seen.expired.fetch_add(1, Relaxed);
        }
        (Some(What::Finished(finish)), Alone::Answer(choices, end)) => {
            assert_eq!((&got.choices, finish), (choices, end));
            let rules = if plan.rules.is_some() { got.choices.len() - got.rows } else { 0 };
            assert!(plan.request.parameters.logprobs.is_none() || rules == 0);
            assert_eq!(got.rows + rules, got.choices.len());
            seen.forced.fetch_add(rules as u64, Relaxed);
            seen.answers.fetch_add(1, Relaxed);
        }
        (Some(What::Finished(Finish::Complete)), Alone::Vector(vector)) => {
            assert_eq!(got.vector.as_ref(), Some(vector), "{plan:?}");
            seen.vectors.fetch_add(1, Relaxed);
        }
        (Some(What::Failed(Failure::Model(_) | Failure::Constraint(_) | Failure::Sampling(_))), Alone::Fails(_)) => {
            seen.failed.fetch_add(1, Relaxed);
        }
        (end, expected) => panic!("{end:?}, but {expected:?} alone: {plan:?}"),
    }
    match &expected {
        Alone::Answer(choices, _) | Alone::Fails(choices) => assert!(is_beginning(choices), "{got:?}, {expected:?}"),
        Alone::Vector(_) => assert!(got.choices.is_empty()),
    }
}

/// The same job with a model of its own.
fn alone(plan: &Plan) -> Alone {
    let prompt = &plan.request.prompt;
    let is_poisoned = |text: &[u32]| (1..=text.len()).any(|end| fake::is_poisoned(&text[..end]));
    if is_poisoned(prompt) {
        return Alone::Fails(Vec::new());
    }
    if let Kind::Embedding(pooling) = plan.kind {
        let first = if pooling == Pooling::Mean { 0 } else { prompt.len() - 1 };
        let rows = (first..prompt.len()).map(|at| fake::hidden(&prompt[..=at]));
        let sums = rows.fold([0.0_f64; 3], |sums, row| std::array::from_fn(|at| sums[at] + f64::from(row[at])));
        let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
        return Alone::Vector(sums.iter().map(|sum| (sum / length) as f32).collect());
    }
    let mut session: Session<Single> = Single::session(CAPACITY);
    let request = plan.request.clone();
    let mut generation = Generation::start_constrained(&mut session, request, plan.constraint()).expect("a job");
    let mut choices: Vec<Choice> = Vec::new();
    loop {
        let text: Vec<u32> = prompt.iter().copied().chain(choices.iter().map(|choice| choice.id)).collect();
        match generation.step() {
            Ok(Step::Prefill { .. }) => {}
            Ok(Step::Token(choice)) => {
                // The single model has no faults of its own: what it computed is looked at here.
                let is_computed = generation.rows() > 0;
                if is_computed && (is_poisoned(&text) || fake::is_faulty(&text)) {
                    return Alone::Fails(choices);
                }
                choices.push(choice);
            }
            Ok(Step::Finished(Finish::Complete)) if is_poisoned(&text) || fake::is_faulty(&text) => {
                return Alone::Fails(choices);
            }
            Ok(Step::Finished(finish)) => return Alone::Answer(choices, finish),
            Err(Error::Model(Fault)) => unreachable!("the single model has no faults"),
            Err(_) => return Alone::Fails(choices),
        }
    }
}
