//! Norms, rotations and operations on single elements.

mod gate;
mod norm;
mod rope;
mod rowwise;
mod weighed;

pub use gate::{GateRows, gate, gate_rows};
pub use norm::{add, rms_norm};
pub use rope::rope;
pub use rowwise::{Rowwise, rowwise};
pub use weighed::{Weighed, weighed_sum};

use super::lanes::{F32x16, LANES};

/// `in_fours!(first of count, N => { ... })` calls the body for `N` = 4 things from number `first` on as long as there are
/// so many, and then for 2 and for 1.
macro_rules! in_fours {
    ($first:ident of $count:expr, $n:ident => $body:block) => {
        let count = $count;
        let mut next = 0;
        $crate::generic::elementwise::in_fours!(@ count, next, $first, $n, $body, 4 2 1);
    };
    (@ $count:ident, $next:ident, $first:ident, $n:ident, $body:block, $($together:literal)*) => {
        $(while $count - $next >= $together {
            const $n: usize = $together;
            let $first = $next;
            $body
            $next += $n;
        })*
    };
}

use in_fours;

/// Reads up to 16 numbers; the lanes past the end are zero.
#[inline(always)]
pub(super) unsafe fn load_some<L: F32x16>(from: &[f32]) -> L {
    let mut some = [0.0; LANES];
    let count = from.len().min(LANES);
    some[..count].copy_from_slice(&from[..count]);
    // SAFETY: the machine has the instructions; the array has 16 numbers.
    unsafe { L::load(some.as_ptr()) }
}

/// Writes the first lanes, as many as `to` takes.
#[inline(always)]
pub(super) fn store_some<L: F32x16>(lanes: L, to: &mut [f32]) {
    let count = to.len().min(LANES);
    to[..count].copy_from_slice(&lanes.to_array()[..count]);
}
