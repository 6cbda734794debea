//! `hefu models`: what is there and what could be fetched.

use crate::failure::Failure;
use crate::gap::ceilings;
use crate::models;
use crate::options::cores;
use crate::output::{columns, hanging, print_json, print_plain};
use crate::progress::line;
use crate::units;
use clap::Args;
use hefu_cpu::Pool;
use hefu_store::{CatalogueRepository, Purpose, Store};
use serde_json::{Value, json};

/// List the models in the store and those that can be fetched by name
#[derive(Debug, Args)]
#[command(after_help = "\
The store is the folder `hefu` in the user's cache folder; the environment variable HEFU_HOME names another.

Examples:
  hefu models
  hefu models --json")]
pub(crate) struct Arguments {
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// One line of the list.
struct Entry {
    name: String,
    size: u64,
    pulled: bool,
    is_default: bool,
    licence: Option<String>,
    description: Option<String>,
}

/// Carries the command out.
///
/// # Errors
/// If the store's folder cannot be read.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let store = models::open_store()?;
    let listing = store.list()?;
    for problem in &listing.problems {
        line(&format!("hefu: {problem}"));
    }
    let entries = entries(&store, listing);
    let rate = read_rate();
    if arguments.json {
        let values: Vec<Value> = entries.iter().map(Entry::json).collect();
        let repositories = store.catalogue().repositories().iter().map(|known| repository_json(known, rate));
        let repositories: Vec<Value> = repositories.collect();
        return print_json(&json!({ "store": store.root().ok(), "models": values, "repositories": repositories }));
    }
    let columns = columns();
    let width = entries.iter().map(|entry| entry.name.chars().count()).max().unwrap_or(0).max(4);
    let mut text = format!("{:width$}  {:>9}  {:9}  DESCRIPTION\n", "NAME", "SIZE", "STATE");
    for entry in &entries {
        let state = if entry.pulled { "here" } else { "to fetch" };
        let default = if entry.is_default { " [default]" } else { "" };
        let description = entry.description.as_deref().unwrap_or("");
        let (name, size) = (&entry.name, units::bytes(entry.size));
        let start = format!("{name:width$}  {size:>9}  {state:9}  ");
        text += &hanging(&start, &format!("{description}{default}"), columns);
    }
    text += &by_purpose(store.catalogue().repositories(), rate, columns);
    print_plain(&text)
}

/// Bytes per second that this machine reads, as `hefu gap` measures them; nothing is said where it cannot be measured.
fn read_rate() -> Option<f64> {
    let peaks = hefu_cpu::select::best().peaks()?;
    ceilings::read_rate(peaks, &Pool::new(cores())).ok().filter(|rate| *rate > 0.0)
}

/// Repositories by what their models are for, with what a file of 4 bits takes, whether this machine bears it, and how fast it
/// writes at most.
fn by_purpose(repositories: &[CatalogueRepository], rate: Option<f64>, columns: Option<usize>) -> String {
    let width = repositories.iter().map(|known| known.name.chars().count()).max().unwrap_or(0);
    let about = "To fetch by name too; of each, a file is chosen that this machine's memory bears. Sizes are about those of 4 bits.";
    let mut text = format!("\n{}", hanging("", about, columns));
    if let Some(rate) = rate {
        let rate = units::bytes(rate as u64);
        let about = format!(
            "Memory is read at {rate}/s just now, which bounds the tokens per second of one answer: the second number."
        );
        text += &hanging("", &about, columns);
    }
    for (purpose, title) in
        [(Purpose::Chat, "conversation"), (Purpose::Code, "code"), (Purpose::Vectors, "vectors of texts")]
    {
        text += &format!("\n{title}\n");
        for known in repositories.iter().filter(|known| known.purpose == purpose) {
            let (name, size) = (&known.name, units::bytes(about_bytes(known)));
            let fits = if fits(known) { "" } else { " [more than this machine bears]" };
            let speed = match tokens_per_second(known, rate) {
                Some(speed) if speed < 10.0 => format!("{speed:.1}"),
                Some(speed) => format!("{speed:.0}"),
                None => String::new(),
            };
            let start = format!("  {name:width$}  {size:>9}  {speed:>5}  ");
            text += &hanging(&start, &format!("{}{fits}", known.description), columns);
        }
    }
    text
}

/// Bytes of a file with weights of about 4.8 bits.
fn about_bytes(known: &CatalogueRepository) -> u64 {
    known.millions.saturating_mul(600_000)
}

/// Tokens per second of one answer at most: every weight that a token goes through is read for it. None of models that write
/// none.
fn tokens_per_second(known: &CatalogueRepository, rate: Option<f64>) -> Option<f64> {
    let read = about_bytes(known) as f64 * known.active.unwrap_or(known.millions) as f64 / known.millions.max(1) as f64;
    rate.filter(|_| known.purpose != Purpose::Vectors && read > 0.0).map(|rate| rate / read)
}

fn fits(known: &CatalogueRepository) -> bool {
    models::room().is_none_or(|room| about_bytes(known) <= room)
}

fn repository_json(known: &CatalogueRepository, rate: Option<f64>) -> Value {
    json!({
        "name": known.name,
        "purpose": format!("{:?}", known.purpose).to_lowercase(),
        "parameters": known.millions.saturating_mul(1_000_000),
        "about_bytes": about_bytes(known),
        "fits": fits(known),
        "tokens_per_second_at_most": tokens_per_second(known, rate),
        "licence": known.licence,
        "description": known.description,
        "source": known.source,
    })
}

/// Stored models first, then the rest of the catalogue.
fn entries(store: &Store, listing: hefu_store::Listing) -> Vec<Entry> {
    let catalogue = store.catalogue();
    let is_default = |name: &str| catalogue.default_model().is_some_and(|model| model.name == name);
    let mut entries: Vec<Entry> = Vec::new();
    for model in listing.models {
        let known = catalogue.find(&model.name);
        entries.push(Entry {
            size: model.size(),
            pulled: true,
            is_default: is_default(&model.name),
            licence: model.licence.or_else(|| known.map(|known| known.licence.clone())),
            description: model.description.or_else(|| known.map(|known| known.description.clone())),
            name: model.name,
        });
    }
    for model in catalogue.models() {
        if !entries.iter().any(|entry| entry.name == model.name) {
            entries.push(Entry {
                name: model.name.clone(),
                size: model.size(),
                pulled: false,
                is_default: is_default(&model.name),
                licence: Some(model.licence.clone()),
                description: Some(model.description.clone()),
            });
        }
    }
    entries
}

impl Entry {
    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "bytes": self.size,
            "pulled": self.pulled,
            "default": self.is_default,
            "licence": self.licence,
            "description": self.description,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_the_weights_that_it_goes_through() {
        let known = |purpose, active| CatalogueRepository {
            name: "a".into(),
            purpose,
            millions: 10_000,
            active,
            description: String::new(),
            licence: String::new(),
            source: String::new(),
        };
        let speed = |purpose, active| tokens_per_second(&known(purpose, active), Some(12e9));
        assert_eq!(speed(Purpose::Chat, None), Some(2.0));
        assert_eq!(speed(Purpose::Code, Some(1_000)), Some(20.0));
        assert_eq!(speed(Purpose::Vectors, None), None);
        assert_eq!(tokens_per_second(&known(Purpose::Chat, None), None), None);
    }
}
