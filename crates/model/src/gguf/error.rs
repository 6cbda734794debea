//! Errors of GGUF files, each as one sentence that says where and what to do.

use std::fmt;

/// Characters of a stranger's key or name that an error shows.
const SHOWN_CHARACTERS: usize = 80;

/// Reason why a file is not a usable GGUF file, or why a key cannot be read as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An empty list of parts.
    #[error("no file was given: name at least one GGUF file")]
    NoParts,
    /// A file of 0 bytes.
    #[error("the file{0} is empty: download it again")]
    Empty(Part),
    /// The file starts with something else than `GGUF`.
    #[error("this{part} is {found}, not a GGUF file: name a GGUF file, or convert the model to GGUF first")]
    NotGguf {
        /// Likely kind of file by its first bytes.
        found: &'static str,
        /// The file.
        part: Part,
    },
    /// Numbers are stored with the most significant byte first.
    #[error("the GGUF file{0} is big-endian, which is not read: get the little-endian file of this model")]
    BigEndian(Part),
    /// A version other than 2 and 3.
    #[error("the GGUF file{part} has version {version}, but only 2 and 3 are read: get a file made with {advice}")]
    Version {
        /// The version found.
        version: u32,
        /// Converter that would help.
        advice: &'static str,
        /// The file.
        part: Part,
    },
    /// The file ends inside something.
    #[error(
        "the file ends {missing} early, inside {what} at {place}: it was probably cut off while downloading; \
         download it again"
    )]
    CutOff {
        /// The part that could not be read.
        what: &'static str,
        /// Its beginning.
        place: Place,
        /// Missing bytes.
        missing: Missing,
    },
    /// A count above what the rest of the file can hold.
    #[error(
        "{place} announces {count} {what}, more than the remaining {remaining} bytes can hold: the file is cut off or \
         damaged; download it again"
    )]
    Count {
        /// The counted things.
        what: &'static str,
        /// The count.
        count: u64,
        /// Bytes of the file after the count.
        remaining: u64,
        /// Place of the count.
        place: Place,
    },
    /// A count or a length above one of the [limits](super::limits).
    #[error(
        "{place} announces {count} {what}, above the limit of {limit}: the file is damaged or hostile; do not use it"
    )]
    Limit {
        /// The counted things.
        what: &'static str,
        /// The count.
        count: u64,
        /// The limit.
        limit: u64,
        /// Place of the count.
        place: Place,
    },
    /// A key or a tensor's name that is empty, not UTF-8 or holds control characters.
    #[error("the {what} at {place} {problem}: the file is damaged; download it again")]
    Name {
        /// `key` or `name of a tensor`.
        what: &'static str,
        /// The fault.
        problem: &'static str,
        /// Its beginning.
        place: Place,
    },
    /// A number of a value type that GGUF does not define.
    #[error("{place} names the value type {number}, but GGUF has only 0 to 12: the file is damaged; download it again")]
    ValueType {
        /// The number found.
        number: u32,
        /// Its place.
        place: Place,
    },
    /// A boolean that is neither 0 nor 1.
    #[error("the boolean at {place} is {value}, but only 0 and 1 are allowed: the file is damaged; download it again")]
    Boolean {
        /// The byte found.
        value: u8,
        /// Its place.
        place: Place,
    },
    /// Arrays within arrays, too deep.
    #[error("{place} nests arrays more than {limit} deep: the file is damaged or hostile; do not use it")]
    Depth {
        /// The limit.
        limit: usize,
        /// Beginning of the array.
        place: Place,
    },
    /// The same key twice.
    #[error("the key {key:?} appears a second time at {place}: ask the maker of the file to convert it again")]
    DuplicateKey {
        /// The key.
        key: Shown,
        /// Place of the repetition.
        place: Place,
    },
    /// The same tensor name twice.
    #[error("the tensor {tensor:?} appears twice{part}: ask the maker of the file to convert it again")]
    DuplicateTensor {
        /// The tensor's name.
        tensor: Shown,
        /// The file that repeats it.
        part: Part,
    },
    /// A number of dimensions that no tensor has.
    #[error(
        "the tensor at {place} has {count} dimensions, but 1 to 4 are allowed: the file is damaged; download it again"
    )]
    Dimensions {
        /// Dimensions announced.
        count: u32,
        /// Place of the number.
        place: Place,
    },
    /// A shape that is empty or too large.
    #[error(
        "the tensor {tensor:?}{part} has the shape {shape}, which {problem}: the file is damaged; download it again"
    )]
    Shape {
        /// The tensor's name.
        tensor: Shown,
        /// Its dimensions, joined by `x`.
        shape: String,
        /// The fault.
        problem: &'static str,
        /// The file.
        part: Part,
    },
    /// A weight format that Hefu does not read.
    #[error(
        "the tensor {tensor:?}{part} is stored as {name} (type {number}), which is not supported: choose a file in one of {supported}"
    )]
    Format {
        /// The tensor's name.
        tensor: Shown,
        /// ggml's number of the type.
        number: u32,
        /// ggml's name of the type.
        name: &'static str,
        /// The formats that are read.
        supported: String,
        /// The file.
        part: Part,
    },
    /// Rows that end inside a block.
    #[error(
        "the rows of tensor {tensor:?}{part} have {columns} elements, but {format} stores whole blocks of {block}: ask \
         the maker of the file to convert it again"
    )]
    PartialBlock {
        /// The tensor's name.
        tensor: Shown,
        /// Elements of a row.
        columns: u64,
        /// The format's name.
        format: &'static str,
        /// Elements of a block.
        block: usize,
        /// The file.
        part: Part,
    },
    /// `general.alignment` is no usable alignment.
    #[error(
        "the key \"general.alignment\"{part} is {value}, but a power of two from 8 to 2097152 is needed: ask the maker of \
         the file to convert it again"
    )]
    Alignment {
        /// The value found.
        value: u64,
        /// The file.
        part: Part,
    },
    /// A tensor that does not begin at a multiple of the alignment.
    #[error(
        "the tensor {tensor:?}{part} begins at offset {offset} of the data, which is no multiple of the alignment \
         {alignment}: ask the maker of the file to convert it again"
    )]
    Misaligned {
        /// The tensor's name.
        tensor: Shown,
        /// Its offset from the start of the data.
        offset: u64,
        /// The file's alignment.
        alignment: u64,
        /// The file.
        part: Part,
    },
    /// Two tensors share bytes.
    #[error("the tensors {first:?} and {second:?}{part} overlap: the file is damaged or hostile; do not use it")]
    Overlap {
        /// The tensor that begins first.
        first: Shown,
        /// The tensor that begins inside it.
        second: Shown,
        /// The file.
        part: Part,
    },
    /// A tensor far behind the end of the file.
    #[error(
        "the tensor {tensor:?}{part} begins at offset {offset} of the data, outside the file of {length} bytes: the file \
         is damaged; download it again"
    )]
    Outside {
        /// The tensor's name.
        tensor: Shown,
        /// Its offset from the start of the data.
        offset: u64,
        /// Bytes of the file.
        length: u64,
        /// The file.
        part: Part,
    },
    /// A split model with parts missing or too many.
    #[error("the model is split into {expected} files, but {given} given: name all {expected}, in order")]
    SplitCount {
        /// `split.count`.
        expected: u64,
        /// Files given, with the verb: `1 was`, `2 were`.
        given: String,
    },
    /// Several files that are no parts of one model.
    #[error("the file{part} has no key {key:?}, so it is no part of a split model: name only the parts of one model")]
    NotSplit {
        /// The missing key.
        key: &'static str,
        /// The file.
        part: Part,
    },
    /// Parts in the wrong order.
    #[error("the file{part} calls itself part {found}: name the parts in order, each once")]
    SplitOrder {
        /// `split.no`, counted from 1.
        found: u64,
        /// The file.
        part: Part,
    },
    /// Parts that do not add up.
    #[error(
        "the model announces {expected} tensors, but its parts hold {found}: get all parts from the same place again"
    )]
    SplitTensors {
        /// `split.tensors.count`.
        expected: u64,
        /// Tensors in all parts.
        found: u64,
    },
    /// A later part that contradicts the first.
    #[error("the key {key:?}{part} does not have the value of part 1: name only the parts of one model")]
    SplitConflict {
        /// The key.
        key: Shown,
        /// The file.
        part: Part,
    },
    /// A key that is needed is absent.
    #[error(
        "the file has no key {key:?} (expected {expected}): it is incomplete or not a language model; get another file"
    )]
    MissingKey {
        /// The key.
        key: Shown,
        /// The type needed.
        expected: &'static str,
    },
    /// A key has another type than needed.
    #[error("the key {key:?} holds {found} where {expected} is needed: ask the maker of the file to convert it again")]
    WrongType {
        /// The key.
        key: Shown,
        /// The type needed.
        expected: &'static str,
        /// The file's value.
        found: String,
    },
    /// A string that is needed as text is not UTF-8.
    #[error("string {index} of the key {key:?} is not valid UTF-8: ask the maker of the file to convert it again")]
    NotText {
        /// The key.
        key: Shown,
        /// Index of the element, from 0; 0 for a single string.
        index: usize,
    },
}

/// One of the given files; shows as nothing if there is only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Counted from 0.
    pub index: usize,
    /// Files given.
    pub of: usize,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of > 1 { write!(f, " (part {} of {})", self.index.saturating_add(1), self.of) } else { Ok(()) }
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub part: Part,
    /// Bytes from the start of that file.
    pub offset: usize,
    /// The key or the tensor that is being read.
    pub inside: Option<Shown>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}{}", self.offset, self.part)?;
        self.inside.as_ref().map_or(Ok(()), |name| write!(f, " (in {name:?})"))
    }
}

/// Bytes that a file lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The file lacks so many.
    Exactly(u64),
    /// At least so many are missing; what would follow is not known.
    AtLeast(u64),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, bytes) = match self {
            Missing::Exactly(bytes) => ("", bytes),
            Missing::AtLeast(bytes) => ("at least ", bytes),
        };
        write!(f, "{words}{bytes} {}", if *bytes == 1 { "byte" } else { "bytes" })
    }
}

/// A key or a name as an error shows it: shortened, and free of control characters when printed with `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    pub(super) fn new(name: &str) -> Shown {
        let mut shown: String = name.chars().take(SHOWN_CHARACTERS).collect();
        if shown.len() < name.len() {
            shown.push('…');
        }
        Shown(shown)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
