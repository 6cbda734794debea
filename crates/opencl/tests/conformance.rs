//! Every device of this machine gives the digests of the conformance list.

mod common;

use hefu_numerics::conformance::deviations;

#[test]
fn every_device_conforms() {
    for device in common::opened() {
        let found = deviations(&device).expect("memory for small cases");
        assert!(found.is_empty(), "{device:?}: {} cases differ: {}", found.len(), found[0]);
    }
}
