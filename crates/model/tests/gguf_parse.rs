//! Well-formed files: every kind of value, tensors where they lie, models in several files.

use hefu_model::gguf::write::Writer;
use hefu_model::gguf::{Array, Error, Gguf, Kind, Metadata, Value};
use hefu_numerics::quant::Format;

fn format(name: &str) -> &'static Format {
    Format::from_name(name).expect("a format that is read")
}

/// Keys of a file that holds just what `fill` writes.
fn with_metadata(fill: impl Fn(&mut Writer), check: impl Fn(&Metadata<'_>)) {
    let mut writer = Writer::new();
    fill(&mut writer);
    let file = writer.finish();
    check(Gguf::parse(&[&file]).expect("a valid file").metadata());
}

#[test]
fn scalars_keep_their_type_and_value() {
    let values = [
        Value::U8(255),
        Value::I8(-128),
        Value::U16(65_535),
        Value::I16(-32_768),
        Value::U32(u32::MAX),
        Value::I32(i32::MIN),
        Value::F32(1.5e-40),
        Value::Bool(false),
        Value::Bool(true),
        Value::String("合符".as_bytes()),
        Value::U64(u64::MAX),
        Value::I64(i64::MIN),
        Value::F64(-0.1),
    ];
    let name = |index: usize| format!("key.{index}");
    with_metadata(
        |writer| {
            for (index, value) in values.iter().enumerate() {
                writer.value(&name(index), *value);
            }
        },
        |metadata| {
            assert_eq!(metadata.len(), values.len());
            for (index, (key, value)) in metadata.iter().enumerate() {
                assert_eq!((key, *value), (name(index).as_str(), values[index]), "keys keep the file's order");
            }
        },
    );
}

#[test]
fn any_integer_that_is_not_negative_reads_as_unsigned() {
    with_metadata(
        |writer| {
            writer.value("i8", Value::I8(7)).value("u16", Value::U16(7)).value("i64", Value::I64(7));
            writer.value("u64", Value::U64(u64::MAX)).value("negative", Value::I8(-1)).value("float", Value::F32(7.0));
        },
        |metadata| {
            for key in ["i8", "u16", "i64"] {
                assert_eq!(metadata.unsigned(key), Ok(Some(7)), "{key}");
            }
            assert_eq!(metadata.unsigned("u64"), Ok(Some(u64::MAX)));
            assert_eq!(metadata.unsigned("absent"), Ok(None));
            let sentence = |key| metadata.required_unsigned(key).expect_err("not unsigned").to_string();
            let advice = "ask the maker of the file to convert it again";
            assert_eq!(
                sentence("negative"),
                format!("the key \"negative\" holds I8 -1 where a non-negative integer is needed: {advice}")
            );
            assert_eq!(
                sentence("float"),
                format!("the key \"float\" holds F32 7 where a non-negative integer is needed: {advice}")
            );
            assert_eq!(
                sentence("absent"),
                "the file has no key \"absent\" (expected a non-negative integer): it is incomplete or not a language \
                 model; get another file"
            );
        },
    );
}

#[test]
fn floats_round_once_and_pass_nan_on() {
    with_metadata(
        |writer| {
            writer.value("f64", Value::F64(0.1)).value("nan", Value::F32(f32::NAN));
            writer.array("scores", Kind::F32, [0.5f32, -1.0e38].map(Value::F32));
            writer.array("wide", Kind::F64, [0.1f64].map(Value::F64));
        },
        |metadata| {
            assert_eq!(metadata.float("f64"), Ok(Some(0.1f32)));
            assert!(metadata.required_float("nan").expect("a float").is_nan());
            assert_eq!(metadata.floats("scores"), Ok(Some(vec![0.5, -1.0e38])));
            assert_eq!(metadata.floats("wide"), Ok(Some(vec![0.1])));
            assert!(matches!(metadata.integers("scores"), Err(Error::WrongType { .. })));
        },
    );
}

#[test]
fn arrays_read_as_what_they_are() {
    with_metadata(
        |writer| {
            writer.strings("tokens", &["a", "", "词"]).strings("bytes", &[&b"a"[..], b"\xff"]);
            writer.array("types", Kind::I32, [1, -3].map(Value::I32)).array("none", Kind::I32, []);
            writer.array("large", Kind::U64, [1, u64::MAX].map(Value::U64));
            writer.array("flags", Kind::Bool, [true, false].map(Value::Bool));
        },
        |metadata| {
            assert_eq!(metadata.strings("tokens"), Ok(Some(vec!["a", "", "词"])));
            assert_eq!(metadata.byte_strings("bytes"), Ok(Some(vec![&b"a"[..], b"\xff"])));
            assert_eq!(
                metadata.strings("bytes").expect_err("not UTF-8").to_string(),
                "string 1 of the key \"bytes\" is not valid UTF-8: ask the maker of the file to convert it again"
            );
            assert_eq!(metadata.integers("types"), Ok(Some(vec![1, -3])));
            assert_eq!(metadata.integers("none"), Ok(Some(vec![])));
            assert_eq!(metadata.booleans("flags"), Ok(Some(vec![true, false])));
            assert!(matches!(metadata.integers("large"), Err(Error::WrongType { .. })), "u64::MAX is no i64");
            assert!(matches!(metadata.strings("types"), Err(Error::WrongType { .. })));
            assert!(matches!(metadata.string("tokens"), Err(Error::WrongType { .. })));
        },
    );
}

#[test]
fn arrays_of_arrays_can_be_walked() {
    let mut writer = Writer::new();
    writer.strings("inner", &["x", "yz"]);
    let inner_file = writer.finish();
    let inner_gguf = Gguf::parse(&[&inner_file]).expect("valid");
    let inner: Array<'_> = inner_gguf.metadata().get("inner").and_then(Value::array).expect("an array");
    with_metadata(
        |writer| {
            writer.array("outer", Kind::Array, [Value::Array(inner), Value::Array(inner)]);
        },
        |metadata| {
            let outer = metadata.get("outer").and_then(Value::array).expect("an array");
            assert_eq!((outer.kind(), outer.len()), (Kind::Array, 2));
            let walked: Vec<&[u8]> = outer
                .iter()
                .filter_map(|value| value.array())
                .flat_map(|array| array.iter())
                .filter_map(|value| value.bytes())
                .collect();
            assert_eq!(walked, [&b"x"[..], b"yz", b"x", b"yz"]);
        },
    );
}

#[test]
fn tensors_lie_where_the_file_says() {
    let floats: Vec<u8> = (0..24u8).collect();
    let blocks: Vec<u8> = (0..2 * format("Q8_0").block_bytes).map(|byte| byte as u8).collect();
    let mut writer = Writer::new();
    writer.tensor("norm", &[6], format("F32"), &floats).tensor("weight", &[32, 2], format("Q8_0"), &blocks);
    let file = writer.finish();
    let gguf = Gguf::parse(&[&file]).expect("valid");
    assert_eq!(gguf.tensors().iter().map(|tensor| tensor.name).collect::<Vec<_>>(), ["norm", "weight"]);
    let weight = gguf.tensor("weight").expect("there");
    assert_eq!((weight.shape.as_slice(), weight.format.name, weight.shard), (&[32, 2][..], "Q8_0", 0));
    assert_eq!((weight.offset % 32, weight.bytes), (0, blocks.len()));
    assert_eq!(gguf.data(weight), blocks);
    assert_eq!(&file[weight.offset..weight.offset + weight.bytes], blocks);
    assert_eq!(gguf.data(gguf.tensor("norm").expect("there")), floats);
    assert!(gguf.tensor("absent").is_none());
}

#[test]
fn version_2_reads_like_version_3() {
    let mut file = Writer::new().value("a", Value::U8(1)).finish();
    file[4] = 2;
    let gguf = Gguf::parse(&[&file]).expect("valid");
    assert_eq!((gguf.version(), gguf.metadata().unsigned("a")), (2, Ok(Some(1))));
}

#[test]
fn bytes_behind_the_last_tensor_do_not_matter() {
    let mut file = Writer::new().tensor("a", &[1], format("F32"), &[1, 2, 3, 4]).finish();
    file.extend([0; 100]);
    let gguf = Gguf::parse(&[&file]).expect("valid");
    assert_eq!(gguf.data(&gguf.tensors()[0]), [1, 2, 3, 4]);
}

#[test]
fn a_larger_alignment_is_honoured() {
    let mut writer = Writer::new();
    writer.value("general.alignment", Value::U32(128)).tensor("a", &[1], format("F32"), &[1, 2, 3, 4]);
    let file = writer.finish();
    // The writer pads to 32; the data must be found at the next multiple of 128.
    let start = file.len() - 4;
    let mut padded = file[..start].to_vec();
    padded.resize(start.next_multiple_of(128), 0);
    padded.extend(&file[start..]);
    let gguf = Gguf::parse(&[&padded]).expect("valid");
    assert_eq!((gguf.tensors()[0].offset % 128, gguf.data(&gguf.tensors()[0])), (0, &[1, 2, 3, 4][..]));
}

/// A part of a split model with one tensor.
fn part(number: u16, count: u16, total: i32, tensor: &str, extra: Option<(&str, u32)>) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.value("split.no", Value::U16(number)).value("split.count", Value::U16(count));
    writer.value("split.tensors.count", Value::I32(total));
    if let Some((key, value)) = extra {
        writer.value(key, Value::U32(value));
    }
    writer.tensor(tensor, &[1], format("F32"), &[number as u8; 4]).finish()
}

#[test]
fn parts_make_one_model() {
    let (first, second) = (part(0, 2, 2, "a", Some(("general.kind", 5))), part(1, 2, 2, "b", None));
    let gguf = Gguf::parse(&[&first, &second]).expect("valid");
    assert_eq!(gguf.metadata().unsigned("general.kind"), Ok(Some(5)));
    let found: Vec<_> = gguf.tensors().iter().map(|tensor| (tensor.name, tensor.shard, gguf.data(tensor)[0])).collect();
    assert_eq!(found, [("a", 0, 0), ("b", 1, 1)]);
}

#[test]
fn wrong_sets_of_parts_are_refused() {
    let (first, second) = (part(0, 2, 2, "a", None), part(1, 2, 2, "b", None));
    let sentence = |parts: &[&[u8]]| Gguf::parse(parts).expect_err("wrong parts").to_string();
    assert_eq!(sentence(&[]), "no file was given: name at least one GGUF file");
    assert_eq!(sentence(&[&first]), "the model is split into 2 files, but 1 was given: name all 2, in order");
    assert_eq!(
        sentence(&[&first, &second, &second]),
        "the model is split into 2 files, but 3 were given: name all 2, in order"
    );
    assert_eq!(
        sentence(&[&second, &first]),
        "the file (part 1 of 2) calls itself part 2: name the parts in order, each once"
    );
    let whole = Writer::new().finish();
    let no_part = "so it is no part of a split model: name only the parts of one model";
    assert_eq!(sentence(&[&whole, &second]), format!("the file (part 1 of 2) has no key \"split.count\", {no_part}"));
    assert_eq!(sentence(&[&first, &whole]), format!("the file (part 2 of 2) has no key \"split.no\", {no_part}"));
    assert_eq!(
        sentence(&[&first, &part(1, 2, 2, "a", None)]),
        "the tensor \"a\" appears twice (part 2 of 2): ask the maker of the file to convert it again"
    );
    assert_eq!(
        sentence(&[&part(0, 2, 3, "a", None), &part(1, 2, 3, "b", None)]),
        "the model announces 3 tensors, but its parts hold 2: get all parts from the same place again"
    );
    let conflict = |key| {
        format!("the key \"{key}\" (part 2 of 2) does not have the value of part 1: name only the parts of one model")
    };
    assert_eq!(sentence(&[&first, &part(1, 3, 2, "b", None)]), conflict("split.count"));
    assert_eq!(sentence(&[&first, &part(1, 2, 2, "b", Some(("x", 1)))]), conflict("x"));
    assert_eq!(sentence(&[&first, b""]), "the file (part 2 of 2) is empty: download it again");
}
