//! Tiny models cut at every layer, on the devices of this machine by turns: all results are those of the naive loops.

use hefu_cpu::select::best;
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{Batch, Device, Model, Size, Slots, Span};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::Entry;
use hefu_numerics::reference::ReferenceDevice;
use hefu_numerics::team::Alone;
use hefu_opencl::OpenClDevice;
use hefu_split::{AutoDevice, Candidate, Place, SplitDevice, part_of};
use std::path::Path;
use std::sync::Arc;

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/models").join(name)).expect("a golden file")
}

/// The files of all models, in order.
fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/models");
    let files = std::fs::read_dir(folder).expect("the folder of tiny models");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".gguf")).collect();
    names.sort();
    names
}

/// Parts that begin before these layers, on two devices by turns.
fn split(before: &[usize], layers: usize, devices: [&Arc<dyn Device>; 2]) -> SplitDevice {
    let firsts = [0].iter().chain(before);
    let lasts = before.iter().chain(&[layers]).map(|end| end - 1).collect::<Vec<usize>>();
    let places = firsts.zip(lasts).enumerate();
    let places = places.map(|(i, (first, last))| Place { device: devices[i % 2].clone(), first: *first, last });
    SplitDevice::new(places.collect()).expect("layers in order")
}

fn spec(gguf: &Gguf<'_>) -> ModelSpec {
    ModelSpec::read_any(gguf, &LoadOptions::default()).expect("a tiny model")
}

/// All results of a text, in two passes where it may be cut.
fn results(gguf: &Gguf<'_>, device: Arc<dyn Device>) -> Vec<f32> {
    let files = ModelFiles::new(gguf, &|_, _| ());
    let model = Model::load(device, spec(gguf).program, &files).expect("memory for a tiny model");
    let program = &model.program;
    let text = String::from_utf8(golden("tokens.txt")).expect("numbers");
    let tokens: Vec<u32> = text.split_whitespace().map(|token| token.parse::<u32>().expect("a number")).collect();
    let tokens: Vec<u32> = tokens.iter().map(|token| token % program.vocabulary as u32).collect();
    let pages: Vec<u32> = (0..tokens.len().div_ceil(PAGE) as u32).rev().collect();
    let size = Size { pages: pages.len(), slots: 1, rows: tokens.len(), head_rows: 8 };
    let mut executable = model.compile(&size).expect("memory for a small cache");
    let tables = vec![&pages[..]; program.groups()];
    let writes = program.section(Entry::Logits).is_some();
    let (entry, first) = if writes { (Entry::Logits, 30) } else { (Entry::Hidden, tokens.len()) };
    let mut all = Vec::new();
    for (position, end) in [(0, first), (first, tokens.len())] {
        if position == end {
            continue;
        }
        let count = end - position;
        let has_slots = program.slot_numbers() > 0;
        let slots = has_slots.then_some(Slots { read: (position > 0).then_some(0), write: 0, keep: &[] });
        let span = Span { rows: 0..count, position, wanted: 0..count, tables: &tables, slots, second: None };
        executable.run(&Batch { tokens: &tokens[position..end], spans: &[span], inputs: &[] }).expect("a good batch");
        all.extend_from_slice(executable.head(entry, 0..count).expect("finite numbers"));
    }
    all
}

#[test]
fn cut_at_every_layer_they_have_the_bits_of_the_naive_loops() {
    let cpu: Arc<dyn Device> = best().device(Arc::new(Alone));
    let other: Arc<dyn Device> = match OpenClDevice::open(0, Arc::new(Alone)) {
        Ok(device) => Arc::new(device),
        Err(problem) => {
            println!("OpenCL left out, the naive loops take its place: {problem}");
            Arc::new(ReferenceDevice)
        }
    };
    let (mut models, mut cuts, mut refused) = (0, 0, Vec::new());
    for name in names() {
        let bytes = golden(&name);
        let gguf = Gguf::parse(&[&bytes]).expect("a tiny model");
        let program = spec(&gguf).program;
        let steps = program.sections.iter().flat_map(|section| &section.steps);
        let layers = steps.filter_map(|step| step.layer).map(|layer| usize::from(layer) + 1).max().unwrap_or(0);
        if layers < 2 {
            continue;
        }
        let mut all: Vec<Vec<usize>> = (1..layers).map(|layer| vec![layer]).collect();
        all.push((1..layers).collect());
        let right = results(&gguf, Arc::new(ReferenceDevice));
        models += 1;
        for (number, before) in all.into_iter().enumerate() {
            // Now the one is first, now the other.
            let devices = if number % 2 == 0 { [&cpu, &other] } else { [&other, &cpu] };
            let split = split(&before, layers, devices);
            // Now heads are with the last layer, now on the device that it is not on.
            let split = if cuts % 2 == 1 { split.with_heads(devices[before.len() % 2].clone()) } else { split };
            if let Err(problem) = Device::check(&split, &program) {
                refused.push(format!("{name} before {before:?}: {problem}"));
                continue;
            }
            let found = results(&gguf, Arc::new(split));
            let differing = right.iter().zip(&found).filter(|(right, found)| right.to_bits() != found.to_bits());
            assert_eq!((right.len(), differing.count()), (found.len(), 0), "{name} cut before {before:?}");
            cuts += 1;
        }
    }
    println!("{models} models of two layers or more, cut in {cuts} ways with {}: 0 differing bits", other.name());
    refused.iter().for_each(|line| println!("refused: {line}"));
    assert!(models > 40 && cuts >= models, "{models} models, {cuts} cuts");
    // Layers that share a cache.
    assert!(refused.iter().all(|line| line.contains("gemma4")), "{refused:?}");
}

#[test]
fn by_memory_and_speed_they_have_the_bits_of_the_naive_loops() {
    let cpu: Arc<dyn Device> = best().device(Arc::new(Alone));
    let naive: Arc<dyn Device> = Arc::new(ReferenceDevice);
    for name in ["tiny-qwen3.gguf", "tiny-qwen35.gguf", "tiny-gemma4.gguf", "tiny-baichuan-13b.gguf"] {
        let bytes = golden(name);
        let gguf = Gguf::parse(&[&bytes]).expect("a tiny model");
        let program = spec(&gguf).program;
        let right = results(&gguf, naive.clone());
        let mut ways = Vec::new();
        for memory in (0..bytes.len() as u64 * 2).step_by(bytes.len() / 6) {
            // The slower one is named first, and takes what the faster one cannot hold.
            let candidates = vec![
                Candidate { device: cpu.clone(), memory: 0, rate: 1.0e9 },
                Candidate { device: naive.clone(), memory, rate: 2.0e9 },
            ];
            let auto = AutoDevice::new(candidates).expect("two devices");
            let places = auto.places(&program).expect("layers");
            assert_eq!(places[0].first, 0);
            let names: Vec<_> = places.iter().map(|place| (place.device.name(), place.last)).collect();
            if ways.contains(&names) {
                continue;
            }
            ways.push(names);
            let layout = Device::layout(&auto, &program).expect("it decides").to_string();
            assert_eq!(layout.split(", ").count(), places.len(), "{layout}");
            assert_eq!(layout.contains("; 0 bytes"), places.len() == 1, "{layout}");
            let found = results(&gguf, Arc::new(auto));
            assert!(
                right.iter().zip(&found).all(|(right, found)| right.to_bits() == found.to_bits()),
                "{name} {places:?}",
                places = ways.last()
            );
        }
        assert!(ways.len() > 1, "{name}: all of {ways:?}");
        assert_eq!((ways[0][0].0, ways[0].len()), (cpu.name(), 1), "nothing fits into no memory");
    }
    assert!(AutoDevice::new(Vec::new()).is_err());
}

#[test]
fn layers_that_are_not_there_are_told() {
    let place = |first, last| Place { device: Arc::new(ReferenceDevice), first, last };
    assert!(SplitDevice::new(vec![place(0, 1), place(3, 4)]).is_err());
    assert!(SplitDevice::new(Vec::new()).is_err());
    let bytes = golden("tiny-llama.gguf");
    let gguf = Gguf::parse(&[&bytes]).expect("a tiny model");
    let split = SplitDevice::new(vec![place(0, 70), place(71, 90)]).expect("layers in order");
    assert!(part_of(&spec(&gguf).program, 1, 90, false).is_err() && part_of(&spec(&gguf).program, 0, 0, true).is_err());
    let message = Device::check(&split, &spec(&gguf).program).expect_err("so many layers are not there").to_string();
    assert!(message.contains("0 to 90") && message.contains("the model has layers"), "{message}");
}
