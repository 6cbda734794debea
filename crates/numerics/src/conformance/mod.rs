//! Fixed inputs for every operation, and the digests of what the contract says comes out.
//!
//! A device is held to it before it may serve: every case of [`cases`] is computed, and the digest of its bits compared
//! with the one in `golden/conformance/version-1.txt`, which the naive loops made. Where a digest differs, the naive
//! loops are run too, so that the number and both its bit patterns can be named.
//!
//! Inputs come from integers ([`Numbers`]), so that they are the same everywhere; any two NaN count as the same.

mod numbers;
mod work;

pub use numbers::{Numbers, Style};

use crate::kv::Profile;
use crate::ops::{Activation, Alone, Ops, RopePairs, Team};
use crate::quant::FORMATS;
use crate::reference;
use sha2::{Digest, Sha256};
use std::fmt;
use work::{Heads, Work};

/// The digests, one line for each case: digest, a space, the case's name.
const TABLE: &str = include_str!("../../../../golden/conformance/version-1.txt");

/// Hexadecimal digits of a digest.
const DIGITS: usize = 32;

/// Tokens of the products of each format: alone, and for the tiles of every size.
const TOKENS: [usize; 5] = [1, 3, 13, 16, 33];

/// One operation on fixed inputs.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is, in one word after another: operation, format or kind, size, style.
    pub name: String,
    work: Work,
}

/// A result that is not the contract's.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// Name of the device.
    pub device: &'static str,
    /// Name of the case.
    pub case: String,
    /// Which number of the result it is first, and what it should be and is; `None` if the naive loops have the
    /// device's bits too, so that it is the table that says otherwise.
    pub first: Option<(usize, f32, f32)>,
    /// How many numbers of the result differ from those of the naive loops.
    pub numbers: usize,
}

/// Every case.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, work| cases.push(Case { name, work });
    for format in FORMATS {
        for tokens in TOKENS {
            let name = format!("product {} tokens {tokens} usual", format.name);
            add(name, Work::Product(format, tokens, Style::Usual));
        }
        for style in [Style::Extreme, Style::Wild] {
            add(format!("product {} tokens 5 {}", format.name, style.name()), Work::Product(format, 5, style));
        }
        for (tokens, name, activation) in [(5, "silu", Activation::Silu), (33, "gelu", Activation::Gelu)] {
            let work = Work::Gated(format, tokens, activation);
            add(format!("gated {} tokens {tokens} {name}", format.name), work);
        }
        add(format!("rows {}", format.name), Work::Rows(format));
    }
    add("products of all formats".to_owned(), Work::Products { later: false });
    add("products of later formats".to_owned(), Work::Products { later: true });
    for style in Style::ALL {
        for width in [1, 17, 300] {
            add(format!("norm width {width} {}", style.name()), Work::Norm(width, style));
        }
        add(format!("sum {}", style.name()), Work::Sum(style));
        add(format!("sum and norms {}", style.name()), Work::SumAndNorms(style));
    }
    for (name, pairs) in [("halves", RopePairs::Halves), ("neighbours", RopePairs::Neighbours)] {
        add(format!("rotation {name}"), Work::Rotation(pairs, false));
        add(format!("rotation {name} after a norm"), Work::Rotation(pairs, true));
    }
    add("gate silu".to_owned(), Work::Gate(Activation::Silu));
    add("gate gelu".to_owned(), Work::Gate(Activation::Gelu));
    for profile in Profile::ALL {
        for (name, heads) in attentions(profile) {
            add(format!("attention {} {name}", profile.name()), Work::Attention(heads));
        }
    }
    cases
}

/// Shapes of attention: short and long, few queries and many, usual and odd sizes, with and without a window.
fn attentions(profile: Profile) -> [(&'static str, Heads); 6] {
    let heads = |size, group, window, sequences| Heads { profile, size, group, window, sequences };
    [
        ("size 64 step", heads(64, 7, None, &[(1, 600)])),
        ("size 64 prompt", heads(64, 2, None, &[(40, 500)])),
        ("size 128 batch", heads(128, 1, None, &[(1, 9), (3, 70), (1, 511)])),
        ("size 256 window 100", heads(256, 1, Some(100), &[(2, 300)])),
        ("size 40 window 512", heads(40, 3, Some(512), &[(9, 1020)])),
        ("size 33 beginning", heads(33, 1, None, &[(5, 0), (1, 0)])),
    ]
}

impl Case {
    /// The digest of what a device computes.
    pub fn digest(&self, ops: &Ops, team: &dyn Team) -> String {
        digest(&self.work.results(ops, team))
    }

    /// How a device departs from the table, if it does.
    fn deviation(&self, ops: &Ops, team: &dyn Team) -> Option<Deviation> {
        let found = self.work.results(ops, team);
        if expected(&self.name) == Some(&digest(&found)[..]) {
            return None;
        }
        let right = self.work.results(&reference::OPS, &Alone);
        let differs = |(right, found): &(&f32, &f32)| canonical(**right) != canonical(**found);
        let mut differing =
            right.iter().zip(&found).enumerate().filter(|(_, pair)| differs(pair)).map(|(at, (r, f))| (at, *r, *f));
        let first = differing.next();
        let numbers = usize::from(first.is_some()) + differing.count();
        Some(Deviation { device: ops.name, case: self.name.clone(), first, numbers })
    }
}

/// Computes every case on a device, and says where it departs from the contract: nowhere, if it may be used.
pub fn deviations(ops: &Ops, team: &dyn Team) -> Vec<Deviation> {
    cases().iter().filter_map(|case| case.deviation(ops, team)).collect()
}

/// The table's digest for a case, if there is one.
pub fn expected(name: &str) -> Option<&'static str> {
    TABLE.lines().find_map(|line| line.split_once(' ').filter(|(_, known)| *known == name)).map(|(digest, _)| digest)
}

/// SHA-256 of the numbers as little-endian binary32, cut to [`DIGITS`] hexadecimal digits.
fn digest(numbers: &[f32]) -> String {
    let mut hasher = Sha256::new();
    numbers.iter().for_each(|number| hasher.update(canonical(*number).to_le_bytes()));
    let mut digits: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    digits.truncate(DIGITS);
    digits
}

/// The bits of a number; the same for every NaN.
fn canonical(number: f32) -> u32 {
    if number.is_nan() { f32::NAN.to_bits() } else { number.to_bits() }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (device, case) = (self.device, &self.case);
        match self.first {
            Some((at, right, found)) => write!(
                f,
                "{device}: {case}: {} numbers differ, first number {at}, which is {found:e} ({:#010x}) and must be \
                 {right:e} ({:#010x})",
                self.numbers,
                found.to_bits(),
                right.to_bits()
            ),
            None => write!(f, "{device}: {case}: the table of digests says otherwise, and so do the naive loops here"),
        }
    }
}
