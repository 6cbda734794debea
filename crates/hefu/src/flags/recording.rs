//! Flags of the commands that answer many: what is recorded of answers, and what models must prove before they answer.

use crate::failure::Failure;
use crate::options::RecordOptions;
use crate::signing::public_key;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hefu_proof::audit::{Options, Store};
use hefu_provenance::signing::PublicKey;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

const SECONDS_PER_HOUR: u64 = 3_600;

/// The log of answers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Record")]
pub(crate) struct RecordArguments {
    /// Log every answer in FILE, signed and chained, before its last byte leaves; what cannot be logged is not answered. `hefu
    /// audit` reads it
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,

    /// Content of the log for each answer: its receipt, which holds token ids; its text as well; or the receipt's hash
    /// alone
    #[arg(long, value_name = "WHAT", requires = "audit", default_value = "ids", value_parser = stores())]
    pub(crate) audit_store: Store,

    /// Remove what has been in the log for so long: hours, days, months or years, such as 12h, 200d, 6months or 1year; a month
    /// counts as the longest that there is [default: keep everything]
    #[arg(long, value_name = "TIME", requires = "audit", value_parser = parse_keep)]
    pub(crate) audit_keep: Option<Duration>,

    /// Have this authority stamp the log's checkpoints with the time (RFC 3161 over HTTP)
    #[arg(long, value_name = "URL", requires = "audit")]
    pub(crate) audit_timestamp: Option<String>,

    /// State in receipts each prompt's salted hash and not its tokens
    #[arg(long)]
    pub(crate) hide_prompts: bool,

    /// State in receipts one digest of every layer's output for every token; `hefu verify --trace` makes it again.
    /// Answers then reuse nothing in the cache
    #[arg(long)]
    pub(crate) trace: bool,
}

impl RecordArguments {
    /// Options of recording, with so many receipts in memory.
    pub(crate) fn options(&self, recent: usize) -> RecordOptions {
        let options = Options { store: self.audit_store, keep: self.audit_keep, ..Options::default() };
        RecordOptions {
            log: self.audit.clone().map(|path| (path, options)),
            authority: self.audit_timestamp.clone(),
            hides_prompts: self.hide_prompts,
            recent,
        }
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
    /// By whose key every model must be signed.
    ///
    /// # Errors
    /// A file that is no public key.
    pub(crate) fn required(&self) -> Result<Option<PublicKey>, Failure> {
        self.require_signature.as_deref().map(public_key).transpose()
    }
}

fn stores() -> impl TypedValueParser<Value = Store> {
    let all = [Store::Ids, Store::Text, Store::Hashes].map(Store::name);
    PossibleValuesParser::new(all).try_map(|name| Store::from_str(&name))
}

/// A time with its unit.
fn parse_keep(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a number of hours, days, months or years, such as 12h, 200d, 6months or 1year";
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or(EXPECTED)?;
    let number: u64 = number.parse().map_err(|_| EXPECTED)?;
    let seconds = match unit {
        "h" => number.checked_mul(SECONDS_PER_HOUR),
        "d" => number.checked_mul(24 * SECONDS_PER_HOUR),
        "month" | "months" => longest_months(number),
        "year" | "years" => number.checked_mul(12).and_then(longest_months),
        _ => None,
    };
    seconds.map(Duration::from_secs).ok_or_else(|| EXPECTED.to_owned())
}

/// Seconds of so many months in a row, wherever in the calendar they are the longest: nothing is removed a day too early.
fn longest_months(count: u64) -> Option<u64> {
    /// Days of the months of four years, one of them a leap year.
    const FOUR_YEARS: [[u64; 12]; 4] = {
        let common = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut leap = common;
        leap[1] = 29;
        [leap, common, common, common]
    };
    let months: Vec<u64> = FOUR_YEARS.concat();
    let whole: u64 = months.iter().sum();
    let most = months.len() as u64;
    let (cycles, rest) = (count / most, usize::try_from(count % most).ok()?);
    let from = |start: usize| months.iter().cycle().skip(start).take(rest).sum::<u64>();
    let longest = (0..months.len()).map(from).max().unwrap_or(0);
    cycles.checked_mul(whole)?.checked_add(longest)?.checked_mul(24 * SECONDS_PER_HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_keep_has_a_unit() {
        let days = |text: &str| parse_keep(text).unwrap().as_secs_f64() / 86_400.0;
        for (text, expected) in [
            ("180d", 180.0),
            ("12h", 0.5),
            ("1month", 31.0),
            ("2months", 62.0),
            ("6months", 184.0),
            ("1year", 366.0),
            ("2years", 731.0),
            ("4years", 1461.0),
            ("0h", 0.0),
        ] {
            assert_eq!(days(text), expected, "{text}");
        }
        for bad in
            ["", "d", "12", "-1d", "1.5d", "3w", "6m", "99999999999999999999d", "18446744073709551615years", "\u{e9}"]
        {
            assert!(parse_keep(bad).is_err(), "{bad}");
        }
    }
}
