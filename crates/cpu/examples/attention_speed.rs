//! Speed of attention at long contexts, for a piece of a prompt and for single tokens, on one thread or more.
//!
//! ```text
//! cargo run --release -p hefu-cpu --example attention_speed -- [THREADS [ISA]]
//! ```
//!
//! Multiply-adds per nanosecond of all scores and values, the best of several runs.

use std::time::Instant;

use hefu_cpu::ops::Ops;
use hefu_cpu::scratch::Scratch;
use hefu_cpu::{Pool, select};
use hefu_numerics::attention::{Attention, Span};
use hefu_numerics::kv::{KvShape, LayerCache, PAGE, Profile};

/// Query heads, key-value heads and elements of a head, as in small models of two families.
const SHAPES: [(usize, usize, usize); 2] = [(14, 2, 64), (4, 1, 256)];

/// As in models of some 4B weights, with so many bytes in all layers that no cache holds them.
const LAYERS: (usize, usize, usize) = (32, 8, 128);
const LAYERS_BYTES: usize = 1 << 30;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let threads = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(1);
    let ops = arguments.get(1).map_or_else(select::best, |name| select::by_name(name).expect("an instruction set"));
    let ops = ops.ops().expect("not the reference, which is not made to be fast");
    let team = Pool::new(threads);
    println!("{} with {threads} threads: multiply-adds per nanosecond", ops.name);
    println!(
        "{:7} {:>5} {:>9} {:>10} {:>10} {:>10}",
        "cache", "heads", "positions", "512 tokens", "8 tokens", "1 token"
    );
    for profile in Profile::ALL {
        for (heads, kv_heads, size) in SHAPES {
            for positions in [4096, 16384, 32768] {
                let shape = KvShape { heads: kv_heads, key_size: size, value_size: size, profile };
                let cache = filled(shape, positions);
                print!("{:7} {heads:>5} {positions:>9}", profile.name());
                for tokens in [512, 8, 1] {
                    print!(" {:10.1}", speed(ops, &team, &cache, heads, positions, tokens));
                }
                println!();
            }
        }
    }
    println!("one token, layer after layer, none in the caches of the processor: multiply-adds per nanosecond, GB/s");
    for profile in Profile::ALL {
        let (heads, kv_heads, size) = LAYERS;
        for positions in [576, 4096] {
            let shape = KvShape { heads: kv_heads, key_size: size, value_size: size, profile };
            let layers: Vec<LayerCache> =
                (0..LAYERS_BYTES / (positions * kv_heads * size * 4)).map(|_| filled(shape, positions)).collect();
            let (speed, bytes) = speed_of_layers(ops, &team, &layers, heads, positions);
            println!("{:7} {heads:>5} {positions:>9} {speed:10.1} {bytes:10.1}", profile.name());
        }
    }
}

/// One token through all layers, twice; the faster time.
fn speed_of_layers(ops: &Ops, team: &Pool, layers: &[LayerCache], heads: usize, positions: usize) -> (f64, f64) {
    let one = |cache: &LayerCache| speed_at(ops, team, cache, heads, positions, 1, 1);
    let nanoseconds = (0..2).map(|_| layers.iter().map(one).sum::<f64>()).fold(f64::INFINITY, f64::min);
    let shape = layers[0].shape;
    let multiply_adds = layers.len() * positions * heads * 2 * shape.key_size;
    let bytes: usize = layers.iter().map(|layer| layer.keys.len() + layer.values.len()).sum();
    (multiply_adds as f64 / nanoseconds, bytes as f64 / nanoseconds)
}

fn filled(shape: KvShape, positions: usize) -> LayerCache {
    let mut cache = LayerCache::new(shape, positions.div_ceil(PAGE));
    let row = |from: usize, count: usize| (0..count).map(|i| ((from + i) * 37 % 101) as f32 / 50.0 - 1.0).collect();
    for t in 0..positions {
        let (key, value): (Vec<f32>, Vec<f32>) =
            (row(t, shape.heads * shape.key_size), row(3 * t, shape.heads * shape.value_size));
        cache.store(t / PAGE, t % PAGE, &key, &value);
    }
    cache
}

fn speed(ops: &Ops, team: &Pool, cache: &LayerCache, heads: usize, positions: usize, tokens: usize) -> f64 {
    let runs = if tokens > 64 { 3 } else { 60 };
    let best = speed_at(ops, team, cache, heads, positions, tokens, runs);
    let seen: usize = (positions - tokens..positions).map(|position| position + 1).sum();
    (seen * heads * 2 * cache.shape.key_size) as f64 / best
}

/// Nanoseconds of the best of some runs.
fn speed_at(
    ops: &Ops,
    team: &Pool,
    cache: &LayerCache,
    heads: usize,
    positions: usize,
    tokens: usize,
    runs: usize,
) -> f64 {
    let size = cache.shape.key_size;
    let pages: Vec<u32> = (0..positions.div_ceil(PAGE) as u32).collect();
    let spans = [Span { row: 0, tokens, position: positions - tokens, pages: &pages }];
    let queries: Vec<f32> = (0..tokens * heads * size).map(|i| (i * 31 % 89) as f32 / 44.0 - 1.0).collect();
    let attention = Attention {
        queries: &queries,
        heads,
        scale: 0.125,
        window: None,
        is_whole: false,
        cap: None,
        sinks: None,
        slopes: None,
        cache,
        spans: &spans,
    };
    let mut output = vec![0.0; queries.len()];
    let mut scratch = Scratch::default();
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            (ops.attention)(team, &mut scratch, &attention, &mut output);
            start.elapsed().as_secs_f64() * 1.0e9
        })
        .fold(f64::INFINITY, f64::min)
}
