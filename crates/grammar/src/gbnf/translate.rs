//! Rules to Lark: words where the text is regular, rules where it is not.

use super::{Expression, KIND, Rule};
use crate::Error;
use crate::markers::quoted;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The Lark grammar of these rules.
pub(super) fn lark(mut rules: Vec<Rule>) -> Result<String, Error> {
    let root = rules.iter().position(|rule| rule.name == "root");
    let root = root.ok_or_else(|| Error::grammar(KIND, "there is no rule named root"))?;
    let mut recursive = recursive(&rules);
    straighten(&mut rules, &mut recursive)?;
    check_ends(&rules)?;
    let mut writer = Writer { recursive: &recursive, empty: empty(&rules), words: String::new(), count: 0 };
    let mut text = format!("start: {}\n", writer.element(&Expression::Rule(root)));
    for index in reachable(&rules, root) {
        let body = &rules.get(index).ok_or_else(|| Error::grammar(KIND, "a rule is missing"))?.body;
        if recursive.contains(&index) {
            let body = writer.rule(body);
            let _ = writeln!(text, "r{index}: {body}");
        } else {
            let _ = writeln!(text, "W{index}: {}", writer.word(body));
        }
    }
    text.push_str(&writer.words);
    Ok(text)
}

/// The rules that can be reached from themselves, by Warshall's closure over rows of bits.
fn recursive(rules: &[Rule]) -> BTreeSet<usize> {
    const BITS: usize = u64::BITS as usize;
    let mut rows = vec![vec![0_u64; rules.len().div_ceil(BITS)]; rules.len()];
    for (row, rule) in rows.iter_mut().zip(rules) {
        rule.body
            .rules(&mut |next| row.iter_mut().skip(next / BITS).take(1).for_each(|word| *word |= 1 << (next % BITS)));
    }
    let has = |row: &[u64], index: usize| row.get(index / BITS).is_some_and(|word| word >> (index % BITS) & 1 == 1);
    for through in 0..rules.len() {
        let Some(below) = rows.get(through).cloned() else { continue };
        for row in rows.iter_mut().filter(|row| has(row, through)) {
            row.iter_mut().zip(&below).for_each(|(word, more)| *word |= more);
        }
    }
    rows.iter().enumerate().filter(|(index, row)| has(row, *index)).map(|(index, _)| index).collect()
}

/// The rules that can be reached from one, itself included.
fn reachable(rules: &[Rule], from: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::from([from]);
    let mut waiting = vec![from];
    while let Some(rule) = waiting.pop().and_then(|index| rules.get(index)) {
        rule.body.rules(&mut |next| {
            if seen.insert(next) {
                waiting.push(next);
            }
        });
    }
    seen
}

/// Makes rules regular that refer to themselves only at their end: `r = a r | b` is `a* b`.
fn straighten(rules: &mut [Rule], recursive: &mut BTreeSet<usize>) -> Result<(), Error> {
    loop {
        let mut changed = false;
        for index in recursive.clone() {
            let Some(rule) = rules.get_mut(index) else { continue };
            let others: BTreeSet<usize> = recursive.iter().copied().filter(|other| *other != index).collect();
            if rule.body.refers_to(&others) {
                continue;
            }
            let Some(Tails { again, end }) = tails(&rule.body, index) else { continue };
            let end = end.ok_or_else(|| never(&rule.name))?;
            let again = again.map(|again| Expression::Repeat { what: Box::new(again), least: 0, most: None });
            rule.body = sequence(again.into_iter().chain([end]));
            recursive.remove(&index);
            changed = true;
        }
        if !changed {
            return Ok(());
        }
    }
}

/// The ways through a rule that refers to itself only at its end.
struct Tails {
    /// Expression before the reference.
    again: Option<Expression>,
    /// Expression that ends the rule.
    end: Option<Expression>,
}

/// `None` if the rule refers to itself elsewhere.
fn tails(body: &Expression, index: usize) -> Option<Tails> {
    let itself = BTreeSet::from([index]);
    Some(match body {
        other if !other.refers_to(&itself) => Tails { again: None, end: Some(other.clone()) },
        Expression::Rule(_) => Tails { again: Some(Expression::nothing()), end: None },
        Expression::Choice(choices) => {
            let all: Vec<Tails> = choices.iter().map(|choice| tails(choice, index)).collect::<Option<_>>()?;
            let (again, end): (Vec<_>, Vec<_>) = all.into_iter().map(|tails| (tails.again, tails.end)).unzip();
            Tails { again: choice(again), end: choice(end) }
        }
        Expression::Repeat { what, least: 0, most: Some(1) } => {
            let Tails { again, end } = tails(what, index)?;
            Tails { again, end: choice([end, Some(Expression::nothing())]) }
        }
        Expression::Sequence(parts) => {
            let (last, before) = parts.split_last()?;
            if before.iter().any(|part| part.refers_to(&itself)) {
                return None;
            }
            let with = |tail: Expression| sequence(before.iter().cloned().chain([tail]));
            let Tails { again, end } = tails(last, index)?;
            Tails { again: again.map(with), end: end.map(with) }
        }
        _ => return None,
    })
}

/// A choice of those that there are.
fn choice(choices: impl IntoIterator<Item = Option<Expression>>) -> Option<Expression> {
    let mut choices: Vec<Expression> = choices.into_iter().flatten().collect();
    if choices.len() < 2 { choices.pop() } else { Some(Expression::Choice(choices)) }
}

/// A sequence without parts that are nothing.
fn sequence(parts: impl IntoIterator<Item = Expression>) -> Expression {
    let mut parts: Vec<Expression> = parts.into_iter().filter(|part| *part != Expression::nothing()).collect();
    if parts.len() == 1 { parts.swap_remove(0) } else { Expression::Sequence(parts) }
}

/// Every rule must be able to come to an end.
fn check_ends(rules: &[Rule]) -> Result<(), Error> {
    let ending = all_that(rules, |body, ending| match body {
        Expression::Literal(_) | Expression::Class(_) | Expression::Repeat { least: 0, .. } => Some(true),
        Expression::Rule(index) => Some(ending.contains(index)),
        _ => None,
    });
    match rules.iter().enumerate().find(|(index, _)| !ending.contains(index)) {
        Some((_, rule)) => Err(never(&rule.name)),
        None => Ok(()),
    }
}

/// The rules that derive the empty text.
fn empty(rules: &[Rule]) -> BTreeSet<usize> {
    all_that(rules, is_empty)
}

fn is_empty(expression: &Expression, empty: &BTreeSet<usize>) -> Option<bool> {
    match expression {
        Expression::Literal(text) => Some(text.is_empty()),
        Expression::Class(_) => Some(false),
        Expression::Repeat { least: 0, .. } => Some(true),
        Expression::Rule(index) => Some(empty.contains(index)),
        _ => None,
    }
}

type Known = fn(&Expression, &BTreeSet<usize>) -> Option<bool>;

/// The rules with a property that `known` gives for the smallest parts, that a sequence has if all its parts have it,
/// and a choice if any has it.
fn all_that(rules: &[Rule], known: Known) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    loop {
        let waiting = rules.iter().enumerate().filter(|(index, _)| !found.contains(index));
        let more: Vec<usize> =
            waiting.filter(|(_, rule)| holds(&rule.body, &found, known)).map(|(index, _)| index).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

fn holds(body: &Expression, found: &BTreeSet<usize>, known: Known) -> bool {
    known(body, found).unwrap_or_else(|| match body {
        Expression::Sequence(parts) => parts.iter().all(|part| holds(part, found, known)),
        Expression::Choice(parts) => parts.iter().any(|part| holds(part, found, known)),
        Expression::Repeat { what, .. } => holds(what, found, known),
        _ => false,
    })
}

fn never(name: &str) -> Error {
    Error::grammar(KIND, format!("the rule {name:?} never comes to an end"))
}

struct Writer<'r> {
    recursive: &'r BTreeSet<usize>,
    /// Rules that derive the empty text.
    empty: BTreeSet<usize>,
    /// Words made of runs of regular parts.
    words: String,
    count: usize,
}

impl Writer<'_> {
    /// Part of a rule.
    fn element(&mut self, expression: &Expression) -> String {
        if !expression.refers_to(self.recursive) {
            return self.run(std::slice::from_ref(expression));
        }
        match expression {
            Expression::Rule(index) => format!("r{index}"),
            Expression::Repeat { what, least, most } => {
                let what = self.element(what);
                format!("({what}){}", repetition(*least, *most))
            }
            other => self.rule(other),
        }
    }

    /// A rule's body, in brackets where it has several parts.
    fn rule(&mut self, expression: &Expression) -> String {
        match expression {
            Expression::Choice(choices) => {
                let choices: Vec<String> = choices.iter().map(|choice| self.element(choice)).collect();
                format!("({})", choices.join(" | "))
            }
            Expression::Sequence(parts) => {
                let mut written = Vec::new();
                let mut rest = parts.as_slice();
                while let Some(first) = rest.first() {
                    let regular = rest.iter().take_while(|part| !part.refers_to(self.recursive)).count();
                    if regular == 0 {
                        written.push(self.element(first));
                    } else {
                        written.push(self.run(rest.get(..regular).unwrap_or(&[])));
                    }
                    rest = rest.get(regular.max(1)..).unwrap_or(&[]);
                }
                format!("({})", written.join(" "))
            }
            other => self.element(other),
        }
    }

    /// A word for a run of regular parts. A word cannot be empty, so one that could is optional.
    fn run(&mut self, parts: &[Expression]) -> String {
        let can_be_empty = parts.iter().all(|part| holds(part, &self.empty, is_empty));
        if let ([Expression::Rule(index)], false) = (parts, can_be_empty) {
            return format!("W{index}");
        }
        let body: Vec<String> = parts.iter().map(|part| self.word(part)).collect();
        let body = body.join(" ");
        if body.is_empty() || body == "\"\"" {
            return "\"\"".to_owned();
        }
        let name = format!("S{}", self.count);
        self.count += 1;
        if can_be_empty {
            let _ = writeln!(self.words, "{name}: ({body}) & /(?s:.+)/");
            return format!("{name}?");
        }
        let _ = writeln!(self.words, "{name}: {body}");
        name
    }

    /// A regular expression in Lark's notation for words.
    fn word(&self, expression: &Expression) -> String {
        let all = |parts: &[Expression]| parts.iter().map(|part| self.word(part)).collect::<Vec<_>>();
        match expression {
            Expression::Literal(text) => quoted(text),
            Expression::Class(class) => format!("/{class}/"),
            Expression::Rule(index) => format!("W{index}"),
            Expression::Sequence(parts) if parts.is_empty() => "\"\"".to_owned(),
            Expression::Sequence(parts) => format!("({})", all(parts).join(" ")),
            Expression::Choice(parts) => format!("({})", all(parts).join(" | ")),
            Expression::Repeat { what, least, most } => format!("({}){}", self.word(what), repetition(*least, *most)),
        }
    }
}

fn repetition(least: u64, most: Option<u64>) -> String {
    match (least, most) {
        (0, None) => "*".to_owned(),
        (1, None) => "+".to_owned(),
        (0, Some(1)) => "?".to_owned(),
        (least, None) => format!("{{{least},}}"),
        (least, Some(most)) => format!("{{{least},{most}}}"),
    }
}
