//! Every instruction set of this machine gives the digests of the conformance list, with any number of threads.

use hefu_cpu::Pool;
use hefu_cpu::select::{ISAS, available};
use hefu_numerics::conformance::{deviations, deviations_on};
use std::sync::Arc;

#[test]
fn every_instruction_set_conforms() {
    for ops in ISAS.iter().filter_map(|isa| isa.ops()) {
        for threads in [1, 3] {
            let found = deviations(ops, &Pool::new(threads));
            assert!(found.is_empty(), "with {threads} threads: {}", found[0]);
        }
    }
}

#[test]
fn every_device_conforms() {
    for isa in available() {
        for threads in [1, 3] {
            let found = deviations_on(&*isa.device(Arc::new(Pool::new(threads)))).expect("no case needs much memory");
            assert!(found.is_empty(), "{} with {threads} threads, {} cases: {}", isa.name, found.len(), found[0]);
        }
    }
}
