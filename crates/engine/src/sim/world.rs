//! A schedule carried out, with everything checked after every step.

use super::Seen;
use super::fake::{self, Fake, row};
use super::schedule::{CAPACITY, Guessing, Plan, Schedule};
use crate::request::{FinishReason, RequestError};
use crate::sampling::{self, Choice, Scratch};
use crate::scheduler::{Event, Failure, Key, Kind, Pooling, Refusal, ReuseDomain, Scheduler, Statistics, Update};
use crate::speculation::{Speculation, SpeculationPolicy};
use crate::trace::Trace;
use crate::witness;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// No schedule needs more steps.
const MOST_STEPS: usize = 20_000;

/// Everything that a job has got.
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
    scores: Vec<f64>,
    end: Option<Event>,
    is_cancelled: bool,
    trace: Trace,
}

/// The answer that a job would get alone.
#[derive(Debug, PartialEq)]
enum Alone {
    /// Its tokens, how many of them are forced, and its end.
    Answer(Vec<Choice>, usize, FinishReason),
    Vector(Vec<f32>),
    Scores(Vec<f64>),
    /// The tokens of its own text.
    Scored(Vec<Choice>),
    Nothing,
    Fails(Vec<Choice>),
}

pub(super) fn run(seed: u64, seen: &Seen) {
    let mut schedule = Schedule::new(seed);
    let mut model = Fake::new(schedule.pages, schedule.page, CAPACITY).with_slots(schedule.slots);
    // Traced jobs use nothing that others have left.
    let traces = schedule.random.one_in(4);
    model = model.traced(traces);
    let loses = schedule.random.one_in(4).then(|| 5 + schedule.random.within(0..40));
    model = model.losing_at(loses);
    // Threads cost more than all the rest.
    if schedule.random.one_in(100) {
        model = model.with_threads(3);
    }
    let delay = if schedule.random.one_in(2) { |_: &mut u64| 0 } else { delay };
    let scheduler = Scheduler::new(model, schedule.limits.clone()).with_delayed_masks(delay, seed);
    let mut scheduler = guessing(scheduler, &mut schedule);
    let mut waiting: Vec<usize> = (0..schedule.plans.len()).collect();
    waiting.sort_by_key(|plan| schedule.plans[*plan].arrival);
    let mut jobs: BTreeMap<Key, Got> = BTreeMap::new();
    let mut now = Duration::ZERO;
    for step in 0.. {
        assert!(step < MOST_STEPS, "a job is starved: {}", scheduler.state());
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
        let updates = scheduler.step(now);
        scheduler.record_time(1.0 + schedule.random.within(0..5) as f64);
        for update in updates {
            check_domain(&update, &jobs, &schedule.plans);
            let got = jobs.get_mut(&update.key).expect("an event of a job that was submitted");
            note(got, update, &schedule.plans[got.plan], &mut scheduler);
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
    note_end(&statistics, jobs.len() as u64, schedule.ruled, seen);
    let (slots, held) = scheduler.slots_seen();
    assert_eq!(held, 0, "a slot leaked");
    if schedule.slots.is_some() {
        seen.states.note(&statistics, slots);
    }
    jobs.values().for_each(|got| check_trace(got, &schedule.plans[got.plan], traces, seen));
    jobs.values().for_each(|got| compare(got, &schedule.plans[got.plan], seen));
}

/// Nothing is left over when all has come out.
fn note_end(statistics: &Statistics, jobs: u64, is_ruled: bool, seen: &Seen) {
    assert_eq!(statistics.pages_used, 0, "a page leaked");
    let ended = statistics.finished + statistics.expired + statistics.cancelled;
    assert_eq!((ended, jobs), (statistics.submitted, statistics.submitted), "a job was lost");
    seen.preemptions.fetch_add(statistics.preemptions, Relaxed);
    seen.losses.fetch_add(statistics.losses, Relaxed);
    seen.reused.fetch_add(statistics.prompt_tokens_reused, Relaxed);
    seen.drafted.fetch_add(statistics.drafted_tokens, Relaxed);
    seen.accepted.fetch_add(statistics.accepted_tokens, Relaxed);
    seen.accepted_ruled.fetch_add(if is_ruled { statistics.accepted_tokens } else { 0 }, Relaxed);
    assert!(statistics.accepted_tokens <= statistics.drafted_tokens);
}

/// After how many looks a mask is there.
fn delay(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*state >> 33) as usize % 4
}

/// Has the scheduler guess as the schedule says.
fn guessing(scheduler: Scheduler<Fake>, schedule: &mut Schedule) -> Scheduler<Fake> {
    let always = !schedule.random.one_in(3);
    let policy = if always { SpeculationPolicy::always } else { SpeculationPolicy::measuring };
    match schedule.guessing {
        Guessing::Off => scheduler,
        Guessing::Lookup(most) => scheduler.with_speculation(Speculation::lookup(policy(most))),
        Guessing::Mtp { wrong_one_in, pages, most } => {
            let block = Fake::new(pages, schedule.page, CAPACITY).block(wrong_one_in);
            scheduler.with_speculation(Speculation::mtp(block, policy(most)))
        }
        Guessing::Draft { wrong_one_in, pages, most, slots } => {
            let model = Fake::new(pages, schedule.page, CAPACITY).sound().wrong_one_in(wrong_one_in).with_slots(slots);
            scheduler.with_speculation(Speculation::draft_model(model, policy(most)))
        }
    }
}

/// Checks that reused text is of the job's own domain.
fn check_domain(update: &Update, jobs: &BTreeMap<Key, Got>, plans: &[Plan]) {
    let (Event::Started { reused } | Event::Shared { reused }) = update.event else { return };
    let domain = |plan: &Plan| match plan.domain {
        ReuseDomain::Client => (plan.client, None),
        ReuseDomain::Group(group) => (0, Some(group)),
    };
    let own = &plans[jobs[&update.key].plan];
    let is_known = jobs.iter().filter(|(key, _)| **key != update.key).any(|(_, got)| {
        let plan = &plans[got.plan];
        let text = plan.request.prompt.iter().copied().chain(got.choices.iter().map(|choice| choice.id));
        let common = text.zip(&own.request.prompt).take_while(|(a, b)| a == *b).count();
        domain(plan) == domain(own) && common >= reused
    });
    assert!(reused == 0 || is_known, "{reused} tokens come from nowhere");
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

fn too_long(plan: &Plan) -> RequestError {
    let (prompt, context) = (plan.request.prompt.len(), CAPACITY);
    match plan.kind {
        Kind::Rows { .. } => RequestError::TooLong { tokens: prompt, context },
        Kind::Likelihoods { .. } => RequestError::TooLong { tokens: prompt - 1, context },
        _ => RequestError::PromptTooLong { prompt, context },
    }
}

/// Takes an event, after a look at whether it is in order.
fn note(got: &mut Got, update: Update, plan: &Plan, scheduler: &mut Scheduler<Fake>) {
    assert!(got.end.is_none() && !got.is_cancelled, "an event after the last: {update:?}");
    let prompt = &plan.request.prompt;
    // Of a text that is scored, the last token is not computed.
    let length = if matches!(plan.kind, Kind::Likelihoods { .. }) { (prompt.len() - 1).max(1) } else { prompt.len() };
    let is_first = got.choices.is_empty();
    let begun =
        got.is_started || matches!(update.event, Event::Started { .. } | Event::Finished(FinishReason::Deadline));
    assert!(begun, "an event before the first: {update:?}");
    match update.event {
        Event::Started { reused } => {
            assert!(!got.is_started && reused < length);
            (got.is_started, got.done) = (true, reused);
        }
        Event::Shared { reused } => assert!(got.is_started && reused > 0 && reused < length),
        Event::Prefill { done, total } => {
            assert!(done > got.done && done <= total && total == length);
            let first = match plan.kind {
                Kind::Answer if plan.request.all_logits => 0,
                Kind::Rows { from } => from,
                _ => length,
            };
            if first < length {
                assert_eq!(update.rows.len(), done.saturating_sub(got.done.max(first)), "rows of a prompt");
                for (at, rows) in (got.done.max(first)..done).zip(update.rows) {
                    check_row(scheduler, rows..rows + 1, &prompt[..=at]);
                }
            }
            got.done = done;
        }
        Event::Traced(piece) => {
            assert_eq!(piece.position, got.trace.positions(), "a piece that does not follow");
            got.trace.take(&piece);
        }
        Event::Token(choice) => {
            assert_eq!(got.done, prompt.len());
            let ids = got.choices.iter().map(|choice| choice.id);
            let text: Vec<u32> = prompt.iter().copied().chain(ids).collect();
            assert!(update.rows.len() <= 1 && (!is_first || plan.rules.is_some() || update.rows.len() == 1));
            got.rows += update.rows.len();
            let is_traced = got.trace.positions() > 0 && !update.rows.is_empty();
            assert!(!is_traced || got.trace.positions() >= text.len(), "a token before its digests");
            if !update.rows.is_empty() {
                check_row(scheduler, update.rows, &text);
            }
            got.choices.push(choice);
        }
        Event::Embedding(vector) => got.vector = Some(vector),
        Event::Likelihoods(scores) => got.scores.extend(scores),
        Event::Scored(choices) => got.choices.extend(choices),
        Event::Ranked(_) => panic!("nobody asked for ranks"),
        Event::Logits(_) => panic!("nobody asked for logits"),
        Event::Verdict(_) => panic!("nobody claimed anything"),
        Event::Finished(_) | Event::Failed(_) => got.end = Some(update.event),
    }
}

/// The digests of a job are those of its own text, of every position that chose a token.
fn check_trace(got: &Got, plan: &Plan, traces: bool, seen: &Seen) {
    let is_answer = matches!(plan.kind, Kind::Answer);
    assert!(got.trace.positions() == 0 || (traces && is_answer), "nobody asked for digests");
    let text: Vec<u32> =
        plan.request.prompt.iter().copied().chain(got.choices.iter().map(|choice| choice.id)).collect();
    for (at, found) in got.trace.digests().chunks(fake::LAYERS).enumerate() {
        assert_eq!(found, fake::digests(&text[..=at]), "position {at} of {text:?}");
    }
    if traces && is_answer && got.rows > 0 {
        assert!(got.trace.positions() >= plan.request.prompt.len(), "a trace with gaps");
        seen.traced.fetch_add(got.trace.positions() as u64, Relaxed);
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
        (Some(Event::Finished(FinishReason::Deadline)), _) => {
            seen.expired.fetch_add(1, Relaxed);
        }
        (Some(Event::Finished(finish)), Alone::Answer(choices, forced, end)) => {
            assert_eq!((&got.choices, finish), (choices, end));
            assert_eq!(got.rows + forced, got.choices.len());
            seen.forced.fetch_add(*forced as u64, Relaxed);
            seen.answers.fetch_add(1, Relaxed);
        }
        (Some(Event::Finished(FinishReason::Complete)), Alone::Vector(vector)) => {
            assert_eq!(got.vector.as_ref(), Some(vector), "{plan:?}");
            seen.vectors.fetch_add(1, Relaxed);
        }
        (Some(Event::Finished(FinishReason::Complete)), Alone::Scores(scores)) => {
            assert_eq!(&got.scores, scores, "{plan:?}");
            seen.scores.fetch_add(1, Relaxed);
        }
        (Some(Event::Finished(FinishReason::Complete)), Alone::Scored(choices)) => {
            assert_eq!(&got.choices, choices, "{plan:?}");
            seen.scores.fetch_add(1, Relaxed);
        }
        (Some(Event::Finished(FinishReason::Complete)), Alone::Nothing) => {
            seen.rows.fetch_add(1, Relaxed);
        }
        (
            Some(Event::Failed(Failure::Model(_) | Failure::Device(_) | Failure::Constraint(_) | Failure::Sampling(_))),
            Alone::Fails(_),
        ) => {
            seen.failed.fetch_add(1, Relaxed);
        }
        (end, expected) => panic!("{end:?}, but {expected:?} alone: {plan:?}"),
    }
    match &expected {
        Alone::Answer(choices, ..) | Alone::Scored(choices) | Alone::Fails(choices) => {
            assert!(is_beginning(choices), "{got:?}, {expected:?}")
        }
        _ => assert!(got.choices.is_empty()),
    }
}

/// The same job by the naive loop, on a model of its own.
fn alone(plan: &Plan) -> Alone {
    let prompt = &plan.request.prompt;
    let is_poisoned = |text: &[u32]| (1..=text.len()).any(|end| fake::is_poisoned(&text[..end]));
    match plan.kind {
        Kind::Answer => {}
        Kind::Likelihoods { from } => {
            let text = &prompt[..(prompt.len() - 1).max(1)];
            let scored = from..prompt.len();
            let is_sound = |at: &usize| !fake::is_faulty(&prompt[..*at]);
            let fails = is_poisoned(text) || !scored.clone().all(|at| is_sound(&at));
            if let Some(count) = plan.request.parameters.logprobs {
                let choices = scored.take_while(is_sound).map(|at| scored_token(&prompt[..at], prompt[at], count));
                let choices = choices.collect();
                return if fails { Alone::Fails(choices) } else { Alone::Scored(choices) };
            }
            if fails {
                return Alone::Fails(Vec::new());
            }
            return Alone::Scores(scored.map(|at| score(&prompt[..at], prompt[at])).collect());
        }
        _ if is_poisoned(prompt) => return Alone::Fails(Vec::new()),
        Kind::Embedding(pooling) => {
            let rows = match pooling {
                Pooling::Mean => 0..prompt.len(),
                Pooling::First => 0..1,
                Pooling::Last => prompt.len() - 1..prompt.len(),
            };
            let rows = rows.map(|at| fake::hidden(&prompt[..=at]));
            let sums = rows.fold([0.0_f64; 3], |sums, row| std::array::from_fn(|at| sums[at] + f64::from(row[at])));
            let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
            return Alone::Vector(sums.iter().map(|sum| (sum / length) as f32).collect());
        }
        _ => return Alone::Nothing,
    }
    let mut model = Fake::new(CAPACITY, 1, CAPACITY);
    let found = witness::answer(&mut model, &plan.request, plan.constraint(), None);
    match found.finish {
        Ok(finish) => Alone::Answer(found.choices, found.forced, finish),
        Err(_) => Alone::Fails(found.choices),
    }
}

/// A token after a text, with its log-probability and those of so many of the likeliest.
fn scored_token(text: &[u32], token: u32, count: u32) -> Choice {
    sampling::given(&row(text), token, Some(count), &mut Scratch::default()).expect("a sound row")
}

/// Negative log-likelihood of a token after a text.
fn score(text: &[u32], token: u32) -> f64 {
    let row = row(text).map(f64::from);
    let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|logit| libm::exp(logit - greatest)).sum();
    libm::log(sum) - (row[token as usize] - greatest)
}
