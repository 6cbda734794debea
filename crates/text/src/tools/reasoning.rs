//! Whether and where an answer reasons before it answers.

use super::markers::{THINK, THINK_END};

/// How reasoning is marked in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reasoning {
    /// `<think>` and `</think>` mean nothing.
    #[default]
    None,
    /// The answer may begin with `<think>`.
    Possible,
    /// The prompt ends with `<think>`: the answer begins in the middle of reasoning.
    Open,
}

impl Reasoning {
    /// What the template (its source) and the prompt that it wrote say. A prompt that ends with an open `<think>`
    /// leaves the answer in the middle of reasoning; one that closed it again (*thinking off*) asks for none.
    pub fn detect(template: &str, prompt: &str) -> Reasoning {
        let tail = prompt.trim_end();
        if tail.ends_with(THINK) {
            return Self::Open;
        }
        if tail.ends_with(THINK_END) || !template.contains(THINK_END) { Self::None } else { Self::Possible }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_decides_over_the_template() {
        let template = "{% if thinking %}<think>{% else %}<think></think>{% endif %}";
        assert_eq!(Reasoning::detect(template, "<|im_start|>assistant\n<think>\n"), Reasoning::Open);
        assert_eq!(Reasoning::detect(template, "<|im_start|>assistant\n<think>\n\n</think>\n\n"), Reasoning::None);
        assert_eq!(Reasoning::detect(template, "<|im_start|>assistant\n"), Reasoning::Possible);
        assert_eq!(Reasoning::detect("{{ messages }}", "<|im_start|>assistant\n"), Reasoning::None);
    }
}
