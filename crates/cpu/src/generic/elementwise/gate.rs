//! Gates: an activation times what it opens.

use crate::ops::Activation;
use hefu_numerics::functions;

use super::{load_some, store_some};
use crate::generic::lanes::{F32x16, LANES};
use crate::generic::unrolled::Unrolled;

/// `to = activation(gate) * up` for the 16 numbers at each of `N` places.
#[inline(always)]
unsafe fn open<L: F32x16, const N: usize>(
    activation: Activation,
    gate: [*const f32; N],
    up: [*const f32; N],
    to: [*mut f32; N],
) {
    // SAFETY: the instructions are there, and each place has 16 numbers.
    unsafe {
        let (mut value, mut ups) = (Unrolled([L::splat(0.0); N]), Unrolled([L::splat(0.0); N]));
        for i in 0..N {
            (value.0[i], ups.0[i]) = (L::load(gate[i]), L::load(up[i]));
        }
        value = functions::gate(activation, value, ups);
        for (value, to) in value.0.into_iter().zip(to) {
            value.store(to);
        }
    }
}

/// `gate = activation(gate) * up` for some elements.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn gate<L: F32x16>(activation: Activation, gate: &mut [f32], up: &[f32]) {
    // SAFETY: the machine has the instructions of `L`.
    unsafe {
        match L::TOGETHER {
            1 => gate_by::<L, 1>(activation, gate, up),
            2 => gate_by::<L, 2>(activation, gate, up),
            4 => gate_by::<L, 4>(activation, gate, up),
            _ => gate_by::<L, 8>(activation, gate, up),
        }
    }
}

#[inline(always)]
unsafe fn gate_by<L: F32x16, const N: usize>(activation: Activation, gate: &mut [f32], up: &[f32]) {
    let whole = gate.len() / LANES * LANES;
    let mut at = 0;
    // SAFETY: within both slices, which are of one length; the machine has the instructions.
    unsafe {
        while at + N * LANES <= whole {
            let mut places = ([std::ptr::null(); N], [std::ptr::null(); N], [std::ptr::null_mut(); N]);
            for i in 0..N {
                let at = at + i * LANES;
                places.0[i] = gate.as_ptr().add(at);
                places.1[i] = up.as_ptr().add(at);
                places.2[i] = gate.as_mut_ptr().add(at);
            }
            open::<L, N>(activation, places.0, places.1, places.2);
            at += N * LANES;
        }
        while at < whole {
            let place = gate.as_mut_ptr().add(at);
            open::<L, 1>(activation, [place], [up.as_ptr().add(at)], [place]);
            at += LANES;
        }
        let value = functions::gate(activation, load_some::<L>(&gate[whole..]), load_some(&up[whole..]));
        store_some(value, &mut gate[whole..]);
    }
}

/// Results of two products, and where what is made of them goes.
pub struct GateRows {
    /// The function.
    pub activation: Activation,
    /// `[tokens][gate_stride]`.
    pub gate: *const f32,
    /// Numbers from one token's to the next one's.
    pub gate_stride: usize,
    /// `[tokens][width]`.
    pub up: *const f32,
    /// Rows of both, a multiple of 16.
    pub width: usize,
    /// Number of them that count.
    pub count: usize,
    /// Tokens.
    pub tokens: usize,
    /// The first of `count` numbers of the first token; it may be where the gate's is.
    pub output: *mut f32,
    /// Numbers from one token's to the next one's.
    pub stride: usize,
}

/// `output = activation(gate) * up` for some rows of all tokens.
///
/// # Safety
/// The machine has the instructions of `L`; the pointers are valid for the shape, whose `width` is a multiple of 16.
#[inline(always)]
pub unsafe fn gate_rows<L: F32x16>(job: &GateRows) {
    // SAFETY: the machine has the instructions of `L`; the pointers are valid for the shape, whose `width` is a
    // multiple of 16.
    unsafe {
        match L::TOGETHER {
            1 => gate_rows_by::<L, 1>(job),
            2 => gate_rows_by::<L, 2>(job),
            4 => gate_rows_by::<L, 4>(job),
            _ => gate_rows_by::<L, 8>(job),
        }
    }
}

#[inline(always)]
unsafe fn gate_rows_by<L: F32x16, const N: usize>(job: &GateRows) {
    let whole = job.count / LANES * LANES;
    let mut left = job.tokens * (job.count / LANES);
    let (mut token, mut row) = (0, 0);
    // SAFETY: the machine has the instructions.
    unsafe {
        while left >= N {
            let mut places = ([std::ptr::null(); N], [std::ptr::null(); N], [std::ptr::null_mut(); N]);
            for i in 0..N {
                (places.0[i], places.1[i], places.2[i]) = job.place(token, row);
                row += LANES;
                if row == whole {
                    (token, row) = (token + 1, 0);
                }
            }
            open::<L, N>(job.activation, places.0, places.1, places.2);
            left -= N;
        }
        while left > 0 {
            let (gate, up, to) = job.place(token, row);
            open::<L, 1>(job.activation, [gate], [up], [to]);
            row += LANES;
            if row == whole {
                (token, row) = (token + 1, 0);
            }
            left -= 1;
        }
        if whole < job.count {
            for token in 0..job.tokens {
                let (gate, up, to) = job.place(token, whole);
                let value = functions::gate(job.activation, L::load(gate), L::load(up));
                store_some(value, std::slice::from_raw_parts_mut(to, job.count - whole));
            }
        }
    }
}

impl GateRows {
    /// Where the gate's, the other product's and the resulting numbers of a token lie, from a row on.
    ///
    /// # Safety
    /// The pointers are valid for the shape, which has that token and row.
    #[inline(always)]
    unsafe fn place(&self, token: usize, row: usize) -> (*const f32, *const f32, *mut f32) {
        // SAFETY: the pointers are valid for the shape, which has that token and row.
        unsafe {
            (
                self.gate.add(token * self.gate_stride + row),
                self.up.add(token * self.width + row),
                self.output.add(token * self.stride + row),
            )
        }
    }
}
