//! The naive loops as a table of functions, which those of every instruction set are compared with.

use std::sync::atomic::Ordering;

use hefu_cpu::activations::{ActivationBuffer, Activations};
use hefu_cpu::ops::{Activation, AddNorms, FusedNorm, GatedProduct, Norm, Ops, Projection, Rotation, Team};
use hefu_cpu::scratch::Scratch;
use hefu_numerics::attention::{Attention, Span};
use hefu_numerics::kv::LayerCache;
use hefu_numerics::quant::Format;
use hefu_numerics::reference::{add, attend, embed, gate, linear, rms_norm, rotate, store_kv};

pub const NAIVE: Ops = Ops {
    name: "naive",
    packed_bytes,
    row_group: 1,
    prefetch: |_, _| {},
    pack,
    rows: |_, matrix, rows, factor, output| embed(matrix, rows, factor, output),
    linear: linear_table,
    gated,
    rms_norm: |_, norm, input, output| normed(norm, input, output),
    rope,
    store,
    attention: |_: &dyn Team, _: &mut Scratch, attention: &Attention<'_>, output| attend(attention, output),
    gate: gate_table,
    add: add_table,
};

fn packed_bytes(format: &'static Format, rows: usize, columns: usize) -> usize {
    rows * format.row_bytes(columns).expect("whole blocks")
}

fn pack(_: &'static Format, _rows: usize, _columns: usize, file: &[u8], packed: &mut [u8]) {
    packed.copy_from_slice(file);
}

fn linear_table(_: &dyn Team, _: &mut Scratch, input: Activations<'_>, tokens: usize, outputs: &mut [Projection<'_>]) {
    let input = input.rows().expect("rows stay as they are here");
    for Projection { matrix, output, not_finite } in outputs {
        let output = &mut output[..tokens * matrix.rows];
        linear(input, matrix, None, output);
        if let Some(found) = not_finite
            && output.iter().any(|x| !x.is_finite())
        {
            found.store(true, Ordering::Relaxed);
        }
    }
}

fn gated(
    team: &dyn Team,
    scratch: &mut Scratch,
    input: Activations<'_>,
    tokens: usize,
    gated: &GatedProduct<'_>,
    ffn_hidden: &mut ActivationBuffer,
) {
    let GatedProduct { gate, up, activation, .. } = *gated;
    let gate_output = ffn_hidden.as_rows(tokens * gate.rows);
    let mut up_output = vec![0.0; tokens * up.rows];
    let mut project = |matrix, output: &mut [f32]| {
        linear_table(team, scratch, input, tokens, &mut [Projection { matrix, output, not_finite: None }]);
    };
    project(gate, gate_output);
    project(up, &mut up_output);
    gate_table(team, activation, gate_output, &up_output);
}

fn normed(norm: Norm<'_>, input: &[f32], output: &mut [f32]) {
    rms_norm(input, norm.gain.len(), Some(norm.gain), norm.epsilon, output);
}

fn rope(_: &dyn Team, rotation: &Rotation<'_>, heads: &mut [f32]) {
    if let Some(norm) = rotation.norm {
        let before = heads.to_vec();
        normed(norm, &before, heads);
    }
    let pairs = rotation.cosines.len() / rotation.tokens;
    let columns = rotation.cosines.chunks_exact(pairs.max(1)).zip(rotation.sines.chunks_exact(pairs.max(1)));
    let angles: Vec<f32> = columns.flat_map(|(cosines, sines)| [cosines, sines].concat()).collect();
    let before = heads.to_vec();
    rotate(&before, rotation.head_size, 0, rotation.pairs, &angles, pairs, heads);
}

fn store(_: &dyn Team, cache: &mut LayerCache, spans: &[Span<'_>], keys: &[f32], values: &[f32]) {
    store_kv(keys, Some(values), spans, cache);
}

fn gate_table(_: &dyn Team, activation: Activation, ffn_hidden: &mut [f32], up: &[f32]) {
    let before = ffn_hidden.to_vec();
    gate(activation, &before, up, ffn_hidden);
}

fn add_table(_: &dyn Team, sum: &mut [f32], addend: &[f32], around: AddNorms<'_>) {
    let mut addend = addend.to_vec();
    if let Some(norm) = around.before {
        normed(norm, &addend.clone(), &mut addend);
    }
    let before = sum.to_vec();
    add(&before, &addend, sum);
    if let Some(FusedNorm { norm, output, .. }) = around.after {
        normed(norm, sum, output.as_rows(sum.len()));
    }
}
