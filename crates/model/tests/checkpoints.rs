//! Folders of safetensors files: what comes out is what llama.cpp's converter makes of them, and what is damaged is refused.
//!
//! `golden/checkpoints/make_checkpoints.py` made the folders and the files.

use std::fs;
use std::path::{Path, PathBuf};

use hefu_model::checkpoint::{Checkpoint, Place};
use hefu_model::gguf::Gguf;
use hefu_model::gguf::write::Writer;
use hefu_model::{LoadOptions, ModelSpec};
use hefu_numerics::half::{f16_to_f32, f32_to_f16};

const FOLDERS: [&str; 6] = ["llama", "mixtral", "qwen2", "qwen3", "qwen3moe", "gemma3"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/checkpoints").join(name)
}

struct Folder {
    config: String,
    weights: Vec<(String, Vec<u8>)>,
}

impl Folder {
    fn read(name: &str) -> Folder {
        let folder = golden(name);
        let part = |part: usize| format!("model-{part:05}-of-00002.safetensors");
        let weights = [1, 2].map(part).map(|file| (file.clone(), fs::read(folder.join(&file)).unwrap()));
        Folder { config: fs::read_to_string(folder.join("config.json")).unwrap(), weights: weights.into() }
    }

    fn checkpoint(&self) -> Result<Checkpoint<'_>, String> {
        let files: Vec<(&str, &[u8])> = self.weights.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
        Checkpoint::read(&self.config, &files).map_err(|error| error.to_string())
    }
}

/// The beginning of a GGUF file, and where tensors are.
fn image(checkpoint: &Checkpoint<'_>) -> (Vec<u8>, Vec<u8>, Vec<(usize, usize)>) {
    let mut writer = Writer::new();
    checkpoint.write(&mut writer);
    let (mut made, mut places) = (Vec::new(), Vec::new());
    for index in 0..checkpoint.len() {
        match checkpoint.place(index) {
            Place::File(file, offset) => places.push((file + 1, offset)),
            Place::Made => {
                places.push((0, made.len()));
                made.extend_from_slice(&checkpoint.bytes(index));
            }
        }
    }
    (writer.finish(), made, places)
}

#[test]
fn folders_are_what_the_converter_makes_of_them() {
    for name in FOLDERS {
        let folder = Folder::read(name);
        let checkpoint = folder.checkpoint().unwrap();
        let (head, made, places) = image(&checkpoint);
        let others: Vec<&[u8]> = std::iter::once(&made[..]).chain(folder.weights.iter().map(|(_, b)| &b[..])).collect();
        let found = Gguf::assemble(&head, &others, &places).unwrap();
        let file = fs::read(golden(&format!("{name}.gguf"))).unwrap();
        let expected = Gguf::parse(&[&file]).unwrap();
        assert_eq!(found.tensors().len(), expected.tensors().len(), "{name}");
        for tensor in expected.tensors() {
            let ours = found.tensor(tensor.name).unwrap_or_else(|| panic!("{name} has no {}", tensor.name));
            let what = format!("{name} {}", tensor.name);
            let is_cut = name == "gemma3" && tensor.name == "token_embd.weight";
            if is_cut {
                // The converter takes away the rows that no token of the vocabulary has.
                assert!(
                    ours.shape[0] == tensor.shape[0] && found.data(ours).starts_with(expected.data(tensor)),
                    "{what}"
                );
                continue;
            }
            assert_eq!((&ours.shape, ours.format), (&tensor.shape, tensor.format), "{what}");
            assert!(found.data(ours) == expected.data(tensor), "{what}");
        }
        let family = expected.metadata().required_string("general.architecture").unwrap();
        assert_eq!(found.metadata().string("general.architecture"), Ok(Some(family)));
        // Keys of the model, but for the size of its vocabulary, which its table of tokens has too.
        let below = format!("{family}.");
        for (key, value) in expected.metadata().iter().filter(|(key, _)| key.starts_with(&below)) {
            if !key.ends_with("vocab_size") {
                assert_eq!(found.metadata().get(key), Some(value), "{name} {key}");
            }
        }
        for (key, _) in found.metadata().iter() {
            assert!(expected.metadata().get(key).is_some(), "{name} has {key} of its own");
        }
        ModelSpec::read(&found, &LoadOptions::default()).unwrap();
    }
}

#[test]
fn no_damage_panics_and_most_is_named() {
    let folder = Folder::read("qwen3");
    let bytes = folder.weights[0].1.clone();
    let table = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize + 8;
    let with = |bytes: Vec<u8>| {
        let mut folder = Folder::read("qwen3");
        folder.weights[0].1 = bytes;
        folder.checkpoint().map(|checkpoint| image(&checkpoint)).err()
    };
    for end in [0, 4, 8, 40, table - 1, table, bytes.len() - 1] {
        assert!(with(bytes[..end].to_vec()).is_some(), "cut at {end}");
    }
    for at in 0..table {
        for byte in [0, b'9', b'"', 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            let _ = with(bytes);
        }
    }
    let mut other = Folder::read("qwen3");
    other.config = other.config.replace("Qwen3ForCausalLM", "NobodyForCausalLM");
    assert!(other.checkpoint().err().unwrap().contains("NobodyForCausalLM"));
    other = Folder::read("qwen3");
    other.weights.pop();
    let checkpoint = other.checkpoint().unwrap();
    let (head, made, places) = image(&checkpoint);
    let gguf = Gguf::assemble(&head, &[&made, &other.weights[0].1], &places).unwrap();
    assert!(ModelSpec::read(&gguf, &LoadOptions::default()).unwrap_err().to_string().contains("lacks the tensor"));
}

/// A safetensors file with these tensors: name, kind, shape, bytes.
fn safetensors(tensors: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let (mut table, mut data) = (Vec::new(), Vec::new());
    for (name, kind, shape, bytes) in tensors {
        let ends = [data.len(), data.len() + bytes.len()];
        table.push(format!("\"{name}\":{{\"dtype\":\"{kind}\",\"shape\":{shape:?},\"data_offsets\":{ends:?}}}"));
        data.extend(bytes);
    }
    let table = format!("{{{}}}", table.join(","));
    [&(table.len() as u64).to_le_bytes(), table.as_bytes(), &data].concat()
}

/// The bytes of the one tensor that such a file makes.
fn made(tensors: &[(&str, &str, &[usize], Vec<u8>)], quantization: &str) -> Result<Vec<u8>, String> {
    let config = format!("{{\"architectures\":[\"Qwen3ForCausalLM\"],\"quantization_config\":{quantization}}}");
    let file = safetensors(tensors);
    let checkpoint = Checkpoint::read(&config, &[("a.safetensors", &file)]).map_err(|error| error.to_string())?;
    Ok(checkpoint.bytes(0).into_owned())
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn halves(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| f32_to_f16(*x).to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(2).map(|pair| f16_to_f32(u16::from_le_bytes([pair[0], pair[1]]))).collect()
}

#[test]
fn four_bits_are_unpacked() {
    const NAME: &str = "model.layers.0.mlp.up_proj";
    let names = ["qweight", "qzeros", "scales"].map(|ending| format!("{NAME}.{ending}"));
    // 8 inputs and 8 outputs, one group: the code of input i and output o is (i + o) mod 16, the zero of output o is o.
    let code = |input: u32, output: u32| (input + output) & 15;
    let expected = |lacks: i32| -> Vec<f32> {
        let pairs = (0..8_u32).flat_map(|output| (0..8_u32).map(move |input| (input, output)));
        pairs.map(|(i, o)| (code(i, o) as i32 - (o as i32 + lacks)) as f32 * (0.5 + o as f32)).collect()
    };
    let scales = halves(&[0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]);
    let gptq: Vec<u32> = (0..8).map(|o| (0..8).fold(0, |word, i| word | code(i, o) << (4 * i))).collect();
    let zeros = (0..8).fold(0, |word, o| word | o << (4 * o));
    let tensors = [
        (&names[0][..], "I32", &[1, 8][..], words(&gptq)),
        (&names[1][..], "I32", &[1, 1][..], words(&[zeros])),
        (&names[2][..], "F16", &[1, 8][..], scales.clone()),
    ];
    let of = |tensors: &[_], config: &str| made(tensors, config).map(|bytes| floats(&bytes));
    assert_eq!(of(&tensors, r#"{"quant_method":"gptq","bits":4}"#), Ok(expected(1)));
    assert_eq!(of(&tensors, r#"{"quant_method":"gptq","bits":4,"checkpoint_format":"gptq_v2"}"#), Ok(expected(0)));
    // AWQ puts the outputs 0, 2, 4, 6, 1, 3, 5, 7 of eight into a word, from the lowest bits up.
    let order = [0, 2, 4, 6, 1, 3, 5, 7];
    let pack = |of: &dyn Fn(u32) -> u32| order.iter().rev().fold(0, |word, output| word << 4 | of(*output));
    let awq: Vec<u32> = (0..8).map(|i| pack(&|o| code(i, o))).collect();
    let tensors = [
        (&names[0][..], "I32", &[8, 1][..], words(&awq)),
        (&names[1][..], "I32", &[1, 1][..], words(&[pack(&|o| o)])),
        (&names[2][..], "F16", &[1, 8][..], scales),
    ];
    assert_eq!(of(&tensors, r#"{"quant_method":"awq","bits":4}"#), Ok(expected(0)));
    assert!(of(&tensors, r#"{"quant_method":"gptq","bits":4}"#).unwrap_err().contains("fit"));
    assert!(of(&tensors[..2], r#"{"quant_method":"awq","bits":4}"#).unwrap_err().contains("scales"));
    assert!(of(&tensors, r#"{"quant_method":"bitsandbytes"}"#).unwrap_err().contains("bitsandbytes"));
}

#[test]
fn eight_bits_have_their_scales() {
    const NAME: &str = "model.layers.0.mlp.up_proj.weight";
    let scale_name = format!("{NAME}_scale_inv");
    // 1 and 2 in turn; blocks of 128 columns have the scales 3 and 5.
    let codes: Vec<u8> = (0..256).map(|i| if i % 2 == 0 { 0x38 } else { 0x40 }).collect();
    let scales: Vec<u8> = [3_f32, 5.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let tensors = [(NAME, "F8_E4M3", &[1, 256][..], codes), (&scale_name[..], "F32", &[1, 2][..], scales)];
    let bytes = made(&tensors, r#"{"quant_method":"fp8"}"#).unwrap();
    let numbers: Vec<f32> = bytes
        .chunks_exact(2)
        .map(|pair| f32::from_bits(u32::from(u16::from_le_bytes([pair[0], pair[1]])) << 16))
        .collect();
    let expected: Vec<f32> =
        (0..256).map(|i| if i % 2 == 0 { 1.0 } else { 2.0 } * if i < 128 { 3.0 } else { 5.0 }).collect();
    assert_eq!(numbers, expected);
    assert!(made(&tensors[..1], r#"{"quant_method":"fp8"}"#).unwrap_err().contains("no scale"));
}

/// 64 codes of four bits, two to a byte, the first in the lower bits.
fn nibbles(code: impl Fn(usize) -> u8, count: usize) -> Vec<u8> {
    (0..count / 2).map(|at| code(2 * at) | code(2 * at + 1) << 4).collect()
}

const E2M1: [f32; 16] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];

fn decoded(format: &str, bytes: &[u8], columns: usize) -> Vec<f32> {
    let format = hefu_numerics::quant::Format::from_name(format).unwrap();
    let mut numbers = vec![0.0; columns];
    format.decode_row(bytes, &mut numbers);
    numbers
}

#[test]
fn nvfp4_becomes_blocks_and_a_factor() {
    const NAME: &str = "model.layers.0.mlp.up_proj";
    let code = |at: usize| ((at * 7 + at / 16) % 16) as u8;
    // 1, 2, 0.5 and 1.5 as E4M3.
    let (scales, numbers) = (vec![0x38, 0x40, 0x30, 0x3c], [1.0, 2.0, 0.5, 1.5]);
    let expected: Vec<f32> = (0..64).map(|at| E2M1[usize::from(code(at))] * numbers[at / 16]).collect();
    let float = |x: f32| x.to_le_bytes().to_vec();
    let names = |ends: [&str; 4]| ends.map(|end| format!("{NAME}.{end}"));
    for (ends, factor, config) in [
        (["weight", "weight_scale", "weight_scale_2", "input_scale"], 0.25, r#"{"quant_method":"modelopt"}"#),
        (
            ["weight_packed", "weight_scale", "weight_global_scale", "input_global_scale"],
            4.0,
            r#"{"quant_method":"compressed-tensors","format":"nvfp4-pack-quantized"}"#,
        ),
    ] {
        let names = names(ends);
        let tensors = [
            (&names[0][..], "U8", &[1, 32][..], nibbles(code, 64)),
            (&names[1][..], "F8_E4M3", &[1, 4][..], scales.clone()),
            (&names[2][..], "F32", &[][..], float(factor)),
            (&names[3][..], "F32", &[1][..], float(7.0)),
        ];
        let config = format!("{{\"architectures\":[\"Qwen3ForCausalLM\"],\"quantization_config\":{config}}}");
        let file = safetensors(&tensors);
        let checkpoint = Checkpoint::read(&config, &[("a.safetensors", &file)]).unwrap();
        assert_eq!(checkpoint.len(), 2);
        assert_eq!(decoded("NVFP4", &checkpoint.bytes(0), 64), expected);
        assert_eq!(checkpoint.bytes(1).to_vec(), float(0.25));
        // Beside a bias there is no place for a factor.
        let bias = format!("{NAME}.bias");
        let file = safetensors(&[&tensors[..], &[(&bias[..], "F32", &[1][..], float(1.0))]].concat());
        let checkpoint = Checkpoint::read(&config, &[("a.safetensors", &file)]).unwrap();
        let wide: Vec<f32> = checkpoint
            .bytes(0)
            .chunks_exact(2)
            .map(|pair| f32::from_bits(u32::from(u16::from_le_bytes([pair[0], pair[1]])) << 16))
            .collect();
        assert_eq!(wide, expected.iter().map(|x| x * 0.25).collect::<Vec<f32>>());
        let file = safetensors(&tensors[..1]);
        let error = Checkpoint::read(&config, &[("a.safetensors", &file)]).err().unwrap().to_string();
        assert!(error.contains("no scales"), "{error}");
    }
}

#[test]
fn gpt_oss_has_gate_and_up_in_turn() {
    const NAME: &str = "model.layers.0.mlp.experts.gate_up_proj";
    let (experts, rows, columns) = (2, 4, 64);
    let code = |at: usize| ((at * 5 + at / 9) % 16) as u8;
    let scales: Vec<u8> = (0..experts * rows * 2).map(|at| 120 + at as u8).collect();
    let bias: Vec<u8> =
        (0..experts * rows).flat_map(|at| (((at as f32).to_bits() >> 16) as u16).to_le_bytes()).collect();
    let names = ["blocks", "scales", "bias"].map(|end| format!("{NAME}_{end}"));
    let tensors = [
        (&names[0][..], "U8", &[experts, rows, 2, 16][..], nibbles(code, experts * rows * columns)),
        (&names[1][..], "U8", &[experts, rows, 2][..], scales.clone()),
        (&names[2][..], "BF16", &[experts, rows][..], bias),
    ];
    let config = r#"{"architectures":["GptOssForCausalLM"],"quantization_config":{"quant_method":"mxfp4"}}"#;
    let file = safetensors(&tensors);
    let checkpoint = Checkpoint::read(config, &[("a.safetensors", &file)]).unwrap();
    let (head, made, places) = image(&checkpoint);
    let gguf = Gguf::assemble(&head, &[&made, &file], &places).unwrap();
    for (half, name) in ["gate", "up"].into_iter().enumerate() {
        let tensor = gguf.tensor(&format!("blk.0.ffn_{name}_exps.weight")).unwrap();
        assert_eq!((&tensor.shape[..], tensor.format.name), (&[64, 2, 2][..], "MXFP4"));
        let mut expected = Vec::new();
        for expert in 0..experts {
            for row in (half..rows).step_by(2).map(|row| expert * rows + row) {
                let number = |at: usize| {
                    E2M1[usize::from(code(row * columns + at))] * (scales[row * 2 + at / 32] as f32 - 127.0).exp2()
                };
                expected.extend((0..columns).map(number));
            }
        }
        let found: Vec<f32> = gguf.data(tensor).chunks_exact(34).flat_map(|row| decoded("MXFP4", row, 64)).collect();
        assert_eq!(found, expected, "{name}");
        let bias = gguf.tensor(&format!("blk.0.ffn_{name}_exps.bias")).unwrap();
        let found: Vec<f32> =
            gguf.data(bias).chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        let half = half as f32;
        assert_eq!((&bias.shape[..], found), (&[2, 2][..], vec![half, half + 2.0, half + 4.0, half + 6.0]));
    }
}
