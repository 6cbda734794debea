//! Every weight format decodes to the values that the field's own Python decoder gives, bit for bit.
//!
//! `golden/quant/make_golden.py` made the file and describes its layout.

use hefu_numerics::quant::{FORMATS, Format};

const DECODED: &[u8] = include_bytes!("../../../golden/quant/decoded.bin");

struct Record {
    format: &'static Format,
    blocks: &'static [u8],
    expected: Vec<u32>,
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

fn records() -> Vec<Record> {
    let mut records = Vec::new();
    let mut rest = DECODED;
    while !rest.is_empty() {
        let (head, body) = rest.split_at(16);
        let name = std::str::from_utf8(&head[..8]).expect("names are ASCII").trim_end_matches('\0');
        let (bytes, elements) = (number(&head[8..12]) as usize, number(&head[12..16]) as usize);
        let (blocks, body) = body.split_at(bytes);
        let (values, body) = body.split_at(4 * elements);
        let format = Format::from_name(name).unwrap_or_else(|| panic!("{name} is no format of this crate"));
        records.push(Record { format, blocks, expected: values.chunks_exact(4).map(number).collect() });
        rest = body;
    }
    records
}

#[test]
fn decodes_as_the_reference_decoder_does() {
    for Record { format, blocks, expected } in records() {
        assert_eq!(format.row_bytes(expected.len()), Some(blocks.len()), "{}", format.name);
        let mut output = vec![f32::NAN; expected.len()];
        format.decode_row(blocks, &mut output);
        for (i, (found, expected)) in output.iter().zip(&expected).enumerate() {
            let (name, wanted) = (format.name, f32::from_bits(*expected));
            assert_eq!(found.to_bits(), *expected, "{name}, element {i}: {found:e} instead of {wanted:e}");
        }
    }
}

#[test]
fn the_file_covers_every_format() {
    let mut found: Vec<_> = records().iter().map(|record| record.format.gguf_type).collect();
    found.sort_unstable();
    let listed: Vec<_> = FORMATS.iter().map(|format| format.gguf_type).collect();
    assert_eq!(found, listed);
}
