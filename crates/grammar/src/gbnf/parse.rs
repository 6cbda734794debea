//! Reading GBNF.

use super::{Expression, KIND, Rule};
use crate::Error;
use crate::limits::{MAX_DEPTH, MAX_REPETITIONS};
use std::collections::HashMap;

/// The rules in the order in which they are defined.
pub(super) fn rules(source: &str) -> Result<Vec<Rule>, Error> {
    let mut reader = Reader { source, at: 0, names: HashMap::new(), rules: Vec::new(), depth: 0 };
    reader.space(true);
    while reader.at < source.len() {
        reader.rule()?;
        reader.space(true);
    }
    let mut rules = Vec::with_capacity(reader.rules.len());
    for (name, body) in reader.rules {
        let missing = || Error::grammar(KIND, format!("the rule {name:?} is used but not defined"));
        let body = body.ok_or_else(missing)?;
        rules.push(Rule { name, body });
    }
    Ok(rules)
}

struct Reader<'s> {
    source: &'s str,
    at: usize,
    names: HashMap<String, usize>,
    /// Names in the order in which they are first seen, with their bodies once they are defined.
    rules: Vec<(String, Option<Expression>)>,
    depth: usize,
}

impl<'s> Reader<'s> {
    fn rule(&mut self) -> Result<(), Error> {
        let name = self.name().ok_or_else(|| self.fault("the name of a rule is expected"))?;
        self.space(false);
        if !self.take("::=") {
            return Err(self.fault("::= is expected after the name of a rule"));
        }
        self.space(true);
        let index = self.index(name);
        let body = self.choice()?;
        if !self.rest().is_empty() && !self.rest().starts_with(['\n', '\r']) {
            return Err(self.fault("the end of the rule is expected"));
        }
        match self.rules.get_mut(index) {
            Some((_, known)) if known.is_none() => *known = Some(body),
            _ => return Err(self.fault(&format!("the rule {name:?} is defined a second time"))),
        }
        Ok(())
    }

    fn choice(&mut self) -> Result<Expression, Error> {
        let mut choices = vec![self.sequence()?];
        while self.take("|") {
            self.space(true);
            choices.push(self.sequence()?);
        }
        Ok(if choices.len() == 1 { choices.swap_remove(0) } else { Expression::Choice(choices) })
    }

    fn sequence(&mut self) -> Result<Expression, Error> {
        let mut parts: Vec<Expression> = Vec::new();
        while let Some(first) = self.rest().chars().next() {
            let part = match first {
                '"' => self.literal()?,
                '[' => self.class()?,
                '.' => {
                    self.at += 1;
                    Expression::Class("(?s:.)".into())
                }
                '(' => self.group()?,
                '<' | '!' => return Err(self.fault("tokens cannot be named; write their text")),
                _ => match self.name() {
                    Some(name) => Expression::Rule(self.index(name)),
                    None => break,
                },
            };
            let part = self.repeated(part)?;
            parts.push(part);
            self.space(self.depth > 0);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Expression::Sequence(parts) })
    }

    fn group(&mut self) -> Result<Expression, Error> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fault("brackets are nested too deeply"));
        }
        self.space(true);
        let inner = self.choice()?;
        self.depth -= 1;
        if self.take(")") { Ok(inner) } else { Err(self.fault("a closing ) is expected")) }
    }

    fn repeated(&mut self, what: Expression) -> Result<Expression, Error> {
        let before = self.at;
        self.space(self.depth > 0);
        let (least, most) = match self.rest().chars().next() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.counted(what),
            _ => {
                self.at = before;
                return Ok(what);
            }
        };
        self.at += 1;
        Ok(Expression::Repeat { what: Box::new(what), least, most })
    }

    fn counted(&mut self, what: Expression) -> Result<Expression, Error> {
        let end = self.rest().find('}').ok_or_else(|| self.fault("a closing } is expected"))?;
        let inside = self.rest().get(1..end).unwrap_or("");
        let number = |text: &str| text.trim().parse::<u64>().ok().filter(|number| *number <= MAX_REPETITIONS);
        let counts = match inside.split_once(',') {
            None => number(inside).map(|exact| (exact, Some(exact))),
            Some((least, most)) if most.trim().is_empty() => number(least).map(|least| (least, None)),
            Some((least, most)) => number(least).zip(number(most)).map(|(least, most)| (least, Some(most))),
        };
        let counts = counts.filter(|(least, most)| most.is_none_or(|most| *least <= most));
        let fault = || self.fault(&format!("{{{inside}}} is no count of repetitions up to {MAX_REPETITIONS}"));
        let (least, most) = counts.ok_or_else(fault)?;
        self.at += end + 1;
        Ok(Expression::Repeat { what: Box::new(what), least, most })
    }

    fn literal(&mut self) -> Result<Expression, Error> {
        self.at += 1;
        let mut text = String::new();
        while !self.take("\"") {
            text.push(self.character("the text")?);
        }
        Ok(Expression::Literal(text))
    }

    fn class(&mut self) -> Result<Expression, Error> {
        self.at += 1;
        let mut class = String::from(if self.take("^") { "[^" } else { "[" });
        let mut is_empty = true;
        while !self.take("]") {
            let first = self.character("the characters")?;
            class.push_str(&format!("\\x{{{:X}}}", u32::from(first)));
            // A minus sign before the end stands for itself.
            if self.rest().starts_with('-') && !self.rest().starts_with("-]") {
                self.at += 1;
                let last = self.character("the characters")?;
                if last < first {
                    return Err(self.fault("the first character of a range comes after its last"));
                }
                class.push_str(&format!("-\\x{{{:X}}}", u32::from(last)));
            }
            is_empty = false;
        }
        if is_empty {
            return Err(self.fault("[] holds no character"));
        }
        class.push(']');
        Ok(Expression::Class(class))
    }

    /// One character of a text or a class, escaped or not.
    fn character(&mut self, inside: &str) -> Result<char, Error> {
        let unfinished = |reader: &Self| reader.fault(&format!("{inside} has no end"));
        let first = self.rest().chars().next().filter(|first| *first != '\n').ok_or_else(|| unfinished(self))?;
        self.at += first.len_utf8();
        if first != '\\' {
            return Ok(first);
        }
        let escaped = self.rest().chars().next().ok_or_else(|| unfinished(self))?;
        self.at += escaped.len_utf8();
        let digits = match escaped {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            'n' => return Ok('\n'),
            '\\' | '"' | '[' | ']' | '-' | '^' => return Ok(escaped),
            _ => return Err(self.fault(&format!("\\{escaped} is no escape"))),
        };
        let number = self.rest().get(..digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let character = number.and_then(|text| u32::from_str_radix(text, 16).ok()).and_then(char::from_u32);
        let character =
            character.ok_or_else(|| self.fault(&format!("\\{escaped} needs {digits} digits of a character")))?;
        self.at += digits;
        Ok(character)
    }

    fn name(&mut self) -> Option<&'s str> {
        let source = self.source.get(self.at..)?;
        let belongs = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        let end = source.find(|character| !belongs(character)).unwrap_or(source.len());
        self.at += end;
        source.get(..end).filter(|name| !name.is_empty())
    }

    fn index(&mut self, name: &str) -> usize {
        if let Some(index) = self.names.get(name) {
            return *index;
        }
        let index = self.rules.len();
        self.names.insert(name.to_owned(), index);
        self.rules.push((name.to_owned(), None));
        index
    }

    /// Skips spaces and comments, and ends of lines where they mean nothing.
    fn space(&mut self, lines: bool) {
        loop {
            let rest = self.rest();
            let skipped = match rest.chars().next() {
                Some(' ' | '\t') => 1,
                Some('\r' | '\n') if lines => 1,
                Some('#') => rest.find('\n').unwrap_or(rest.len()),
                _ => return,
            };
            self.at += skipped;
        }
    }

    fn take(&mut self, text: &str) -> bool {
        let taken = self.rest().starts_with(text);
        self.at += if taken { text.len() } else { 0 };
        taken
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn fault(&self, reason: &str) -> Error {
        let line = self.source.get(..self.at).unwrap_or(self.source).matches('\n').count() + 1;
        Error::grammar(KIND, format!("line {line}: {reason}"))
    }
}
