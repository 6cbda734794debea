//! The one way to write a JSON document down, so that its digest means something.
//!
//! Keys sorted by their bytes, nothing between the parts, and each number in one form: whole numbers in decimal without
//! fraction, others as the shortest decimal that reads back as the same binary32 (every other number of a document here is
//! one). Strings escape what JSON demands and nothing else. This is RFC 8785 but for numbers, which are not binary64 here.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Beyond it, binary32 has no fractions, and the digits of a number say more than is known.
const WHOLE_BELOW: f64 = 16_777_216.0;

/// The document in its one form.
///
/// # Errors
/// A sentence, if the value cannot be JSON at all (a NaN or an infinity among its numbers is written as `null`).
pub fn canonical(document: &impl Serialize) -> Result<String, String> {
    let value = serde_json::to_value(document).map_err(|error| format!("it cannot be written as JSON: {error}"))?;
    let mut text = String::new();
    write(&value, &mut text);
    Ok(text)
}

/// The text without the blanks and line breaks that stand between the parts of a JSON document; those inside strings
/// stay. So a document that was only laid out for reading compares equal with its canonical form.
pub fn without_layout(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let keep = |c: &char| {
        let kept = inside || !matches!(c, ' ' | '\n' | '\r' | '\t');
        (inside, escaped) = match c {
            '"' if !escaped => (!inside, false),
            '\\' if inside => (inside, !escaped),
            _ => (inside, false),
        };
        kept
    };
    text.chars().filter(keep).collect()
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => write_number(number, text),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            let sorted: BTreeMap<&str, &Value> = fields.iter().map(|(key, value)| (key.as_str(), value)).collect();
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                *text += &Value::from(key).to_string();
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        plain => *text += &plain.to_string(),
    }
}

fn write_number(number: &serde_json::Number, text: &mut String) {
    match number.as_f64().filter(|_| number.is_f64()) {
        None => *text += &number.to_string(),
        // -0 is no whole number: written as 0 it would read back as another one.
        Some(value)
            if value.fract() == 0.0 && value.abs() < WHOLE_BELOW && (value != 0.0 || value.is_sign_positive()) =>
        {
            *text += &format!("{value:.0}");
        }
        // A number of a JSON value is finite, and so has a text.
        Some(value) => *text += &serde_json::to_string(&(value as f32)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn order_layout_and_numbers_have_one_form() {
        let value =
            json!({"b": [1, -2.0, 0.8_f32, 1e-5_f32], "a": {"é\n\"": null, "z": 18_446_744_073_709_551_615_u64}});
        let expected = "{\"a\":{\"z\":18446744073709551615,\"é\\n\\\"\":null},\"b\":[1,-2,0.8,0.00001]}";
        let found = canonical(&value).unwrap();
        assert_eq!(found, expected);
        assert_eq!(without_layout(&format!("{value:#}")).len(), value.to_string().len());
        assert_eq!(without_layout(" { \"a b\\\" \\\\\" : 1 }\r\n"), "{\"a b\\\" \\\\\":1}");
    }

    proptest! {
        #[test]
        fn every_number_reads_back(bits in any::<u32>()) {
            let number = f32::from_bits(bits);
            prop_assume!(number.is_finite());
            let text = canonical(&number).unwrap();
            let back: f32 = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(back.to_bits(), number.to_bits(), "{}", text);
        }
    }
}
