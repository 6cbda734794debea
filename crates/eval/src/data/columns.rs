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

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::basic::{Compression, GzipLevel};
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use serde_json::json;
    use std::sync::Arc;

    /// A file with two rows, one of whose fields is a list.
    fn written(compression: Compression) -> Vec<u8> {
        let schema = "message m { required binary question (UTF8); optional int64 answer; required double weight; \
                      required group choices (LIST) { repeated group list { required binary element (UTF8); } } }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
        let mut file = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut file, schema, properties).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let texts = |texts: &[&str]| texts.iter().map(|text| ByteArray::from(*text)).collect::<Vec<_>>();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts(&["一?", "b"]), None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[7], Some(&[1, 0]), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&[0.5, -2.0], None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let (levels, repeats) = ([1, 1, 1], [0, 1, 0]);
        let choices = texts(&["x", "y", "z"]);
        column.typed::<ByteArrayType>().write_batch(&choices, Some(&levels), Some(&repeats)).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        file
    }

    #[test]
    fn rows_come_back_whatever_they_are_compressed_with() {
        let expected = [
            json!({"question": "一?", "answer": 7, "weight": 0.5, "choices": ["x", "y"]}),
            json!({"question": "b", "answer": null, "weight": -2.0, "choices": ["z"]}),
        ];
        let gzip = Compression::GZIP(GzipLevel::default());
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, gzip] {
            let rows = parquet(written(compression), 9).unwrap();
            assert_eq!(rows.into_iter().map(Value::Object).collect::<Vec<_>>(), expected, "{compression:?}");
        }
        assert_eq!(parquet(written(Compression::SNAPPY), 1).unwrap().len(), 1);
        let file = written(Compression::SNAPPY);
        for length in 0..file.len() {
            assert!(parquet(file[..length].to_vec(), 9).is_err(), "{length}");
        }
    }
}
