//! Answering in one way.

use super::pages::Laid;
use super::{Arrival, Guesses, Layout, Scheduled, Trace, Way};
use crate::request::Request;
use crate::scheduler::{Event, Job, Key, Limits, Paged, ReuseDomain, Scheduler};
use crate::speculation::{Speculation, SpeculationPolicy};
use crate::witness;
use hefu_numerics::device::Model;
use hefu_numerics::kv::PAGE;
use std::collections::BTreeMap;
use std::time::Duration;

/// Guesses per step, where there are some.
const GUESSES: usize = 5;
/// Clients that requests are spread over.
const CLIENTS: u64 = 3;
/// Domain of all questions, whichever client asks them.
const SHARED: ReuseDomain = ReuseDomain::Group(0);

/// Answers to the questions in this way, in their order. Where the way reuses what the cache holds,
/// each is asked a second time, and the second answers follow. `capacity` is the most positions of a sequence.
///
/// # Errors
/// A sentence, where an answer cannot be had at all: logits that are not numbers above all.
pub fn answers(model: &Model, way: Way, questions: &[Request], capacity: usize) -> Result<Vec<Trace>, String> {
    match way {
        Way::Plain => questions.iter().map(|question| plain(model, question, capacity)).collect(),
        Way::Scheduled(way) => scheduled(model, way, questions, capacity),
    }
}

/// One answer by the naive loop.
fn plain(model: &Model, question: &Request, capacity: usize) -> Result<Trace, String> {
    let paged = Paged::new(model, capacity, capacity.div_ceil(PAGE), 1);
    let mut trace = Trace::default();
    let mut see = |row: &[f32]| trace.add(row);
    let mut paged = paged.map_err(|error| error.to_string())?;
    let found = witness::answer(&mut paged, question, None, Some(&mut see));
    trace.tokens = found.choices.iter().map(|choice| choice.id).collect();
    trace.finish = Some(found.finish.map_err(|failure| failure.to_string())?);
    Ok(trace)
}

fn scheduled(model: &Model, way: Scheduled, questions: &[Request], capacity: usize) -> Result<Vec<Trace>, String> {
    let pages = match way.layout {
        // One sequence and one page more.
        Layout::Scarce => capacity.div_ceil(PAGE) + 1,
        // All of them, each with a page that is only begun.
        _ => questions.len().max(1) * 2 * (capacity.div_ceil(way.layout.page()) + 1) * (way.layout.page() / PAGE),
    };
    let laid = || Ok(Laid::new(Paged::new(model, capacity, pages, way.batch)?, way.layout));
    let laid = || laid().map_err(|error: hefu_numerics::device::Error| error.to_string());
    let limits = Limits { step_tokens: way.chunk, running: way.batch, prefix_reuse: way.reuse, ..Limits::default() };
    let scheduler = Scheduler::new(laid()?, limits);
    let policy = SpeculationPolicy::always(GUESSES);
    let mut scheduler = match way.guesses {
        Guesses::Off => scheduler,
        Guesses::Lookup => scheduler.with_speculation(Speculation::lookup(policy)),
        Guesses::Draft => scheduler.with_speculation(Speculation::draft_model(laid()?, policy)),
    };
    let rounds = if way.reuse { 2 } else { 1 };
    let mut traces = Vec::new();
    for _ in 0..rounds {
        traces.append(&mut round(&mut scheduler, way, questions)?);
    }
    Ok(traces)
}

/// Asks every question once.
fn round(scheduler: &mut Scheduler<Laid>, way: Scheduled, questions: &[Request]) -> Result<Vec<Trace>, String> {
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
            let job = Job { client: number as u64 % CLIENTS, domain: SHARED, priority, ..Job::new(asked) };
            let key = scheduler.submit(job, Duration::ZERO).map_err(|refusal| refusal.to_string())?;
            keys.insert(key, number);
        }
        steps += 1;
        for update in scheduler.step(Duration::ZERO) {
            let trace = keys.get(&update.key).and_then(|number| traces.get_mut(*number));
            let Some(trace) = trace else { return Err("an event of a request that nobody made".to_owned()) };
            if !matches!(update.event, Event::Token(_)) || !trace.tokens.is_empty() {
                trace.add(scheduler.logits(update.rows).map_err(|error| error.to_string())?);
            }
            match update.event {
                Event::Token(choice) => trace.tokens.push(choice.id),
                Event::Finished(finish) => trace.finish = Some(finish),
                Event::Failed(failure) => return Err(failure.to_string()),
                _ => {}
            }
        }
    }
    Ok(traces)
}
