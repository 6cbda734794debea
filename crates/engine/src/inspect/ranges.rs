//! Numbers and ranges of numbers, as `0,4-6`: which layers, heads and positions are looked at.

use std::ops::RangeInclusive;
use std::str::FromStr;

/// Some numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges(Vec<RangeInclusive<usize>>);

impl Ranges {
    /// These numbers.
    pub fn of(numbers: impl IntoIterator<Item = usize>) -> Self {
        Self(numbers.into_iter().map(|number| number..=number).collect())
    }

    /// True if a number is among them; where none were named, every number is.
    pub fn has(some: &Option<Self>, number: usize) -> bool {
        some.as_ref().is_none_or(|Self(ranges)| ranges.iter().any(|range| range.contains(&number)))
    }
}

impl FromStr for Ranges {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |part: &str| format!("{part:?} is no number and no range; write 3, 4-6 or 0,4-6");
        let range = |part: &str| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong(part));
            let range = number(from)?..=number(to)?;
            if range.is_empty() { Err(format!("the range {part:?} ends before it begins")) } else { Ok(range) }
        };
        text.split(',').map(range).collect::<Result<Vec<_>, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_read() {
        let some: Option<Ranges> = Some("0, 4-6".parse().unwrap());
        let found: Vec<usize> = (0..9).filter(|number| Ranges::has(&some, *number)).collect();
        assert_eq!(found, [0, 4, 5, 6]);
        assert!(Ranges::has(&None, 7));
        for wrong in ["", "x", "1-", "3-1", "1,,2", "-1"] {
            assert!(wrong.parse::<Ranges>().is_err(), "{wrong:?}");
        }
    }
}
