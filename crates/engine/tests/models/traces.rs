//! Traces: an answer's is the same however it is computed and by whom, and a device that goes wrong is found out where it does.

use crate::support::{CAPACITY, MODELS, best, devices, load, request};
use hefu_engine::scheduler::{Event, Job, Key, Limits, Paged, Scheduler};
use hefu_engine::speculation::{Speculation, SpeculationPolicy};
use hefu_engine::trace::{Place, Trace};
use hefu_engine::verification::{Claim, How, Verdict};
use hefu_engine::{FinishReason, Request};
use hefu_numerics::device::{Batch, Model, Size, Slots, Span};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::{Entry, Op, Program, Rows, Value};
use hefu_numerics::reference::{AlteredDevice, ReferenceDevice};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

/// Answers that are asked for.
const COUNT: usize = 6;

/// Outcome of a job: its tokens, its digests, the verdict if it was to find one.
#[derive(Debug, Default)]
struct Got {
    tokens: Vec<u32>,
    trace: Trace,
    verdict: Option<Verdict>,
}

/// Has jobs done together, each in the order in which it was given.
fn done(scheduler: &mut Scheduler<Paged>, jobs: Vec<Job>) -> Vec<Got> {
    let keys: Vec<Key> = jobs.into_iter().map(|job| scheduler.submit(job, Duration::ZERO).unwrap()).collect();
    let mut all: BTreeMap<Key, Got> = keys.iter().map(|key| (*key, Got::default())).collect();
    while !scheduler.is_idle() {
        for update in scheduler.step(Duration::ZERO) {
            let got = all.get_mut(&update.key).unwrap();
            match update.event {
                Event::Token(choice) => got.tokens.push(choice.id),
                Event::Traced(piece) => got.trace.take(&piece),
                Event::Verdict(verdict) => got.verdict = Some(verdict),
                Event::Failed(failure) => panic!("{failure}"),
                _ => {}
            }
        }
    }
    keys.iter().map(|key| all.remove(key).unwrap()).collect()
}

/// The trace of a text, one position after the other, straight from the program.
fn naive(model: &Model, text: &[u32]) -> Trace {
    let program = &model.program;
    let outputs = program.layer_outputs();
    let pages: Vec<u32> = (0..text.len().div_ceil(PAGE) as u32).collect();
    let size = Size { pages: pages.len(), slots: 1, rows: 1, head_rows: 1 };
    let mut executable = model.device.compile(program, &model.weights, &size, &outputs).unwrap();
    let tables = vec![&pages[..]; program.groups()];
    let mut digests = Vec::new();
    for (position, token) in text.iter().enumerate() {
        let slots =
            (program.slot_numbers() > 0).then_some(Slots { read: (position > 0).then_some(0), write: 0, keep: &[] });
        let span = Span { rows: 0..1, position, wanted: 0..1, tables: &tables, slots, second: None };
        executable.run(&Batch { tokens: &[*token], spans: &[span], inputs: &[] }).unwrap();
        for value in &outputs {
            let mut row = vec![0.0_f32; program.value(*value).width];
            executable.read(*value, 0..1, &mut row).unwrap();
            let bytes: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
            digests.push(Sha256::digest(&bytes).into());
        }
    }
    Trace::new(outputs.len(), digests).unwrap()
}

/// Prompt and answer without its last token, which nothing follows.
fn text(request: &Request, tokens: &[u32]) -> Vec<u32> {
    request.prompt.iter().chain(&tokens[..tokens.len().saturating_sub(1)]).copied().collect()
}

fn claim(request: &Request, tokens: &[u32]) -> Claim {
    Claim { request: request.clone(), output: tokens.to_vec(), finish: FinishReason::Cancelled, context: CAPACITY }
}

fn asked(model: &Model) -> Vec<Request> {
    (0..COUNT).map(|number| request(number, model.program.vocabulary)).collect()
}

#[test]
fn a_trace_does_not_depend_on_how_an_answer_is_computed() {
    for name in MODELS {
        let reference = load(name, Arc::new(ReferenceDevice));
        for device in devices() {
            let model = load(name, Arc::clone(&device));
            // Few pages: jobs are interrupted and go on. With guesses, some of them wrong.
            for (pages, guesses, step_tokens) in [(40, 0, 512), (4, 3, 40), (9, 6, 7)] {
                let limits = Limits { step_tokens, ..Limits::default() };
                let paged = Paged::traced(&model, CAPACITY, pages, COUNT).unwrap();
                let speculation = Speculation::lookup(SpeculationPolicy::always(guesses));
                let mut scheduler = Scheduler::new(paged, limits).with_speculation(speculation);
                let requests = asked(&model);
                let answers = done(&mut scheduler, requests.iter().cloned().map(Job::new).collect());
                for (request, got) in requests.iter().zip(&answers) {
                    let text = text(request, &got.tokens);
                    let found = got.trace.clone().first(text.len());
                    assert_eq!(found.positions(), text.len(), "{name}");
                    assert_eq!(found.first_difference(&naive(&reference, &text)), None, "{name} on {}", device.name());
                }
                for how in [How::Prefill, How::Steps] {
                    let claims = requests.iter().zip(&answers).map(|(request, got)| claim(request, &got.tokens));
                    let verified = done(&mut scheduler, claims.map(|claim| claim.job(None, how)).collect());
                    for (got, answer) in verified.iter().zip(&answers) {
                        assert!(matches!(got.verdict, Some(Verdict::Matches { .. })), "{:?}", got.verdict);
                        assert_eq!(got.trace, answer.trace.clone().first(got.trace.positions()), "{name}, {how:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn without_being_asked_for_there_is_no_trace() {
    let model = load(MODELS[0], best());
    let paged = Paged::new(&model, CAPACITY, 40, COUNT).unwrap();
    let mut scheduler = Scheduler::new(paged, Limits::default());
    let answers = done(&mut scheduler, asked(&model).into_iter().map(Job::new).collect());
    assert!(answers.iter().all(|got| got.trace.positions() == 0));
}

/// The value that goes wrong, and the passes before it does.
static WRONG: AtomicU32 = AtomicU32::new(0);
static AFTER: AtomicUsize = AtomicUsize::new(0);

const FAULTY: AlteredDevice = AlteredDevice {
    name: "faulty",
    alter: |op, _, out| {
        let is_it = op.output() == Some(Value(WRONG.load(Ordering::Relaxed)));
        // One bit of one number, high enough that the sum with the residual does not round it away.
        if is_it && AFTER.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |passes| passes.checked_sub(1)).is_err() {
            out[0] = f32::from_bits(out[0].to_bits() ^ 1 << 20);
        }
    },
};

/// The value that a layer's attention adds to its input.
fn attention_of(program: &Program, layer: u16) -> Value {
    let body = &program.section(Entry::Body).unwrap().steps;
    let found = body.iter().find_map(|step| match step.op {
        Op::Linear { out, .. } if step.layer == Some(layer) && program.value(out).name == "attention_projection" => {
            Some(out)
        }
        _ => None,
    });
    found.unwrap()
}

#[test]
fn a_bit_that_is_wrong_is_found_at_its_layer_and_its_token() {
    let (right, faulty) = (load("tiny-gemma3", best()), load("tiny-gemma3", Arc::new(FAULTY)));
    let layers = right.program.layer_outputs().len();
    assert!(right.program.values.iter().any(|value| value.rows == Rows::Wanted));
    let text: Vec<u32> = (0..20).map(|at| at * 11 % 97).collect();
    let expected = naive(&right, &text);
    for (layer, position) in [(0, 0), (2, 5), (layers - 1, 13)] {
        WRONG.store(attention_of(&right.program, layer as u16).0, Ordering::Relaxed);
        AFTER.store(position, Ordering::Relaxed);
        let found = naive(&faulty, &text);
        assert_eq!(found.first_difference(&expected), Some(Place { position, layer }));
    }
}
