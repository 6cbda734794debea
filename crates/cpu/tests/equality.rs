//! Every instruction set that this machine has gives the bits of the naive loops, for every operation.

mod common;

use common::naive::NAIVE;
use common::{Numbers, Style, assert_same_bits, devices, matrix_pair};
use hefu_cpu::Pool;
use hefu_cpu::activations::{ActivationBuffer, Activations};
use hefu_cpu::ops::{
    Activation, AddNorms, Alone, FusedNorm, GatedProduct, Norm, Ops, Projection, RopeStyle, Rotation, Team,
};
use hefu_cpu::scratch::Scratch;
use hefu_numerics::quant::FORMATS;
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

fn product(
    ops: &Ops,
    team: &dyn Team,
    matrices: &[&hefu_numerics::matrix::Matrix],
    input: &[f32],
    tokens: usize,
) -> Vec<Vec<f32>> {
    let mut outputs: Vec<Vec<f32>> = matrices.iter().map(|matrix| vec![f32::NAN; tokens * matrix.rows]).collect();
    let mut projections: Vec<Projection<'_>> = matrices
        .iter()
        .zip(&mut outputs)
        .map(|(matrix, output)| Projection { matrix, output, not_finite: None })
        .collect();
    (ops.linear)(team, &mut Scratch::default(), Activations::Rows(input), tokens, &mut projections);
    outputs
}

fn check_product(format: usize, style: Style, seed: u64, rows: usize, blocks: usize, tokens: usize, team: &dyn Team) {
    let format = FORMATS[format % FORMATS.len()];
    let columns = blocks * format.block_elements.max(32);
    let mut numbers = Numbers::new(seed);
    let file = numbers.weights(format, rows, columns, style);
    let input = numbers.activations(tokens * columns, style);
    for ops in devices() {
        let (naive, packed) = matrix_pair(ops, format, rows, columns, &file);
        let expected = product(&NAIVE, &Alone, &[&naive], &input, tokens);
        let found = product(ops, team, &[&packed], &input, tokens);
        let name = format!("{} {} {rows}x{columns} tokens {tokens} {style:?}", ops.name, format.name);
        assert_same_bits(&name, &expected[0], &found[0]);
    }
}

#[test]
fn products_of_every_format_and_batch() {
    for format in 0..FORMATS.len() {
        for tokens in 1..=33 {
            check_product(format, Style::Usual, tokens as u64, 16 + tokens % 5, 1 + tokens % 2, tokens, &Alone);
        }
    }
}

/// Batches of several large tiles, the last of them not full, and rows so long that they are taken in stretches.
#[test]
fn products_of_large_batches_and_long_rows() {
    let team = Pool::new(2);
    for format in 0..FORMATS.len() {
        for (rows, blocks, tokens) in [(35, 1, 65), (16, 2, 130), (50, 40, 17), (20, 70, 35)] {
            check_product(format, Style::Usual, 7, rows, blocks, tokens, &team);
        }
    }
}

#[test]
fn several_matrices_share_their_input() {
    let team = Pool::new(2);
    let mut numbers = Numbers::new(5);
    let columns = 512;
    for (tokens, ops) in [1, 14, 40].into_iter().flat_map(|tokens| devices().map(move |ops| (tokens, ops))) {
        let input = numbers.activations(tokens * columns, Style::Usual);
        let pairs: Vec<_> = FORMATS
            .iter()
            .enumerate()
            .map(|(i, format)| {
                let rows = 5 + 7 * i;
                let file = numbers.weights(format, rows, columns, Style::Usual);
                matrix_pair(ops, format, rows, columns, &file)
            })
            .collect();
        let naive: Vec<_> = pairs.iter().map(|pair| &pair.0).collect();
        let packed: Vec<_> = pairs.iter().map(|pair| &pair.1).collect();
        let expected = product(&NAIVE, &Alone, &naive, &input, tokens);
        let found = product(ops, &team, &packed, &input, tokens);
        for ((expected, found), matrix) in expected.iter().zip(&found).zip(&naive) {
            assert_same_bits(&format!("{} {matrix:?}", ops.name), expected, found);
        }
    }
}

#[test]
fn rows_come_back_out_of_the_packing() {
    let mut numbers = Numbers::new(9);
    for format in FORMATS {
        let (rows, columns) = (37, format.block_elements.max(32) * 3);
        let file = numbers.weights(format, rows, columns, Style::Usual);
        for ops in devices() {
            let (naive, packed) = matrix_pair(ops, format, rows, columns, &file);
            for row in 0..rows {
                let (mut expected, mut found) = (vec![0.0; columns], vec![0.0; columns]);
                (NAIVE.rows)(&Alone, &naive, &[row as u32], 0.7, &mut expected);
                (ops.rows)(&Alone, &packed, &[row as u32], 0.7, &mut found);
                assert_same_bits(&format!("{} {} row {row}", ops.name, format.name), &expected, &found);
            }
        }
    }
}

/// Whether a product says so if one of its outputs is not finite, wherever that lies, and only then.
#[test]
fn an_output_that_is_not_finite_is_noticed_wherever_it_is() {
    let team = Pool::new(2);
    let columns = 1280;
    for (format, (tokens, rows)) in
        FORMATS.iter().flat_map(|format| [(1, 16), (3, 37), (16, 40), (33, 20)].map(|shape| (format, shape)))
    {
        let mut numbers = Numbers::new(9);
        let file = numbers.weights(format, rows, columns, Style::Usual);
        let input = numbers.activations(tokens * columns, Style::Usual);
        for ops in devices().chain([&NAIVE]) {
            let (naive, packed) = matrix_pair(ops, format, rows, columns, &file);
            let matrix = if ops.name == NAIVE.name { &naive } else { &packed };
            let is_noticed = |input: &[f32]| {
                let (mut output, not_finite) = (vec![0.0; tokens * rows], AtomicBool::new(false));
                let projection = Projection { matrix, output: &mut output, not_finite: Some(&not_finite) };
                (ops.linear)(&team, &mut Scratch::default(), Activations::Rows(input), tokens, &mut [projection]);
                assert_eq!(not_finite.load(Ordering::Relaxed), output.iter().any(|x| !x.is_finite()));
                not_finite.into_inner()
            };
            let name = format!("{} {} {tokens} tokens", ops.name, format.name);
            assert!(!is_noticed(&input), "{name}");
            for bad in [f32::NAN, f32::INFINITY] {
                let mut input = input.clone();
                input[(tokens - 1) * columns + 700] = bad;
                assert!(is_noticed(&input), "{name} {bad}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn products_of_any_shape_and_values(
        format in 0..FORMATS.len(), style in common::any_style(), seed: u64,
        rows in 1usize..70, blocks in 1usize..6, tokens in 1usize..34,
    ) {
        check_product(format, style, seed, rows, blocks, tokens, &Alone);
    }

    #[test]
    fn what_a_gate_opens_and_the_product_with_it(
        formats in (0..FORMATS.len(), 0..FORMATS.len(), 0..FORMATS.len()), seed: u64, rows in 1usize..70,
        inner in 1usize..9, tokens in 1usize..110, threads in 1usize..4, silu: bool,
    ) {
        let team = Pool::new(threads);
        let mut numbers = Numbers::new(seed);
        let [gate, up, down] = [formats.0, formats.1, formats.2].map(|format| &FORMATS[format]);
        let whole = |format: &hefu_numerics::quant::Format| format.block_elements.max(32);
        let (width, inner) = (whole(gate).max(whole(up)), whole(down) * inner.min(512 / whole(down)));
        let files = [(gate, inner, width), (up, inner, width), (down, rows, inner)];
        let files = files.map(|(format, rows, columns)| numbers.weights(format, rows, columns, Style::Usual));
        let input = numbers.activations(tokens * width, Style::Usual);
        let activation = if silu { Activation::Silu } else { Activation::Gelu };
        for ops in devices() {
            let pairs = [(gate, inner, width), (up, inner, width), (down, rows, inner)].into_iter().zip(&files);
            let pairs: Vec<_> =
                pairs.map(|((format, rows, columns), file)| matrix_pair(ops, format, rows, columns, file)).collect();
            let outputs = |ops: &Ops, team: &dyn Team, matrices: [&hefu_numerics::matrix::Matrix; 3]| {
                let (mut scratch, mut ffn_hidden) = (Scratch::default(), ActivationBuffer::default());
                let mut output = vec![f32::NAN; tokens * rows];
                let [gate, up, down] = matrices;
                let gated = GatedProduct { gate, up, activation, down };
                (ops.gated)(team, &mut scratch, Activations::Rows(&input), tokens, &gated, &mut ffn_hidden);
                let projection = Projection { matrix: down, output: &mut output, not_finite: None };
                (ops.linear)(team, &mut scratch, ffn_hidden.input(), tokens, &mut [projection]);
                output
            };
            let expected = outputs(&NAIVE, &Alone, [&pairs[0].0, &pairs[1].0, &pairs[2].0]);
            let found = outputs(ops, &team, [&pairs[0].1, &pairs[1].1, &pairs[2].1]);
            let name = format!("{} {} {} {} {tokens} tokens", ops.name, gate.name, up.name, down.name);
            assert_same_bits(&name, &expected, &found);
        }
    }

    #[test]
    fn a_norm_and_the_products_that_read_it(
        formats in (0..FORMATS.len(), 0..FORMATS.len()), seed: u64, rows in 1usize..40, tokens in 1usize..180,
        threads in 1usize..4, style in common::any_style(), is_read_as_it_is: bool,
    ) {
        let team = Pool::new(threads);
        let mut numbers = Numbers::new(seed);
        let formats = [formats.0, formats.1].map(|format| &FORMATS[format]);
        let width = formats.map(|format| format.block_elements.max(32)).into_iter().max().unwrap();
        let files = formats.map(|format| numbers.weights(format, rows, width, Style::Usual));
        let (x, y) = (numbers.activations(tokens * width, style), numbers.activations(tokens * width, style));
        let gain = numbers.activations(width, Style::Usual);
        let norm = Norm { gain: &gain, epsilon: 1.0e-6 };
        for ops in devices() {
            let pairs = [0, 1].map(|i| matrix_pair(ops, formats[i], rows, width, &files[i]));
            let outputs = |ops: &Ops, team: &dyn Team, readers: [&hefu_numerics::matrix::Matrix; 2]| {
                let (mut sum, mut normed) = (x.clone(), ActivationBuffer::default());
                let told: &[_] = if is_read_as_it_is { &[] } else { &readers };
                let after = Some(FusedNorm { norm, output: &mut normed, readers: told });
                (ops.add)(team, &mut sum, &y, AddNorms { before: Some(norm), after });
                let mut outputs = [(); 2].map(|()| vec![f32::NAN; tokens * rows]);
                let [a, b] = &mut outputs;
                let mut projections = [(readers[0], a), (readers[1], b)]
                    .map(|(matrix, output)| Projection { matrix, output, not_finite: None });
                (ops.linear)(team, &mut Scratch::default(), normed.input(), tokens, &mut projections);
                [&sum[..], &outputs[0], &outputs[1]].concat()
            };
            let expected = outputs(&NAIVE, &Alone, [&pairs[0].0, &pairs[1].0]);
            let found = outputs(ops, &team, [&pairs[0].1, &pairs[1].1]);
            let name = format!("{} {} {} {tokens} tokens", ops.name, formats[0].name, formats[1].name);
            assert_same_bits(&name, &expected, &found);
        }
    }

    #[test]
    fn norms_gates_and_sums(
        style in common::any_style(), seed: u64, rows in 1usize..40, width in 1usize..700, threads in 1usize..4,
    ) {
        let team = Pool::new(threads);
        let mut numbers = Numbers::new(seed);
        let (x, y) = (numbers.activations(rows * width, style), numbers.activations(rows * width, style));
        let gain = numbers.activations(width, Style::Usual);
        for ops in devices() {
            let (mut expected, mut found) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            let norm = Norm { gain: &gain, epsilon: 1.0e-6 };
            (NAIVE.rms_norm)(&Alone, norm, &x, &mut expected);
            (ops.rms_norm)(&team, norm, &x, &mut found);
            assert_same_bits(&format!("{} norm {rows}x{width}", ops.name), &expected, &found);
            for activation in [Activation::Silu, Activation::Gelu] {
                let (mut expected, mut found) = (x.clone(), x.clone());
                (NAIVE.gate)(&Alone, activation, &mut expected, &y);
                (ops.gate)(&team, activation, &mut found, &y);
                assert_same_bits(&format!("{} {activation:?}", ops.name), &expected, &found);
            }
            for (before, is_normed) in [(None, false), (Some(norm), false), (None, true), (Some(norm), true)] {
                let sums = |ops: &Ops, team: &dyn Team| {
                    let (mut sum, mut normed) = (x.clone(), ActivationBuffer::default());
                    let after = is_normed.then_some(FusedNorm { norm, output: &mut normed, readers: &[] });
                    (ops.add)(team, &mut sum, &y, AddNorms { before, after });
                    [&sum, normed.rows().expect("no product reads them")].concat()
                };
                assert_same_bits(&format!("{} add", ops.name), &sums(&NAIVE, &Alone), &sums(ops, &team));
            }
        }
    }

    #[test]
    fn rotations(
        seed: u64, tokens in 1usize..9, heads in 1usize..5, half in 1usize..70, rest in 0usize..9, neighbours: bool,
        with_norm: bool,
    ) {
        let mut numbers = Numbers::new(seed);
        let head_size = 2 * half + rest;
        let x = numbers.activations(tokens * heads * head_size, Style::Usual);
        let cosines = numbers.activations(tokens * half, Style::Usual);
        let sines = numbers.activations(tokens * half, Style::Usual);
        let pairs = if neighbours { RopeStyle::Interleaved } else { RopeStyle::NeoX };
        let gain = numbers.activations(head_size, Style::Usual);
        let norm = with_norm.then_some(Norm { gain: &gain, epsilon: 1.0e-6 });
        let rotation = Rotation { tokens, head_size, norm, pairs, cosines: &cosines, sines: &sines };
        for ops in devices() {
            let (mut expected, mut found) = (x.clone(), x.clone());
            (NAIVE.rope)(&Alone, &rotation, &mut expected);
            (ops.rope)(&Alone, &rotation, &mut found);
            assert_same_bits(&format!("{} rope", ops.name), &expected, &found);
        }
    }
}
