//! Programs: their text, and every mistake that is found before they run.

#[path = "common/sketch.rs"]
mod sketch;

use hefu_numerics::program::{
    Activation, Entry, Factor, Groups, Kind, Op, Order, RouteRule, Scoring, Shape, State, StateSpec, Step, Value,
    Values, Weight, Wkv7,
};
use hefu_numerics::quant::FORMATS;
use sketch::{Sketch, WIDTH};

#[test]
fn a_program_has_a_text() {
    let mut sketch = Sketch::model();
    sketch.program.variants.push("rope long".into());
    let source = &mut sketch.program.weights[2].source;
    (source.first, source.block, source.stride) = (1, 4, 8);
    let text = sketch.program.clone().seal(&[]).unwrap().text();
    let expected = include_str!("programs/model.txt");
    assert_eq!(text, expected, "the text is now:\n{text}");
    sketch.program.weights[3].format = FORMATS[1];
    sketch.program.weights[3].source.offset += 2;
    assert_eq!(sketch.program.seal(&[]).unwrap().text(), expected, "how weights are stored is not in it");
}

/// The first operation of this name in the body.
fn op<'s>(sketch: &'s mut Sketch, name: &str) -> &'s mut Op {
    let steps = &mut sketch.program.sections[0].steps;
    &mut steps.iter_mut().find(|step| step.op.name() == name).expect("the body has it").op
}

fn value<'s>(sketch: &'s mut Sketch, name: &str) -> &'s mut hefu_numerics::program::ValueSpec {
    sketch.program.values.iter_mut().find(|spec| spec.name == name).expect("it has the value")
}

fn shape(sketch: &mut Sketch, tensor: &str, shape: Shape) {
    sketch.program.weights.iter_mut().find(|spec| spec.tensor == tensor).expect("it has the weight").shape = shape;
}

/// Error of a program after an edit.
fn fault(mut sketch: Sketch, edit: fn(&mut Sketch)) -> String {
    assert!(sketch.program.clone().seal(&[]).is_ok(), "it was a program before");
    edit(&mut sketch);
    sketch.program.seal(&[]).expect_err("it is no program").to_string()
}

type Mistakes = &'static [(fn(&mut Sketch), &'static str)];

fn check(sketch: fn() -> Sketch, mistakes: Mistakes) {
    for (edit, about) in mistakes {
        let found = fault(sketch(), *edit);
        assert!(found.contains(about), "{found:?} does not say {about:?}");
    }
}

macro_rules! set {
    ($name:literal, $kind:ident, $field:ident = $value:expr) => {
        |s| match op(s, $name) {
            Op::$kind { $field, .. } => *$field = $value,
            _ => unreachable!(),
        }
    };
}

#[test]
fn widths_and_shapes_are_checked() {
    check(
        Sketch::model,
        &[
            (
                |s| shape(s, "blk.0.attn_qkv.weight", Shape::Matrix { rows: 48, columns: 31 }),
                "`linear` of layer 0 that writes `attn_qkv` needs `blk.0.attn_qkv.weight` to be a Matrix { rows: 48, columns: 32 }",
            ),
            (
                |s| shape(s, "token_embd.weight", Shape::Matrix { rows: 22, columns: 32 }),
                "`embd` has a table of fewer rows",
            ),
            (|s| shape(s, "blk.1.attn_norm.weight", Shape::Vector(31)), "writes `attn_norm` needs"),
            (|s| shape(s, "blk.0.ssm_a", Shape::Vector(3)), "cuts `ssm_alpha` of 2 numbers into 3 heads"),
            (
                |s| shape(s, "blk.0.ssm_conv1d.weight", Shape::Matrix { rows: 48, columns: 5 }),
                "needs state 0 to be 192 numbers",
            ),
            (|s| s.program.weights[1].format = FORMATS[10], "cannot be a Matrix"),
            (|s| s.program.weights[1].source.block = 0, "cannot lie at"),
            (set!("rms_norm", RmsNorm, size = 5), "`attn_norm` cuts `block_output` of 32 numbers into parts of 5"),
            (set!("rms_norm", RmsNorm, size = 0), "into parts of 0"),
            (set!("l2_norm", L2Norm, size = 3), "`k_length` cuts `k`"),
            (set!("rotate", Rotate, first = 1), "`queries` rotates 16 elements from 1 on, of heads of 16"),
            (set!("rotate", Rotate, head = 15), "into parts of 15"),
            (set!("slice", Slice, first = 41), "takes 8 elements from 41 on, of heads of 48"),
            (set!("slice", Slice, size = 9), "needs `q` to be 9 Numbers"),
            (|s| value(s, "block_output").width = 31, "`block_output` needs `embd` to be 31 Numbers"),
            (|s| value(s, "angles").kind = Kind::Numbers, "needs `angles` to be 16 Angles, but it is 16 Numbers"),
            (|s| value(s, "angles").width = 18, "needs `angles` to be 16 Angles"),
            (|s| value(s, "beta").width = 0, "`beta`"),
        ],
    );
}

#[test]
fn states_are_checked() {
    fn heads(s: &mut Sketch) -> &mut hefu_numerics::program::DeltaHeads {
        match op(s, "gated_delta") {
            Op::GatedDelta { heads, .. } => heads,
            _ => unreachable!(),
        }
    }
    const OWN: Values = Values::Own(16);
    const fn spec(group: u8, value: Values, window: Option<usize>) -> StateSpec {
        StateSpec::KeyValue { group, heads: 1, key: 16, value, window }
    }
    fn key_value(s: &mut Sketch, state: StateSpec) {
        s.program.states[2] = state;
    }
    check(
        Sketch::model,
        &[
            (|s| heads(s).keys = 3, "has 2 value heads for 3 key heads"),
            (|s| heads(s).key_size = 9, "`gated_delta` of layer 0 that writes `read` needs `q` to be 9"),
            (|s| heads(s).value_size = 8, "needs `v` to be 16 Numbers, but it is 32 Numbers"),
            (|s| s.program.states[1] = StateSpec::Recurrent { numbers: 255 }, "needs state 1 to be 256 numbers"),
            (|s| s.program.states[1] = StateSpec::Recurrent { numbers: 0 }, "state 1 holds nothing"),
            (set!("attend", Attend, heads = 0), "`attended` has 0 heads for 1 of its state"),
            (set!("attend", Attend, heads = 3), "needs `queries` to be 48 Numbers"),
            (set!("attend", Attend, state = State(0)), "needs state 0 to hold keys and values"),
            (set!("store_kv", StoreKv, values = None), "`store_kv` of layer 1 stores no values"),
            (set!("store_kv", StoreKv, state = State(1)), "writes state 1 a second time"),
            (set!("short_conv", ShortConv, state = State(2)), "writes state 2 a second time"),
            (|s| s.program.states.push(spec(0, OWN, Some(70))), "state 3 is never written"),
            (|s| s.program.states.push(spec(0, OWN, None)), "state 3 has another window than the others of its group"),
            (|s| key_value(s, spec(1, OWN, None)), "not numbered one after the other"),
            (|s| key_value(s, spec(0, Values::FirstOfKey(16), None)), "stores values that its keys hold already"),
            (|s| key_value(s, spec(0, Values::FirstOfKey(17), None)), "has values that are longer than its keys"),
            (|s| key_value(s, spec(0, OWN, Some(0))), "state 2 holds nothing"),
            (
                |s| {
                    s.program.profile = hefu_numerics::kv::Profile::Q8;
                    key_value(s, spec(0, Values::FirstOfKey(16), None));
                },
                "state 2 has values in keys that are no whole blocks",
            ),
            (
                |s| {
                    let steps = &mut s.program.sections[0].steps;
                    let at = steps.iter().position(|step| step.op.name() == "store_kv").expect("it stores");
                    steps[at..at + 2].reverse();
                },
                "`attend` of layer 1 that writes `attended` reads state 2 before it is written",
            ),
            (|s| s.program.order = Order::Whole, "but a text that is read as a whole has none"),
        ],
    );
}

#[test]
fn places_and_sections_are_checked() {
    fn push(s: &mut Sketch, section: usize, op: Op) {
        s.program.sections[section].steps.push(Step { layer: None, op });
    }
    check(
        Sketch::model,
        &[
            (set!("add", Add, a = Value(999)), "`add` names a value that is not there"),
            (set!("linear", Linear, bias = Some(Weight(999))), "`linear` names a weight that is not there"),
            (set!("attend", Attend, state = State(9)), "`attend` names a state that is not there"),
            (|s| s.program.ropes.clear(), "`angles` names a rotation that is not there"),
            (|s| s.program.sections[2].output = Value(999), "a section or a probe names a value"),
            (set!("add", Add, b = Value(25)), "`add` of layer 0 reads before it is written `capped`"),
            (|s| push(s, 0, Op::Add { a: Value(0), b: Value(0), out: Value(0) }), "`add` writes a second time `embd`"),
            (|s| push(s, 0, Op::Select { x: Value(0), out: Value(0) }), "writes a second time"),
            (|s| s.program.sections.swap(0, 1), "reads before it is written"),
            (
                |s| {
                    s.program.sections.remove(0);
                },
                "reads before it is written",
            ),
            (|s| s.program.sections[2].entry = Entry::Logits, "two sections for one entry"),
            (|s| s.program.sections[0].entry = Entry::Hidden, "does not begin with a body"),
            (|s| s.program.vocabulary = 22, "it has 23 logits for 22 tokens"),
            (
                |s| {
                    s.section(Entry::Hidden);
                    s.program.sections.swap_remove(2);
                    s.step("late", WIDTH, |out| Op::Activate { x: Value(0), activation: Activation::Silu, out });
                },
                "of the head Hidden reads `embd` of the body",
            ),
            (
                |s| {
                    s.section(Entry::Hidden);
                    s.program.sections.swap_remove(2);
                    s.step("late", WIDTH, |out| Op::Embed { table: Weight(0), scale: 1.0, out });
                },
                "stands in the head Hidden, which has no batch and no states",
            ),
            (
                |s| {
                    let x = s.program.sections[0].output;
                    let out = s.value("chosen", WIDTH, Kind::Numbers);
                    push(s, 0, Op::Select { x, out });
                },
                "is put by `seal` alone",
            ),
        ],
    );
}

/// The remaining operations, each once.
fn others() -> Sketch {
    let mut s = Sketch::new();
    s.section(Entry::Body);
    let x = s.step("x", WIDTH, |out| Op::Inject { input: 0, out });
    let weight = s.weight("heads", Shape::Stack { items: 4, rows: 3, columns: 8 });
    let h = s.step("h", 12, |out| Op::HeadLinear { x, weight, out });
    let joined = s.step("joined", 24, |out| Op::Join { parts: vec![h, h], heads: 4, out });
    let factors = s.weight("factors", Shape::Vector(6));
    s.step("scaled", 24, |out| Op::Scale { x: joined, by: Factor::Weight(factors), out });
    s.step("halved", 24, |out| Op::Scale { x: joined, by: Factor::Value(h), out });
    let scores = s.linear("router", x, WIDTH, 8);
    let bias = Some(s.weight("bias", Shape::Vector(8)));
    let groups = Some(Groups { count: 4, used: 2, best: 1 });
    let rule =
        RouteRule { used: 2, scoring: Scoring::Sigmoid, bias, groups, normalised: None, scale: 1.0, factors: None };
    let choices = s.value("choices", 2, Kind::Choices);
    s.push(Op::Route { scores, rule, out: choices });
    let [gate, up] = ["gate", "up"].map(|name| s.weight(name, Shape::Stack { items: 8, rows: 5, columns: WIDTH }));
    let down = s.weight("down", Shape::Stack { items: 8, rows: WIDTH, columns: 5 });
    let activation = Activation::Gelu;
    s.step("mixed", WIDTH, |out| Op::Experts {
        x,
        choices,
        gate: Some(gate),
        up,
        down,
        biases: [None; 3],
        activation,
        out,
    });
    s
}

#[test]
fn heads_factors_and_experts_are_checked() {
    fn rule(s: &mut Sketch) -> &mut RouteRule {
        match op(s, "route") {
            Op::Route { rule, .. } => rule,
            _ => unreachable!(),
        }
    }
    fn nine_experts(s: &mut Sketch) {
        for name in ["gate", "up"] {
            shape(s, name, Shape::Stack { items: 9, rows: 5, columns: WIDTH });
        }
        shape(s, "down", Shape::Stack { items: 9, rows: WIDTH, columns: 5 });
    }
    fn groups(s: &mut Sketch, count: usize, used: usize, best: usize) {
        rule(s).groups = Some(Groups { count, used, best });
    }
    check(
        others,
        &[
            (|s| shape(s, "heads", Shape::Matrix { rows: 12, columns: 8 }), "`h` needs a stack of matrices"),
            (|s| shape(s, "heads", Shape::Stack { items: 4, rows: 3, columns: 9 }), "needs `x` to be 36 Numbers"),
            (set!("join", Join, heads = 5), "cuts `h` of 12 numbers into 5 heads"),
            (|s| value(s, "joined").width = 25, "needs `joined` to be 24 Numbers"),
            (|s| shape(s, "factors", Shape::Vector(5)), "cuts `joined` of 24 numbers into 5 heads"),
            (set!("scale", Scale, by = Factor::Value(Value(0))), "cuts `joined` of 24 numbers into 32 heads"),
            (|s| rule(s).used = 3, "needs `choices` to be 3 Choices"),
            (|s| groups(s, 3, 1, 1), "cuts 8 experts into 3 groups"),
            (|s| groups(s, 4, 5, 1), "chooses by"),
            (|s| groups(s, 4, 1, 3), "chooses by"),
            (|s| groups(s, 8, 1, 1), "chooses 2 experts of 8"),
            (|s| shape(s, "bias", Shape::Vector(7)), "needs `bias` to be a Vector(8)"),
            (|s| value(s, "choices").kind = Kind::Numbers, "needs `choices` to be 2 Choices"),
            (|s| shape(s, "up", Shape::Stack { items: 8, rows: 6, columns: WIDTH }), "needs `gate` to be"),
            (|s| shape(s, "down", Shape::Stack { items: 8, rows: WIDTH, columns: 6 }), "needs `down` to be"),
            (|s| shape(s, "gate", Shape::Stack { items: 9, rows: 5, columns: WIDTH }), "needs `gate` to be"),
            (nine_experts, "has 9 experts, but its router"),
        ],
    );
}

/// A program with the states of later families.
fn scans() -> Sketch {
    let mut s = Sketch::new();
    s.section(Entry::Body);
    let x = s.step("x", WIDTH, |out| Op::Inject { input: 0, out });
    let [keys, queries] = ["keys", "queries"].map(|name| s.step(name, 4, |out| Op::Inject { input: 1, out }));
    let rates = s.weight("rates", Shape::Matrix { rows: WIDTH, columns: 4 });
    let state = s.state(StateSpec::Recurrent { numbers: 4 * WIDTH });
    s.step("scanned", WIDTH, |out| Op::SelectiveScan { x, steps: x, keys, queries, rates, state, out });
    let state = s.state(StateSpec::Recurrent { numbers: WIDTH });
    let shift = s.step("shift", WIDTH, |out| Op::TokenShift { x, state, out });
    let state = s.state(StateSpec::Recurrent { numbers: 8 * WIDTH });
    let inputs = Wkv7 { queries: x, decay: x, keys: x, values: x, removal: x, rates: shift };
    s.step("read", WIDTH, |out| Op::Wkv7 { inputs, heads: WIDTH / 8, state, out });
    let scores = s.linear("router", x, WIDTH, 8);
    let (scoring, bias, groups) = (Scoring::SparseMixer, None, None);
    let rule = RouteRule { used: 2, scoring, bias, groups, normalised: None, scale: 1.0, factors: None };
    let choices = s.value("choices", 2, Kind::Choices);
    s.push(Op::Route { scores, rule, out: choices });
    s
}

#[test]
fn scans_are_checked() {
    fn state(s: &mut Sketch, index: usize) {
        s.program.states[index] = StateSpec::Recurrent { numbers: 7 };
    }
    check(
        scans,
        &[
            (|s| shape(s, "rates", Shape::Matrix { rows: WIDTH, columns: 5 }), "needs `keys` to be 5 Numbers"),
            (|s| shape(s, "rates", Shape::Matrix { rows: 31, columns: 4 }), "needs `x` to be 31 Numbers"),
            (|s| shape(s, "rates", Shape::Vector(4)), "needs rates for each channel"),
            (|s| state(s, 0), "needs state 0 to be 128 numbers"),
            (|s| state(s, 1), "needs state 1 to be 32 numbers"),
            (|s| state(s, 2), "needs state 2 to be 256 numbers"),
            (set!("token_shift", TokenShift, x = Value(1)), "needs `keys` to be 32 Numbers"),
            (set!("wkv7", Wkv7, heads = 5), "cuts `read` of 32 numbers into 5 heads"),
            (
                |s| match op(s, "wkv7") {
                    Op::Wkv7 { inputs, .. } => inputs.rates = Value(2),
                    _ => unreachable!(),
                },
                "needs `queries` to be 32 Numbers",
            ),
            (
                |s| match op(s, "route") {
                    Op::Route { rule, .. } => rule.groups = Some(Groups { count: 2, used: 1, best: 1 }),
                    _ => unreachable!(),
                },
                "is SparseMixer, which knows no bias and no groups",
            ),
        ],
    );
}

#[test]
fn what_is_needed_for_all_rows_follows_from_states_and_probes() {
    let sealed = |all: &[Value]| Sketch::model().program.seal(all).unwrap();
    let wanted = |program: &hefu_numerics::program::Program| {
        let names = program.values.iter().filter(|spec| spec.rows == hefu_numerics::program::Rows::Wanted);
        names.map(|spec| spec.name.clone()).collect::<Vec<_>>().join(" ")
    };
    let heads = "output_norm output capped hidden_norm";
    let program = sealed(&[]);
    let selected = "attn_norm_wanted angles_wanted block_output_wanted";
    assert_eq!(wanted(&program), format!("attn_q queries attended attn_output attn_residual {heads} {selected}"));
    let queries = program.values.iter().position(|spec| spec.name == "queries").unwrap();
    let probed = sealed(&[Value(queries as u32)]);
    assert_eq!(
        wanted(&probed),
        format!("attended attn_output attn_residual {heads} queries_wanted block_output_wanted")
    );
}
