//! Lists the folders of lessons, so that each is part of the program by being there.

use std::fs;
use std::io::Error;
use std::path::Path;

fn main() -> Result<(), Error> {
    let (folder, manifest) = ("../../lessons", std::env::var_os("CARGO_MANIFEST_DIR"));
    println!("cargo:rerun-if-changed={folder}");
    println!("cargo:rerun-if-changed=build.rs");
    let out = std::env::var_os("OUT_DIR").ok_or_else(|| Error::other("Cargo names no OUT_DIR"))?;
    let root = Path::new(&manifest.ok_or_else(|| Error::other("Cargo names no CARGO_MANIFEST_DIR"))?).join(folder);
    let mut names = Vec::new();
    for entry in fs::read_dir(&root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().into_string().map_err(|name| Error::other(format!("{name:?} is no UTF-8")))?);
        }
    }
    names.sort();
    let mut table = String::from("&[\n");
    for name in names {
        let file = |file: &str| root.join(&name).join(file);
        let [data, english, chinese] = [file("lesson.toml"), file("en.md"), file("zh-CN.md")];
        table += &format!(
            "    Folder {{ name: {name:?}, data: include_str!({data:?}), texts: [include_str!({english:?}), \
             include_str!({chinese:?})] }},\n"
        );
    }
    table += "]\n";
    fs::write(Path::new(&out).join("lessons.rs"), table)
}
