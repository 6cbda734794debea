//! Parquet files.

use super::Row;
use crate::Error;
use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Number, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The rows of a Parquet file. Dates, times and decimal numbers become texts.
pub(super) fn parquet(content: Vec<u8>, most: usize) -> Result<Vec<Row>, Error> {
    // The library is written for files from trusted places, and some that are broken make it panic.
    let read = catch_unwind(AssertUnwindSafe(|| rows(content, most)));
    match read {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(wrong)) => Err(Error(format!("is no Parquet file that can be read: {wrong}"))),
        Err(_) => Err(Error::of("is no Parquet file that can be read: it is broken")),
    }
}

fn rows(content: Vec<u8>, most: usize) -> Result<Vec<Row>, String> {
    let one_line = |error: parquet::errors::ParquetError| error.to_string().replace('\n', " ");
    let file = SerializedFileReader::new(Bytes::from(content)).map_err(one_line)?;
    let mut all = Vec::new();
    for row in file.get_row_iter(None).map_err(one_line)?.take(most) {
        let row = row.map_err(one_line)?;
        all.push(row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect());
    }
    Ok(all)
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => Value::from(*value),
        Field::Byte(value) => Value::from(*value),
        Field::Short(value) => Value::from(*value),
        Field::Int(value) => Value::from(*value),
        Field::Long(value) => Value::from(*value),
        Field::UByte(value) => Value::from(*value),
        Field::UShort(value) => Value::from(*value),
        Field::UInt(value) => Value::from(*value),
        Field::ULong(value) => Value::from(*value),
        Field::Float(value) => number(f64::from(*value)),
        Field::Double(value) => number(*value),
        Field::Str(text) => Value::from(text.as_str()),
        Field::Bytes(bytes) => Value::from(String::from_utf8_lossy(bytes.data()).into_owned()),
        Field::Group(row) => {
            Value::Object(row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect())
        }
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        Field::MapInternal(map) => {
            let name = |field: &Field| match field {
                Field::Str(text) => text.clone(),
                other => other.to_string(),
            };
            Value::Object(map.entries().iter().map(|(key, field)| (name(key), value(field))).collect::<Map<_, _>>())
        }
        other => Value::from(other.to_string()),
    }
}

/// A number, or nothing where it is none.
fn number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
