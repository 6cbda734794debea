//! Flags of the commands that answer many: what is recorded of answers, and what models must prove before they answer.

use crate::failure::Failure;
use crate::serving::{Keeping, Required};
use crate::signing::public_key;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hefu_proof::audit::{Options, Store};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The log of answers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Record")]
pub(crate) struct RecordArguments {
    /// Log every answer in FILE, signed and chained, before its last byte leaves; what cannot be logged is not answered. `hefu
    /// audit` reads it
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,

    /// What is logged of each answer: its receipt, which holds token ids; its text as well; or the receipt's hash alone
    #[arg(long, value_name = "WHAT", requires = "audit", default_value = "ids", value_parser = stores())]
    pub(crate) audit_store: Store,

    /// Remove what has been in the log for so long, such as 180d or 12h [default: keep everything]
    #[arg(long, value_name = "TIME", requires = "audit", value_parser = parse_keep)]
    pub(crate) audit_keep: Option<Duration>,

    /// State in receipts each prompt's salted hash and not its tokens
    #[arg(long)]
    pub(crate) hide_prompts: bool,
}

impl RecordArguments {
    /// What is kept, with so many receipts in memory.
    pub(crate) fn keeping(&self, recent: usize) -> Keeping {
        let options = Options { store: self.audit_store, keep: self.audit_keep, ..Options::default() };
        Keeping { log: self.audit.clone().map(|path| (path, options)), hides_prompts: self.hide_prompts, recent }
    }
}

/// What models must prove.
#[derive(Debug, Clone, Args)]
pub(crate) struct SignatureArguments {
    /// Load only models with a valid signature by this public key (PEM) beside them, as `hefu sign` makes it
    #[arg(long, value_name = "KEY", help_heading = "Model")]
    pub(crate) require_signature: Option<PathBuf>,
}

impl SignatureArguments {
    /// What every model must have.
    ///
    /// # Errors
    /// A file that is no public key.
    pub(crate) fn required(&self) -> Result<Option<Required>, Failure> {
        self.require_signature.as_deref().map(|path| public_key(path).map(|key| Required { key })).transpose()
    }
}

fn stores() -> impl TypedValueParser<Value = Store> {
    let all = [Store::Ids, Store::Text, Store::Hashes].map(Store::name);
    PossibleValuesParser::new(all).try_map(|name| Store::from_str(&name))
}

/// A time with its unit: days or hours.
fn parse_keep(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a number of days or hours, such as 180d or 12h";
    let (digits, seconds) = match text.char_indices().next_back() {
        Some((at, 'd')) => (text.get(..at), 86_400),
        Some((at, 'h')) => (text.get(..at), 3_600),
        _ => (None, 0),
    };
    let number: u64 = digits.and_then(|digits| digits.parse().ok()).ok_or(EXPECTED)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| EXPECTED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_keep_has_a_unit() {
        assert_eq!(parse_keep("180d"), Ok(Duration::from_secs(180 * 86_400)));
        assert_eq!(parse_keep("12h"), Ok(Duration::from_secs(12 * 3_600)));
        for bad in ["", "d", "12", "-1d", "1.5d", "3w", "99999999999999999999d", "18446744073709551615d", "\u{e9}"] {
            assert!(parse_keep(bad).is_err(), "{bad}");
        }
    }
}
