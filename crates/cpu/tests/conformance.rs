//! Every instruction set of this machine gives the digests of the conformance list, with any number of threads.

use hefu_cpu::Pool;
use hefu_cpu::select::ISAS;
use hefu_numerics::conformance::deviations;

#[test]
fn every_instruction_set_conforms() {
    for ops in ISAS.iter().filter_map(|isa| isa.ops()) {
        for threads in [1, 3] {
            let found = deviations(ops, &Pool::new(threads));
            assert!(found.is_empty(), "with {threads} threads: {}", found[0]);
        }
    }
}
