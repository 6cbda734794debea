//! The conformance list on every instruction set.

use std::sync::Arc;

use hefu_cpu::select::available;
use hefu_numerics::conformance::{cases, deviations};
use hefu_numerics::team::Alone;
use serde_json::json;

/// Prints for each instruction set how many cases there are and how many numbers differ from the contract's; whether none do.
///
/// # Errors
/// The device's error.
pub(crate) fn run() -> Result<bool, String> {
    let count = cases().len();
    let mut is_right = true;
    for isa in available() {
        let found = deviations(&*isa.device(Arc::new(Alone))).map_err(|error| error.to_string())?;
        let differing: usize = found.iter().map(|deviation| deviation.numbers.max(1)).sum();
        is_right &= found.is_empty();
        let first = found.first().map(ToString::to_string);
        crate::say(&json!({"isa": isa.name, "cases": count, "differing": differing, "first": first}));
    }
    Ok(is_right)
}
