//! Cases of operations that came with later families.

use super::super::Style;
use super::super::attention::Heads;
use super::super::experts::{Kind, RULE};
use super::super::work::Work;
use super::{FIRST_PROFILES, GATED, List, latent_attention, named, plain_attention};
use crate::kv::Profile;
use crate::program::{Activation, DeltaHeads, Scoring, Sharing};

pub(super) fn add(list: &mut List) {
    elements(list);
    attention(list);
    experts(list);
    for (name, keys, values, key_size, value_size, sharing) in
        [("grouped", 2, 6, 64, 64, Sharing::Grouped), ("odd sizes", 1, 3, 20, 37, Sharing::Grouped)]
    {
        let heads = DeltaHeads { keys, values, key_size, value_size, sharing };
        list.add(format!("delta rule without a correction {name}"), Work::GatedDelta(heads, false));
    }
    plain_attention(list, Profile::I8);
    latent_attention(list, Profile::I8);
    bounded_attention(list, Profile::I8);
    Profile::ALL.into_iter().for_each(|profile| sloped_attention(list, profile));
    let work = Work::WholeAttention(40, (Some(30), Some(8.0)), &[70, 1, 130]);
    list.add("attention both ways size 40 window 30 with slopes", work);
    for style in Style::ALL {
        for width in [1, 17, 300] {
            let name = format!("magnitude of another row width {width} {}", style.name());
            list.add(name, Work::MatchMagnitude(width, style));
        }
        // Of a row whose squares have no finite sum nothing stands out.
        let widths: &[usize] = match style {
            Style::Extreme => &[],
            Style::Wild => &[2, 17],
            _ => &[2, 17, 300],
        };
        for width in widths {
            list.add(format!("gaussian top k width {width} {}", style.name()), Work::GaussianTopK(*width, style));
        }
    }
    scans(list);
}

/// Cases of Mamba 1, RWKV 7 and SparseMixer.
fn scans(list: &mut List) {
    for (channels, numbers) in [(37, 16), (64, 16), (5, 3)] {
        let name = format!("selective scan channels {channels} numbers {numbers}");
        list.add(name, Work::SelectiveScan(channels, numbers));
    }
    list.add("token shift width 300", Work::TokenShift(300));
    for (heads, size) in [(2, 64), (3, 20), (1, 128)] {
        list.add(format!("generalised delta rule heads {heads} size {size}"), Work::Wkv7(heads, size));
    }
    let rule = crate::program::RouteRule { used: 2, scoring: Scoring::SparseMixer, normalised: None, ..RULE };
    for style in Style::ALL {
        list.add(format!("choice sparse mixer {}", style.name()), Work::Choices(rule, [false; 2], style));
    }
}

/// Attention whose scores fall with the distance: of as many heads as a power of two, and of others.
fn sloped_attention(list: &mut List, profile: Profile) {
    let heads = |size, group, window, sequences| Heads {
        profile,
        size,
        latent: None,
        group,
        window,
        cap: None,
        has_sinks: false,
        alibi: Some(8.0),
        sequences,
    };
    for (name, heads) in [
        ("size 64 step with slopes", heads(64, 8, None, &[(1, 600)])),
        ("size 40 batch with slopes", heads(40, 3, Some(20), &[(9, 1020), (1, 0), (5, 70)])),
        ("size 32 prompt with slopes and a cap", Heads { cap: Some(2.0), ..heads(32, 5, None, &[(33, 90)]) }),
    ] {
        list.add(format!("attention {} {name}", profile.name()), Work::Attention(heads));
    }
}

fn elements(list: &mut List) {
    for style in Style::ALL {
        for size in [2, 17, 300] {
            list.add(format!("layer norm size {size} {}", style.name()), Work::LayerNorm(size, style, false));
        }
    }
    list.add("layer norm size 300 without a gain and a bias", Work::LayerNorm(300, Style::Usual, true));
    list.add("temperature from 0", Work::Temperature(0));
    list.add("temperature from 1000000", Work::Temperature(1_000_000));
    for format in ["F32", "F16", "Q8_0"].into_iter().filter_map(named) {
        list.add(format!("table rows {}", format.name), Work::TableRows(format));
        list.add(format!("table rows of two texts {}", format.name), Work::PartRows(format));
    }
    for (name, activation) in [
        ("tanh", Activation::Tanh),
        ("gelu by erf", Activation::GeluErf),
        ("relu", Activation::Relu),
        ("squared relu", Activation::SquaredRelu),
        ("bounded silu", Activation::BoundedSilu),
        ("elu", Activation::Elu),
    ] {
        list.add(format!("function {name}"), Work::Function(activation));
        list.add(format!("gate {name}"), Work::Gate(activation));
    }
    for format in ["F16", "Q8_0", "MXFP4"].into_iter().filter_map(named) {
        let work = Work::Gated(format, 33, Activation::BoundedSilu);
        list.add(format!("gated {} tokens 33 bounded silu", format.name), work);
    }
}

fn attention(list: &mut List) {
    FIRST_PROFILES.into_iter().for_each(|profile| bounded_attention(list, profile));
    for (name, size, window, texts) in [
        ("size 32", 32, None, &[1, 40, 7][..]),
        ("size 64 long", 64, None, &[600][..]),
        ("size 20 window 9", 20, Some(9), &[70, 3, 130][..]),
    ] {
        list.add(format!("attention both ways {name}"), Work::WholeAttention(size, (window, None), texts));
    }
}

/// Attention with sinks and bounded scores.
fn bounded_attention(list: &mut List, profile: Profile) {
    let heads = |size, group, window, sequences| Heads {
        profile,
        size,
        latent: None,
        group,
        window,
        cap: None,
        has_sinks: true,
        alibi: None,
        sequences,
    };
    for (name, heads) in [
        ("size 64 step with sinks", heads(64, 8, None, &[(1, 600)])),
        ("size 64 window 128 prompt with sinks", heads(64, 8, Some(128), &[(40, 500)])),
        ("size 40 batch with sinks", heads(40, 3, Some(20), &[(9, 1020), (1, 0), (5, 70)])),
        ("size 64 step with a cap", Heads { cap: Some(1.5), has_sinks: false, ..heads(64, 2, None, &[(1, 600)]) }),
        ("size 256 prompt with a cap", Heads { cap: Some(2.0), ..heads(256, 1, None, &[(33, 90)]) }),
    ] {
        list.add(format!("attention {} {name}", profile.name()), Work::Attention(heads));
    }
}

fn experts(list: &mut List) {
    let rule = crate::program::RouteRule { scoring: Scoring::Softmax, scale: 1.5, ..RULE };
    list.add("choice with factors usual", Work::Choices(rule, [false, true], Style::Usual));
    for (name, kind) in [
        ("bounded silu and biases", Kind { activation: Activation::BoundedSilu, has_biases: true, ..GATED }),
        (
            "squared relu without a gate",
            Kind { activation: Activation::SquaredRelu, is_gated: false, has_biases: false },
        ),
        (
            "squared relu without a gate and biases",
            Kind { activation: Activation::SquaredRelu, is_gated: false, has_biases: true },
        ),
    ] {
        for format in ["F32", "Q8_0", "MXFP4"].into_iter().filter_map(named) {
            for tokens in [1, 13] {
                let name = format!("experts {} tokens {tokens} {name}", format.name);
                list.add(name, Work::Mixture(format, tokens, kind));
            }
        }
    }
}
