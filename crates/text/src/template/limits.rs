//! The limits that keep a stranger's template harmless. Real templates stay far below every one of them.

/// Longest template source, in bytes. The longest published ones are near 40 KB.
pub const MAX_SOURCE_BYTES: usize = 128 * 1024;

/// Most tokens inside one `{{ … }}` or `{% … %}`: an expression's depth, and with it the parser's use of the stack,
/// is at most this.
pub const MAX_TAG_TOKENS: usize = 2_000;

/// Longest name of a variable, attribute, filter or function, in bytes; each use of it reads all of them.
pub const MAX_NAME_BYTES: usize = 256;

/// Most `elif` branches in one template; each is one level of the parser's recursion.
pub const MAX_ELIF: usize = 500;

/// Most items that repeated literals (`[0] * n`) may add up to in one source, by a generous estimate: the compiler
/// computes constants, uncounted, before anything is rendered.
pub const MAX_CONSTANT_ITEMS: u64 = 1_000_000;

/// Work every render may do, in the interpreter's fuel: one instruction, or 64 bytes made, cost one unit.
pub const BASE_FUEL: u64 = 1_000_000;

/// Work allowed on top for each value (message, tool, field, part) in the conversation.
pub const FUEL_PER_INPUT_VALUE: u64 = 500;

/// Work allowed on top for each byte of text in the conversation.
pub const FUEL_PER_INPUT_BYTE: u64 = 1;

/// Most work that any render may do, however large the conversation is: some seconds, and less than 640 MiB made, of
/// which most is given back on the way.
pub const MAX_FUEL: u64 = 10_000_000;

/// Longest prompt a template may produce, in bytes, before the conversation's own size is added.
pub const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// Number of times that a prompt may hold the conversation's own text on top of [`MAX_OUTPUT_BYTES`].
pub const MAX_OUTPUT_COPIES: usize = 8;

/// Deepest nesting of lists and mappings, in the conversation and in what a template builds.
pub const MAX_NESTING: usize = 100;

/// Deepest nesting of macro calls and blocks while rendering.
pub const MAX_RECURSION: usize = 200;

/// Most items `range()` may yield; Jinja2's sandbox has the same limit.
pub const MAX_RANGE: usize = 100_000;

/// Widest field, in characters, that string formatting, `center`, `ljust`, `rjust` or `zfill` may pad to.
pub const MAX_FIELD_WIDTH: usize = 9_999;

/// Stack of the thread a template is compiled and rendered on, in bytes; it is reserved, not touched.
pub(super) const STACK_BYTES: usize = 64 * 1024 * 1024;
