//! The conformance list: the naive loops are what it says, and what is nearly right is found out.

#[path = "common/reordered.rs"]
mod reordered;

use hefu_numerics::conformance::{cases, deviations, deviations_on, expected};
use hefu_numerics::ops::{Activation, Alone, Around, Gated, Norm, Ops, Rotation, Scratch, Team};
use hefu_numerics::prepared::{Input, Prepared};
use hefu_numerics::quant::FORMATS;
use hefu_numerics::reference::{self, ReferenceDevice};
use reordered::REORDERED;
use std::collections::BTreeSet;

#[test]
fn the_naive_loops_give_the_digests_of_the_table() {
    let cases = cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| &case.name[..]).collect();
    assert_eq!(names.len(), cases.len(), "two cases of one name");
    for case in &cases {
        let digest = case.digest_on(&ReferenceDevice).unwrap();
        assert_eq!(expected(&case.name), Some(&digest[..]), "{}", case.name);
    }
    assert_eq!(deviations_on(&ReferenceDevice).unwrap(), []);
    assert!(deviations(&reference::OPS, &Alone).is_empty());
    let lines = include_str!("../../../golden/conformance/version-1.txt").lines().count();
    assert_eq!(lines, cases.len(), "the table has a line for each case and no other");
}

#[test]
fn another_order_of_additions_is_found_in_every_format() {
    let found = deviations(&REORDERED, &Alone);
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

#[test]
fn a_wrong_operation_of_any_kind_is_found() {
    let broken: [(&str, Ops); 9] = [
        (
            "norm",
            Ops {
                rms_norm: |team, n, x, y| (reference::OPS.rms_norm)(team, Norm { epsilon: 1.0e-5, ..n }, x, y),
                ..NAIVE
            },
        ),
        (
            "sum",
            Ops { add: |_, sum, addend, _| sum.iter_mut().zip(addend).for_each(|(a, b)| *a += flushed(*b)), ..NAIVE },
        ),
        ("sum and", Ops { add: |team, sum, x, _| (reference::OPS.add)(team, sum, x, Around::default()), ..NAIVE }),
        (
            "rows",
            Ops { rows: |team, m, rows, f, y| (reference::OPS.rows)(team, m, &[&[0], rows].concat(), f, y), ..NAIVE },
        ),
        ("gate", Ops { gate: |_, _, gate, up| gate.iter_mut().zip(up).for_each(|(g, u)| *g *= u), ..NAIVE }),
        ("gated", Ops { gated: other_activation, ..NAIVE }),
        ("rotation", Ops { rope: |_, _, _| {}, ..NAIVE }),
        ("rotation", Ops { rope: |t, r, x| (reference::OPS.rope)(t, &Rotation { norm: None, ..*r }, x), ..NAIVE }),
        ("attention", Ops { attention: |_, _, _, y| y.fill(0.0), ..NAIVE }),
    ];
    for (operation, ops) in broken {
        let found = deviations(&ops, &Alone);
        assert!(!found.is_empty(), "{operation}");
        assert!(found.iter().all(|deviation| deviation.case.starts_with(operation)), "{operation}");
    }
}

const NAIVE: Ops = reference::OPS;

fn other_activation(
    team: &dyn Team,
    scratch: &mut Scratch,
    input: Input<'_>,
    tokens: usize,
    gated: &Gated<'_>,
    opened: &mut Prepared,
) {
    let Gated { gate, up, down, .. } = *gated;
    let gated = Gated { gate, up, activation: Activation::Silu, down };
    (reference::OPS.gated)(team, scratch, input, tokens, &gated, opened);
}

/// As a chip does that takes subnormal numbers for zero.
fn flushed(number: f32) -> f32 {
    if number.is_subnormal() { 0.0 } else { number }
}
