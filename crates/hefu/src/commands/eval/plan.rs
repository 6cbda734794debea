//! A task with its samples, ready to be asked.

use crate::failure::Failure;
use crate::output::text_file;
use hefu_eval::data::{self, Row};
use hefu_eval::question::{Question, Questions};
use hefu_eval::{Error, Measure, Task};
use hefu_proof::Digest;
use std::path::{Path, PathBuf};

/// A task and what it is asked about.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The task.
    pub(crate) task: Task,
    /// Its file's text.
    pub(crate) text: String,
    /// Its samples.
    pub(crate) rows: Vec<Row>,
    /// Question of each sample.
    pub(crate) questions: Vec<Question>,
    /// SHA-256 of the file of samples.
    pub(crate) data_digest: Digest,
    /// SHA-256 of the file of worked examples.
    pub(crate) examples_digest: Option<Digest>,
}

impl Plan {
    /// Reads a task and its files, at most so many samples.
    ///
    /// # Errors
    /// A fault of any of them.
    pub(crate) fn read(path: &Path, most: Option<usize>) -> Result<Self, Failure> {
        let text = text_file(path)?;
        let in_task = |Error(wrong)| Failure::Other(format!("{}: {wrong}", path.display()));
        let task = Task::parse(&text).map_err(in_task)?;
        let beside = |name: &str| path.parent().map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        let plain = |Error(wrong)| Failure::Other(wrong);
        let most = most.unwrap_or(usize::MAX).min(task.limit.unwrap_or(usize::MAX));
        let data_path = beside(&task.data);
        let data = data::read(&data_path, most).map_err(plain)?;
        let examples = match &task.examples {
            None => None,
            Some(examples) => Some(data::read(&beside(&examples.data), examples.count).map_err(plain)?),
        };
        let shown = examples.as_ref().map_or(&[][..], |examples| examples.rows.as_slice());
        let questions = Questions::new(&task, shown).map_err(in_task)?;
        let ask = |(number, row): (usize, &Row)| {
            let place = |Error(wrong)| Failure::Other(format!("{}: sample {number}: {wrong}", data_path.display()));
            questions.of(row).map_err(place)
        };
        let questions = data.rows.iter().enumerate().map(ask).collect::<Result<_, _>>()?;
        let examples_digest = examples.map(|examples| examples.digest);
        Ok(Self { task, text, rows: data.rows, questions, data_digest: data.digest, examples_digest })
    }

    /// Parts that a sample has.
    pub(crate) fn parts(&self) -> usize {
        match self.task.measure() {
            Measure::Judge(_) => 2,
            _ => 1,
        }
    }
}
