//! Asking a model whether a document fits a query.

use hefu_text::tokenizer::{Special, Tokenizer};

/// Question of a ranking model, from its file: a prompt with `{query}` and `{document}`, to which the model says *yes*
/// or *no*.
#[derive(Debug)]
pub struct Judge {
    template: String,
    answers: [u32; 2],
}

impl Judge {
    /// The question of such a template; `None` where it has no place for both texts or an answer is no token.
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

    /// Tokens of the question: the template may spell special tokens, the texts may not.
    pub(crate) fn prompt(&self, query: &str, document: &str, tokenizer: &Tokenizer) -> Vec<u32> {
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

/// Fit of two texts by a classifier's scores, from 0 to 1: of one score the logistic function, of
/// several the probability of the class that is called *yes*. `None` where no class says so.
pub fn fit(scores: &[f32], classes: &[String]) -> Option<f64> {
    if let [score] = scores {
        return Some(1.0 / (1.0 + (-f64::from(*score)).exp()));
    }
    let yes = classes.iter().position(|class| class.eq_ignore_ascii_case("yes"))?;
    let score = f64::from(*scores.get(yes)?);
    Some(1.0 / scores.iter().map(|other| (f64::from(*other) - score).exp()).sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn a_fit_is_a_probability() {
        let classes = ["no".to_owned(), "yes".to_owned()];
        assert_eq!(fit(&[0.0], &[]), Some(0.5));
        assert!((fit(&[2.0], &classes).unwrap() - 0.880_797_077_977_882_3).abs() < 1e-15);
        assert!((fit(&[1.0, 3.0], &classes).unwrap() - 0.880_797_077_977_882_3).abs() < 1e-15);
        assert_eq!(fit(&[f32::MIN, f32::MAX], &classes), Some(1.0));
        assert_eq!((fit(&[1.0, 3.0], &[]), fit(&[], &classes)), (None, None));
    }
}
