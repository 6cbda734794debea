//! The samples of a task: rows of named fields, from a file in one of three formats.

mod columns;
mod lines;

use crate::Error;
use hefu_proof::Digest;
use serde_json::{Map, Value};
use std::path::Path;

/// Largest file of samples, in bytes (2 GiB).
pub const MAX_DATA_BYTES: u64 = 2 << 30;

/// One sample's fields.
pub type Row = Map<String, Value>;

/// A file of samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Its rows.
    pub rows: Vec<Row>,
    /// SHA-256 of the whole file.
    pub digest: Digest,
}

/// Reader of a format: the file's bytes, and the number of rows wanted.
type Reader = fn(Vec<u8>, usize) -> Result<Vec<Row>, Error>;

/// Every format, by how a file's name ends.
const FORMATS: &[(&str, Reader)] = &[("jsonl", lines::json), ("csv", lines::csv), ("parquet", columns::parquet)];

/// Reads a file of samples, at most so many from its beginning.
///
/// # Errors
/// A file that cannot be read, or that is not of the format that its name says.
pub fn read(path: &Path, most: usize) -> Result<Data, Error> {
    let named = |wrong: String| Error(format!("{}: {wrong}", path.display()));
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    let format = FORMATS.iter().find(|(name, _)| *name == ending);
    let (_, reader) = format.ok_or_else(|| {
        let known: Vec<String> = FORMATS.iter().map(|(name, _)| format!(".{name}")).collect();
        named(format!("samples are read from files that end in {}", known.join(", ")))
    })?;
    let bytes = std::fs::metadata(path).map_err(|error| named(format!("cannot be read: {error}")))?.len();
    if bytes > MAX_DATA_BYTES {
        return Err(named(format!("has {bytes} bytes, more than the {MAX_DATA_BYTES} that are read")));
    }
    let content = std::fs::read(path).map_err(|error| named(format!("cannot be read: {error}")))?;
    let digest = Digest::of(&[&content]);
    let rows = reader(content, most).map_err(|Error(wrong)| named(wrong))?;
    if rows.is_empty() {
        return Err(named("has no samples".to_owned()));
    }
    Ok(Data { rows, digest })
}

/// SHA-256 of a row, as JSON in the order of its fields.
pub fn digest(row: &Row) -> Digest {
    // Serialising a map of JSON values cannot fail.
    Digest::of(&[serde_json::to_string(row).unwrap_or_default().as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(name: &str, content: &[u8], most: usize) -> Result<Data, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        read(&path, most).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_of_json_are_rows() {
        let text = "\u{feff}{\"q\": \"一\", \"n\": 1}\r\n\n{\"q\": \"b\", \"n\": [2]}\n{\"q\": 3}";
        let data = of("d.jsonl", text.as_bytes(), usize::MAX).unwrap();
        assert_eq!(data.rows.len(), 3);
        assert_eq!(Value::Object(data.rows[0].clone()), json!({"q": "一", "n": 1}));
        assert_eq!(data.digest, Digest::of(&[text.as_bytes()]));
        assert_eq!(of("d.jsonl", text.as_bytes(), 2).unwrap().rows.len(), 2);
        for (text, wrong) in [("[1]", "line 1"), ("{}\n{\"a\"", "line 2"), ("", "no samples"), ("\n \n", "no samples")]
        {
            assert!(of("d.jsonl", text.as_bytes(), 9).unwrap_err().contains(wrong), "{text}");
        }
    }

    #[test]
    fn tables_with_commas_are_rows_of_texts() {
        let data = of("d.CSV", "q,a\n\"one, \"\"two\"\"\nthree\",4\nb,\n".as_bytes(), 9).unwrap();
        assert_eq!(Value::Object(data.rows[0].clone()), json!({"q": "one, \"two\"\nthree", "a": "4"}));
        assert_eq!(Value::Object(data.rows[1].clone()), json!({"q": "b", "a": ""}));
        for (text, wrong) in [("a,b\n1\n", "line 2"), ("a,a\n1,2\n", "twice"), ("a\n\u{ff}\n", "")] {
            let found = of("d.csv", text.as_bytes(), 9);
            assert!(wrong.is_empty() || found.unwrap_err().contains(wrong), "{text}");
        }
        assert!(of("d.csv", b"a\n\xff\n", 9).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn a_file_that_is_no_parquet_is_refused() {
        for content in [&b""[..], b"PAR1", b"PAR1PAR1", &[0; 64]] {
            assert!(of("d.parquet", content, 9).unwrap_err().contains("Parquet"));
        }
        assert!(of("d.txt", b"", 9).unwrap_err().contains(".jsonl, .csv, .parquet"));
    }
}
