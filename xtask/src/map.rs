//! A picture of the crates, made from their manifests: each crate above those that it uses.
//!
//! A crate's layer is one below the lowest crate that uses it, or, where none does, one above the highest that it uses. A use that
//! follows from others (`hefu` of `numerics`, by way of `engine`) has no line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::files;

/// The picture that `cargo xtask map` writes.
const PICTURE: &str = "docs/readers/crates.svg";

/// The documents whose tables list all crates.
const TABLES: [&str; 2] = ["ARCHITECTURE.md", "ARCHITECTURE.zh-CN.md"];

/// Width and height of a box, and what is free between boxes and between layers, in pixels.
const BOX: (usize, usize) = (100, 32);
const FREE: (usize, usize) = (22, 48);
/// Free space at the edges.
const MARGIN: usize = 12;

/// Crates by the crates that use them.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// Writes the picture.
pub(crate) fn run(root: &Path, _words: &[String]) -> Result<(), String> {
    std::fs::write(root.join(PICTURE), picture(&uses(root)))
        .map_err(|error| format!("{PICTURE} cannot be written: {error}"))
}

/// Checks that the picture and the tables are those of the crates.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let uses = uses(root);
    let mut problems = Vec::new();
    if files::text(&root.join(PICTURE)) != picture(&uses) {
        problems.push(format!("{PICTURE} is out of date: cargo xtask map"));
    }
    for table in TABLES {
        let text = files::text(&root.join(table));
        let lacks = uses.keys().filter(|name| !text.contains(&format!("| `crates/{name}` |")));
        problems.extend(lacks.map(|name| format!("{table} has no row for crates/{name}")));
    }
    problems
}

/// The crates of the repository and what each uses of them.
fn uses(root: &Path) -> Uses {
    let crates = root.join("crates");
    let manifests = files::below(&crates, "Cargo.toml").into_iter().filter_map(|path| {
        let name = path.parent()?.strip_prefix(&crates).ok()?.to_string_lossy().into_owned();
        Some((name, files::text(&path).parse::<toml::Table>().ok()?))
    });
    let manifests: BTreeMap<String, toml::Table> = manifests.filter(|(name, _)| !name.contains('/')).collect();
    let used = |table: &toml::Table| {
        let names = table.get("dependencies").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
        let names = names.map(|name| name.strip_prefix("hefu-").unwrap_or(name));
        names.filter(|name| manifests.contains_key(*name)).map(str::to_owned).collect()
    };
    manifests.iter().map(|(name, table)| (name.clone(), used(table))).collect()
}

/// The layer of each crate, from 0 at the bottom.
fn layers(uses: &Uses) -> BTreeMap<&str, usize> {
    let mut heights: BTreeMap<&str, usize> = BTreeMap::new();
    // Crates use one another without circles, so that as many rounds as there are crates settle every height.
    for _ in uses {
        for (name, used) in uses {
            let above = used.iter().filter_map(|used| heights.get(&used[..])).max().map_or(0, |height| height + 1);
            heights.insert(name, above);
        }
    }
    let mut layers = heights;
    for _ in uses {
        for name in uses.keys() {
            let users = uses.iter().filter(|(_, used)| used.contains(name));
            let lowest = users.filter_map(|(user, _)| layers.get(&user[..])).min();
            if let Some(lowest) = lowest {
                layers.insert(name, lowest.saturating_sub(1));
            }
        }
    }
    layers
}

/// Crates that a crate uses and that none of the others that it uses leads to.
fn direct<'u>(uses: &'u Uses, name: &str) -> impl Iterator<Item = &'u str> {
    let used = &uses[name];
    used.iter().filter(|one| !used.iter().any(|other| leads(uses, other, one))).map(String::as_str)
}

/// True if one crate uses another, directly or by way of others.
fn leads(uses: &Uses, from: &str, to: &str) -> bool {
    uses[from].iter().any(|used| used == to || leads(uses, used, to))
}

/// The middle of each crate's box.
fn places(uses: &Uses) -> BTreeMap<&str, (usize, usize)> {
    let layers = layers(uses);
    let top = layers.values().max().copied().unwrap_or_default();
    let rows: Vec<Vec<&str>> =
        (0..=top).map(|layer| layers.iter().filter(|(_, of)| **of == layer).map(|(name, _)| *name).collect()).collect();
    let widest = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut places: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (layer, mut row) in rows.into_iter().enumerate() {
        // Above what it uses, on the average.
        let middle = |name: &&str| {
            let used: Vec<usize> = direct(uses, name).filter_map(|used| Some(places.get(used)?.0)).collect();
            used.iter().sum::<usize>().checked_div(used.len()).unwrap_or(usize::MAX)
        };
        row.sort_by_cached_key(|name| (middle(name), *name));
        let step = BOX.0 + FREE.0;
        let left = MARGIN + (widest - row.len()) * step / 2 + BOX.0 / 2;
        let y = MARGIN + (top - layer) * (BOX.1 + FREE.1) + BOX.1 / 2;
        places.extend(row.iter().enumerate().map(|(at, name)| (*name, (left + at * step, y))));
    }
    places
}

/// The picture as SVG.
fn picture(uses: &Uses) -> String {
    let places = places(uses);
    let width = places.values().map(|(x, _)| x + BOX.0 / 2 + MARGIN).max().unwrap_or_default();
    let height = places.values().map(|(_, y)| y + BOX.1 / 2 + MARGIN).max().unwrap_or_default();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"14\" text-anchor=\"middle\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n<g fill=\"none\" stroke=\"#999\">\n"
    );
    for (name, (x, y)) in &places {
        for (used, (to_x, to_y)) in direct(uses, name).filter_map(|used| Some((used, places.get(used)?))) {
            let (from, to) = (y + BOX.1 / 2, to_y - BOX.1 / 2);
            let bend = FREE.1 / 2;
            // Lines that pass behind other boxes are dashed.
            let dash = if to - from > FREE.1 { " stroke-dasharray=\"4 4\"" } else { "" };
            let _ = writeln!(
                svg,
                "<path{dash} d=\"M{x} {from}C{x} {} {to_x} {} {to_x} {to}\"><title>{name} uses {used}</title></path>",
                from + bend,
                to - bend
            );
        }
    }
    svg += "</g>\n<g fill=\"#eef3fa\" stroke=\"#456\">\n";
    for (x, y) in places.values() {
        let (left, top) = (x - BOX.0 / 2, y - BOX.1 / 2);
        let _ = writeln!(svg, "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"5\"/>", BOX.0, BOX.1);
    }
    svg += "</g>\n<g fill=\"#123\">\n";
    for (name, (x, y)) in &places {
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{}\">{name}</text>", y + 5);
    }
    svg + "</g>\n</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_above_what_it_uses() {
        let of = |used: &[&str]| used.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let uses: Uses =
            [("a", of(&["b", "c", "d"])), ("b", of(&["c"])), ("c", of(&[])), ("d", of(&[])), ("e", of(&[]))]
                .map(|(name, used)| (name.to_owned(), used))
                .into();
        assert_eq!(layers(&uses), BTreeMap::from([("a", 2), ("b", 1), ("c", 0), ("d", 1), ("e", 0)]));
        // The use of `c` follows from that of `b`.
        assert_eq!(direct(&uses, "a").collect::<Vec<_>>(), ["b", "d"]);
        let svg = picture(&uses);
        assert!(svg.contains("a uses d") && svg.contains("b uses c") && !svg.contains("a uses c"), "{svg}");
        assert_eq!(svg.matches("<text").count(), 5);
    }
}
