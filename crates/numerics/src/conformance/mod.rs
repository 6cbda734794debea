//! Fixed inputs for every operation, and the digests of what the contract says comes out.
//!
//! A device is held to it before it may serve: every case of [`cases`] is computed, and the digest of its bits compared
//! with the one in `golden/conformance/version-1.txt`, which the naive loops made. Where a digest differs, the naive
//! loops are run too, so that the number and both its bit patterns can be named.
//!
//! Inputs come from integers ([`Numbers`]), so that they are the same everywhere; any two NaN count as the same.

mod attention;
mod elements;
mod experts;
mod list;
mod numbers;
mod products;
mod recurrence;
mod trial;
mod work;

pub use list::cases;
pub use numbers::{Numbers, Style};

use crate::device::{Device, Error};
use crate::reference::ReferenceDevice;
use sha2::{Digest, Sha256};
use std::fmt;
use work::Work;

/// The digests, one line for each case: digest, a space, the case's name.
const TABLE: &str = include_str!("../../../../golden/conformance/version-1.txt");

/// Hexadecimal digits of a digest.
const DIGITS: usize = 32;

/// One operation on fixed inputs.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name, in one word after another: operation, format or kind, size, style.
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
    /// First number of the result that differs, with what it should be and is; `None` if the naive loops have the
    /// device's bits too, so that it is the table that says otherwise.
    pub first: Option<(usize, f32, f32)>,
    /// Number of results that differ from those of the naive loops.
    pub numbers: usize,
}

impl Case {
    /// The digest of what a device computes.
    ///
    /// # Errors
    /// The device's error.
    pub fn digest(&self, device: &dyn Device) -> Result<String, Error> {
        Ok(digest(&self.work.results(device)?))
    }

    /// Difference of a device from the table, if there is one.
    fn deviation(&self, device: &dyn Device) -> Result<Option<Deviation>, Error> {
        let found = self.work.results(device)?;
        if expected(&self.name) == Some(&digest(&found)[..]) {
            return Ok(None);
        }
        let right = self.work.results(&ReferenceDevice)?;
        let differs = |(right, found): &(&f32, &f32)| canonical(**right) != canonical(**found);
        let mut differing =
            right.iter().zip(&found).enumerate().filter(|(_, pair)| differs(pair)).map(|(at, (r, f))| (at, *r, *f));
        let first = differing.next();
        let numbers = usize::from(first.is_some()) + differing.count();
        Ok(Some(Deviation { device: device.name(), case: self.name.clone(), first, numbers }))
    }
}

/// Computes every case on a device, and says where it departs from the contract: nowhere, if it may be used.
///
/// # Errors
/// The device's error.
pub fn deviations(device: &dyn Device) -> Result<Vec<Deviation>, Error> {
    let mut deviations = Vec::new();
    for case in cases() {
        deviations.extend(case.deviation(device)?);
    }
    Ok(deviations)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A case that is all NaN, or all zero, would be passed by a device that computes nothing.
    #[test]
    fn every_case_has_numbers_to_tell_devices_apart() {
        for case in cases() {
            let results = case.work.results(&ReferenceDevice).unwrap();
            let distinct: std::collections::HashSet<u32> =
                results.iter().filter(|x| x.is_finite()).map(|x| x.to_bits()).collect();
            assert!(distinct.len() > 1, "{}: {} numbers", case.name, results.len());
        }
    }
}
