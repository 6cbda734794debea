//! Answering in one way.

use super::pages::Laid;
use super::{Alone, Arrival, Guesses, Layout, Together, Trace, Way};
use crate::Runner;
use crate::forward::Session;
use crate::generation::{Generation, Request, Step};
use crate::scheduler::{Job, Key, Limits, Paged, Scheduler, What};
use crate::speculation::{DraftModel, Drafter, Gauge, Lookup};
use hefu_model::Model;
use hefu_numerics::kv::PAGE;
use hefu_numerics::ops::Team;
use std::collections::BTreeMap;
use std::time::Duration;

/// Guesses per step, where there are some.
const GUESSES: usize = 5;
/// Clients that requests are spread over.
const CLIENTS: u64 = 3;

/// What each question's answer is in this way, in the order of the questions. Where the way reuses what the cache holds,
/// each is asked a second time, and the second answers follow. `capacity` is the most positions of a sequence.
///
/// # Errors
/// A sentence, where an answer cannot be had at all: logits that are not numbers above all.
pub fn answers(
    model: &Model,
    team: &dyn Team,
    way: Way,
    questions: &[Request],
    capacity: usize,
) -> Result<Vec<Trace>, String> {
    match way {
        Way::Alone(way) => one_after_another(model, team, way, questions, capacity),
        Way::Together(way) => at_once(model, team, way, questions, capacity),
    }
}

fn one_after_another(
    model: &Model,
    team: &dyn Team,
    way: Alone,
    questions: &[Request],
    capacity: usize,
) -> Result<Vec<Trace>, String> {
    let session = || Runner::new(model, team, capacity).map(Session::new).map_err(|error| error.to_string());
    let mut kept = session()?;
    let (mut traces, mut again) = (Vec::new(), Vec::new());
    for question in questions {
        let asked = || Request { prefill_chunk: way.chunk, ..question.clone() };
        if way.reuse {
            traces.push(one(model, team, way, asked(), capacity, &mut kept)?);
            again.push(one(model, team, way, asked(), capacity, &mut kept)?);
        } else {
            traces.push(one(model, team, way, asked(), capacity, &mut session()?)?);
        }
    }
    traces.append(&mut again);
    Ok(traces)
}

fn one(
    model: &Model,
    team: &dyn Team,
    way: Alone,
    request: Request,
    capacity: usize,
    session: &mut Session<Runner<'_>>,
) -> Result<Trace, String> {
    let mut drafter: Option<Box<dyn Drafter + '_>> = match way.guesses {
        Guesses::Off => None,
        Guesses::Lookup => Some(Box::new(Lookup::new())),
        Guesses::Draft => {
            let runner = Runner::new(model, team, capacity).map_err(|error| error.to_string())?;
            Some(Box::new(DraftModel::new(runner)))
        }
    };
    let mut gauge = Gauge::always(GUESSES);
    let mut generation = Generation::start(session, request).map_err(|error| error.to_string())?;
    if let Some(drafter) = &mut drafter {
        generation = generation.speculating(drafter.as_mut(), &mut gauge);
    }
    let mut trace = Trace::default();
    loop {
        // The first token is chosen by logits that the prompt left.
        let is_first = trace.tokens.is_empty();
        match generation.step().map_err(|error| error.to_string())? {
            Step::Token(choice) => {
                trace.tokens.push(choice.id);
                if is_first {
                    continue;
                }
            }
            Step::Prefill { .. } => {}
            Step::Finished(finish) => {
                trace.finish = Some(finish);
                return Ok(trace);
            }
        }
        let rows = generation.rows();
        trace.add(generation.logits(0..rows).map_err(|error| error.to_string())?);
    }
}

fn at_once(
    model: &Model,
    team: &dyn Team,
    way: Together,
    questions: &[Request],
    capacity: usize,
) -> Result<Vec<Trace>, String> {
    let pages = match way.layout {
        // One sequence and one page more.
        Layout::Scarce => capacity.div_ceil(PAGE) + 1,
        // All of them, each with a page that is only begun.
        _ => questions.len().max(1) * 2 * (capacity.div_ceil(way.layout.page()) + 1) * (way.layout.page() / PAGE),
    };
    let paged = Paged::new(model, team, capacity, pages).map_err(|error| error.to_string())?;
    let limits = Limits { step_tokens: way.chunk, running: way.batch, prefix_reuse: way.reuse, ..Limits::default() };
    let mut scheduler = Scheduler::new(Laid::new(paged, way.layout), limits);
    let rounds = if way.reuse { 2 } else { 1 };
    let mut traces = Vec::new();
    for _ in 0..rounds {
        traces.append(&mut round(&mut scheduler, way, questions)?);
    }
    Ok(traces)
}

/// Asks every question once.
fn round(scheduler: &mut Scheduler<Laid<'_>>, way: Together, questions: &[Request]) -> Result<Vec<Trace>, String> {
    let mut waiting: Vec<usize> = (0..questions.len()).collect();
    if way.arrival != Arrival::Reversed {
        waiting.reverse();
    }
    let mut keys: BTreeMap<Key, usize> = BTreeMap::new();
    let mut traces = vec![Trace::default(); questions.len()];
    let mut steps = 0_usize;
    while !waiting.is_empty() || !scheduler.is_idle() {
        let joining = match way.arrival {
            Arrival::AtOnce => waiting.len(),
            Arrival::OneByOne => 1,
            Arrival::Reversed => steps % 2,
        };
        for number in waiting.drain(waiting.len().saturating_sub(joining)..).rev() {
            let Some(request) = questions.get(number) else { continue };
            let asked = Request { prefill_chunk: way.chunk, ..request.clone() };
            let priority = i32::from(number % 3 == 2);
            let job = Job { client: number as u64 % CLIENTS, priority, ..Job::new(asked) };
            let key = scheduler.submit(job, Duration::ZERO).map_err(|refusal| refusal.to_string())?;
            keys.insert(key, number);
        }
        steps += 1;
        for event in scheduler.step(Duration::ZERO) {
            let trace = keys.get(&event.key).and_then(|number| traces.get_mut(*number));
            let Some(trace) = trace else { return Err("an event of a request that nobody made".to_owned()) };
            if !matches!(event.what, What::Token(_)) || !trace.tokens.is_empty() {
                trace.add(scheduler.logits(event.rows).map_err(|error| error.to_string())?);
            }
            match event.what {
                What::Token(choice) => trace.tokens.push(choice.id),
                What::Finished(finish) => trace.finish = Some(finish),
                What::Failed(failure) => return Err(failure.to_string()),
                _ => {}
            }
        }
    }
    Ok(traces)
}
