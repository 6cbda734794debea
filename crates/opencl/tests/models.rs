//! Every tiny model of `golden/models` on every device of this machine: all results of all heads are those of the naive loops.

mod common;

use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{Batch, Device, Model, Size, Slots, Span};
use hefu_numerics::kv::{PAGE, Profile};
use hefu_numerics::program::{Entry, Order};
use hefu_numerics::reference::ReferenceDevice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tokens of the first pass; the others follow in twos, as guessed answers do.
const AT_ONCE: usize = 41;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/models")
}

/// The files of all models, in order.
fn models() -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder()).expect("the folder of tiny models");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "gguf"));
    files.sort();
    files
}

/// True if a model can have a cache of this profile: in q8, values of latent attention are whole blocks of their keys.
fn can_have(gguf: &Gguf<'_>, profile: Profile) -> bool {
    match ModelSpec::read_any(gguf, &LoadOptions { cache: profile, ..LoadOptions::default() }) {
        Err(error) if profile == Profile::Q8 => !error.to_string().contains("no whole blocks"),
        _ => true,
    }
}

/// The results of all heads for a text of two sequences that share no page.
fn results(gguf: &Gguf<'_>, profile: Profile, device: Arc<dyn Device>) -> Vec<f32> {
    let options = LoadOptions { cache: profile, ..LoadOptions::default() };
    let spec = ModelSpec::read_any(gguf, &options).expect("a tiny model");
    let files = ModelFiles::new(gguf, &|_, _| ());
    let model = Model::load(device, spec.program, &files).expect("memory for a tiny model");
    let program = &model.program;
    let text = std::fs::read_to_string(folder().join("tokens.txt")).expect("tokens");
    let tokens: Vec<u32> = text.split_whitespace().map(|token| token.parse().expect("a number")).collect();
    let tokens: Vec<u32> = tokens.iter().map(|token| token % program.vocabulary as u32).collect();
    let pages = tokens.len().div_ceil(PAGE) as u32;
    let size = Size { pages: 2 * pages as usize, slots: 4, rows: 16, head_rows: 7 };
    let mut executable = model.compile(&size).expect("memory for a small cache");
    let tables = [0, 1].map(|sequence| (0..pages).map(|page| 2 * page + sequence).rev().collect::<Vec<u32>>());
    let tables = [0, 1].map(|sequence| vec![&tables[sequence][..]; program.groups()]);
    let has_slots = program.slot_numbers() > 0;
    let at_once = if program.order == Order::Whole { tokens.len() } else { AT_ONCE };
    let (mut position, mut results) = (0, Vec::new());
    while position < tokens.len() {
        let count = if position == 0 { at_once } else { 2.min(tokens.len() - position) };
        // The second sequence is the first one, some tokens later in its rows.
        let both = [&tokens[position..position + count], &tokens[position..position + count]].concat();
        let span = |sequence: usize| Span {
            rows: sequence * count..(sequence + 1) * count,
            position,
            wanted: if sequence == 0 { 0..count } else { count - 1..count },
            tables: &tables[sequence],
            slots: has_slots.then_some(Slots {
                read: (position > 0).then_some(sequence as u32),
                write: sequence as u32,
                keep: &[],
            }),
            second: None,
        };
        let spans = [span(0), span(1)];
        executable.run(&Batch { tokens: &both, spans: &spans, inputs: &[] }).expect("a good batch");
        for entry in [Entry::Logits, Entry::Hidden, Entry::Rank] {
            if program.section(entry).is_some() {
                results.extend_from_slice(executable.head(entry, 0..count + 1).expect("finite numbers"));
            }
        }
        position += count;
    }
    results
}

#[test]
fn every_tiny_model_has_the_bits_of_the_naive_loops() {
    for device in common::opened() {
        let device: Arc<dyn Device> = Arc::new(device);
        let (mut compared, mut numbers) = (0, 0);
        for file in models() {
            let bytes = std::fs::read(&file).expect("a file");
            let gguf = Gguf::parse(&[&bytes]).expect("a tiny model");
            for profile in Profile::ALL {
                if !can_have(&gguf, profile) {
                    continue;
                }
                let right = results(&gguf, profile, Arc::new(ReferenceDevice));
                let found = results(&gguf, profile, device.clone());
                let differing = right.iter().zip(&found).filter(|(right, found)| right.to_bits() != found.to_bits());
                let (name, differing) = (file.display(), differing.count());
                assert_eq!((right.len(), differing), (found.len(), 0), "{name} {}: other bits", profile.name());
                numbers += right.len();
            }
            compared += 1;
        }
        println!("{device:?}: {compared} models, {numbers} numbers, 0 differing bits", device = device.name());
    }
}
