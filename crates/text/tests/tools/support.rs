//! Helpers of the tests.
use hefu_text::tools::{Piece, Reasoning, ToolFormat, ToolParser};

/// Text, reasoning and calls of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<(String, String)>,
}

pub(crate) fn parts(pieces: Vec<Piece>) -> Parts {
    let mut parts = Parts::default();
    for piece in pieces {
        match piece {
            Piece::Text(text) => parts.text.push_str(&text),
            Piece::Reasoning(text) => parts.reasoning.push_str(&text),
            Piece::CallStart { index, name } => {
                assert_eq!(index, parts.calls.len());
                parts.calls.push((name, String::new()));
            }
            Piece::CallArguments { index, piece } => parts.calls[index].1.push_str(&piece),
        }
    }
    parts
}

pub(crate) fn parser(format: ToolFormat, reasoning: Reasoning) -> ToolParser {
    ToolParser::new(Some(format)).reasoning(reasoning).tools(["weather", "time", "get.time-zone_2"])
}

/// The answer in one piece; in two pieces, cut anywhere, and in single characters it must be the same.
pub(crate) fn read_as(format: ToolFormat, reasoning: Reasoning, answer: &str) -> Parts {
    let of = |cuts: &[&str]| {
        let mut parser = parser(format, reasoning);
        let mut pieces: Vec<Piece> = cuts.iter().flat_map(|cut| parser.push(cut)).collect();
        pieces.extend(parser.finish());
        parts(pieces)
    };
    let whole = of(&[answer]);
    for cut in (1..answer.len()).filter(|cut| answer.is_char_boundary(*cut)) {
        assert_eq!(of(&[&answer[..cut], &answer[cut..]]), whole, "cut before {:?}", &answer[cut..]);
    }
    let characters: Vec<&str> = answer.split_inclusive(|_: char| true).collect();
    assert_eq!(of(&characters), whole);
    for (_, arguments) in &whole.calls {
        assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(arguments).is_ok(), "{arguments}");
    }
    whole
}

pub(crate) fn read(format: ToolFormat, answer: &str) -> Parts {
    read_as(format, Reasoning::None, answer)
}

/// An answer that has these calls and this text around them.
pub(crate) fn calls(format: ToolFormat, answer: &str, text: &str, expected: &[(&str, &str)]) {
    let read = read(format, answer);
    let expected: Vec<_> = expected.iter().map(|(name, arguments)| (name.to_string(), arguments.to_string())).collect();
    assert_eq!((read.text.as_str(), read.calls), (text, expected), "{answer}");
}

/// An answer that is no call comes back letter for letter.
pub(crate) fn is_text(format: ToolFormat, answer: &str) {
    assert_eq!(read(format, answer), Parts { text: answer.to_owned(), ..Parts::default() });
}

pub(crate) const PARIS: (&str, &str) = ("weather", r#"{"city": "Paris", "days": [1, 2]}"#);
pub(crate) const NOW: (&str, &str) = ("time", "{}");
