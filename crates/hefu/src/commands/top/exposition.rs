//! Reads what `/metrics` answers: the text format of Prometheus and OpenMetrics.

use std::collections::BTreeMap;

/// Most series that are kept; a server of ours has a few hundred.
const MAX_SERIES: usize = 100_000;

/// One series at one moment: its labels and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// By name; without order.
    pub(super) labels: BTreeMap<String, String>,
    /// The value.
    pub(super) value: f64,
}

/// All series, by name. A line that is no series is passed over.
pub(super) fn parse(text: &str) -> BTreeMap<String, Vec<Series>> {
    let mut found: BTreeMap<String, Vec<Series>> = BTreeMap::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for (name, series) in lines.filter_map(line).take(MAX_SERIES) {
        found.entry(name).or_default().push(series);
    }
    found
}

/// `name{label="value",…} number`, perhaps with a time behind it.
fn line(line: &str) -> Option<(String, Series)> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at_checked(end)?;
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some((name.to_owned(), Series { labels, value }))
}

/// The labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        labels.insert(name.to_owned(), value);
        rest = after;
    }
}

/// A value up to its closing quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn series_are_read_with_their_labels() {
        let text = "# HELP x y\n# TYPE x counter\nx_total{model=\"a \\\"b\\\" \\\\c}\",le=\"+Inf\"} 7 1700000000\n\
                    y 2.5\nz{} 1e3\nbroken{a=\"b} 1\nno value\n# EOF\n";
        let found = parse(text);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["x_total", "y", "z"]);
        let x = &found["x_total"][0];
        assert_eq!((x.labels["model"].as_str(), x.labels["le"].as_str(), x.value), ("a \"b\" \\c}", "+Inf", 7.0));
        assert_eq!((found["y"][0].value, found["z"][0].value), (2.5, 1000.0));
    }

    proptest! {
        #[test]
        fn no_text_trips_it(text in "(([a-z{}=\", \\\\\n0-9]|\\PC){0,40}\n?){0,6}") {
            parse(&text);
        }

        #[test]
        fn what_was_written_is_read(value in "\\PC{0,20}") {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let found = parse(&format!("m{{l=\"{escaped}\"}} 1"));
            prop_assert_eq!(&found["m"][0].labels["l"], &value);
        }
    }
}
