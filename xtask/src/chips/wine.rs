//! A library that Wine may lack.

use std::path::Path;
use std::process::Command;

use super::list::WINE;

/// The library of Windows that has random bytes, and what stands in for it, built from a file beside this one.
const LIBRARY: &str = "bcryptprimitives.dll";
const SOURCE: &str = "xtask/src/chips/processprng.c";

/// The status with which `hefu-check` ends when it is called without arguments; a program that finds no library has another.
const WRONG_USAGE: i32 = 2;

/// The settings under which Wine runs a program: none where it runs it as it is.
///
/// # Errors
/// The compiler's error, if Wine lacks the library.
pub(super) fn settings(
    root: &Path,
    folder: &Path,
    compiler: &Path,
    program: &str,
) -> Result<Vec<(String, String)>, String> {
    // Wine tells what it lacks, and nobody asks.
    let mut settings = vec![("WINEDEBUG".to_owned(), "-all".to_owned())];
    if starts(&settings, program) {
        return Ok(settings);
    }
    let libraries = folder.join("wine");
    std::fs::create_dir_all(&libraries).map_err(|error| format!("cannot create {}: {error}", libraries.display()))?;
    let built = Command::new(compiler)
        .args(["-shared", "-o"])
        .arg(libraries.join(LIBRARY))
        .arg(root.join(SOURCE))
        .arg("-ladvapi32")
        .status()
        .map_err(|error| format!("cannot run {}: {error}", compiler.display()))?;
    if !built.success() {
        return Err(format!("{SOURCE} cannot be built; the compiler says above why"));
    }
    // It is found by the path of Windows, on which Unix's folders are those of the drive Z.
    let absolute = std::path::absolute(&libraries).unwrap_or(libraries);
    settings.push(("WINEPATH".to_owned(), format!("Z:{}", absolute.display().to_string().replace('/', "\\"))));
    if starts(&settings, program) {
        Ok(settings)
    } else {
        Err(format!("{WINE} does not start {program}, with or without {LIBRARY}"))
    }
}

/// True if the program comes as far as its own code.
fn starts(settings: &[(String, String)], program: &str) -> bool {
    let settings = settings.iter().map(|(name, value)| (name, value));
    Command::new(WINE).envs(settings).arg(program).output().is_ok_and(|done| done.status.code() == Some(WRONG_USAGE))
}
