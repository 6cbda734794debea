//! Report of a selftest.

use super::matrix::{caches, threads};
use super::means::Means;
use super::models::Source;
use crate::failure::Failure;
use crate::units::thousands;
use hefu_engine::selftest::{Extent, Tally, dimensions};
use hefu_numerics::conformance::{self, Deviation};
use hefu_numerics::kv::Profile;
use serde_json::{Map, Value, json};

/// Deviations from the list of digests that are shown in words.
const SHOWN: usize = 20;

/// Everything that a self-test found.
pub(crate) struct Report<'a> {
    pub(crate) means: &'a [Means],
    pub(crate) sources: &'a [Source],
    pub(crate) extent: Extent,
    pub(crate) deviations: &'a [Deviation],
    pub(crate) tally: &'a Tally,
    /// Seconds that the list of digests took on all that compute, together.
    pub(crate) conformance_seconds: f64,
}

impl Report<'_> {
    /// For people.
    pub(crate) fn words(&self) -> String {
        let Self { means, deviations, tally, .. } = self;
        let mut text = format!(
            "conformance: {} operations and inputs on {}: {} of {} digests differ ({:.2} s)\n",
            conformance::cases().len(),
            self.names().join(", "),
            deviations.len(),
            conformance::cases().len() * means.len(),
            self.conformance_seconds,
        );
        deviations.iter().take(SHOWN).for_each(|deviation| text += &format!("  {deviation}\n"));
        text += &format!("identity matrix: {} combinations of\n", thousands(tally.combinations));
        for (name, values) in self.dimensions() {
            text += &format!("  {name:<16} {}\n", values.join(", "));
        }
        tally.differences.iter().for_each(|difference| text += &format!("  {difference}\n"));
        text += &format!(
            "compared: {} tokens and {} logits of {} answers\ndiffering: {} bits, in {} combinations\n",
            thousands(tally.tokens),
            thousands(tally.logits),
            thousands(tally.answers),
            thousands(tally.differing_bits),
            thousands(tally.differing_combinations),
        );
        text
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let Self { deviations, tally, .. } = self;
        let dimensions: Map<String, Value> =
            self.dimensions().into_iter().map(|(name, values)| (name.replace(' ', "_"), values.into())).collect();
        json!({
            "ok": self.outcome().is_ok(),
            "full": self.extent == Extent::Full,
            "conformance": {
                "cases": conformance::cases().len(),
                "seconds": self.conformance_seconds,
                "devices": self.names(),
                "deviations": deviations.iter().map(ToString::to_string).collect::<Vec<_>>(),
            },
            "matrix": {
                "dimensions": dimensions,
                "combinations": tally.combinations,
                "answers": tally.answers,
                "tokens": tally.tokens,
                "logits": tally.logits,
                "differing_bits": tally.differing_bits,
                "differing_combinations": tally.differing_combinations,
                "differences": tally.differences.iter().map(ToString::to_string).collect::<Vec<_>>(),
            },
        })
    }

    /// The exit status.
    ///
    /// # Errors
    /// If anything differs.
    pub(crate) fn outcome(&self) -> Result<(), Failure> {
        if self.deviations.is_empty() && self.tally.is_clean() {
            return Ok(());
        }
        Err(Failure::Other(format!(
            "this machine does not keep the numeric contract: {} digests and {} of {} combinations differ; do not trust its \
             answers, and please report what is said above",
            self.deviations.len(),
            self.tally.differing_combinations,
            self.tally.combinations
        )))
    }

    fn dimensions(&self) -> Vec<(&'static str, Vec<String>)> {
        let own = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let caches = self.sources.first().map_or(&[][..], |source| caches(source, self.extent));
        let mut all = vec![
            ("model", own(self.sources.iter().map(Source::name).collect())),
            ("device", self.names()),
            ("threads", threads(self.extent).iter().map(ToString::to_string).collect()),
            ("cache", own(caches.iter().copied().map(Profile::name).collect())),
            ("restart", own(vec!["same process", "new process"])),
        ];
        all.extend(dimensions(self.extent));
        all
    }

    /// What computed.
    fn names(&self) -> Vec<String> {
        self.means.iter().map(|means| means.name()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_engine::selftest::Trace;

    fn report(deviations: &[Deviation], tally: &Tally) -> (String, Value, bool) {
        let sources = super::super::models::sources(None, Extent::Quick).unwrap();
        let means = [Means::specification()];
        let report = Report {
            means: &means,
            sources: &sources,
            extent: Extent::Quick,
            deviations,
            tally,
            conformance_seconds: 0.0,
        };
        (report.words(), report.json(), report.outcome().is_ok())
    }

    #[test]
    fn what_differs_is_said_and_ends_with_a_failure() {
        let (words, json, ok) = report(&[], &Tally::default());
        assert!(ok && json["ok"] == true && words.ends_with("differing: 0 bits, in 0 combinations\n"), "{words}");
        let mut tally = Tally::default();
        tally.add("everything at once", &[], &[Trace::default()], &Err("no logits".to_owned()), 1);
        let (words, json, ok) = report(&[], &tally);
        assert!(!ok && json["ok"] == false && words.contains("  everything at once: no logits\n"), "{words}");
        let deviation = Deviation { device: "x", case: "sum usual".to_owned(), first: Some((3, 1.0, 2.0)), numbers: 1 };
        let (words, json, ok) = report(&[deviation], &Tally::default());
        assert!(
            !ok && json["ok"] == false && words.contains("x: sum usual: 1 numbers differ, first number 3"),
            "{words}"
        );
    }
}
