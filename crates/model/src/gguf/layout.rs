//! Where the tensors of a part lie: aligned, inside the file, and apart from one another.

use super::error::{Error, Missing, Part, Place, Shown};
use super::limits::{DEFAULT_ALIGNMENT, MAX_ALIGNMENT, MIN_ALIGNMENT};
use super::metadata::Metadata;
use super::tensor::{Entry, TensorInfo};

/// The alignment of a part's tensors in bytes.
pub(super) fn alignment(metadata: &Metadata<'_>, part: Part) -> Result<u64, Error> {
    let value = metadata.unsigned("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
    if value.is_power_of_two() && (MIN_ALIGNMENT..=MAX_ALIGNMENT).contains(&value) {
        Ok(value)
    } else {
        Err(Error::Alignment { value, part })
    }
}

/// Turns the table's entries into slices of `file`. The data begins at the first aligned byte from `table_end` on.
pub(super) fn place<'a>(
    file: &'a [u8],
    part: Part,
    table_end: usize,
    alignment: u64,
    entries: Vec<Entry<'a>>,
) -> Result<Vec<TensorInfo<'a>>, Error> {
    let data_start = (table_end as u64).next_multiple_of(alignment);
    check_alignment(&entries, alignment, part)?;
    check_overlap(&entries, part)?;
    // A file whose tensors follow one another without gaps ends here; further offsets cannot come from a cut.
    let packed = entries.iter().map(|entry| entry.bytes.next_multiple_of(alignment));
    let packed = packed.fold(0, u64::saturating_add);
    if let Some(last) = entries.iter().max_by_key(|entry| entry.offset) {
        check_end(last, data_start, packed, file.len() as u64, part)?;
    }
    let mut tensors = Vec::with_capacity(entries.len());
    for Entry { name, shape, format, bytes, offset } in entries {
        let outside = || outside(name, offset, file.len() as u64, part);
        let start = data_start.checked_add(offset).and_then(|start| usize::try_from(start).ok()).ok_or_else(outside)?;
        let bytes = usize::try_from(bytes).map_err(|_| outside())?;
        let data = file.get(start..).and_then(|data| data.get(..bytes)).ok_or_else(outside)?;
        tensors.push(TensorInfo { name, shape, format, shard: part.index, offset: start, bytes, data });
    }
    Ok(tensors)
}

/// Tensors that lie in other files than their table: `files` begins with the table's.
pub(super) fn elsewhere<'a>(
    files: &[&'a [u8]],
    entries: Vec<Entry<'a>>,
    places: &[(usize, usize)],
) -> Result<Vec<TensorInfo<'a>>, Error> {
    let place = |(entry, (file, offset)): (Entry<'a>, &(usize, usize))| {
        let Entry { name, shape, format, bytes, .. } = entry;
        let part = Part { index: file + 1, of: files.len() };
        let all = files.get(file + 1).copied().unwrap_or_default();
        let outside = || outside(name, *offset as u64, all.len() as u64, part);
        let bytes = usize::try_from(bytes).map_err(|_| outside())?;
        let data = all.get(*offset..).and_then(|data| data.get(..bytes)).ok_or_else(outside)?;
        Ok(TensorInfo { name, shape, format, shard: file + 1, offset: *offset, bytes, data })
    };
    entries.into_iter().zip(places).map(place).collect()
}

fn check_alignment(entries: &[Entry<'_>], alignment: u64, part: Part) -> Result<(), Error> {
    match entries.iter().find(|entry| !entry.offset.is_multiple_of(alignment)) {
        Some(Entry { name, offset, .. }) => {
            Err(Error::Misaligned { tensor: Shown::new(name), offset: *offset, alignment, part })
        }
        None => Ok(()),
    }
}

fn check_overlap(entries: &[Entry<'_>], part: Part) -> Result<(), Error> {
    let mut sorted: Vec<&Entry<'_>> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.offset);
    for pair in sorted.windows(2) {
        // No tensor is empty, so that neighbours in this order overlap if any two do.
        if let [first, second] = pair
            && first.offset.saturating_add(first.bytes) > second.offset
        {
            return Err(Error::Overlap { first: Shown::new(first.name), second: Shown::new(second.name), part });
        }
    }
    Ok(())
}

/// Checks the tensor that lies last, and tells a file that was cut off from one whose offsets are wrong.
fn check_end(last: &Entry<'_>, data_start: u64, packed: u64, length: u64, part: Part) -> Result<(), Error> {
    let end = last.offset.checked_add(last.bytes);
    let file_end = end.and_then(|end| end.checked_add(data_start));
    match (end, file_end) {
        (_, Some(file_end)) if file_end <= length => Ok(()),
        (Some(end), Some(file_end)) if end <= packed => {
            let offset = usize::try_from(length).unwrap_or(usize::MAX);
            let place = Place { part, offset, inside: None };
            Err(Error::CutOff { what: "the data of tensors", place, missing: Missing::Exactly(file_end - length) })
        }
        _ => Err(outside(last.name, last.offset, length, part)),
    }
}

fn outside(tensor: &str, offset: u64, length: u64, part: Part) -> Error {
    Error::Outside { tensor: Shown::new(tensor), offset, length, part }
}
