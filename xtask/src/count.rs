//! Figures of the code: how many types a token passes, lines, circles, public items.

use std::collections::BTreeSet;
use std::path::Path;

use crate::files;
use crate::modules::Crate;

/// The types that hold a token, or the text that it is in, between HTTP and the kernels: down with the prompt, then up with the
/// answer; each with its crate.
const OF_A_TOKEN: &[(&str, &str)] = &[
    ("answer", "Ask"),
    ("answer", "Prepared"),
    ("engine", "Request"),
    ("engine", "Job"),
    ("server", "Command"),
    ("engine", "ScheduledSequence"),
    ("engine", "Sequence"),
    ("numerics", "Batch"),
    ("engine", "Choice"),
    ("engine", "Event"),
    ("engine", "Update"),
    ("answer", "ChoiceStream"),
    ("answer", "Token"),
    ("answer", "Delta"),
    ("server", "Piece"),
];

/// Kinds of public items, as written after `pub`.
const KINDS: &[&str] = &["fn", "struct", "enum", "trait", "type", "const", "static", "union", "mod"];

/// Words that may stand between `pub` and the kind.
const QUALIFIERS: &[&str] = &["unsafe", "async", "const"];

/// One crate's figures.
#[derive(Debug)]
struct Figures {
    name: String,
    lines: usize,
    circles: usize,
    /// Names of public items.
    public: Vec<String>,
    /// Those of them that no other crate, test, example or benchmark names.
    unused: Vec<String>,
}

/// Prints the figures, and with `names` the public items that nobody else uses; false if the list of types is out of date.
pub(crate) fn run(root: &Path, names: bool) -> bool {
    let mut all = Vec::new();
    for source in files::crate_roots(root).iter().filter(|source| source.starts_with(root.join("crates"))) {
        match figures(root, source) {
            Ok(figures) => all.push(figures),
            Err(problem) => println!("{problem}"),
        }
    }
    println!("{:12} {:>7} {:>8} {:>7} {:>7}", "crate", "lines", "circles", "public", "unused");
    for crate_ in &all {
        let Figures { name, lines, circles, public, unused } = crate_;
        println!("{name:12} {lines:>7} {circles:>8} {:>7} {:>7}", public.len(), unused.len());
    }
    let sum = |of: fn(&Figures) -> usize| all.iter().map(of).sum::<usize>();
    let (lines, circles) = (sum(|one| one.lines), sum(|one| one.circles));
    let (public, unused) = (sum(|one| one.public.len()), sum(|one| one.unused.len()));
    println!("{:12} {lines:>7} {circles:>8} {public:>7} {unused:>7}", "all");
    if names {
        all.iter().for_each(|one| println!("{}: {}", one.name, one.unused.join(" ")));
    }
    let missing: Vec<_> = OF_A_TOKEN.iter().filter(|(home, name)| !is_defined(root, home, name)).collect();
    println!("types that a token passes: {}", OF_A_TOKEN.len());
    missing.iter().for_each(|(home, name)| println!("    {home} has no type {name}; correct xtask/src/count.rs"));
    missing.is_empty()
}

fn figures(root: &Path, source: &Path) -> Result<Figures, String> {
    let found = Crate::read(source)?;
    let folder = source.parent().and_then(Path::parent).unwrap_or(root);
    let code: Vec<String> = found.files.iter().map(|file| without_tests(&files::text(file))).collect();
    let mut public: Vec<String> = code.iter().flat_map(|code| public_names(code)).collect();
    public.sort();
    let own: BTreeSet<_> = found.files.iter().collect();
    let used: BTreeSet<String> = files::below(root, ".rs")
        .iter()
        .filter(|file| !own.contains(file))
        .flat_map(|file| words(&files::text(file)))
        .collect();
    let unused = public.iter().filter(|name| !used.contains(*name)).cloned().collect();
    Ok(Figures {
        name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        lines: code.iter().map(|code| code.lines().count()).sum(),
        circles: found.circles().len(),
        public,
        unused,
    })
}

/// A file's text up to its tests, which stand last.
pub(crate) fn without_tests(text: &str) -> String {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}

/// The names of the public items of a text.
pub(crate) fn public_names(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter_map(public_name)
}

/// The name of the public item that a line begins.
fn public_name(line: &str) -> Option<String> {
    let mut words = line.trim_start().strip_prefix("pub ")?.split_whitespace().peekable();
    let mut kind = words.next()?;
    while QUALIFIERS.contains(&kind)
        && words.peek().is_some_and(|next| KINDS.contains(next) || QUALIFIERS.contains(next))
    {
        kind = words.next()?;
    }
    let name = words.next().filter(|_| KINDS.contains(&kind))?;
    Some(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect()
}

fn is_defined(root: &Path, home: &str, name: &str) -> bool {
    files::below(&root.join("crates").join(home).join("src"), ".rs").iter().any(|file| {
        files::text(file).lines().any(|line| {
            let line = line.trim_start().split_once("struct ").or_else(|| line.split_once("enum "));
            let defined =
                line.map(|(_, rest)| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>());
            defined.is_some_and(|defined| defined == name)
        })
    })
}
