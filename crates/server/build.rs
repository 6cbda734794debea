//! Packs the files of the page, which `page.rs` serves: what shrinks is kept compressed, as browsers take it.

use flate2::{Compression, GzBuilder};
use std::fs;
use std::io::{Error, Write};
use std::path::Path;

/// Ends of names of files that are compressed already.
const COMPRESSED: &[&str] = &["woff2", "png", "bcmap"];

fn main() -> Result<(), Error> {
    println!("cargo:rerun-if-changed=page/dist");
    println!("cargo:rerun-if-changed=build.rs");
    let out = std::env::var_os("OUT_DIR").ok_or_else(|| Error::other("Cargo names no OUT_DIR"))?;
    let out = Path::new(&out);
    let mut names = Vec::new();
    for entry in fs::read_dir("page/dist")? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| Error::other(format!("{name:?} is no UTF-8")))?;
        names.push(name);
    }
    names.sort();
    let folder = out.join("page");
    fs::create_dir_all(&folder)?;
    let mut table = String::from("&[\n");
    for name in names {
        let bytes = fs::read(Path::new("page/dist").join(&name))?;
        let end = name.rsplit_once('.').map_or("", |(_, end)| end);
        let packed = !COMPRESSED.contains(&end);
        let kept = if packed { compress(&bytes)? } else { bytes };
        let path = folder.join(&name);
        fs::write(&path, kept)?;
        table += &format!("    File {{ name: {name:?}, packed: {packed}, contents: include_bytes!({path:?}) }},\n");
    }
    table += "]\n";
    fs::write(out.join("page.rs"), table)
}

/// The same bytes at every build: no name and no time stand in the file.
fn compress(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
