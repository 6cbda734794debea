//! The first bytes of a file: GGUF of a version that is read, or what it is instead.

use super::error::Error;
use super::reader::Reader;

/// Magic bytes of other files: at this offset, these bytes, this description.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (0, b"lmgg", "a ggml file, a format from before GGUF"),
    (0, b"fmgg", "a ggmf file, a format from before GGUF"),
    (0, b"tjgg", "a ggjt file, a format from before GGUF"),
    (0, b"algg", "an adapter in a format from before GGUF"),
    (8, b"{\"", "a safetensors file"),
    (0, b"PK\x03\x04", "a zip archive (PyTorch saves its models so)"),
    (0, b"\x80\x02", "a Python pickle (old PyTorch files are)"),
    (0, b"\x80\x03", "a Python pickle (old PyTorch files are)"),
    (0, b"\x80\x04", "a Python pickle (old PyTorch files are)"),
    (0, b"\x80\x05", "a Python pickle (old PyTorch files are)"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy file"),
    (0, b"version https://git-lfs", "the pointer that git-lfs leaves in place of a large file"),
    (0, b"<!DOCTYPE", "a web page"),
    (0, b"<!doctype", "a web page"),
    (0, b"<html", "a web page"),
    (0, b"{", "a JSON document"),
];

/// Reads magic and version; the version is 2 or 3.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<u32, Error> {
    let (part, bytes) = (reader.part(), reader.remaining());
    if bytes.is_empty() {
        return Err(Error::Empty(part));
    }
    if bytes.starts_with(b"FUGG") {
        return Err(Error::BigEndian(part));
    }
    if !b"GGUF".starts_with(bytes) && !bytes.starts_with(b"GGUF") {
        let begins = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
        let found = OTHERS.iter().find(|(offset, magic, _)| begins(*offset, magic));
        return Err(Error::NotGguf { found: found.map_or("a file of an unknown kind", |(_, _, what)| what), part });
    }
    reader.array::<4>("the magic number")?;
    let version = reader.u32("the version")?;
    match version {
        2 | 3 => Ok(version),
        // A small number stored the other way round.
        _ if version != 0 && version & 0xffff == 0 => Err(Error::BigEndian(part)),
        0 | 1 => Err(Error::Version { version, advice: "a converter from after August 2023", part }),
        _ => Err(Error::Version { version, advice: "version 3", part }),
    }
}
