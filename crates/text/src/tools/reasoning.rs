//! Reasoning before an answer: whether there is any, and where.

use super::markers::{self, THINK, THINK_END};

/// Marks of reasoning in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reasoning {
    /// Marks of reasoning mean nothing.
    #[default]
    None,
    /// The answer may begin with the mark that begins reasoning.
    Possible(Style),
    /// The prompt ends with that mark: the answer begins in the middle of reasoning.
    Open(Style),
    /// The answer is messages in channels, one of which is reasoning: [`super::ToolFormat::Harmony`].
    Channels,
}

/// The marks around reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `<think>` and `</think>`.
    Think,
    /// `[THINK]` and `[/THINK]`: Mistral.
    Bracketed,
    /// `<|channel>thought` and `<channel|>`: Gemma 4.
    Thought,
}

const STYLES: [Style; 3] = [Style::Think, Style::Bracketed, Style::Thought];

impl Style {
    /// Opening mark of reasoning.
    pub fn begin(self) -> &'static str {
        match self {
            Self::Think => THINK,
            Self::Bracketed => "[THINK]",
            Self::Thought => "<|channel>thought",
        }
    }

    /// Closing mark.
    pub fn end(self) -> &'static str {
        match self {
            Self::Think => THINK_END,
            Self::Bracketed => "[/THINK]",
            Self::Thought => "<channel|>",
        }
    }
}

impl Reasoning {
    /// Reasoning by the template (its source) and the prompt it wrote. A prompt that ends with an open mark leaves the
    /// answer in the middle of reasoning; one that closed it again (*thinking off*) asks for none.
    pub fn detect(template: &str, prompt: &str) -> Reasoning {
        let tail = prompt.trim_end();
        if template.contains(markers::CHANNEL) && template.contains(markers::MESSAGE) {
            return Self::Channels;
        }
        if let Some(style) = STYLES.into_iter().find(|style| tail.ends_with(style.begin())) {
            return Self::Open(style);
        }
        if STYLES.into_iter().any(|style| tail.ends_with(style.end())) {
            return Self::None;
        }
        let possible = STYLES.into_iter().find(|style| template.contains(style.end()));
        possible.map_or(Self::None, Self::Possible)
    }

    /// Texts that may be tokens of their own and must not be left out of the text that [`super::ToolParser`] reads.
    pub fn markers(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Possible(Style::Think) | Self::Open(Style::Think) => &[THINK, THINK_END],
            Self::Possible(Style::Bracketed) | Self::Open(Style::Bracketed) => &["[THINK]", "[/THINK]"],
            Self::Possible(Style::Thought) | Self::Open(Style::Thought) => &["<|channel>", "<channel|>"],
            Self::Channels => super::ToolFormat::Harmony.markers(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_decides_over_the_template() {
        let template = "{% if thinking %}<think>{% else %}<think></think>{% endif %}";
        let think = Style::Think;
        assert_eq!(Reasoning::detect(template, "<|im_start|>assistant\n<think>\n"), Reasoning::Open(think));
        assert_eq!(Reasoning::detect(template, "<|im_start|>assistant\n<think>\n\n</think>\n\n"), Reasoning::None);
        assert_eq!(Reasoning::detect(template, "<|im_start|>assistant\n"), Reasoning::Possible(think));
        assert_eq!(Reasoning::detect("{{ messages }}", "<|im_start|>assistant\n"), Reasoning::None);
        let gemma = "<|channel>thought\n<channel|>";
        assert_eq!(Reasoning::detect(gemma, "<|turn>model\n<|channel>thought\n<channel|>"), Reasoning::None);
        assert_eq!(Reasoning::detect(gemma, "<|turn>model\n"), Reasoning::Possible(Style::Thought));
        assert_eq!(Reasoning::detect("[THINK][/THINK]", "[/INST]"), Reasoning::Possible(Style::Bracketed));
        let harmony = "<|start|>assistant<|channel|>final<|message|>";
        assert_eq!(Reasoning::detect(harmony, "<|start|>assistant"), Reasoning::Channels);
    }
}
