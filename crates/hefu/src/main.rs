//! The hefu program.
fn main() {}
