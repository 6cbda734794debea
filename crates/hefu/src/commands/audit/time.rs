//! Days and times on the command line and in lists, in UTC.

const MILLISECONDS_PER_DAY: u64 = 86_400_000;
/// Days from 1970-01-01 to the last day that is written with four digits.
const LAST_DAY: u64 = 2_932_896;

/// A day, `2026-11-01`, or milliseconds since 1970.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let expected = || "expected a day such as 2026-11-01, or milliseconds since 1970".to_owned();
    let parts: Vec<u64> = text.split('-').map(|part| part.parse().map_err(|_| expected())).collect::<Result<_, _>>()?;
    let [year, month, day] = parts[..] else { return Err(expected()) };
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(expected());
    }
    let days = days_before(year, month) + day - 1;
    // The 31st of a month of 30 days is the first of the next, which nobody means.
    if date(days) != (year, month, day) {
        return Err(expected());
    }
    Ok(days * MILLISECONDS_PER_DAY)
}

/// A time in milliseconds since 1970 as `2026-11-01 12:34:56Z`.
pub(super) fn words(time: u64) -> String {
    let (days, of_day) = (time / MILLISECONDS_PER_DAY, time % MILLISECONDS_PER_DAY / 1000);
    if days > LAST_DAY {
        return format!("{time} ms");
    }
    let (year, month, day) = date(days);
    let (hours, minutes, seconds) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}Z")
}

/// Days from 1970-01-01 to the first of a month.
fn days_before(year: u64, month: u64) -> u64 {
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let before: u64 = (1..month).map(|month| length(year, month)).sum();
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + before
}

/// Days of a month.
fn length(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn date(days: u64) -> (u64, u64, u64) {
    let mut year = 1970 + days / 366;
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    let mut left = days - days_before(year, 1);
    let mut month = 1;
    while left >= length(year, month) {
        left -= length(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1970-12-31", 364),
            ("1972-02-29", 789),
            ("2000-03-01", 11_017),
            ("2026-11-24", 20_781),
            ("2100-03-01", 47_541),
            ("9999-12-31", LAST_DAY),
        ] {
            assert_eq!(parse(text), Ok(days * MILLISECONDS_PER_DAY), "{text}");
            assert_eq!(words(days * MILLISECONDS_PER_DAY + 45_296_000), format!("{text} 12:34:56Z"));
        }
        assert_eq!(parse("1790000000123"), Ok(1_790_000_000_123));
        for bad in ["", "2026-02-29", "2026-13-01", "2026-11-31", "2026-11", "1969-12-31", "x", "-5", "2026-1-1-1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(words(u64::MAX), format!("{} ms", u64::MAX));
    }
}
