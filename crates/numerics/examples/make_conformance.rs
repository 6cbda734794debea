//! Prints the digests of every case of the conformance list, as the naive loops compute them.
//!
//! Run: `cargo run --release -p hefu-numerics --example make_conformance > golden/conformance/version-1.txt`

use hefu_numerics::conformance::cases;
use hefu_numerics::device::Error;
use hefu_numerics::reference::ReferenceDevice;

fn main() -> Result<(), Error> {
    for case in cases() {
        println!("{} {}", case.digest(&ReferenceDevice)?, case.name);
    }
    Ok(())
}
