//! The language in which the program speaks to a person: help, and the sentences on standard error.
//!
//! Texts in the code are English; a table has the other language, looked up at the last moment. A text without an entry
//! stays English. Results on standard output, JSON above all, are never translated: other programs read them.

mod chinese;

#[cfg(test)]
pub(crate) use chinese::{TEMPLATE, TEXTS};

use clap::{Arg, Command};
use std::borrow::Cow;
use std::ffi::OsString;
use std::sync::OnceLock;

/// The flag that chooses; it is read before all others, because help is made while they are read.
pub(crate) const FLAG: &str = "lang";
/// Environment variables that choose without it, the first that is set deciding (POSIX).
const VARIABLES: &[&str] = &["LC_ALL", "LC_MESSAGES", "LANG"];

/// Sentence for a number that could be 0 for all that the reader of numbers knows; the flag may ask for more.
const NOT_NEGATIVE: &str = "it must be a whole number that is not negative";
/// The standard library's sentences about numbers, and plain ones.
const PLAIN: &[(&str, &str)] = &[
    ("number would be zero for non-zero type", "it must be at least 1"),
    ("invalid float literal", "it is not a number"),
    ("cannot parse float from empty string", "it is not a number"),
    ("invalid digit found in string", NOT_NEGATIVE),
    ("cannot parse integer from empty string", "it is not a whole number"),
    ("number too large to fit in target type", "it is too large"),
];

static LANGUAGE: OnceLock<Language> = OnceLock::new();

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

/// One text: English, with `{}` for what differs from case to case, and the other language's, with as many.
type Entry = (&'static str, &'static str);

/// Chooses the language for the rest of the program's life: by the arguments, else by the environment.
pub(crate) fn start(arguments: &[OsString]) {
    let variable = VARIABLES.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let _ = LANGUAGE.set(chosen(arguments, variable.as_deref()));
}

fn chosen(arguments: &[OsString], variable: Option<&str>) -> Language {
    let of = |name: &str| if name.starts_with("zh") { Language::Zh } else { Language::En };
    let mut words = arguments.iter().map(|word| word.to_string_lossy()).take_while(|word| word != "--");
    let mut asked = None;
    while let Some(word) = words.next() {
        match word.strip_prefix("--lang") {
            Some("") => asked = words.next().map(|value| of(&value)),
            Some(value) if value.starts_with('=') => asked = Some(of(&value[1..])),
            _ => {}
        }
    }
    asked.unwrap_or_else(|| variable.map_or(Language::En, of))
}

/// The chosen language.
pub(crate) fn language() -> Language {
    LANGUAGE.get().copied().unwrap_or(Language::En)
}

/// A text in the chosen language.
pub(crate) fn said(text: &str) -> Cow<'_, str> {
    match LANGUAGE.get() {
        Some(Language::Zh) => translated(text, chinese::TEXTS),
        _ => Cow::Borrowed(text),
    }
}

/// A text of many lines, each in the chosen language. What libraries say of a value is put in plain words first.
pub(crate) fn said_by_line(text: &str) -> String {
    let plain = PLAIN.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours));
    plain
        .split_inclusive('\n')
        .map(within_bounds)
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => format!("{}\n", said(line)),
            None => said(&line).into_owned(),
        })
        .collect()
}

/// A line in which clap says that a number "is not in" a range, as a sentence that says what it may be.
fn within_bounds(line: &str) -> Cow<'_, str> {
    let parts = line.trim_end().split_once(" is not in ").and_then(|(before, range)| {
        let (first, last) = range.split_once("..=")?;
        let before = before.rsplit_once(": ")?.0;
        // Up to what a number of 32 bits or more holds is as good as no end.
        let is_endless = last.parse::<u64>().is_ok_and(|last| last >= u64::from(u32::MAX));
        Some(match is_endless {
            true if first == "0" => format!("{before}: {NOT_NEGATIVE}\n"),
            true => format!("{before}: it must be a whole number of {first} or more\n"),
            false => format!("{before}: it must be from {first} to {last}\n"),
        })
    });
    parts.map_or(Cow::Borrowed(line), Cow::Owned)
}

/// The table of commands with its texts in the chosen language.
pub(crate) fn command(table: Command) -> Command {
    match LANGUAGE.get() {
        Some(Language::Zh) => in_words(table, chinese::TEXTS, chinese::TEMPLATE),
        _ => table,
    }
}

/// A table of commands with its texts in another language. Beside the entries of `texts`, headings are looked up there.
pub(crate) fn in_words(table: Command, texts: &'static [&'static [Entry]], template: &'static str) -> Command {
    let of = |text: String| translated(&text, texts).into_owned();
    let fixed = |text: &str| entries(texts).find(|(english, _)| *english == text).map(|(_, other)| *other);
    let heading = |argument: &Arg| match argument.get_help_heading() {
        Some(heading) => fixed(heading),
        None if argument.is_positional() => fixed("Arguments"),
        None => fixed("Options"),
    };
    let mut table = table.help_template(template).subcommand_help_heading(fixed("Commands").unwrap_or("Commands"));
    table.build();
    let (about, after) = (table.get_about().map(ToString::to_string), table.get_after_help().map(ToString::to_string));
    if let Some(about) = about {
        table = table.about(of(about)).long_about(None::<&str>);
    }
    if let Some(after) = after {
        table = table.after_help(paragraphs(&after).into_iter().map(of).collect::<Vec<_>>().join("\n"));
    }
    table
        .mut_args(|argument| match heading(&argument) {
            Some(heading) => explained(argument, &of).help_heading(heading),
            None => explained(argument, &of),
        })
        .mut_subcommands(|inner| in_words(inner, texts, template))
}

/// A text with the lines of each paragraph as one; what is indented, and a line that ends with a colon, stands alone.
fn paragraphs(text: &str) -> Vec<String> {
    let mut whole: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        let is_alone = line.is_empty() || line.starts_with(' ') || line.ends_with(':');
        match whole.last_mut() {
            Some(last) if is_open && !is_alone => *last = format!("{last} {line}"),
            _ => whole.push(line.to_owned()),
        }
        is_open = !is_alone;
    }
    whole
}

/// An argument with its help in another language, and what clap adds to it: the default, the variable, the values.
fn explained(argument: Arg, of: &impl Fn(String) -> String) -> Arg {
    let Some(help) = argument.get_help().map(|help| of(help.to_string())) else { return argument };
    let long = argument.get_long_help().map(|long| long.to_string());
    let long = long.map(|long| long.split("\n\n").map(|part| of(part.to_owned())).collect::<Vec<_>>().join("\n\n"));
    let takes_values = argument.get_action().takes_values();
    let values: Vec<_> =
        argument.get_possible_values().into_iter().filter(|value| takes_values && !value.is_hide_set()).collect();
    let names: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
    let said: Vec<String> = values
        .iter()
        .filter_map(|value| Some(format!("- {}：{}", value.get_name(), of(value.get_help()?.to_string()))))
        .collect();
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let mut added = String::new();
    if let Some(name) = argument.get_env() {
        added += &format!(" [{}]", of(format!("env: {}", name.to_string_lossy())));
    }
    if takes_values && !defaults.is_empty() && !defaults.iter().all(|value| value.is_empty()) {
        added += &format!(" [{}]", of(format!("default: {}", defaults.join(" "))));
    }
    let listed = of(format!("possible values: {}", names.join(", ")));
    let in_short = if names.is_empty() { String::new() } else { format!(" [{listed}]") };
    let in_long = if said.is_empty() { in_short.clone() } else { format!("\n\n{}", said.join("\n")) };
    let long =
        (long.is_some() || !said.is_empty()).then(|| format!("{}{added}{in_long}", long.as_deref().unwrap_or(&help)));
    let argument = argument.hide_default_value(true).hide_env(true).hide_possible_values(true);
    let argument = argument.help(format!("{help}{added}{in_short}"));
    if let Some(long) = long { argument.long_help(long) } else { argument }
}

fn entries(texts: &'static [&'static [Entry]]) -> impl Iterator<Item = &'static Entry> {
    texts.iter().copied().flatten()
}

/// A text by the first entry that it fits; itself if there is none.
fn translated<'a>(text: &'a str, texts: &'static [&'static [Entry]]) -> Cow<'a, str> {
    let found = entries(texts).find_map(|(english, other)| Some((gaps(english, text)?, other)));
    let Some((values, other)) = found else { return Cow::Borrowed(text) };
    let mut values = values.into_iter();
    let mut pieces = other.split("{}");
    let first = pieces.next().unwrap_or_default().to_owned();
    // The text in a gap may have an entry of its own: the reason behind a colon, for example.
    let mut value = || values.next().map(|value| translated(value, texts)).unwrap_or_default();
    Cow::Owned(pieces.fold(first, |whole, piece| whole + &value() + piece))
}

/// Texts in place of each `{}` of a pattern; `None` if it does not fit.
fn gaps<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = pattern.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let pieces: Vec<&str> = pieces.collect();
    let mut values = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let end = if number + 1 == pieces.len() {
            rest.len().checked_sub(piece.len()).filter(|end| rest.is_char_boundary(*end) && rest[*end..] == **piece)?
        } else {
            rest.find(piece)?
        };
        values.push(&rest[..end]);
        rest = &rest[end + piece.len()..];
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    #[test]
    fn the_flag_goes_before_the_environment() {
        let chosen =
            |words: &[&str], variable| super::chosen(&words.iter().map(OsString::from).collect::<Vec<_>>(), variable);
        assert_eq!(chosen(&["hefu"], None), Language::En);
        assert_eq!(chosen(&["hefu"], Some("zh_CN.UTF-8")), Language::Zh);
        assert_eq!(chosen(&["hefu"], Some("C.UTF-8")), Language::En);
        assert_eq!(chosen(&["hefu", "run", "--lang", "zh"], Some("en_GB.UTF-8")), Language::Zh);
        assert_eq!(chosen(&["hefu", "--lang=en", "models"], Some("zh_CN.UTF-8")), Language::En);
        assert_eq!(chosen(&["hefu", "run", "--", "--lang", "zh"], None), Language::En);
    }

    #[test]
    fn gaps_are_filled_in_order() {
        const TEXTS: &[&[Entry]] = &[&[("{} of {} are free", "共 {}，空闲 {}")]];
        assert_eq!(translated("3 of 4 are free", TEXTS), "共 3，空闲 4");
        assert_eq!(translated("3 of 4 are not free", TEXTS), "3 of 4 are not free");
        assert_eq!(gaps("a{}b{}", "axbyb"), Some(vec!["x", "yb"]));
        assert_eq!(gaps("a{}b", "axbyb"), Some(vec!["xby"]));
        assert_eq!(gaps("whole", "whole"), Some(Vec::new()));
        assert_eq!(gaps("whole", "wholes"), None);
        assert_eq!(gaps("{}é", "xé"), Some(vec!["x"]));
        assert_eq!(gaps("{}x", "é"), None);
    }

    #[test]
    fn a_range_is_told_in_plain_words() {
        let line = "error: invalid value '0' for '--threads <N>': 0 is not in 1..=1024\n";
        assert_eq!(said_by_line(line), "error: invalid value '0' for '--threads <N>': it must be from 1 to 1024\n");
        let line = "error: invalid value '-1' for '--top-k <N>': -1 is not in 0..=4294967295\n";
        assert!(said_by_line(line).ends_with(": it must be a whole number that is not negative\n"));
        let line = "error: invalid value '0' for '--chunk <N>': 0 is not in 1..=18446744073709551615\n";
        assert!(said_by_line(line).ends_with(": it must be a whole number of 1 or more\n"));
        assert_eq!(said_by_line("a file is not in it\n"), "a file is not in it\n");
    }

    /// Texts of libraries, which this program's sources do not have.
    const THEIRS: &[&str] =
        &["error: ", "  tip: ", "  [possible", "Usage: ", "For more", "Print ", "Commands", "Arguments", "Options"];

    #[test]
    fn every_text_is_still_said() {
        // A paragraph that goes over several lines is looked up as one.
        let sources = sources().replace('\n', " ");
        for (english, _) in entries(chinese::TEXTS) {
            if !THEIRS.iter().any(|start| english.starts_with(start)) {
                for piece in english.split("{}") {
                    // As in a literal, or as in a comment that becomes help.
                    let literal = piece.replace('\\', "\\\\").replace('"', "\\\"");
                    assert!(
                        [literal.as_str(), piece].iter().any(|text| sources.contains(text)),
                        "nothing says {piece:?}, of {english:?}"
                    );
                }
            }
        }
    }

    /// The sources, with literals and comments that go over several lines as one line.
    fn sources() -> String {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders: Vec<PathBuf> =
            ["src", "../lessons/src", "../store/src", "../server/src"].map(|name| here.join(name)).into();
        let mut whole = String::new();
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs")
                    && !path.to_string_lossy().contains("words/chinese")
                {
                    for line in std::fs::read_to_string(path).unwrap().lines().map(str::trim_start) {
                        match line.strip_prefix("/// ") {
                            _ if whole.ends_with('\\') => whole.truncate(whole.len() - 1),
                            Some(_) => whole.push(' '),
                            None => whole.push('\n'),
                        }
                        whole += line.strip_prefix("/// ").unwrap_or(line);
                    }
                }
            }
        }
        whole
    }

    #[test]
    fn entries_have_as_many_gaps_on_both_sides_and_stand_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (english, other) in entries(chinese::TEXTS) {
            assert_eq!(english.matches("{}").count(), other.matches("{}").count(), "{english}");
            assert!(seen.insert(english), "{english}");
        }
    }
}
