//! Asking a model whether a document fits a query.

use hefu_text::tokenizer::{Special, Tokenizer};

/// What a model file says of how it is asked: a prompt with `{query}` and `{document}` in it, to which the model says *yes*
/// or *no*.
#[derive(Debug)]
pub struct Judge {
    template: String,
    answers: [u32; 2],
}

impl Judge {
    /// What such a template asks; `None` where it has no place for both texts or an answer is no token.
    pub fn new(template: &str, tokenizer: &Tokenizer) -> Option<Self> {
        let token = |text| match tokenizer.encode(text, Special::Plain).as_slice() {
            [id] => Some(*id),
            _ => None,
        };
        let has_places = ["{query}", "{document}"].iter().all(|place| template.contains(place));
        has_places.then_some(())?;
        Some(Self { template: template.to_owned(), answers: [token("yes")?, token("no")?] })
    }

    /// The prompt that asks, with *yes* and with *no* after it.
    pub(crate) fn prompts(&self, query: &str, document: &str, tokenizer: &Tokenizer) -> [Vec<u32>; 2] {
        let prompt = self.prompt(query, document, tokenizer);
        self.answers.map(|answer| prompt.iter().copied().chain([answer]).collect())
    }

    /// What stands in the template may spell special tokens, what stands in the texts may not.
    fn prompt(&self, query: &str, document: &str, tokenizer: &Tokenizer) -> Vec<u32> {
        let mut ids = tokenizer.encode_prompt("", Special::Plain);
        let mut rest = self.template.as_str();
        loop {
            let places = [("{query}", query), ("{document}", document)];
            let next = places.iter().filter_map(|(name, text)| rest.find(name).map(|at| (at, name.len(), *text))).min();
            let Some((at, length, text)) = next else { break };
            ids.extend(tokenizer.encode(rest.get(..at).unwrap_or_default(), Special::Parse));
            ids.extend(tokenizer.encode(text, Special::Plain));
            rest = rest.get(at + length..).unwrap_or_default();
        }
        ids.extend(tokenizer.encode(rest, Special::Parse));
        ids
    }
}
