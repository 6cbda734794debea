//! Files, functions and macros stay small.

use std::path::Path;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{ImplItemFn, ItemFn, ItemMacro, Signature, TraitItemFn};

use crate::files;

/// Lines that a source file may have.
const MOST_LINES: usize = 400;
/// Lines that a function or macro may have, from its first word to its last bracket: a screen.
const MOST_OF_ONE: usize = 60;
/// What is longer and is better whole, by file and name.
const WHOLE: &[(&str, &str)] = &[
    // Lists of the kernels of an instruction set, each in the same words: no part of one is read without the others.
    ("crates/cpu/src/generic/kernels.rs", "isa"),
    ("crates/cpu/src/isa/aarch64/wide.rs", "kernels"),
];

pub(crate) fn run(root: &Path) -> Vec<String> {
    files::below(root, ".rs").iter().flat_map(|path| of_file(&files::short(root, path), &files::text(path))).collect()
}

fn of_file(place: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let lines = text.lines().count();
    if lines > MOST_LINES {
        problems.push(format!("{place} has {lines} lines; more than {MOST_LINES} are two files"));
    }
    match syn::parse_file(text) {
        Err(error) => problems.push(format!("{place} cannot be parsed: {error}")),
        Ok(parsed) => {
            let mut lengths = Lengths::default();
            lengths.visit_file(&parsed);
            let is_long = |(name, lines): &(String, usize)| {
                *lines > MOST_OF_ONE && !WHOLE.iter().any(|(file, whole)| place == *file && name == whole)
            };
            let long = lengths.0.into_iter().filter(is_long);
            problems.extend(
                long.map(|(name, lines)| format!("{place}: {name} has {lines} lines; a screen has {MOST_OF_ONE}")),
            );
        }
    }
    problems
}

/// Functions and macros with their lines.
#[derive(Default)]
struct Lengths(Vec<(String, usize)>);

impl Lengths {
    fn add(&mut self, name: &impl ToString, first: Span, last: Span) {
        self.0.push((name.to_string(), last.end().line + 1 - first.start().line));
    }

    fn function(&mut self, signature: &Signature, body: Span) {
        self.add(&signature.ident, signature.span(), body);
    }
}

impl<'a> Visit<'a> for Lengths {
    fn visit_item_fn(&mut self, item: &'a ItemFn) {
        self.function(&item.sig, item.block.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a ImplItemFn) {
        self.function(&item.sig, item.block.span());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'a TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block.span());
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_macro(&mut self, item: &'a ItemMacro) {
        if let Some(name) = &item.ident {
            self.add(name, item.span(), item.span());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_functions_are_found_wherever_they_stand() {
        let long = "    call();\n".repeat(MOST_OF_ONE);
        for text in [
            format!("fn long() {{\n{long}}}\n"),
            format!("impl A {{\n fn long() {{\n{long}}}\n}}\n"),
            format!("trait A {{\n fn long() {{\n{long}}}\n}}\n"),
            format!("fn outer() {{ fn long() {{\n{long}}}\n}}\n"),
            format!("macro_rules! long {{ () => {{\n{long}}} }}\n"),
        ] {
            let found = of_file("a.rs", &text);
            assert!(found.iter().any(|problem| problem.contains("long has ")), "{found:?}");
        }
        let short = "    call();\n".repeat(MOST_OF_ONE - 2);
        assert_eq!(of_file("a.rs", &format!("fn short() {{\n{short}}}\n")), Vec::<String>::new());
        assert_eq!(of_file("a.rs", "fn broken( {").len(), 1);
    }
}
