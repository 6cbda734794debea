//! A crate's modules and which of them uses which, read from its source.
//!
//! * A module is a file; modules written inside a file belong to it.
//! * A module uses another if its code names an item of it by a path that begins with `crate`, `super`, `self` or a child's name, in a
//!   `use` or anywhere else. A path that leads through a re-export uses the module where the item is defined.
//! * `mod child;` is no use, nor is a parent's `pub use child::Item`, unless the parent's own code names the item too.
//! * Tests are passed over.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use syn::{Attribute, Expr, Item, Lit, Meta, UseTree, Visibility};

use crate::files;

/// Re-exports that are followed from one to the next.
const MOST_REEXPORTS: usize = 16;

/// A module's path, from the crate's root.
type Module = Vec<String>;

/// The modules of one crate.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    /// Their files, the root first.
    pub(crate) files: Vec<PathBuf>,
    /// Uses of modules by modules, with the names.
    uses: BTreeMap<(Module, Module), BTreeSet<String>>,
    scopes: BTreeMap<Module, Scope>,
}

/// Content of one path of modules. Two files of one path, each for a kind of machine, count as one.
#[derive(Debug, Default)]
struct Scope {
    /// The module whose file it is in.
    owner: Module,
    items: BTreeSet<String>,
    imports: Vec<Import>,
    paths: Vec<Vec<String>>,
    /// Every word of the code but those of imports.
    words: BTreeSet<String>,
}

/// One name that a `use` brings in.
#[derive(Debug)]
struct Import {
    /// As it is called here; `None` for `*`.
    name: Option<String>,
    path: Vec<String>,
    is_public: bool,
}

impl Crate {
    /// Reads the crate whose root is this file.
    ///
    /// # Errors
    /// A file that cannot be read as Rust, as a sentence.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut found = Self::default();
        let folder = root.parent().unwrap_or(Path::new("")).to_path_buf();
        found.file(root, &folder, Vec::new())?;
        found.connect();
        Ok(found)
    }

    fn file(&mut self, file: &Path, folder: &Path, path: Vec<String>) -> Result<(), String> {
        let parsed = syn::parse_file(&files::text(file));
        let parsed = parsed.map_err(|error| format!("{}: {error}", file.display()))?;
        self.files.push(file.to_path_buf());
        self.items(parsed.items, file, folder, &path.clone(), path)
    }

    fn items(
        &mut self,
        items: Vec<Item>,
        file: &Path,
        folder: &Path,
        owner: &Module,
        path: Module,
    ) -> Result<(), String> {
        let mut inner = Vec::new();
        let scope = self.scopes.entry(path.clone()).or_default();
        scope.owner.clone_from(owner);
        for item in items.into_iter().filter(|item| !attributes(item).iter().any(is_test)) {
            if let Item::Mod(module) = item {
                scope.items.insert(module.ident.to_string());
                inner.push(module);
                continue;
            }
            if let Item::Use(tree) = &item {
                leaves(&tree.tree, &[], !matches!(tree.vis, Visibility::Inherited), &mut scope.imports);
                continue;
            }
            scope.items.extend(names(&item));
            scan(quote::ToTokens::into_token_stream(item), scope);
        }
        for module in inner {
            let name = module.ident.to_string();
            let below = [path.clone(), vec![name.clone()]].concat();
            match module.content {
                Some((_, items)) => self.items(items, file, &folder.join(&name), owner, below)?,
                None => {
                    let given = module.attrs.iter().find_map(given_path);
                    let flat = folder.join(format!("{name}.rs"));
                    let deep = folder.join(&name).join("mod.rs");
                    let place = match given {
                        Some(given) => file.parent().unwrap_or(folder).join(given),
                        None if flat.exists() => flat,
                        None => deep,
                    };
                    self.file(&place, &folder.join(&name), below)?;
                }
            }
        }
        Ok(())
    }

    fn connect(&mut self) {
        let mut uses: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (path, scope) in &self.scopes {
            let imported = scope.imports.iter().filter(|import| {
                let target = self.absolute(path, &import.path);
                let is_below = target.is_some_and(|target| target.len() > path.len() && target.starts_with(path));
                let is_named = import.name.as_ref().is_some_and(|name| scope.words.contains(name));
                !(import.is_public && is_below) || is_named
            });
            for used in imported.map(|import| &import.path).chain(&scope.paths) {
                if let Some(target) = self.absolute(path, used) {
                    let key = (scope.owner.clone(), self.scopes[&self.resolve(&target, 0)].owner.clone());
                    uses.entry(key).or_default().extend(used.last().cloned());
                }
            }
        }
        self.uses = uses;
    }

    /// A path from the crate's root; `None` for one into another crate.
    fn absolute(&self, from: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut base = from.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                base.pop();
            }
            child if self.scopes.contains_key(&[from, &[child.to_owned()]].concat()) => base.push(child.to_owned()),
            _ => return None,
        }
        rest = &rest[1..];
        while let Some(("super", others)) = rest.split_first().map(|(first, others)| (first.as_str(), others)) {
            base.pop();
            rest = others;
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// The module where an item is defined.
    fn resolve(&self, path: &[String], depth: usize) -> Vec<String> {
        let length = (0..=path.len()).rev().find(|length| self.scopes.contains_key(&path[..*length]));
        let (module, rest) = path.split_at(length.unwrap_or_default());
        let scope = &self.scopes[module];
        let Some((item, after)) =
            rest.split_first().filter(|(item, _)| !scope.items.contains(*item) && depth < MOST_REEXPORTS)
        else {
            return module.to_vec();
        };
        for import in &scope.imports {
            let Some(target) = self.absolute(module, &import.path) else { continue };
            match &import.name {
                Some(name) if name == item => return self.resolve(&[&target, after].concat(), depth + 1),
                None if self.scopes.get(&target).is_some_and(|glob| glob.items.contains(item)) => {
                    return self.resolve(&[&target, rest].concat(), depth + 1);
                }
                _ => {}
            }
        }
        module.to_vec()
    }

    /// Sets of modules that use one another in circles: how many they are, and the shortest circle of them. A module and what is
    /// inside it are one to others; what they use of each other makes no circle.
    pub(crate) fn circles(&self) -> Vec<(usize, Vec<String>)> {
        let mut graph = Graph::new();
        for (user, used) in self.uses.keys().filter(|(user, used)| !user.starts_with(used) && !used.starts_with(user)) {
            graph.entry(user).or_default().insert(used);
        }
        let named = |way: Vec<&Module>| {
            let next = way.iter().cycle().skip(1);
            let steps = way.iter().zip(next).map(|(user, used)| {
                let names = &self.uses[&((*user).clone(), (*used).clone())];
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                format!("{} uses {} of {}", user.join("::"), names.join(", "), used.join("::"))
            });
            steps.collect()
        };
        circles(&graph).into_iter().map(|(members, way)| (members, named(way))).collect()
    }
}

/// Uses of modules by modules.
type Graph<'m> = BTreeMap<&'m Module, BTreeSet<&'m Module>>;

fn circles<'m>(graph: &Graph<'m>) -> Vec<(usize, Vec<&'m Module>)> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        graph.keys().map(|module| (*module, reached(graph, module))).collect();
    let mut seen: BTreeSet<&Module> = BTreeSet::new();
    let mut found = Vec::new();
    for (module, behind) in &reached {
        if !behind.contains(module) || seen.contains(module) {
            continue;
        }
        let is_member = |other: &&&Module| reached.get(**other).is_some_and(|behind| behind.contains(module));
        let members: Vec<&Module> = behind.iter().filter(is_member).copied().collect();
        seen.extend(&members);
        let shortest = members.iter().filter_map(|member| shortest(graph, member)).min_by_key(Vec::len);
        found.push((members.len(), shortest.unwrap_or_default()));
    }
    found
}

fn reached<'m>(graph: &Graph<'m>, from: &'m Module) -> BTreeSet<&'m Module> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(module) = open.pop() {
        open.extend(graph.get(module).into_iter().flatten().filter(|used| reached.insert(**used)));
    }
    reached
}

/// The shortest way from a module back to it.
fn shortest<'m>(graph: &Graph<'m>, from: &'m Module) -> Option<Vec<&'m Module>> {
    let mut ways = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for used in graph.get(way.last()?).into_iter().flatten() {
            if *used == from {
                return Some(way);
            }
            if seen.insert(*used) {
                ways.push_back([&way[..], &[*used]].concat());
            }
        }
    }
    None
}

/// True if it keeps something for tests alone.
fn is_test(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return attribute.path().is_ident("test") };
    let condition = list.tokens.to_string();
    attribute.path().is_ident("cfg")
        && (condition == "test" || condition.starts_with("all (test") || condition.starts_with("all(test"))
}

fn given_path(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    match &pair.value {
        Expr::Lit(text) if attribute.path().is_ident("path") => match &text.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item has in its module.
fn names(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// The names that a `use` brings in.
fn leaves(tree: &UseTree, before: &[String], is_public: bool, found: &mut Vec<Import>) {
    let mut leaf = |name: Option<String>, last: Option<String>| {
        let path = before.iter().cloned().chain(last.filter(|last| last != "self")).collect();
        found.push(Import { name, path, is_public });
    };
    match tree {
        UseTree::Path(path) => {
            leaves(&path.tree, &[before, &[path.ident.to_string()]].concat(), is_public, found);
        }
        UseTree::Name(name) if name.ident == "self" => leaf(before.last().cloned(), None),
        UseTree::Name(name) => leaf(Some(name.ident.to_string()), Some(name.ident.to_string())),
        UseTree::Rename(name) => leaf(Some(name.rename.to_string()), Some(name.ident.to_string())),
        UseTree::Glob(_) => leaf(None, None),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, before, is_public, found)),
    }
}

/// Collects the words and paths of code, also inside the calls of macros, without what is for tests.
fn scan(tokens: TokenStream, scope: &mut Scope) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Group(group) => scan(group.stream(), scope),
            TokenTree::Punct(punct) if punct.as_char() == '#' && is_test_group(tokens.get(at + 1)) => {
                // The item after it ends with a block, a semicolon or a comma.
                let ends = |token: &TokenTree| match token {
                    TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                    TokenTree::Punct(punct) => [';', ','].contains(&punct.as_char()),
                    _ => false,
                };
                at += 2 + tokens[at + 2..].iter().position(ends).unwrap_or(tokens.len());
            }
            TokenTree::Ident(ident) => {
                // A name after `::` continues a path; a single colon stands before a type.
                let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
                let is_continued = is_dot(before(1)) || (is_colon(before(1)) && is_colon(before(2)));
                scope.words.insert(ident.to_string());
                if !is_continued {
                    paths(&tokens, at, Vec::new(), &mut scope.paths);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// The path that begins here, or the paths, if it ends in a group as those of `use` do.
fn paths(tokens: &[TokenTree], mut at: usize, mut path: Vec<String>, found: &mut Vec<Vec<String>>) {
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => path.push(ident.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace && !path.is_empty() => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
                inner.split(is_comma).for_each(|part| paths(part, 0, path.clone(), found));
                return;
            }
            _ => break,
        }
        if !(is_colon(tokens.get(at + 1)) && is_colon(tokens.get(at + 2))) {
            break;
        }
        at += 3;
    }
    if path.len() > 1 {
        // The end of `module::{self, Item}`.
        path.pop_if(|last| last == "self");
        found.push(path);
    }
}

fn is_test_group(token: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = token else { return false };
    let text = group.stream().to_string().replace(' ', "");
    text == "test" || text.starts_with("cfg(test)") || text.starts_with("cfg(all(test")
}

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

fn is_dot(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == '.')
}

#[cfg(test)]
mod tests;
