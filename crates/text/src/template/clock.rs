//! The date for `strftime_now`, from a clock that tests can set.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Clock of `strftime_now`. A prompt that holds a date is reproducible only with a set clock.
pub trait Clock: Send + Sync {
    /// Seconds since 1970-01-01 00:00 of the wanted time zone, leap seconds not counted.
    fn unix_seconds(&self) -> i64;
}

/// The machine's clock, in UTC: the same prompt everywhere at the same moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_seconds(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(0)
    }
}

/// Any closure is a clock.
impl<F: Fn() -> i64 + Send + Sync> Clock for F {
    fn unix_seconds(&self) -> i64 {
        self()
    }
}

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const SECONDS_PER_DAY: i64 = 86_400;
/// The years that Python's `datetime` can hold, as seconds.
const EARLIEST: i64 = -62_135_596_800;
const LATEST: i64 = 253_402_300_799;

struct Moment {
    year: i64,
    month: i64,
    day: i64,
    weekday: i64,
    day_of_year: i64,
    second_of_day: i64,
}

/// Splits seconds into a proleptic Gregorian date: 400-year eras of 146,097 days, with years that start in March so
/// that the leap day is the last one.
fn moment(unix_seconds: i64) -> Moment {
    let seconds = unix_seconds.clamp(EARLIEST, LATEST);
    let days = seconds.div_euclid(SECONDS_PER_DAY);
    let from_march_0000 = days + 719_468;
    let era = from_march_0000.div_euclid(146_097);
    let day_of_era = from_march_0000.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_from_march + 2) / 153;
    let day = day_from_march - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let day_of_year = match month {
        1 => day,
        2 => 31 + day,
        _ => 59 + i64::from(leap) + day_from_march + 1,
    };
    Moment {
        year,
        month,
        day,
        weekday: (days + 4).rem_euclid(7),
        day_of_year,
        second_of_day: seconds.rem_euclid(SECONDS_PER_DAY),
    }
}

/// Formats as C's `strftime` in the C locale does. `None` for a directive it does not know.
pub(super) fn strftime(format: &str, unix_seconds: i64) -> Option<String> {
    let now = moment(unix_seconds);
    let mut out = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut directive = characters.next()?;
        let padded = directive != '-';
        if !padded {
            directive = characters.next()?;
        }
        push_directive(&mut out, directive, padded, &now)?;
    }
    Some(out)
}

fn push_directive(out: &mut String, directive: char, padded: bool, now: &Moment) -> Option<()> {
    let (hour, minute, second) = (now.second_of_day / 3600, now.second_of_day / 60 % 60, now.second_of_day % 60);
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    let weekday = usize::try_from(now.weekday).ok().and_then(|day| WEEKDAYS.get(day))?;
    let month = usize::try_from(now.month - 1).ok().and_then(|month| MONTHS.get(month))?;
    let composite = match directive {
        'c' => Some("%a %b %e %H:%M:%S %Y"),
        'D' | 'x' => Some("%m/%d/%y"),
        'F' => Some("%Y-%m-%d"),
        'R' => Some("%H:%M"),
        'r' => Some("%I:%M:%S %p"),
        'T' | 'X' => Some("%H:%M:%S"),
        _ => None,
    };
    if let Some(composite) = composite {
        for part in composite.split_inclusive(|character: char| character.is_ascii_alphabetic()) {
            let (literal, directive) = part.split_once('%')?;
            out.push_str(literal);
            push_directive(out, directive.chars().next()?, true, now)?;
        }
        return Some(());
    }
    let (value, width) = match directive {
        'A' => return text(out, weekday),
        'a' => return text(out, weekday.get(..3)?),
        'B' => return text(out, month),
        'b' | 'h' => return text(out, month.get(..3)?),
        'p' => return text(out, if hour < 12 { "AM" } else { "PM" }),
        'Z' | 'z' => return Some(()),
        'n' => return text(out, "\n"),
        't' => return text(out, "\t"),
        '%' => return text(out, "%"),
        'e' => return write!(out, "{:>1$}", now.day, if padded { 2 } else { 1 }).ok(),
        'k' => return write!(out, "{:>1$}", hour, if padded { 2 } else { 1 }).ok(),
        'Y' => return write!(out, "{}", now.year).ok(),
        'C' => (now.year / 100, 2),
        'd' => (now.day, 2),
        'f' => (0, 6),
        'H' => (hour, 2),
        'I' => (hour12, 2),
        'j' => (now.day_of_year, 3),
        'M' => (minute, 2),
        'm' => (now.month, 2),
        'S' => (second, 2),
        'U' => ((now.day_of_year + 6 - now.weekday) / 7, 2),
        'u' => (if now.weekday == 0 { 7 } else { now.weekday }, 1),
        'W' => ((now.day_of_year + 6 - (now.weekday + 6) % 7) / 7, 2),
        'w' => (now.weekday, 1),
        'y' => (now.year % 100, 2),
        _ => return None,
    };
    write!(out, "{value:0>0$}", if padded { width } else { 1 }).ok()
}

fn text(out: &mut String, text: &str) -> Option<()> {
    out.push_str(text);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_known_moments() {
        // Values from `date -u -d @N +FORMAT`.
        assert_eq!(strftime("%Y-%m-%d %H:%M:%S", 0).as_deref(), Some("1970-01-01 00:00:00"));
        assert_eq!(strftime("%d %b %Y", 1_721_952_000).as_deref(), Some("26 Jul 2024"));
        assert_eq!(strftime("%A, %B %-d; %j", 951_782_400).as_deref(), Some("Tuesday, February 29; 060"));
        assert_eq!(strftime("%j", 978_220_800).as_deref(), Some("366"));
        assert_eq!(strftime("%I:%M %p %y%%", 1_700_000_000).as_deref(), Some("10:13 PM 23%"));
        assert_eq!(strftime("%c|%F", 1_700_000_000).as_deref(), Some("Tue Nov 14 22:13:20 2023|2023-11-14"));
        assert_eq!(strftime("%Y", i64::MAX).as_deref(), Some("9999"));
        assert_eq!(strftime("%Q", 0), None);
        assert_eq!(strftime("%", 0), None);
    }
}
