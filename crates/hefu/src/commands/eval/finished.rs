//! An evaluation that is complete: its records and its signed score.

use super::plan::Plan;
use super::state::Header;
use crate::failure::Failure;
use crate::receipts::{Signer, now};
use crate::whole_file::WholeFile;
use hefu_eval::{Error, Measure, Part, Points, SampleRecord, grade};
use hefu_proof::canonical::canonical;
use hefu_proof::{Judged, Score, ScoreReceipt, merkle, new_id};
use std::path::{Path, PathBuf};

/// A score and its records.
#[derive(Debug)]
pub(super) struct Finished {
    /// The measure, in a word.
    pub(super) measure: &'static str,
    /// Points of each sample.
    pub(super) points: Vec<Points>,
    /// The signed score.
    pub(super) receipt: ScoreReceipt,
    /// Its place, once it is written.
    pub(super) place: PathBuf,
    /// The record of each sample, in its canonical form.
    records: Vec<String>,
}

impl Finished {
    /// Signs what was found.
    ///
    /// # Errors
    /// Parts that are missing, or a key that cannot be had.
    pub(super) fn new(
        plan: &Plan,
        header: &Header,
        parts: &[Vec<Part>],
        (model, judge): (&Judged, Option<&Judged>),
    ) -> Result<Self, Failure> {
        let plain = |Error(wrong)| Failure::Other(wrong);
        let (mut total, mut points, mut records) = (Points::default(), Vec::new(), Vec::new());
        for (index, (question, parts)) in plan.questions.iter().zip(parts).enumerate() {
            let earned = grade(plan.task.measure(), &question.expected, parts).map_err(plain)?;
            let record = SampleRecord {
                index,
                row: question.row,
                expected: question.expected.clone(),
                parts: parts.clone(),
                points: earned.points,
                of: earned.of,
            };
            records.push(canonical(&record).map_err(Failure::Other)?);
            total.add(earned);
            points.push(earned);
        }
        let signer = Signer::new()?;
        let is_judged = matches!(plan.task.measure(), Measure::Judge(_));
        let score = Score {
            id: new_id().map_err(Failure::Other)?,
            time: now(),
            model: model.clone(),
            judge: judge.filter(|_| is_judged).cloned(),
            software: signer.software.clone(),
            name: plan.task.name.clone(),
            task: plan.text.clone(),
            task_digest: header.task,
            data_digest: header.data,
            examples_digest: header.examples,
            template_digest: header.template,
            context: header.context,
            samples: records.len(),
            root: merkle::root(&records),
            numerator: total.points,
            denominator: total.of,
        };
        let receipt = ScoreReceipt::sign(score, &signer.identity).map_err(|error| Failure::Other(error.to_string()))?;
        Ok(Self { measure: name_of(plan.task.measure()), points, receipt, place: PathBuf::new(), records })
    }

    /// Writes the score and its records to a file that appears once it is whole.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&mut self, place: &Path, force: bool) -> Result<(), Failure> {
        let mut file = WholeFile::new(place, &[], force)?;
        file.write(self.receipt.to_text().as_bytes())?;
        for record in &self.records {
            file.write(record.as_bytes())?;
            file.write(b"\n")?;
        }
        file.finish()?;
        self.place = place.to_owned();
        Ok(())
    }

    /// True if it is a share of samples.
    pub(super) fn is_share(&self) -> bool {
        self.measure != LIKELIHOOD
    }

    /// Its value.
    pub(super) fn value(&self) -> f64 {
        let score = self.receipt.score();
        Points { points: score.numerator, of: score.denominator }.value()
    }

    /// The standard error of a share, if other samples of the same kind had been drawn.
    pub(super) fn uncertainty(&self) -> Option<f64> {
        let (share, count) = (self.value(), self.points.len() as f64);
        (self.is_share() && count > 1.0).then(|| (share * (1.0 - share) / (count - 1.0)).sqrt())
    }
}

const LIKELIHOOD: &str = "bits per byte";

/// The measure, in a word.
pub(crate) fn name_of(measure: Measure<'_>) -> &'static str {
    match measure {
        Measure::MultipleChoice(_) => "multiple choice",
        Measure::Likelihood(_) => LIKELIHOOD,
        Measure::ExactMatch(_) => "exact match",
        Measure::Judge(_) => "judged",
    }
}

/// A score in words: the fraction of a share, or bits per byte.
pub(crate) fn share(score: &Score, measure: &str) -> String {
    let value = Points { points: score.numerator, of: score.denominator }.value();
    match measure {
        LIKELIHOOD => format!("{value:.6}"),
        _ => format!("{value:.4} ({}/{})", score.numerator, score.denominator),
    }
}

/// Shares that are too small, in words.
pub(super) fn below(all: &[Finished], least: f64) -> Option<String> {
    let low = all.iter().filter(|finished| finished.is_share() && finished.value() < least);
    let low: Vec<String> =
        low.map(|finished| format!("{} has {:.4}", finished.receipt.score().name, finished.value())).collect();
    (!low.is_empty()).then(|| format!("{}, below the {least} that --at-least asks for", low.join(", ")))
}
