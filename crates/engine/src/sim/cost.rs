//! Cost of scheduling itself, without a model.

use super::fake::{Fault, request};
use crate::request::Request;
use crate::sampling::Parameters;
use crate::scheduler::{ForwardMany, Job, Limits, Logits, Scheduler};
use hefu_numerics::device::Batch;
use hefu_numerics::team::Alone;
use std::ops::Range;
use std::time::{Duration, Instant};

/// A model that computes nothing.
#[derive(Debug)]
struct Idle(Vec<f32>);

impl ForwardMany for Idle {
    type Error = Fault;

    fn vocabulary(&self) -> usize {
        16
    }

    fn capacity(&self) -> usize {
        4096
    }

    fn page(&self) -> usize {
        64
    }

    fn pages(&self) -> usize {
        4096
    }

    fn copy_page(&mut self, _: u32, _: u32) -> Result<(), Fault> {
        Ok(())
    }

    fn forward(&mut self, _: &Batch<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn logits(&mut self, rows: Range<usize>) -> Result<Logits<'_>, Fault> {
        Ok(Logits { values: &self.0[..rows.len() * 16], team: &Alone })
    }

    fn hidden(&mut self, _: Range<usize>) -> Result<&[f32], Fault> {
        Err(Fault { is_lost: false })
    }
}

/// `cargo test --release -p hefu-engine sim::cost -- --ignored --nocapture`
#[test]
#[ignore = "prints a time, which proves nothing"]
fn microseconds_per_step() {
    for sequences in [1, 8, 32, 64] {
        let limits = Limits { running: sequences, ..Limits::default() };
        let mut scheduler = Scheduler::new(Idle(vec![0.0; 64 * 16]), limits);
        let wait = |scheduler: &mut Scheduler<Idle>, extra: u32| {
            let prompt: Vec<u32> = (0..1000).map(|at| (at * 7 + extra * at / 100) % 16).collect();
            let parameters = Parameters::greedy();
            let asked = Request { max_tokens: Some(3000), parameters, prefill_chunk: 512, ..request(&prompt) };
            scheduler.submit(Job::new(asked), Duration::ZERO).unwrap();
        };
        // As many again wait as run.
        (0..2 * sequences).for_each(|extra| wait(&mut scheduler, extra as u32));
        (0..400).for_each(|_| drop(scheduler.step(Duration::ZERO)));
        assert_eq!(scheduler.statistics().step_jobs, sequences);
        let mut best = f64::INFINITY;
        for _ in 0..20 {
            let started = Instant::now();
            (0..50).for_each(|_| drop(scheduler.step(Duration::ZERO)));
            best = best.min(started.elapsed().as_secs_f64() / 50.0 * 1e6);
        }
        println!("{sequences} sequences: {best:.1} microseconds per step");
    }
}
