//! The flags for labels of generated content.

use crate::failure::Failure;
use clap::{Args, ValueEnum};
use hefu_provenance::label::check_producer;

/// By whose rules content is labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rules {
    /// The Chinese labelling measures (GB 45438-2025)
    Cn,
}

/// Labels of generated content.
#[derive(Debug, Clone, Args)]
pub(crate) struct LabelArguments {
    /// Label answers as generated, by the rules of a country
    #[arg(long, value_name = "RULES", requires = "label_producer")]
    pub(crate) label: Option<Rules>,

    /// Who answers for the content: a name, or the code of 27 characters that was assigned
    #[arg(long, value_name = "PRODUCER", requires = "label")]
    pub(crate) label_producer: Option<String>,
}

impl LabelArguments {
    /// The producer, if answers are to be labelled.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a producer that a label cannot hold.
    pub(crate) fn producer(&self) -> Result<Option<&str>, Failure> {
        let producer = self.label.and(self.label_producer.as_deref());
        match producer.map(check_producer) {
            Some(Err(error)) => Err(Failure::Usage(format!("--label-producer: {error}"))),
            _ => Ok(producer),
        }
    }
}
