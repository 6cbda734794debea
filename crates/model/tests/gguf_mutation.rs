//! No change to a valid file makes the parser panic, and whatever it still accepts is consistent.
//!
//! Memory is bounded by construction: the parser keeps slices of the input, and grows its lists entry by entry as the
//! entries are read, never by a count that the file announces. The tests with huge counts would run out of memory or
//! time otherwise.

use hefu_model::gguf::write::Writer;
use hefu_model::gguf::{Error, Gguf, Kind, Metadata, Value};
use hefu_numerics::quant::Format;
use proptest::prelude::*;

/// A file with every kind of value and tensors of two formats, in about 700 bytes.
fn valid_file() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.value("general.architecture", Value::String(b"llama")).value("general.alignment", Value::U32(32));
    writer.value("u8", Value::U8(1)).value("i8", Value::I8(-1)).value("u16", Value::U16(1)).value("i16", Value::I16(1));
    writer.value("i32", Value::I32(1)).value("f32", Value::F32(1.0)).value("bool", Value::Bool(true));
    writer.value("u64", Value::U64(1)).value("i64", Value::I64(1)).value("f64", Value::F64(1.0));
    writer.strings("tokens", &["a", "b", "c"]).array("scores", Kind::F32, [Value::F32(0.0); 3]);
    writer.array("flags", Kind::Bool, [Value::Bool(true); 3]).array("types", Kind::I32, [Value::I32(1); 3]);
    writer.value("split.no", Value::U16(0)).value("split.count", Value::U16(1));
    for (name, shape, format) in [("a", &[4u64, 2][..], "F32"), ("b", &[32], "Q4_0"), ("c", &[32, 1, 2], "Q8_0")] {
        let format = Format::from_name(format).expect("a format that is read");
        let rows: u64 = shape[1..].iter().product();
        let bytes = format.row_bytes(shape[0] as usize).expect("whole blocks") * rows as usize;
        writer.tensor(name, shape, format, &vec![0; bytes]);
    }
    writer.finish()
}

/// Parses and, if that succeeds, reads everything in every way.
fn exercise(parts: &[&[u8]]) {
    match Gguf::parse(parts) {
        Ok(gguf) => {
            gguf.metadata().iter().for_each(|(key, _)| read_in_every_way(gguf.metadata(), key));
            check_tensors(&gguf, parts);
        }
        Err(error) => check_sentence(&error),
    }
}

fn read_in_every_way(metadata: &Metadata<'_>, key: &str) {
    let errors = [
        metadata.string(key).err(),
        metadata.unsigned(key).err(),
        metadata.float(key).err(),
        metadata.boolean(key).err(),
        metadata.strings(key).err(),
        metadata.byte_strings(key).err(),
        metadata.integers(key).err(),
        metadata.floats(key).err(),
        metadata.booleans(key).err(),
    ];
    errors.iter().flatten().for_each(check_sentence);
    if let Some(array) = metadata.get(key).and_then(Value::array) {
        assert_eq!(array.iter().count(), array.len(), "every element that was checked can be read");
    }
}

fn check_tensors(gguf: &Gguf<'_>, parts: &[&[u8]]) {
    let mut places: Vec<(usize, usize, usize)> = Vec::new();
    for tensor in gguf.tensors() {
        let data = gguf.data(tensor);
        assert_eq!(data, &parts[tensor.shard][tensor.offset..tensor.offset + tensor.bytes]);
        let rows: u64 = tensor.shape[1..].iter().product();
        let row = tensor.format.row_bytes(tensor.shape[0] as usize).expect("whole blocks");
        assert_eq!(row * rows as usize, tensor.bytes);
        assert_eq!(gguf.tensor(tensor.name).map(|found| found.offset), Some(tensor.offset));
        places.push((tensor.shard, tensor.offset, tensor.offset + tensor.bytes));
    }
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].2 <= pair[1].1), "tensors overlap");
}

/// One line, not endless, and nothing that a terminal would obey.
fn check_sentence(error: &Error) {
    let sentence = error.to_string();
    assert!(sentence.len() < 1000 && !sentence.chars().any(char::is_control), "{sentence:?}");
}

/// A change to a file; places are taken modulo its length.
#[derive(Debug, Clone)]
enum Change {
    FlipBit(usize, u8),
    Cut(usize),
    SetU32(usize, u32),
    SetU64(usize, u64),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let size = prop_oneof![0..20u64, Just(u64::MAX), Just(1 << 63), Just(1 << 40), Just((1 << 24) + 1), any::<u64>()];
    let number = prop_oneof![0..45u32, Just(u32::MAX), Just(1 << 31), any::<u32>()];
    prop_oneof![
        (any::<usize>(), 0..8u8).prop_map(|(place, bit)| Change::FlipBit(place, bit)),
        any::<usize>().prop_map(Change::Cut),
        (any::<usize>(), number).prop_map(|(place, value)| Change::SetU32(place, value)),
        (any::<usize>(), size).prop_map(|(place, value)| Change::SetU64(place, value)),
        (any::<usize>(), 1..40usize).prop_map(|(place, length)| Change::Remove(place, length)),
        (any::<usize>(), 1..40usize).prop_map(|(place, length)| Change::Repeat(place, length)),
    ]
}

fn apply(change: &Change, file: &mut Vec<u8>) {
    let length = file.len().max(1);
    let overwrite = |file: &mut Vec<u8>, place: usize, bytes: &[u8]| {
        file.iter_mut().skip(place % length).zip(bytes).for_each(|(old, new)| *old = *new);
    };
    let range = |place: usize, count: usize| (place % length).min(file.len())..(place % length + count).min(file.len());
    match *change {
        Change::FlipBit(place, bit) => file.iter_mut().skip(place % length).take(1).for_each(|byte| *byte ^= 1 << bit),
        Change::Cut(place) => file.truncate(place % length),
        Change::SetU32(place, value) => overwrite(file, place, &value.to_le_bytes()),
        Change::SetU64(place, value) => overwrite(file, place, &value.to_le_bytes()),
        Change::Remove(place, count) => drop(file.drain(range(place, count))),
        Change::Repeat(place, count) => {
            let range = range(place, count);
            let copy = file[range.clone()].to_vec();
            file.splice(range.start..range.start, copy);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn changed_files_are_refused_or_consistent(changes in prop::collection::vec(change(), 1..4), at in any::<usize>()) {
        let mut file = valid_file();
        changes.iter().for_each(|change| apply(change, &mut file));
        exercise(&[&file]);
        let valid = valid_file();
        exercise(&[&valid, &file]);
        let (first, second) = file.split_at(at % (file.len() + 1));
        exercise(&[first, second]);
    }

    #[test]
    fn random_bytes_behind_the_magic_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut file = b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
        file.extend(bytes);
        exercise(&[&file]);
    }
}

#[test]
fn the_file_that_is_changed_is_valid() {
    let file = valid_file();
    let gguf = Gguf::parse(&[&file]).expect("valid");
    assert_eq!((gguf.metadata().len(), gguf.tensors().len()), (18, 3));
    exercise(&[&file]);
}

#[test]
fn every_shorter_file_is_refused() {
    let file = valid_file();
    for length in 0..file.len() {
        let error = Gguf::parse(&[&file[..length]]).expect_err("cut off");
        let expected = matches!(error, Error::Empty(_) | Error::CutOff { .. } | Error::Count { .. });
        assert!(expected, "{length} bytes: {error}");
    }
}

#[test]
fn every_flipped_bit_is_refused_or_consistent() {
    let file = valid_file();
    for (place, bit) in (0..file.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
        let mut changed = file.clone();
        changed[place] ^= 1 << bit;
        exercise(&[&changed]);
    }
}

#[test]
fn counts_take_no_memory_before_they_are_believed() {
    // Every count at its limit, in a file far too short for it: an allocation by count would take gigabytes each time.
    let file = valid_file();
    for place in 8..file.len() - 8 {
        for count in [1u64 << 16, 1 << 18, 1 << 24, 1 << 28, 1 << 40, u64::MAX] {
            let mut changed = file.clone();
            changed[place..place + 8].copy_from_slice(&count.to_le_bytes());
            exercise(&[&changed]);
        }
    }
}
