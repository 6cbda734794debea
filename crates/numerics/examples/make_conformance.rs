//! Prints the digests of every case of the conformance list, as the naive loops compute them.
//!
//! Run: `cargo run --release -p hefu-numerics --example make_conformance > golden/conformance/version-1.txt`

use hefu_numerics::conformance::cases;
use hefu_numerics::ops::Alone;
use hefu_numerics::reference;

fn main() {
    for case in cases() {
        println!("{} {}", case.digest(&reference::OPS, &Alone), case.name);
    }
}
