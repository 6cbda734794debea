//! Programs give the bits of the reference device: every pattern that becomes one step, whatever rows are wanted.

mod common;
mod written;

use common::{Eager, Numbers, assert_same_bits};
use hefu_cpu::Pool;
use hefu_cpu::select::{available, best};
use hefu_numerics::device::{Batch, Size, Span};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::{Entry, Value};
use hefu_numerics::reference::ReferenceDevice;
use proptest::prelude::*;
use std::sync::Arc;
use written::seen::{Batches, any_batches, body_values, compiled, seen};
use written::{Parts, Written};

fn check(parts: Parts, seed: u64, batches: &Batches, probe: Option<usize>, threads: usize) {
    let written = Written::new(parts, &mut Numbers::new(seed));
    let program = &written.program;
    let probes: Vec<Value> = probe.map(|probe| Value((probe % program.values.len()) as u32)).into_iter().collect();
    let probes = body_values(program, probes);
    let pages = 4 * batches.iter().map(Vec::len).max().unwrap_or(0);
    let expected = seen(&mut *compiled(&ReferenceDevice, &written, &probes, pages), program, batches, &probes);
    for isa in available() {
        for team in [
            Arc::new(Pool::new(threads)) as Arc<dyn hefu_cpu::ops::Team + Send + Sync>,
            Arc::new(Eager(Pool::new(threads))),
        ] {
            let device = isa.device(team);
            let found = seen(&mut *compiled(&*device, &written, &probes, pages), program, batches, &probes);
            assert_same_bits(&format!("{} {parts:?} {batches:?} {probes:?}", isa.name), &expected, &found);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn equal_the_reference(
        parts in written::any_parts(), seed: u64, batches in any_batches(), probe in prop::option::of(0_usize..60),
        threads in 1_usize..4,
    ) {
        check(parts, seed, &batches, probe, threads);
    }
}

/// Batches so large that norms are made as panels of the products that read them, and gated parts go in pieces.
#[test]
fn large_batches_equal_the_reference() {
    let batches = vec![vec![(PAGE * 3, PAGE * 3 - 1..PAGE * 3), (1, 0..1)], vec![(50, 0..50), (1, 0..1)]];
    for parts in [Parts::PLAIN, Parts { post_norms: true, head_norms: true, delta: true, ..Parts::PLAIN }] {
        check(parts, 5, &batches, None, 2);
    }
}

#[test]
fn numbers_that_are_none_are_found_in_the_row_where_they_are() {
    let mut written = Written::new(Parts::PLAIN, &mut Numbers::new(3));
    written.poison("token_embd.weight", 7);
    for isa in available() {
        let device = isa.device(Arc::new(Pool::new(2)));
        let mut executable = compiled(&*device, &written, &[], 4);
        let table: [&[u32]; 1] = [&[0]];
        let spans = [Span { rows: 0..3, position: 0, wanted: 0..3, tables: &table, slots: None, second: None }];
        executable.run(&Batch { tokens: &[1, 2, 7], spans: &spans, inputs: &[] }).expect("a good batch");
        let message = executable.head(Entry::Logits, 0..3).expect_err("row 2 holds a NaN").to_string();
        assert!(message.contains("row 2"), "{}: {message}", isa.name);
        assert!(executable.head(Entry::Logits, 0..2).is_ok(), "{}", isa.name);
        assert!(executable.head(Entry::Hidden, 2..3).is_err(), "{}", isa.name);
        assert!(executable.head(Entry::Logits, 0..4).is_err(), "{}", isa.name);
    }
}

/// The bytes counted before memory is taken are those that are taken.
#[test]
fn values_take_no_more_memory_than_was_stated() {
    for parts in [Parts::PLAIN, Parts { experts: true, ..Parts::PLAIN }, Parts { biases: true, ..Parts::PLAIN }] {
        let written = Written::new(parts, &mut Numbers::new(3));
        let device = best().device(Arc::new(Pool::new(1)));
        let size = Size { pages: 4, slots: 0, rows: 40, head_rows: 2 };
        let stated = device.footprint(&written.program, &size).expect("small sizes");
        let mut executable = compiled(&*device, &written, &[], 4);
        let table: [&[u32]; 1] = [&[0]];
        let mut run = |rows: usize| {
            let spans = [Span { rows: 0..rows, position: 0, wanted: 0..2, tables: &table, slots: None, second: None }];
            executable.run(&Batch { tokens: &vec![1; rows], spans: &spans, inputs: &[] }).expect("a good batch");
            executable.head(Entry::Logits, 0..2).expect("finite logits");
            executable.footprint()
        };
        let (grown, again) = (run(40), run(40));
        assert!(grown.activations <= stated.activations, "{parts:?}: {grown:?}, {stated:?} stated");
        assert!(stated.activations < grown.activations * 3 / 2, "{parts:?}: {grown:?}, {stated:?} stated");
        assert_eq!((grown.weights, grown.states), (stated.weights, stated.states));
        assert_eq!((run(3), again), (grown, grown), "{parts:?}: nothing new is needed");
    }
}
