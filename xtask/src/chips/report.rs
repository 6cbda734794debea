//! The table of chips.

use std::collections::BTreeMap;

use serde_json::Value;

use super::receipts::Made;

/// Digests of logits by model.
pub(super) type Logits = BTreeMap<String, Vec<String>>;

/// A chip at a level.
pub(super) struct Row {
    cells: Vec<String>,
    /// Faults.
    wrong: Vec<String>,
}

/// Verdicts on receipts of one model.
pub(super) struct Verdicts<'a> {
    /// The receipt that this machine has made.
    pub(super) made: &'a Made,
    /// The chip's verdict.
    pub(super) said: Result<String, String>,
    /// This machine's verdict on the chip's receipt, if that was asked for.
    pub(super) back: Option<Result<(), String>>,
}

/// All rows.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

/// The heads of the columns.
const HEADS: [&str; 9] = [
    "chip",
    "level",
    "instruction sets",
    "cases",
    "differing numbers",
    "logits equal",
    "receipts of this machine fit",
    "its receipts fit here",
    "real model's tokens",
];

/// The digests that `hefu-check logits` prints: of each model, one for each instruction set.
pub(super) fn logits(printed: &str) -> Logits {
    let mut all = Logits::new();
    for line in lines(printed) {
        if let (Some(model), Some(digest)) = (line["model"].as_str(), line["logits"].as_str()) {
            all.entry(model.to_owned()).or_default().push(digest.to_owned());
        }
    }
    all
}

fn lines(printed: &str) -> impl Iterator<Item = Value> {
    printed.lines().filter_map(|line| serde_json::from_str(line).ok())
}

impl Row {
    /// From what the program printed on a chip.
    pub(super) fn new(
        chip: &str,
        level: &str,
        conformance: Result<String, String>,
        found: Result<String, String>,
        expected: &Logits,
        verdicts: &[Verdicts<'_>],
    ) -> Self {
        let mut wrong = Vec::new();
        let mut heard = |what: &str, result: Result<String, String>| {
            result.unwrap_or_else(|sentence| {
                wrong.push(format!("{what}: {sentence}"));
                String::new()
            })
        };
        let (conformance, found) = (heard("conformance", conformance), heard("logits", found));
        let sets: Vec<Value> = lines(&conformance).collect();
        let names: Vec<&str> = sets.iter().filter_map(|set| set["isa"].as_str()).collect();
        let cases: u64 = sets.iter().filter_map(|set| set["cases"].as_u64()).sum();
        let differing: u64 = sets.iter().filter_map(|set| set["differing"].as_u64()).sum();
        if names.is_empty() || differing > 0 {
            let first = sets.iter().find_map(|set| set["first"].as_str()).unwrap_or("nothing was said");
            wrong.push(format!("conformance: {first}"));
        }
        let found = logits(&found);
        let is_equal = |model: &str, right: &[String]| {
            found.get(model).is_some_and(|digests| digests.iter().all(|digest| Some(digest) == right.first()))
        };
        let (equal, others): (Vec<_>, Vec<_>) = expected.iter().partition(|(model, right)| is_equal(model, right));
        wrong.extend(others.iter().map(|(model, _)| format!("logits: those of {model} are others")));
        let mut fit = |is_real: bool| fitting(verdicts, is_real, &mut wrong);
        let (receipts, fit_here, _) = fit(false);
        let (real, _, tokens) = fit(true);
        let back = verdicts.iter().filter_map(|all| Some((all.made, all.back.as_ref()?)));
        let (back, lacking): (Vec<_>, Vec<_>) = back.partition(|(_, result)| result.is_ok());
        for (made, result) in &lacking {
            wrong.push(format!("its receipt of {}: {}", made.name, result.as_ref().err().map_or("", String::as_str)));
        }
        let dash = |is_there: bool, text: String| if is_there { text } else { "not asked".to_owned() };
        let cells = vec![
            chip.to_owned(),
            level.to_owned(),
            names.join(", "),
            cases.to_string(),
            differing.to_string(),
            format!("{} of {}", equal.len(), expected.len()),
            dash(receipts > 0, format!("{fit_here} of {receipts}")),
            dash(receipts > 0, format!("{} of {}", back.len(), back.len() + lacking.len())),
            dash(real > 0, format!("{tokens} equal")),
        ];
        Self { cells, wrong }
    }
}

/// Numbers of receipts that were judged and that fit, and the tokens of those; the faults of the others.
fn fitting(verdicts: &[Verdicts<'_>], is_real: bool, wrong: &mut Vec<String>) -> (usize, usize, u64) {
    let asked: Vec<_> = verdicts.iter().filter(|all| all.made.is_real == is_real).collect();
    let (mut count, mut tokens) = (0, 0);
    for Verdicts { made, said, .. } in &asked {
        let last = said.as_ref().ok().and_then(|said| lines(said).last()).unwrap_or_default();
        if last["verdict"] == "matches" {
            count += 1;
            tokens += last["tokens"].as_u64().unwrap_or_default();
        } else {
            let said = said.as_ref().map_or_else(Clone::clone, |_| last.to_string());
            wrong.push(format!("receipt of {}: {said}", made.name));
        }
    }
    (asked.len(), count, tokens)
}

impl Table {
    pub(super) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// A chip that could not be examined.
    pub(super) fn left_out(&mut self, chip: &str, level: &str, lack: &str, is_wrong: bool) {
        self.noted(chip, level, &format!("left out: {lack}"));
        if is_wrong && let Some(row) = self.rows.last_mut() {
            row.wrong.push(lack.to_owned());
        }
    }

    /// A chip of which a word is to be said alone.
    pub(super) fn noted(&mut self, chip: &str, level: &str, what: &str) {
        let mut cells = vec![chip.to_owned(), level.to_owned(), what.to_owned()];
        cells.resize(HEADS.len(), String::new());
        self.rows.push(Row { cells, wrong: Vec::new() });
    }

    pub(super) fn print(&self) {
        println!("| {} |", HEADS.join(" | "));
        println!("|{}", " --- |".repeat(HEADS.len()));
        for row in &self.rows {
            println!("| {} |", row.cells.join(" | "));
        }
        for row in &self.rows {
            row.wrong.iter().for_each(|wrong| println!("WRONG: {} {}: {wrong}", row.cells[0], row.cells[1]));
        }
    }

    pub(super) fn is_right(&self) -> bool {
        self.rows.iter().all(|row| row.wrong.is_empty())
    }
}
