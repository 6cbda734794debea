//! The table of tensors: names, shapes, formats, and where in the file each lies.

use hefu_numerics::quant::{FORMATS, Format};

use super::error::{Error, Part, Shown};
use super::limits::{MAX_DIMENSIONS, MAX_TENSOR_BYTES, MAX_TENSOR_NAME_BYTES, MAX_TENSORS};
use super::reader::Reader;

/// Smallest bytes of a tensor in the table: length of the name, one character, dimensions, one size, type, offset.
const SMALLEST_TENSOR: usize = 8 + 1 + 4 + 8 + 4 + 8;

/// ggml's types by number, for naming one that is not supported; removed types keep their number.
const GGML_TYPES: &[&str] = &[
    "F32",
    "F16",
    "Q4_0",
    "Q4_1",
    "Q4_2",
    "Q4_3",
    "Q5_0",
    "Q5_1",
    "Q8_0",
    "Q8_1",
    "Q2_K",
    "Q3_K",
    "Q4_K",
    "Q5_K",
    "Q6_K",
    "Q8_K",
    "IQ2_XXS",
    "IQ2_XS",
    "IQ3_XXS",
    "IQ1_S",
    "IQ4_NL",
    "IQ3_S",
    "IQ2_S",
    "IQ4_XS",
    "I8",
    "I16",
    "I32",
    "I64",
    "F64",
    "IQ1_M",
    "BF16",
    "Q4_0_4_4",
    "Q4_0_4_8",
    "Q4_0_8_8",
    "TQ1_0",
    "TQ2_0",
    "IQ4_NL_4_4",
    "IQ4_NL_4_8",
    "IQ4_NL_8_8",
    "MXFP4",
    "NVFP4",
    "Q1_0",
    "Q2_0",
];

/// A tensor of the file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TensorInfo<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its dimensions in the file's order: the first is contiguous (columns); 1 to 4 of them, none is 0.
    pub shape: Vec<u64>,
    /// Storage of its rows.
    pub format: &'static Format,
    /// Index of the part that holds it.
    pub shard: usize,
    /// Bytes from the start of that part to its first byte.
    pub offset: usize,
    /// Its size in bytes.
    pub bytes: usize,
    /// The bytes themselves.
    pub(super) data: &'a [u8],
}

/// An entry of the table, before its place in the file is checked.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Vec<u64>,
    pub(super) format: &'static Format,
    pub(super) bytes: u64,
    /// From the start of the data.
    pub(super) offset: u64,
}

/// Reads the number of tensors announced.
pub(super) fn count(reader: &mut Reader<'_>) -> Result<u64, Error> {
    reader.count("tensors", MAX_TENSORS, SMALLEST_TENSOR)
}

/// Reads `count` entries.
pub(super) fn read<'a>(reader: &mut Reader<'a>, count: u64) -> Result<Vec<Entry<'a>>, Error> {
    (0..count).map(|_| read_entry(reader)).collect()
}

/// An entry of the table as it is written.
pub(super) struct Row<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Vec<u64>,
    /// ggml's number of the format.
    pub(super) number: u32,
    offset: u64,
}

/// Reads an entry, whatever its format.
pub(super) fn read_row<'a>(reader: &mut Reader<'a>) -> Result<Row<'a>, Error> {
    let name = reader.name("name of a tensor", MAX_TENSOR_NAME_BYTES)?;
    reader.enter(name);
    let dimensions = reader.u32("the number of dimensions")?;
    if dimensions == 0 || dimensions > MAX_DIMENSIONS {
        return Err(Error::Dimensions { count: dimensions, place: reader.place(size_of::<u32>()) });
    }
    let shape = (0..dimensions).map(|_| reader.u64("a dimension")).collect::<Result<Vec<u64>, Error>>()?;
    let number = reader.u32("the type of a tensor")?;
    let offset = reader.u64("the offset of a tensor")?;
    reader.leave();
    Ok(Row { name, shape, number, offset })
}

/// Name of a format in ggml, if this program knows it.
pub(super) fn format_name(number: u32) -> Option<&'static str> {
    usize::try_from(number).ok().and_then(|number| GGML_TYPES.get(number)).copied()
}

fn read_entry<'a>(reader: &mut Reader<'a>) -> Result<Entry<'a>, Error> {
    let Row { name, shape, number, offset } = read_row(reader)?;
    let format = format(name, number, reader.part())?;
    let bytes = size(name, &shape, format, reader.part())?;
    Ok(Entry { name, shape, format, bytes, offset })
}

fn format(tensor: &str, number: u32, part: Part) -> Result<&'static Format, Error> {
    Format::from_gguf_type(number).ok_or_else(|| {
        let name = format_name(number);
        let supported = FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
        Error::Format { tensor: Shown::new(tensor), number, name: name.unwrap_or("an unknown type"), supported, part }
    })
}

/// Bytes of a tensor's data: rows of whole blocks.
fn size(tensor: &str, shape: &[u64], format: &'static Format, part: Part) -> Result<u64, Error> {
    let refuse = |problem| {
        let shape = shape.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
        Error::Shape { tensor: Shown::new(tensor), shape, problem, part }
    };
    if shape.contains(&0) {
        return Err(refuse("has no elements"));
    }
    let (columns, rows) = shape.split_first().ok_or_else(|| refuse("has no elements"))?;
    let too_large = || refuse("is larger than any tensor can be");
    let columns_here = usize::try_from(*columns).map_err(|_| too_large())?;
    let block = format.block_elements;
    if !columns_here.is_multiple_of(block) {
        return Err(Error::PartialBlock {
            tensor: Shown::new(tensor),
            columns: *columns,
            format: format.name,
            block,
            part,
        });
    }
    let row_bytes = format.row_bytes(columns_here).map(|bytes| bytes as u64);
    let bytes = rows.iter().fold(row_bytes, |bytes, rows| bytes?.checked_mul(*rows));
    bytes.filter(|bytes| *bytes <= MAX_TENSOR_BYTES).ok_or_else(too_large)
}
