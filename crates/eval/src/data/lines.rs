//! JSON, one object on each line, and tables with commas.

use super::Row;
use crate::Error;
use serde_json::Value;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// One object on each line; empty lines are passed over.
pub(super) fn json(content: Vec<u8>, most: usize) -> Result<Vec<Row>, Error> {
    let text = text(content)?;
    let lines = text.trim_start_matches(BYTE_ORDER_MARK).lines().enumerate();
    let filled = lines.filter(|(_, line)| !line.trim().is_empty());
    let row = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|_| Error(format!("line {} is no JSON object", number + 1)))
    };
    filled.take(most).map(row).collect()
}

/// A table whose first line names the fields (RFC 4180). Every field is a text.
pub(super) fn csv(content: Vec<u8>, most: usize) -> Result<Vec<Row>, Error> {
    let text = text(content)?;
    let mut reader = csv::Reader::from_reader(text.trim_start_matches(BYTE_ORDER_MARK).as_bytes());
    let wrong = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        Error(format!("line {line} is no line of this table"))
    };
    let names = reader.headers().map_err(wrong)?.clone();
    if let Some(name) = names.iter().enumerate().find(|(at, name)| names.iter().take(*at).any(|other| other == *name)) {
        return Err(Error(format!("the field {:?} is there twice", name.1)));
    }
    let row = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.map_err(wrong)?;
        let fields = names.iter().zip(record.iter());
        Ok(fields.map(|(name, field)| (name.to_owned(), Value::from(field))).collect())
    };
    reader.records().take(most).map(row).collect()
}

fn text(content: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(content).map_err(|_| Error::of("is no text in UTF-8"))
}
