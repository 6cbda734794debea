//! stub
use crate::Error;
/// stub
pub fn to_lark(_source: &str) -> Result<String, Error> {
    Err(Error::grammar("GBNF grammar", "x"))
}
