//! States that every position changes, taken up where an earlier batch left or kept them.

use super::trial::{Part, PartSlots, Pass, Trial};
use super::{Numbers, Style};
use crate::device::{Device, Error};
use crate::program::{Activation, DeltaHeads, Factor, Op, Shape, StateSpec, Wkv7};
use crate::quant::FORMATS;

/// Slots.
const SLOTS: u32 = 5;

/// Batches of rows `widths` wide: every slot is filled with NaN, two sequences begin, of which one is kept on the way, and in
/// the last batch both go on, and a third one from what was kept. Decays are below zero.
fn passes(numbers: &mut Numbers, widths: &[usize], decay: Option<usize>) -> Vec<Pass> {
    let mut inputs = |rows: usize| -> Vec<Vec<f32>> {
        let input = |(at, width): (usize, &usize)| {
            let mut input = numbers.activations(rows * width, Style::Usual);
            if decay == Some(at) {
                input.iter_mut().for_each(|x| *x = -x.abs());
            }
            input
        };
        widths.iter().enumerate().map(input).collect()
    };
    let part = |rows, position, read, write, keep: &[(usize, u32)]| Part {
        rows,
        position,
        pages: Vec::new(),
        slots: Some(PartSlots { read, write, keep: keep.to_vec() }),
        second: None,
    };
    let nan = widths.iter().map(|width| vec![f32::NAN; SLOTS as usize * width]).collect();
    let filled = (0..SLOTS).map(|slot| part(1, 0, None, slot, &[])).collect();
    let begun = vec![part(5, 0, None, 0, &[(1, 2), (2, 3)]), part(3, 0, None, 1, &[])];
    let gone_on = vec![part(1, 5, Some(0), 2, &[]), part(4, 2, Some(3), 3, &[(1, 4)]), part(2, 3, Some(1), 1, &[])];
    vec![
        Pass { spans: filled, inputs: nan, ..Pass::default() },
        Pass { spans: begun, inputs: inputs(8), ..Pass::default() },
        Pass { spans: gone_on, inputs: inputs(7), is_wanted: true, ..Pass::default() },
    ]
}

/// Short convolutions.
pub(super) fn short_conv(
    device: &dyn Device,
    taps: usize,
    with_bias: bool,
    activation: Option<Activation>,
) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial, channels) = (Numbers::new(41), Trial::new(), 37);
    let bytes = numbers.weights(FORMATS[0], channels, taps, Style::Usual);
    let weight = trial.weight(FORMATS[0], Shape::Matrix { rows: channels, columns: taps }, &bytes);
    let bias = with_bias.then(|| trial.vector(&numbers.activations(channels, Style::Usual)));
    trial.slots = SLOTS as usize;
    let state = trial.state(StateSpec::Recurrent { numbers: channels * (taps - 1) });
    let x = trial.inject(channels);
    let out = trial.step(channels, |out| Op::ShortConv { x, weight, bias, activation, state, out });
    let passes = passes(&mut numbers, &[channels], None);
    trial.run_all(device, &[out], passes)
}

/// Gated delta rules, with a correction or without.
pub(super) fn gated_delta(device: &dyn Device, heads: DeltaHeads, is_corrected: bool) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(43), Trial::new());
    let DeltaHeads { keys, values, key_size, value_size, .. } = heads;
    trial.slots = SLOTS as usize;
    let state = trial.state(StateSpec::Recurrent { numbers: values * key_size * value_size });
    let widths = [keys * key_size, keys * key_size, values * value_size, values, values];
    let [queries, keys, of_heads, decay, beta] = widths.map(|width| trial.inject(width));
    // As in a model: keys of length 1, so that a correction with a factor below 1 does not grow.
    let epsilon = 1.0e-6;
    let keys = trial.step(widths[1], |out| Op::L2Norm { x: keys, size: key_size, epsilon, out });
    let beta = trial.step(values, |out| Op::Activate { x: beta, activation: Activation::Sigmoid, out });
    let beta = is_corrected.then_some(beta);
    let out = trial.step(values * value_size, |out| Op::GatedDelta {
        queries,
        keys,
        values: of_heads,
        decay,
        beta,
        heads,
        scale: 0.25,
        state,
        out,
    });
    let passes = passes(&mut numbers, &widths, Some(3));
    trial.run_all(device, &[out], passes)
}

/// Selective scans, with rates below zero and steps above.
pub(super) fn selective_scan(device: &dyn Device, channels: usize, count: usize) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(59), Trial::new());
    trial.slots = SLOTS as usize;
    let state = trial.state(StateSpec::Recurrent { numbers: channels * count });
    let rates = numbers.activations(channels * count, Style::Usual);
    let bytes: Vec<u8> = rates.iter().flat_map(|rate| (-rate.abs()).to_le_bytes()).collect();
    let rates = trial.weight(FORMATS[0], Shape::Matrix { rows: channels, columns: count }, &bytes);
    let widths = [channels, channels, count, count];
    let [x, steps, keys, queries] = widths.map(|width| trial.inject(width));
    let activation = Activation::Softplus;
    let steps = trial.step(channels, |out| Op::Activate { x: steps, activation, out });
    let x = trial.step(channels, |out| Op::Scale { x, by: Factor::Value(steps), out });
    let out = trial.step(channels, |out| Op::SelectiveScan { x, steps, keys, queries, rates, state, out });
    let passes = passes(&mut numbers, &widths, None);
    trial.run_all(device, &[out], passes)
}

/// Distances to the row before.
pub(super) fn token_shift(device: &dyn Device, width: usize) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(61), Trial::new());
    trial.slots = SLOTS as usize;
    let state = trial.state(StateSpec::Recurrent { numbers: width });
    let x = trial.inject(width);
    let out = trial.step(width, |out| Op::TokenShift { x, state, out });
    let passes = passes(&mut numbers, &[width], None);
    trial.run_all(device, &[out], passes)
}

/// Generalised delta rules, with removal keys of length 1 and rates below 1, as in a model.
pub(super) fn wkv7(device: &dyn Device, heads: usize, size: usize) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial, width) = (Numbers::new(67), Trial::new(), heads * size);
    trial.slots = SLOTS as usize;
    let state = trial.state(StateSpec::Recurrent { numbers: heads * size * size });
    let [queries, decay, keys, values, removal, rates] = [(); 6].map(|()| trial.inject(width));
    let removal = trial.step(width, |out| Op::L2Norm { x: removal, size, epsilon: 1.0e-24, out });
    let rates = trial.step(width, |out| Op::Activate { x: rates, activation: Activation::Sigmoid, out });
    let inputs = Wkv7 { queries, decay, keys, values, removal, rates };
    let out = trial.step(width, |out| Op::Wkv7 { inputs, heads, state, out });
    let passes = passes(&mut numbers, &[width; 6], Some(1));
    trial.run_all(device, &[out], passes)
}
