//! Every case, in the order of the table.

mod later;

use super::attention::Heads;
use super::experts::{Kind, RULE};
use super::work::Work;
use super::{Case, Style};
use crate::kv::Profile;
use crate::program::{Activation, DeltaHeads, Groups, RopeStyle, RouteRule, Scoring, Sharing};
use crate::quant::{FORMATS, Format};

/// Tokens of the products of each format: alone, and for the tiles of every size.
const TOKENS: [usize; 5] = [1, 3, 13, 16, 33];

/// A list in the making.
#[derive(Default)]
struct List(Vec<Case>);

impl List {
    fn add(&mut self, name: impl Into<String>, work: Work) {
        self.0.push(Case { name: name.into(), work });
    }
}

/// Every case.
pub fn cases() -> Vec<Case> {
    let mut list = List::default();
    FORMATS.iter().for_each(|format| products(&mut list, format));
    list.add("products of all formats", Work::Products { later: false });
    list.add("products of later formats", Work::Products { later: true });
    elements(&mut list);
    FIRST_PROFILES.into_iter().for_each(|profile| plain_attention(&mut list, profile));
    more_elements(&mut list);
    more_products(&mut list);
    FIRST_PROFILES.into_iter().for_each(|profile| latent_attention(&mut list, profile));
    recurrences(&mut list);
    experts(&mut list);
    later::add(&mut list);
    list.0
}

/// Profiles of the cache whose cases come where they always were; those of later ones stand at the end of the list.
const FIRST_PROFILES: [Profile; 2] = [Profile::F16, Profile::Q8];

/// The format of this name.
fn named(name: &str) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|format| format.name == name)
}

fn products(list: &mut List, format: &'static Format) {
    for tokens in TOKENS {
        let name = format!("product {} tokens {tokens} usual", format.name);
        list.add(name, Work::Product(format, tokens, Style::Usual, false));
    }
    for style in [Style::Extreme, Style::Wild] {
        let name = format!("product {} tokens 5 {}", format.name, style.name());
        list.add(name, Work::Product(format, 5, style, false));
    }
    for (tokens, name, activation) in [(5, "silu", Activation::Silu), (33, "gelu", Activation::Gelu)] {
        let work = Work::Gated(format, tokens, activation);
        list.add(format!("gated {} tokens {tokens} {name}", format.name), work);
    }
    list.add(format!("rows {}", format.name), Work::Rows(format, 1.0));
}

const STYLES: [(&str, RopeStyle); 2] = [("halves", RopeStyle::NeoX), ("neighbours", RopeStyle::Interleaved)];

fn elements(list: &mut List) {
    for style in Style::ALL {
        for width in [1, 17, 300] {
            list.add(format!("norm width {width} {}", style.name()), Work::Norm(width, style, true));
        }
        list.add(format!("sum {}", style.name()), Work::Sum(style));
        list.add(format!("sum and norms {}", style.name()), Work::SumAndNorms(style));
    }
    for (name, style) in STYLES {
        list.add(format!("rotation {name}"), Work::Rotation(style, false, 0));
        list.add(format!("rotation {name} after a norm"), Work::Rotation(style, true, 0));
    }
    list.add("gate silu", Work::Gate(Activation::Silu));
    list.add("gate gelu", Work::Gate(Activation::Gelu));
}

fn plain_attention(list: &mut List, profile: Profile) {
    for (name, heads) in attentions(profile) {
        list.add(format!("attention {} {name}", profile.name()), Work::Attention(heads));
    }
}

/// Shapes of attention: short and long, few queries and many, usual and odd sizes, with and without a window.
fn attentions(profile: Profile) -> [(&'static str, Heads); 6] {
    let heads = |size, group, window, sequences| Heads {
        profile,
        size,
        latent: None,
        group,
        window,
        cap: None,
        has_sinks: false,
        alibi: None,
        sequences,
    };
    [
        ("size 64 step", heads(64, 7, None, &[(1, 600)])),
        ("size 64 prompt", heads(64, 2, None, &[(40, 500)])),
        ("size 128 batch", heads(128, 1, None, &[(1, 9), (3, 70), (1, 511)])),
        ("size 256 window 100", heads(256, 1, Some(100), &[(2, 300)])),
        ("size 40 window 512", heads(40, 3, Some(512), &[(9, 1020)])),
        ("size 33 beginning", heads(33, 1, None, &[(5, 0), (1, 0)])),
    ]
}

fn more_elements(list: &mut List) {
    list.add("norm width 300 without a gain", Work::Norm(300, Style::Usual, false));
    for style in Style::ALL {
        for size in [1, 17, 128] {
            list.add(format!("l2 norm size {size} {}", style.name()), Work::L2Norm(size, style));
        }
        list.add(format!("decay {}", style.name()), Work::Decay(style));
    }
    for (name, style) in STYLES {
        list.add(format!("rotation {name} from element 5"), Work::Rotation(style, false, 5));
    }
    list.add("angles from 0", Work::Angles(0));
    list.add("angles from 1000000", Work::Angles(1_000_000));
    for (name, activation) in [("sigmoid", Activation::Sigmoid), ("softplus", Activation::Softplus)] {
        list.add(format!("gate {name}"), Work::Gate(activation));
        list.add(format!("function {name}"), Work::Function(activation));
    }
    list.add("function silu", Work::Function(Activation::Silu));
    list.add("function gelu", Work::Function(Activation::Gelu));
    list.add("soft cap 30", Work::SoftCap(30.0));
    list.add("scale", Work::Scale);
    list.add("slices", Work::Slices);
}

fn more_products(list: &mut List) {
    for format in ["F32", "Q8_0", "Q4_K"].into_iter().filter_map(named) {
        list.add(format!("product {} tokens 5 and a bias", format.name), Work::Product(format, 5, Style::Usual, true));
        list.add(format!("rows {} times 0.7", format.name), Work::Rows(format, 0.7));
    }
    for format in ["F32", "F16", "Q8_0", "Q4_K", "Q6_K"].into_iter().filter_map(named) {
        for tokens in [1, 13] {
            let name = format!("head products {} tokens {tokens}", format.name);
            list.add(name, Work::HeadProducts(format, tokens));
        }
    }
}

/// Attention with values in keys.
fn latent_attention(list: &mut List, profile: Profile) {
    let heads = |size, latent, group, sequences| Heads {
        profile,
        size,
        latent: Some(latent),
        group,
        window: None,
        cap: None,
        has_sinks: false,
        alibi: None,
        sequences,
    };
    // In q8 they are whole blocks.
    let (odd, odd_value) = match profile {
        Profile::F16 | Profile::I8 => ("values 40 of 72 batch", 40),
        Profile::Q8 => ("values 32 of 72 batch", 32),
    };
    for (name, heads) in [
        ("values 64 of 96 step", heads(96, 64, 5, &[(1, 600)])),
        ("values 64 of 96 prompt", heads(96, 64, 2, &[(40, 500)])),
        (odd, heads(72, odd_value, 3, &[(2, 9), (1, 511), (3, 0)])),
        ("values 512 of 576 step", heads(576, 512, 2, &[(1, 70)])),
    ] {
        list.add(format!("attention {} {name}", profile.name()), Work::Attention(heads));
    }
}

fn recurrences(list: &mut List) {
    list.add("convolution taps 4 silu", Work::ShortConv(4, false, Some(Activation::Silu)));
    list.add("convolution taps 3", Work::ShortConv(3, false, None));
    list.add("convolution taps 2 and a bias", Work::ShortConv(2, true, None));
    for (name, keys, values, key_size, value_size, sharing) in [
        ("one head", 1, 1, 16, 16, Sharing::Tiled),
        ("tiled", 2, 6, 128, 128, Sharing::Tiled),
        ("grouped", 2, 6, 64, 64, Sharing::Grouped),
        ("odd sizes", 3, 3, 20, 37, Sharing::Grouped),
    ] {
        let heads = DeltaHeads { keys, values, key_size, value_size, sharing };
        list.add(format!("delta rule {name}"), Work::GatedDelta(heads, true));
    }
}

/// Experts as most families have them.
const GATED: Kind = Kind { activation: Activation::Silu, is_gated: true, has_biases: false };

fn experts(list: &mut List) {
    let sigmoid = RouteRule { scoring: Scoring::Sigmoid, ..RULE };
    let best = |best| Some(Groups { count: 4, used: 2, best });
    for (name, rule, with_bias) in [
        ("softmax", RULE, false),
        ("softmax with a bias, not normalised", RouteRule { normalised: None, scale: 1.5, ..RULE }, true),
        ("softmax in groups", RouteRule { groups: best(1), ..RULE }, false),
        ("sigmoid", sigmoid, false),
        ("sigmoid with a bias in groups", RouteRule { groups: best(2), scale: 2.5, used: 8, ..sigmoid }, true),
        ("softmax of the chosen", RouteRule { scoring: Scoring::SoftmaxOfChosen, normalised: None, ..RULE }, false),
    ] {
        for style in [Style::Usual, Style::Extreme, Style::Wild] {
            list.add(format!("choice {name} {}", style.name()), Work::Choices(rule, [with_bias, false], style));
        }
    }
    for format in FORMATS {
        for tokens in [1, 13] {
            list.add(format!("experts {} tokens {tokens}", format.name), Work::Mixture(format, tokens, GATED));
        }
    }
}
