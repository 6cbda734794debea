//! Functions fit a screen.

use std::path::Path;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::files;

/// Lines that a function or a macro may have.
const MOST_LINES: usize = 60;

/// Those that may be longer, by file and name, each with the reason.
const LONGER: &[(&str, &str, &str)] = &[
    (
        "crates/cpu/src/generic/kernels.rs",
        "isa!",
        "one function for each operation, compiled for the instruction set that the macro names",
    ),
    (
        "crates/cpu/src/isa/aarch64/wide.rs",
        "kernels!",
        "the products of one instruction set, in the lanes that the macro names",
    ),
];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let mut longer = LONGER.to_vec();
    for path in files::below(root, ".rs") {
        let place = files::short(root, &path);
        match syn::parse_file(&files::text(&path)) {
            Ok(file) => {
                let mut found = Lengths::default();
                found.visit_file(&file);
                problems.extend(found.problems(&place));
                longer.retain(|(known, name, _)| *known != place || !found.is_long(name));
            }
            Err(error) => problems.push(format!("{place} is not Rust: {error}")),
        }
    }
    // Whoever shortens one takes it off the list.
    problems.extend(longer.iter().map(|(place, name, _)| format!("{place}: {name} is not long any more")));
    problems
}

/// Names and lines of what has a body.
#[derive(Default)]
struct Lengths(Vec<(String, usize)>);

impl Lengths {
    fn add(&mut self, name: impl ToString, item: &impl Spanned) {
        let span = item.span();
        self.0.push((name.to_string(), span.end().line + 1 - span.start().line));
    }

    fn is_long(&self, name: &str) -> bool {
        self.0.iter().any(|(found, lines)| found == name && *lines > MOST_LINES)
    }

    fn problems<'a>(&'a self, place: &'a str) -> impl Iterator<Item = String> + 'a {
        let is_known = move |name: &str| LONGER.iter().any(|(file, known, _)| *file == place && *known == name);
        let long = self.0.iter().filter(move |(name, lines)| *lines > MOST_LINES && !is_known(name));
        long.map(move |(name, lines)| {
            format!("{place}: {name} has {lines} lines; more than {MOST_LINES} are two functions")
        })
    }
}

impl<'ast> Visit<'ast> for Lengths {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.add(&item.sig.ident, body);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        if let Some(name) = &item.ident {
            self.add(format!("{name}!"), &item.mac);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_functions_and_macros_are_named() {
        let body = "let x = 1;\n".repeat(MOST_LINES);
        let text = format!(
            "fn short() {{}}\nimpl A {{ fn long() {{\n{body}}} }}\nmacro_rules! wide {{ () => {{\n{body}}} }}\n"
        );
        let mut found = Lengths::default();
        found.visit_file(&syn::parse_file(&text).unwrap());
        let problems: Vec<String> = found.problems("a.rs").collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("long has 62 lines") && problems[1].contains("wide!"), "{problems:?}");
    }
}
