//! The producer of generated content: a name, or the code of TC260-PG-20252A.

use super::{Error, check_field};

/// Characters of a code: `00`, `11`, a unified social credit code of 18, one for the service, four for the model.
const CODE_LENGTH: usize = 27;

/// The digits of a unified social credit code (GB 32100-2015), which leaves out I, O, S, V and Z.
const DIGITS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Checks a producer's name or code. What has 27 letters and digits and begins with `0011` counts as a code.
///
/// # Errors
/// An empty producer, a character that labels cannot hold, or a code whose check digit is wrong.
pub fn check_producer(producer: &str) -> Result<(), Error> {
    if producer.is_empty() {
        return Err(Error::Empty("ContentProducer"));
    }
    check_field("ContentProducer", producer)?;
    let is_code = producer.len() == CODE_LENGTH && producer.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match producer.get(4..22) {
        Some(credit_code) if is_code && producer.starts_with("0011") => {
            check_credit_code(credit_code).map_err(|problem| Error::Code { code: producer.to_owned(), problem })
        }
        _ => Ok(()),
    }
}

/// The check of GB 32100-2015: weights are the powers of 3 modulo 31.
fn check_credit_code(code: &str) -> Result<(), &'static str> {
    let values: Option<Vec<usize>> = code.bytes().map(|byte| DIGITS.iter().position(|digit| *digit == byte)).collect();
    let Some((check, values)) = values.as_deref().and_then(<[usize]>::split_last) else {
        return Err("its unified social credit code (characters 5 to 22) has a character that such codes do not have");
    };
    let (sum, _) = values.iter().fold((0, 1), |(sum, weight), value| (sum + value * weight, weight * 3 % 31));
    if (31 - sum % 31) % 31 == *check {
        Ok(())
    } else {
        Err("the check digit of its unified social credit code (characters 5 to 22) is wrong")
    }
}
