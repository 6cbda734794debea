//! The verifier for a tab of a browser: `cargo xtask tab`.
//!
//! One page that holds its program: no server, no request. `--test` examines receipts with it in Chromium.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;

use crate::chips;

/// Usage of the command.
const USAGE: &str = "cargo xtask tab [--out FILE.html] [--test] [--hefu PROGRAM]";

/// Makes the page; what is wrong otherwise, in one sentence.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<(), String> {
    let (mut out, mut is_tested, mut hefu) = (root.join("target/tab/hefu-verify.html"), false, None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--test" => is_tested = true,
            "--out" => out = PathBuf::from(words.next().ok_or(USAGE)?),
            "--hefu" => hefu = Some(words.next().ok_or(USAGE)?.clone()),
            _ => return Err(format!("{word} is not known: {USAGE}")),
        }
    }
    let program = chips::webassembly(root)?;
    let bytes = std::fs::read(&program).map_err(|error| format!("cannot read {}: {error}", program.display()))?;
    let folder = root.join("verifier/tab");
    let page = crate::files::text(&folder.join("page.html"))
        .replace("{{WORKER}}", &crate::files::text(&folder.join("worker.js")))
        .replace("{{PROGRAM}}", &base64::engine::general_purpose::STANDARD.encode(&bytes));
    let parent = out.parent().unwrap_or(root);
    let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&out, &page));
    written.map_err(|error| format!("cannot write {}: {error}", out.display()))?;
    println!("made      {} ({} KiB)", out.display(), page.len() >> 10);
    if is_tested { test(root, &folder, &out, hefu.as_deref()) } else { Ok(()) }
}

/// Has Chromium examine receipts, good and bad.
fn test(root: &Path, folder: &Path, page: &Path, hefu: Option<&str>) -> Result<(), String> {
    let made = chips::receipts(root, hefu)?;
    let [(model, receipt), (_, other), ..] = &made[..] else {
        return Err("there are no receipts to examine".to_owned());
    };
    let absolute = |path: &Path| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
    let status = Command::new("node")
        .arg("--test")
        .arg(folder.join("tab.test.mjs"))
        .env("PAGE", absolute(page)?)
        .env("MODEL", model)
        .env("RECEIPT", receipt)
        .env("OTHER", other)
        .env("FOLDER", absolute(page.parent().unwrap_or(root))?)
        .env("KEY", root.join("target/chips/identity/identity.pem"))
        .env("PLAYWRIGHT", root.join("crates/server/page/package.json"))
        .status()
        .map_err(|error| format!("cannot run node: {error}"))?;
    if status.success() { Ok(()) } else { Err("the page fails its test".to_owned()) }
}
