//! Work of operations.

#[path = "common/sketch.rs"]
mod sketch;

use hefu_numerics::device::{Slots, Span, Work};
use hefu_numerics::kv::Profile;
use hefu_numerics::program::{
    Activation, Amount, DeltaHeads, Entry, Factor, Kind, Op, Program, RopeStyle, RouteRule, Rows, Scoring, Shape,
    Sharing, State, StateSpec, Value, Values, Weight, Wkv7, work,
};
use hefu_numerics::quant::FORMATS;
use sketch::{Sketch, WIDTH};
use std::ops::Range;

/// Operations of one `exp`.
const EXP: u64 = 17;
/// Of one score besides its dot product.
const SCORE: u64 = EXP + 3;

fn float(float: u64) -> Work {
    Work { float, ..Work::default() }
}

/// A program with one value of `WIDTH` numbers.
fn with_input() -> (Sketch, Value) {
    let mut sketch = Sketch::new();
    sketch.section(Entry::Body);
    let x = sketch.step("x", WIDTH, |out| Op::Inject { input: 0, out });
    (sketch, x)
}

/// The work of the last operation, for so many rows; weights take what they take in the file.
fn of_rows(program: &Program, rows: usize, spans: &[Span<'_>], experts: usize) -> Work {
    let bytes = |weight: Weight| {
        let spec = program.weight(weight);
        spec.shape.rows() * spec.row_bytes()
    };
    let op = &program.sections[0].steps.last().expect("a step").op;
    work(program, op, &Amount { rows, which: Rows::All, spans, experts, bytes: &bytes })
}

fn product(format: &str, rows: usize, columns: usize, tokens: usize) -> Work {
    let (mut sketch, x) = with_input();
    let weight = sketch.weight("product", Shape::Matrix { rows, columns });
    let format = FORMATS.iter().find(|known| known.name == format).expect("a format");
    sketch.program.weights[0].format = format;
    sketch.step("out", rows, |out| Op::Linear { x, weight, bias: None, out });
    of_rows(&sketch.program, tokens, &[], 0)
}

#[test]
fn products_count_every_weight_once_per_token() {
    assert_eq!(product("F32", 32, 64, 3), Work { bytes: 32 * 64 * 4, integer: 0, float: 3 * 32 * 64 });
    // 4-bit codes and 2 bytes of scale per 32 columns.
    let expected = Work { bytes: 32 * 64 / 2 + 32 * 2 * 2, integer: 3 * 32 * 64, float: 3 * 32 * 2 };
    assert_eq!(product("Q4_0", 32, 64, 3), expected);
    // With a minimum per 32 columns, and with a scale per 16.
    assert_eq!(product("Q4_K", 16, 256, 1).float, 16 * 8 * 2);
    assert_eq!(product("Q6_K", 16, 256, 1).float, 16 * 16);
    let (mut sketch, _) = with_input();
    let table = sketch.weight("table", Shape::Matrix { rows: 16, columns: 64 });
    sketch.step("embd", 64, |out| Op::Embed { table, scale: 1.0, out });
    assert_eq!(of_rows(&sketch.program, 3, &[], 0), Work { bytes: 3 * 256, integer: 0, float: 3 * 64 });
    let (mut sketch, x) = with_input();
    let weight = sketch.weight("heads", Shape::Stack { items: 4, rows: 5, columns: 8 });
    sketch.step("out", 20, |out| Op::HeadLinear { x, weight, out });
    assert_eq!(of_rows(&sketch.program, 3, &[], 0), Work { bytes: 4 * 5 * 8 * 4, integer: 0, float: 3 * 4 * 5 * 8 });
}

/// Attention of 4 heads over a state.
fn attention(profile: Profile, state: StateSpec, which: Rows, spans: &[(usize, usize, Range<usize>)]) -> Work {
    let (mut sketch, queries) = with_input();
    sketch.program.profile = profile;
    let state = sketch.state(state);
    sketch.step("out", WIDTH, |out| Op::Attend {
        queries,
        heads: 4,
        scale: 1.0,
        cap: None,
        sinks: None,
        alibi: None,
        state,
        out,
    });
    let span = |(position, rows, wanted): &(usize, usize, Range<usize>)| Span {
        rows: 0..*rows,
        position: *position,
        wanted: wanted.clone(),
        tables: &[],
        slots: None,
        second: None,
    };
    let spans: Vec<Span<'_>> = spans.iter().map(span).collect();
    let op = &sketch.program.sections[0].steps[1].op;
    work(&sketch.program, op, &Amount { rows: 0, which, spans: &spans, experts: 0, bytes: &|_| 0 })
}

#[test]
fn attention_counts_what_is_seen_and_reads_what_is_old() {
    let state = |window, value| StateSpec::KeyValue { group: 0, heads: 2, key: 16, value, window };
    let f16 = |window, spans: &[_]| attention(Profile::F16, state(window, Values::Own(8)), Rows::All, spans);
    let per_score = 4 * (24 + SCORE);
    assert_eq!(f16(None, &[(0, 3, 0..0)]), float((1 + 2 + 3) * per_score));
    assert_eq!(f16(None, &[(9, 1, 0..0)]), Work { bytes: 9 * 2 * 24 * 2, integer: 0, float: 10 * per_score });
    assert_eq!(f16(Some(4), &[(9, 1, 0..0)]), Work { bytes: 3 * 2 * 24 * 2, integer: 0, float: 4 * per_score });
    let both = f16(None, &[(0, 3, 0..0), (9, 1, 0..0)]);
    assert_eq!((both.bytes, both.float), (9 * 2 * 24 * 2, 16 * per_score));
    // The last of ten tokens of one batch, which began at position 4.
    let last = attention(Profile::F16, state(None, Values::Own(8)), Rows::Wanted, &[(4, 10, 9..10)]);
    assert_eq!(last, Work { bytes: 4 * 2 * 24 * 2, integer: 0, float: 14 * per_score });
    let none = attention(Profile::F16, state(None, Values::Own(8)), Rows::Wanted, &[(4, 10, 0..0)]);
    assert_eq!(none, Work::default());
    // Values in keys are read with them.
    let latent = attention(Profile::F16, state(None, Values::FirstOfKey(8)), Rows::All, &[(9, 1, 0..0)]);
    assert_eq!(latent, Work { bytes: 9 * 2 * 16 * 2, integer: 0, float: 10 * per_score });
    let long = StateSpec::KeyValue { group: 0, heads: 2, key: 64, value: Values::Own(32), window: None };
    // 10 scores for each of 4 heads; 34 bytes for each of 2 + 1 blocks of 2 heads.
    let expected = Work { bytes: 9 * 2 * 3 * 34, integer: 10 * 4 * 64, float: 10 * 4 * (2 + 1 + 32 + SCORE) };
    assert_eq!(attention(Profile::Q8, long, Rows::All, &[(9, 1, 0..0)]), expected);
}

/// The work of an operation on 3 rows of `x`.
fn on_input(op: impl FnOnce(&mut Sketch, Value, Value) -> Op) -> Work {
    let (mut sketch, x) = with_input();
    let out = sketch.value("out", WIDTH, Kind::Numbers);
    let op = op(&mut sketch, x, out);
    sketch.push(op);
    of_rows(&sketch.program, 3, &[], 0)
}

#[test]
fn elements_and_pairs_are_counted() {
    let numbers = 3 * WIDTH as u64;
    let norm = on_input(|_, x, out| Op::RmsNorm { x, size: 8, gain: None, epsilon: 0.0, out });
    assert_eq!(norm, float(3 * numbers));
    assert_eq!(on_input(|_, x, out| Op::L2Norm { x, size: 8, epsilon: 0.0, out }), float(2 * numbers));
    assert_eq!(on_input(|_, x, out| Op::MatchMagnitude { x, like: x, floor: 0.0, out }), float(3 * numbers));
    assert_eq!(on_input(|_, x, out| Op::GaussianTopK { x, deviations: 1.0, out }), float(5 * numbers));
    // 2 heads of each row, of each of which 4 pairs rotate.
    let rotate = on_input(|sketch, x, out| {
        let angles = sketch.value("angles", 8, Kind::Angles);
        Op::Rotate { x, head: 16, first: 0, style: RopeStyle::NeoX, angles, out }
    });
    assert_eq!(rotate, float(3 * 2 * 4 * 4));
    let functions = [Activation::Silu, Activation::Gelu, Activation::Sigmoid, Activation::Softplus];
    for (activation, each) in functions.into_iter().zip([2, 5, 2, 10]) {
        let gate = on_input(|_, x, out| Op::Gate { gate: x, up: x, activation, out });
        assert_eq!(gate, float((EXP + each + 1) * numbers));
        assert_eq!(on_input(|_, x, out| Op::Activate { x, activation, out }), float((EXP + each) * numbers));
    }
    assert_eq!(on_input(|_, x, out| Op::Add { a: x, b: x, out }), float(numbers));
    assert_eq!(on_input(|_, x, out| Op::Scale { x, by: Factor::Constant(2.0), out }), float(numbers));
    assert_eq!(on_input(|_, x, out| Op::SoftCap { x, cap: 2.0, out }), float((EXP + 5) * numbers));
    let decay = on_input(|sketch, x, out| {
        let [rate, bias] = ["rate", "bias"].map(|name| sketch.weight(name, Shape::Vector(WIDTH)));
        Op::Decay { x, rate, bias, out }
    });
    assert_eq!(decay, float((EXP + 12) * numbers));
    assert_eq!(on_input(|_, x, out| Op::Slice { x, head: 8, first: 0, size: 8, out }), Work::default());
}

#[test]
fn experts_count_weights_of_those_chosen_and_arithmetic_of_every_choice() {
    let (mut sketch, x) = with_input();
    let scores = sketch.linear("router", x, WIDTH, 8);
    let choices = sketch.value("choices", 2, Kind::Choices);
    let (scoring, bias, groups, normalised) = (Scoring::Softmax, None, None, None);
    let rule = RouteRule { used: 2, scoring, bias, groups, normalised, scale: 1.0, factors: None };
    sketch.push(Op::Route { scores, rule, out: choices });
    assert_eq!(of_rows(&sketch.program, 3, &[], 0), float(3 * 8 * (EXP + 3)));
    let [gate, up] = ["gate", "up"].map(|name| sketch.weight(name, Shape::Stack { items: 8, rows: 5, columns: WIDTH }));
    let down = sketch.weight("down", Shape::Stack { items: 8, rows: WIDTH, columns: 5 });
    let activation = Activation::Silu;
    sketch.step("mixed", WIDTH, |out| Op::Experts {
        x,
        choices,
        gate: Some(gate),
        up,
        down,
        biases: [None; 3],
        activation,
        out,
    });
    let products = 3 * 2 * 3 * 5 * WIDTH as u64;
    let gates = 3 * 2 * 5 * (EXP + 3);
    let expected = Work { bytes: 4 * 3 * 5 * 32 * 4, integer: 0, float: products + gates + 3 * 2 * WIDTH as u64 };
    assert_eq!(of_rows(&sketch.program, 3, &[], 4), expected);
}

#[test]
fn recurrent_states_are_read_where_a_span_goes_on() {
    let slots = |read| Some(Slots { read, write: 0, keep: &[] });
    let span = |rows: Range<usize>, read| Span {
        rows,
        position: 0,
        wanted: 0..0,
        tables: &[],
        slots: slots(read),
        second: None,
    };
    let spans = [span(0..2, Some(0)), span(2..3, None)];
    let (mut sketch, x) = with_input();
    let weight = sketch.weight("kernel", Shape::Matrix { rows: WIDTH, columns: 4 });
    let state = sketch.state(StateSpec::Recurrent { numbers: 3 * WIDTH });
    let activation = Some(Activation::Silu);
    sketch.step("conv", WIDTH, |out| Op::ShortConv { x, weight, bias: None, activation, state, out });
    let bytes = (4 * WIDTH + 3 * WIDTH) as u64 * 4;
    let expected = Work { bytes, integer: 0, float: 3 * WIDTH as u64 * (4 + EXP + 2) };
    assert_eq!(of_rows(&sketch.program, 3, &spans, 0), expected);
    let memory = sketch.state(StateSpec::Recurrent { numbers: 2 * 8 * 16 });
    assert_eq!(memory, State(1));
    let heads = DeltaHeads { keys: 1, values: 2, key_size: 8, value_size: 16, sharing: Sharing::Tiled };
    let [queries, keys, values, decay, beta] = [x; 5];
    sketch.step("read", WIDTH, |out| Op::GatedDelta {
        queries,
        keys,
        values,
        decay,
        beta: Some(beta),
        heads,
        scale: 1.0,
        state: memory,
        out,
    });
    let each = 2 * (8 * 16 * 4 + 16 * 3 + EXP);
    let expected = Work { bytes: 2 * 8 * 16 * 4, integer: 0, float: 3 * each };
    assert_eq!(of_rows(&sketch.program, 3, &spans, 0), expected);
}

#[test]
fn scans_count_every_number_of_their_states() {
    let slots = Some(Slots { read: Some(0), write: 0, keep: &[] });
    let spans = [Span { rows: 0..3, position: 0, wanted: 0..0, tables: &[], slots, second: None }];
    let work_of = |numbers: usize, op: &mut dyn FnMut(&mut Sketch, Value, State, Value) -> Op| {
        let (mut sketch, x) = with_input();
        let state = sketch.state(StateSpec::Recurrent { numbers });
        let out = sketch.value("out", WIDTH, Kind::Numbers);
        let op = op(&mut sketch, x, state, out);
        sketch.push(op);
        of_rows(&sketch.program, 3, &spans, 0)
    };
    let width = WIDTH as u64;
    let scan = work_of(WIDTH * 4, &mut |sketch, x, state, out| {
        let rates = sketch.weight("rates", Shape::Matrix { rows: WIDTH, columns: 4 });
        let [keys, queries] = ["keys", "queries"].map(|name| sketch.value(name, 4, Kind::Numbers));
        Op::SelectiveScan { x, steps: x, keys, queries, rates, state, out }
    });
    // Rates and states are read; each number decays by an `exp` of a product, takes and gives.
    assert_eq!(scan, Work { bytes: 2 * width * 4 * 4, integer: 0, float: 3 * width * 4 * (EXP + 4) });
    let shift = work_of(WIDTH, &mut |_, x, state, out| Op::TokenShift { x, state, out });
    assert_eq!(shift, Work { bytes: width * 4, integer: 0, float: 3 * width });
    let wkv = work_of(WIDTH * 8, &mut |_, x, state, out| {
        let inputs = Wkv7 { queries: x, decay: x, keys: x, values: x, removal: x, rates: x };
        Op::Wkv7 { inputs, heads: WIDTH / 8, state, out }
    });
    assert_eq!(wkv, Work { bytes: width * 8 * 4, integer: 0, float: 3 * width * (8 * 5 + EXP + 1) });
}
