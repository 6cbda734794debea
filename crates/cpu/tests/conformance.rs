//! Every instruction set of this machine gives the digests of the conformance list, with any number of threads.

use hefu_cpu::Pool;
use hefu_cpu::select::available;
use hefu_numerics::conformance::deviations;
use std::sync::Arc;

#[test]
fn every_instruction_set_conforms() {
    for isa in available() {
        for threads in [1, 3] {
            let found = deviations(&*isa.device(Arc::new(Pool::new(threads)))).expect("memory for small cases");
            assert!(found.is_empty(), "{} with {threads} threads: {}", isa.name, found[0]);
        }
    }
}
