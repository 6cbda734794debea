//! A lesson is whole, and says the same in both languages.

use std::path::Path;

use super::languages::{Shape, other_words};
use crate::files;

/// The languages, as files and data name them.
const LANGUAGES: [&str; 2] = ["en", "zh-CN"];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let mut folders: Vec<_> = std::fs::read_dir(root.join("lessons"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
        .unwrap_or_default();
    folders.sort();
    if folders.is_empty() {
        problems.push("there are no lessons in the folder lessons".to_owned());
    }
    for folder in folders {
        let place = files::short(root, &folder);
        let texts = LANGUAGES
            .map(|language| std::fs::read_to_string(folder.join(format!("{language}.md"))).unwrap_or_default());
        let [english, chinese] = [&texts[0], &texts[1]].map(|text| Shape::of(text));
        if english.headings == 0 || chinese.headings == 0 {
            problems.push(format!("{place} must have en.md and zh-CN.md, with headings"));
        } else if english != chinese {
            problems.push(format!("{place}: en.md has {english:?}, zh-CN.md has {chinese:?}"));
        }
        let [english, chinese] = [&texts[0], &texts[1]].map(|text| widgets(text));
        if english != chinese {
            problems.push(format!("{place}: en.md has the widgets {english:?}, zh-CN.md {chinese:?}"));
        }
        problems.extend(other_words(&texts[1]).map(|problem| format!("{place}/zh-CN.md:{problem}")));
        match std::fs::read_to_string(folder.join("lesson.toml")).unwrap_or_default().parse::<toml::Table>() {
            Ok(data) if data.is_empty() => problems.push(format!("{place} has no lesson.toml")),
            Ok(data) => one_sided(&toml::Value::Table(data), &format!("{place}/lesson.toml"), &mut problems),
            Err(error) => problems.push(format!("{place}/lesson.toml: {}", error.message())),
        }
    }
    problems
}

/// The widgets of a text, in their order.
fn widgets(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("```widget ")).map(str::trim).collect()
}

/// Data in one language alone, or in the other with the same words.
fn one_sided(value: &toml::Value, place: &str, problems: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            let [english, chinese] = LANGUAGES.map(|language| table.get(language));
            match (english, chinese) {
                (None, None) => {}
                (Some(toml::Value::String(_)), Some(toml::Value::String(text))) => {
                    problems.extend(other_words(text).map(|problem| format!("{place}: {problem}")));
                    if text.trim().is_empty() {
                        problems.push(format!("{place} says nothing in zh-CN"));
                    }
                }
                (Some(toml::Value::Array(english)), Some(toml::Value::Array(chinese)))
                    if english.len() == chinese.len() => {}
                _ => problems.push(format!("{place} must say the same in en and in zh-CN")),
            }
            for (key, inner) in table.iter().filter(|(key, _)| !LANGUAGES.contains(&key.as_str())) {
                one_sided(inner, &format!("{place}: {key}"), problems);
            }
        }
        toml::Value::Array(values) => {
            for (at, inner) in values.iter().enumerate() {
                one_sided(inner, &format!("{place} {}", at + 1), problems);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(data: &str) -> usize {
        let mut problems = Vec::new();
        one_sided(&toml::Value::Table(data.parse().unwrap()), "x", &mut problems);
        problems.len()
    }

    #[test]
    fn what_is_said_in_one_language_alone_is_found() {
        assert_eq!(problems("title = {en = 'a', zh-CN = '甲'}"), 0);
        assert_eq!(problems("title = {en = 'a'}"), 1);
        assert_eq!(problems("title = {en = 'a', zh-CN = ' '}"), 1);
        assert_eq!(problems("[[question]]\nanswers = {en = ['a', 'b'], zh-CN = ['甲']}"), 1);
        assert_eq!(problems("title = {en = 'a', zh-CN = '答案'}"), 1);
    }

    #[test]
    fn widgets_are_found_in_their_order() {
        assert_eq!(widgets("```widget bits\nx\n```\n```sh\n```\n```widget order\n```"), ["bits", "order"]);
    }
}
