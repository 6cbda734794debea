//! From template source to interpreter instructions, with a guard behind each instruction that builds something.
//!
//! The interpreter counts its own work, but some of its values are lazy (`a + b` of lists, `list * n`, slices), some
//! of its operations recurse through nested values without a count, and a namespace may be put into itself. So the
//! instruction stream is rewritten once, after compilation:
//!
//! ```text
//! BuildList, BuildMap, BuildTuple, Mul, ApplyFilter, Slice        X          ->  X, check(1)
//! SetAttr   (stack: value, namespace)                             SetAttr    ->  Swap, keep(1), Swap, SetAttr
//! PushLoop                                                        X          ->  iterate(1), X
//! StringConcat                                                               ->  concat(2)
//! Add                                                                        ->  add(2)
//! Rem                                                                        ->  remainder(2)
//! GetItem, Slice, Eq … Gte, In, comparisons in chains, MergeKwargs, `changed` X  ->  pay(n), UnpackList(n), X
//! ```
//!
//! A payment takes the operands off the stack, pays for what the instruction will read of them ([`super::cost`]), and
//! hands them back as a list that is put onto the stack again.
//!
//! The guards are functions whose names no template can spell. Jump targets move with the instructions.

use minijinja::machinery::{CodeGenerator, Instruction, Instructions, Token, parse, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::error::{Error, translate};
use super::limits::{MAX_CONSTANT_ITEMS, MAX_ELIF, MAX_NAME_BYTES, MAX_SOURCE_BYTES, MAX_TAG_TOKENS};

/// Function that checks and completes one value; see [`super::guard::check`].
pub(super) const CHECK: &str = "|check";
/// Function that checks a value before a namespace keeps it; see [`super::guard::keep`].
pub(super) const KEEP: &str = "|keep";
/// Function that refuses to loop over what Python cannot iterate; see [`super::guard::iterate`].
pub(super) const ITERATE: &str = "|iterate";
/// Function for `~`.
pub(super) const CONCAT: &str = "|concat";
/// Function for `+`.
pub(super) const ADD: &str = "|add";
/// Function for `%`.
pub(super) const REMAINDER: &str = "|remainder";

/// Function that pays for taking an item out of a value.
pub(super) const PAY_ITEM: &str = "|pay item";
/// Function that pays for a comparison.
pub(super) const PAY_COMPARISON: &str = "|pay comparison";
/// Function that pays for finding the first operand in the second.
pub(super) const PAY_MEMBERSHIP: &str = "|pay membership";
/// Function that pays for a comparison or for finding the first operand in the second, whichever costs more.
pub(super) const PAY_CHAIN: &str = "|pay chain";
/// Function that pays for the operands' own sizes.
pub(super) const PAY_SIZES: &str = "|pay sizes";
/// Function that pays for all that is in the operands.
pub(super) const PAY_WHOLES: &str = "|pay wholes";

/// Name that the library uses for the template in its own messages.
const NAME: &str = "chat template";

/// As transformers configures Jinja2.
pub(super) fn syntax() -> Result<SyntaxConfig, Error> {
    SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(translate)
}

/// Compiles a source whose generation tags are already replaced.
pub(super) fn compile(source: &str) -> Result<Instructions<'_>, Error> {
    let syntax = syntax()?;
    check_size(source, &syntax)?;
    let tree = parse(source, NAME, syntax).map_err(translate)?;
    let mut generator = CodeGenerator::new(NAME, source);
    generator.compile_stmt(&tree);
    let (instructions, _) = generator.finish();
    Ok(with_guards(&instructions, source))
}

/// Refuses a source that is too long to look at.
pub(super) fn check_length(source: &str) -> Result<(), Error> {
    match source.len() {
        size if size > MAX_SOURCE_BYTES => {
            Err(Error::TooLarge { what: "its length in bytes", size, limit: MAX_SOURCE_BYTES })
        }
        _ => Ok(()),
    }
}

/// Bounds the recursion of the parser and of everything that walks its tree.
fn check_size(source: &str, syntax: &SyntaxConfig) -> Result<(), Error> {
    let (mut in_tag, mut elif, mut constant_items) = (0, 0, 0u64);
    let mut repeated = Repetition::default();
    for token in tokenize(source, false, syntax.clone()) {
        let token = token.map_err(translate)?.0;
        match token {
            Token::VariableStart | Token::BlockStart => in_tag = 0,
            Token::VariableEnd | Token::BlockEnd => {
                constant_items = constant_items.saturating_add(std::mem::take(&mut repeated).items(in_tag as u64));
            }
            Token::Ident("elif") => elif += 1,
            Token::Ident(name) => within(name.len(), MAX_NAME_BYTES, "the length of a name in bytes")?,
            _ => repeated.see(&token),
        }
        in_tag += 1;
        within(in_tag, MAX_TAG_TOKENS, "the number of tokens in one tag")?;
        within(elif, MAX_ELIF, "the number of elif branches")?;
    }
    let limit = usize::try_from(MAX_CONSTANT_ITEMS).unwrap_or(usize::MAX);
    within(usize::try_from(constant_items).unwrap_or(usize::MAX), limit, "the number of repeated constants")
}

fn within(size: usize, limit: usize, what: &'static str) -> Result<(), Error> {
    if size > limit { Err(Error::TooLarge { what, size, limit }) } else { Ok(()) }
}

/// Repetitions of lists in a tag: every integer in it may be a factor.
#[derive(Default)]
struct Repetition {
    factors: Option<u64>,
    multiplies: bool,
    lists: bool,
}

impl Repetition {
    fn see(&mut self, token: &Token<'_>) {
        let factor = match token {
            Token::Int(factor) => (*factor).max(1),
            Token::Int128(_) => u64::MAX,
            Token::Pow => {
                self.multiplies = true;
                u64::MAX
            }
            Token::Mul => return self.multiplies = true,
            Token::BracketOpen | Token::Comma => return self.lists = true,
            _ => return,
        };
        self.factors = Some(self.factors.unwrap_or(1).saturating_mul(factor));
    }

    /// An upper bound of the items that the tag's constants repeat to, given its number of tokens.
    fn items(self, tokens: u64) -> u64 {
        if self.multiplies && self.lists { self.factors.unwrap_or(1).saturating_mul(tokens) } else { 0 }
    }
}

fn with_guards<'source>(original: &Instructions<'source>, source: &'source str) -> Instructions<'source> {
    let mut position = Vec::new();
    let mut next = 0u32;
    let mut index = 0u32;
    while let Some(instruction) = original.get(index) {
        position.push(next);
        next = next.saturating_add(u32::try_from(guarded(instruction).len()).unwrap_or(u32::MAX));
        index += 1;
    }
    position.push(next);
    let moved = |target: u32| position.get(target as usize).copied().unwrap_or(next);
    let mut rewritten = Instructions::new(NAME, source);
    for index in 0..index {
        let Some(instruction) = original.get(index) else { break };
        let line = original.get_line(index).and_then(|line| u16::try_from(line).ok()).unwrap_or(u16::MAX);
        for mut instruction in guarded(instruction) {
            match &mut instruction {
                Instruction::Iterate(target)
                | Instruction::Jump(target)
                | Instruction::JumpIfFalse(target)
                | Instruction::JumpIfFalseOrPop(target)
                | Instruction::JumpIfTrueOrPop(target)
                | Instruction::BuildMacro(_, target, _) => *target = moved(*target),
                _ => {}
            }
            rewritten.add_with_line(instruction, line);
        }
    }
    rewritten
}

/// Instructions in place of one; jump targets are still the old ones.
fn guarded<'source>(instruction: &Instruction<'source>) -> Vec<Instruction<'source>> {
    let check = Instruction::CallFunction(CHECK, Some(1));
    match instruction {
        Instruction::BuildList(_)
        | Instruction::BuildMap(_)
        | Instruction::BuildTuple(_)
        | Instruction::Mul
        | Instruction::ApplyFilter(..) => vec![instruction.clone(), check],
        Instruction::SetAttr(_) => {
            let keep = Instruction::CallFunction(KEEP, Some(1));
            vec![Instruction::Swap, keep, Instruction::Swap, instruction.clone()]
        }
        Instruction::PushLoop(_) => vec![Instruction::CallFunction(ITERATE, Some(1)), instruction.clone()],
        Instruction::StringConcat => vec![Instruction::CallFunction(CONCAT, Some(2))],
        Instruction::Add => vec![Instruction::CallFunction(ADD, Some(2))],
        Instruction::Rem => vec![Instruction::CallFunction(REMAINDER, Some(2))],
        Instruction::GetItem => paid(PAY_ITEM, 2, instruction),
        Instruction::Slice => {
            let mut all = paid(PAY_SIZES, 4, instruction);
            all.push(check);
            all
        }
        Instruction::Eq | Instruction::Ne | Instruction::Gt | Instruction::Gte | Instruction::Lt | Instruction::Lte => {
            paid(PAY_COMPARISON, 2, instruction)
        }
        Instruction::In => paid(PAY_MEMBERSHIP, 2, instruction),
        // The library does not say which of them it is.
        Instruction::CompareAndPreserve(_) => paid(PAY_CHAIN, 2, instruction),
        Instruction::MergeKwargs(count) => u16::try_from(*count)
            .map_or_else(|_| vec![instruction.clone()], |count| paid(PAY_SIZES, count, instruction)),
        // A loop compares what it is given with what it was given before.
        Instruction::CallMethod("changed", Some(count)) => paid(PAY_WHOLES, *count, instruction),
        _ => vec![instruction.clone()],
    }
}

/// The instruction behind a payment for its operands.
fn paid<'source>(pay: &'static str, operands: u16, instruction: &Instruction<'source>) -> Vec<Instruction<'source>> {
    let pay = Instruction::CallFunction(pay, Some(operands));
    vec![pay, Instruction::UnpackList(usize::from(operands)), instruction.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_follow_their_instructions() {
        let source =
            "{% for x in [1] + [2] %}{% if x == 1 %}{{ x ~ 'a' }}{% else %}b{% endif %}{% else %}c{% endfor %}";
        let compiled = compile(source).expect("a valid template");
        let mut index = 0;
        while let Some(instruction) = compiled.get(index) {
            if let Instruction::Iterate(target) = instruction {
                // The end of a loop: either its frame is popped, or it asks whether the loop ran.
                assert!(matches!(
                    compiled.get(*target),
                    Some(Instruction::PopLoopFrame | Instruction::PushDidNotIterate)
                ));
            }
            index += 1;
        }
        assert!(index > 10);
    }

    #[test]
    fn long_expressions_are_refused() {
        let source = format!("{{{{ a{} }}}}", "+a".repeat(MAX_TAG_TOKENS));
        assert!(matches!(compile(&source), Err(Error::TooLarge { limit: MAX_TAG_TOKENS, .. })));
        assert!(matches!(
            check_length(&"x".repeat(MAX_SOURCE_BYTES + 1)),
            Err(Error::TooLarge { limit: MAX_SOURCE_BYTES, .. })
        ));
        let source = format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(MAX_ELIF + 1));
        assert!(matches!(compile(&source), Err(Error::TooLarge { limit: MAX_ELIF, .. })));
    }
}
