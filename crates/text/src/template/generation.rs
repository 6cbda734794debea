//! `{% generation %}` … `{% endgeneration %}`: transformers' marks around the assistant's text.
//!
//! They only matter for training masks; the text between them is rendered in a scope of its own. `{% with %}` does
//! the same, so the two words are exchanged and everything else about the tags, white-space control above all, stays.

use std::borrow::Cow;

/// Replaces the tags. Comments, raw blocks, expressions and strings are left alone.
pub(super) fn replace_tags(source: &str) -> Cow<'_, str> {
    if !source.contains("generation") {
        return Cow::Borrowed(source);
    }
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(open) = find_tag(rest) {
        let (before, tag) = rest.split_at(open);
        out.push_str(before);
        let (kept, after) = match tag.get(..2) {
            Some("{#") => tag.split_at(tag.find("#}").map_or(tag.len(), |at| at + 2)),
            Some("{{") => tag.split_at(skip_to_close(tag, 2, "}}")),
            _ => statement(tag, &mut out),
        };
        out.push_str(kept);
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Offset of the next `{{`, `{%` or `{#`.
fn find_tag(text: &str) -> Option<usize> {
    text.as_bytes().windows(2).position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
}

/// One `{% … %}` tag: writes its head to `out`, renamed where it is ours, and returns what of it is to be kept as it
/// is and what follows. A raw block counts as one tag.
fn statement<'a>(tag: &'a str, out: &mut String) -> (&'a str, &'a str) {
    let word_at = tag
        .char_indices()
        .skip(2)
        .find(|&(at, character)| !(character.is_whitespace() || at == 2 && matches!(character, '-' | '+')))
        .map_or(tag.len(), |(at, _)| at);
    let (head, body) = tag.split_at(word_at);
    let word_end =
        body.find(|character: char| !(character.is_alphanumeric() || character == '_')).unwrap_or(body.len());
    let (word, after_word) = body.split_at(word_end);
    out.push_str(head);
    match word {
        "raw" => {
            out.push_str(word);
            let end = after_word.find("endraw").map_or(after_word.len(), |at| at + "endraw".len());
            return after_word.split_at(end);
        }
        "generation" => out.push_str("with"),
        "endgeneration" => out.push_str("endwith"),
        _ => out.push_str(word),
    }
    after_word.split_at(skip_to_close(after_word, 0, "%}"))
}

/// Offset just behind `close`, from `at` on, skipping quoted strings and balanced brackets.
fn skip_to_close(text: &str, mut at: usize, close: &str) -> usize {
    let bytes = text.as_bytes();
    let mut quote = None;
    let mut depth = 0usize;
    while let Some(&byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, _) if depth == 0 && bytes.get(at..at + 2) == Some(close.as_bytes()) => return at + 2,
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::replace_tags;

    #[test]
    fn renames_only_tags() {
        let cases = [
            ("a{% generation %}b{%- endgeneration -%}c", "a{% with %}b{%- endwith -%}c"),
            ("{%-generation-%}x{%+ endgeneration%}", "{%-with-%}x{%+ endwith%}"),
            ("{# {% generation %} #}generation", "{# {% generation %} #}generation"),
            ("{{ '{% generation %}' }}{% generation %}", "{{ '{% generation %}' }}{% with %}"),
            (
                "{% raw %}{% generation %}{% endraw %}{% generation %}",
                "{% raw %}{% generation %}{% endraw %}{% with %}",
            ),
            ("{{ {'a': {}} }}{% generation %}", "{{ {'a': {}} }}{% with %}"),
            ("{% set x = '%}{% generation %}' %}", "{% set x = '%}{% generation %}' %}"),
            ("{% generations %}{% generation", "{% generations %}{% with"),
        ];
        for (source, expected) in cases {
            assert_eq!(replace_tags(source), expected);
        }
    }
}
