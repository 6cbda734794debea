//! The conformance list: the naive loops are what it says, and what is nearly right is found out.

#[path = "common/reordered.rs"]
mod reordered;

use hefu_numerics::conformance::{cases, deviations, expected};
use hefu_numerics::program::{Activation, Op};
use hefu_numerics::quant::FORMATS;
use hefu_numerics::reference::{self, Alter, AlteredDevice, ReferenceDevice};
use reordered::REORDERED;
use std::collections::BTreeSet;

#[test]
fn the_naive_loops_give_the_digests_of_the_table() {
    let cases = cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| &case.name[..]).collect();
    assert_eq!(names.len(), cases.len(), "two cases of one name");
    for case in &cases {
        let digest = case.digest(&ReferenceDevice).unwrap();
        assert_eq!(expected(&case.name), Some(&digest[..]), "{}", case.name);
    }
    assert_eq!(deviations(&ReferenceDevice).unwrap(), []);
    let lines = include_str!("../../../golden/conformance/version-1.txt").lines().count();
    assert_eq!(lines, cases.len(), "the table has a line for each case and no other");
}

#[test]
fn another_order_of_additions_is_found_in_every_format() {
    let found = deviations(&REORDERED).unwrap();
    for format in FORMATS {
        let about = format!("product {} tokens 13", format.name);
        let deviation = found.iter().find(|deviation| deviation.case.starts_with(&about));
        let deviation = deviation.unwrap_or_else(|| panic!("nothing was found in {about}"));
        let (_, right, wrong) = deviation.first.unwrap();
        assert!(right.to_bits() != wrong.to_bits() && deviation.numbers > 0);
        assert!(deviation.to_string().contains("reordered: product"), "{deviation}");
    }
    let is_product = |case: &str| case.starts_with("product") || case.starts_with("gated");
    assert!(
        found.iter().all(|deviation| is_product(&deviation.case)),
        "only products are wrong, and what has one in it"
    );
}

/// Alterations of an operation, and the beginnings of the names of all cases that find it.
const BROKEN: &[(&[&str], Alter)] = &[
    (&["norm", "sum and norms", "rotation"], |op, given, out| {
        if let Op::RmsNorm { x, size, gain, .. } = *op {
            let gain = gain.map(|gain| given.vector(gain));
            reference::rms_norm(&given.value(x)[..out.len()], size, gain, 1.0e-5, out);
        }
    }),
    (&["sum"], |op, given, out| {
        if let Op::Add { a, b, .. } = *op {
            let parts = given.value(a).iter().zip(given.value(b));
            out.iter_mut().zip(parts).for_each(|(out, (a, b))| *out = a + flushed(*b));
        }
    }),
    (&["rows"], |op, _, out| {
        if let Op::Embed { .. } = op {
            // Each row is the one before it.
            let width = out.len() / 37;
            out.copy_within(..out.len() - width, width);
        }
    }),
    (&["gate"], |op, given, out| {
        if let Op::Gate { gate, up, .. } = *op {
            let parts = given.value(gate).iter().zip(given.value(up));
            out.iter_mut().zip(parts).for_each(|(out, (gate, up))| *out = gate * up);
        }
    }),
    (&["rotation"], |op, given, out| {
        if let Op::Rotate { x, .. } = *op {
            out.copy_from_slice(&given.value(x)[..out.len()]);
        }
    }),
    (&["attention"], |op, _, out| {
        if let Op::Attend { .. } = op {
            out.fill(0.0);
        }
    }),
    (&["l2 norm", "delta rule", "generalised delta rule"], |op, given, out| {
        if let Op::L2Norm { x, size, .. } = *op {
            reference::l2_norm(&given.value(x)[..out.len()], size, 1.0e-5, out);
        }
    }),
    (&["magnitude of another row"], |op, given, out| {
        if let Op::MatchMagnitude { x, like, .. } = *op {
            // Without the least magnitude of a row.
            let (x, like, rows) = (given.value(x), given.value(like), out.len());
            reference::match_magnitude(&x[..rows], &like[..rows], rows / 5, 0.0, out);
        }
    }),
    (&["gaussian top k"], |op, given, out| {
        if let Op::GaussianTopK { x, deviations, .. } = *op {
            // Elements as they are, where they stand out.
            let (x, rows) = (given.value(x), out.len());
            reference::gaussian_top_k(&x[..rows], rows / 5, deviations, out);
            out.iter_mut().zip(x).filter(|(out, _)| **out > 0.0).for_each(|(out, x)| *out = *x);
        }
    }),
    (&["selective scan"], |op, given, out| {
        if let Op::SelectiveScan { .. } = *op {
            // Output read before the last row was taken in.
            let width = out.len() / given.rows;
            out.copy_within(..out.len() - width, width);
        }
    }),
    (&["token shift"], |op, _, out| {
        if let Op::TokenShift { .. } = *op {
            out.iter_mut().for_each(|out| *out = -*out);
        }
    }),
    (&["generalised delta rule"], |op, _, out| {
        if let Op::Wkv7 { .. } = *op {
            out.iter_mut().for_each(|out| *out = out.next_up());
        }
    }),
    (&["function softplus", "decay", "selective scan"], |op, given, out| match *op {
        Op::Activate { x, activation: Activation::Softplus, .. } => {
            out.iter_mut().zip(given.value(x)).for_each(|(out, x)| *out = nearest(*x, 0.0));
        }
        Op::Decay { x, rate, bias, .. } => {
            let (rate, bias) = (given.vector(rate), given.vector(bias));
            let part = bias.len() / rate.len();
            for (at, (out, x)) in out.iter_mut().zip(given.value(x)).enumerate() {
                let at = at % bias.len();
                *out = rate[at / part] * nearest(*x, bias[at]);
            }
        }
        _ => {}
    }),
    (&["choice", "experts"], |op, _, out| {
        if let Op::Route { .. } = op {
            out.iter_mut().skip(1).step_by(2).for_each(|weight| *weight = weight.next_up());
        }
    }),
];

#[test]
fn a_wrong_operation_of_any_kind_is_found() {
    for (operations, alter) in BROKEN {
        let found = deviations(&AlteredDevice { name: "broken", alter: *alter }).unwrap();
        let is_about = |operation: &&str| found.iter().any(|deviation| deviation.case.starts_with(*operation));
        assert!(operations.iter().all(is_about), "{operations:?}");
        let is_known = |case: &str| operations.iter().any(|operation| case.starts_with(operation));
        let other = found.iter().find(|deviation| !is_known(&deviation.case));
        assert!(other.is_none(), "{operations:?}: {other:?}");
    }
}

/// Every operation that the list has is told apart from one that makes nothing of its input.
#[test]
fn an_operation_that_computes_nothing_is_found() {
    let found = deviations(&AlteredDevice { name: "idle", alter: |op, _, out| idle(op, out) }).unwrap();
    let cases = cases();
    assert_eq!(found.len(), cases.len(), "every case sees what its operation makes");
}

fn idle(op: &Op, out: &mut [f32]) {
    if !matches!(op, Op::Inject { .. }) {
        out.fill(0.0);
    }
}

/// softplus as a better library has it.
fn nearest(x: f32, bias: f32) -> f32 {
    let x = f64::from(x + bias);
    if x.is_nan() { f32::NAN } else { (x.max(0.0) + (-x.abs()).exp().ln_1p()) as f32 }
}

/// As a chip does that takes subnormal numbers for zero.
fn flushed(number: f32) -> f32 {
    if number.is_subnormal() { 0.0 } else { number }
}
