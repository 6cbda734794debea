//! Every device of this machine can be measured.

mod common;

use hefu_numerics::device::Device;

#[test]
fn every_device_reads_and_multiplies() {
    for device in common::opened() {
        let limits = device.limits(1 << 20).expect("memory for a small measurement");
        let mut limits = limits.expect("a device that is made to be fast");
        let read = limits.read_rate().expect("a driver that does not fail");
        let rates = limits.arithmetic().expect("a driver that does not fail");
        println!("{device:?}: {read:.1e} bytes, {rates:?} a second");
        assert!([read, rates.integer, rates.float].iter().all(|rate| rate.is_finite() && *rate > 0.0));
    }
}
