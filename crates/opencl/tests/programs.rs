//! Random programs, batches and probes on every device of this machine give the bits of the reference device.

mod common;
#[path = "../../cpu/tests/written/mod.rs"]
mod written;

use hefu_numerics::conformance::Numbers;
use hefu_numerics::program::Value;
use hefu_numerics::reference::ReferenceDevice;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use written::seen::{Batches, any_batches, body_values, compiled, seen};
use written::{Parts, Written, any_parts};

#[test]
fn equal_the_reference() {
    for device in common::opened() {
        let cases = (any_parts(), any::<u64>(), any_batches(), prop::option::of(0_usize..60));
        let check = |(parts, seed, batches, probe): (Parts, u64, Batches, Option<usize>)| {
            let written = Written::new(parts, &mut Numbers::new(seed));
            let program = &written.program;
            let probes = probe.map(|probe| Value((probe % program.values.len()) as u32)).into_iter().collect();
            let probes = body_values(program, probes);
            let pages = 4 * batches.iter().map(Vec::len).max().unwrap_or(0);
            let run = |device| seen(&mut *compiled(device, &written, &probes, pages), program, &batches, &probes);
            let (right, found) = (run(&ReferenceDevice), run(&device));
            let differing = right.iter().zip(&found).filter(|(right, found)| right.to_bits() != found.to_bits());
            prop_assert_eq!((right.len(), differing.count()), (found.len(), 0), "{:?} {:?}", parts, probes);
            Ok(())
        };
        // Failures are found again by their seeds, which are printed.
        let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
        TestRunner::new(config).run(&cases, check).expect("0 differing bits");
    }
}
