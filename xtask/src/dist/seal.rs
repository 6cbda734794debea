//! Seals of products: a bill of materials, checksums, and a signature of the checksums.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Release, entry};

/// The list of checksums, as `sha256sum --check` reads it.
const SUMS: &str = "SHA256SUMS";

/// Writes them beside the products in `out`. The key is a PEM file as `hefu sign --create-key` makes it; `openssl` signs
/// with it, so that everybody can check.
pub(super) fn write(out: &Path, release: &Release, program: &Path, key: Option<&Path>) -> Result<Vec<PathBuf>, String> {
    let bill = out.join(format!("hefu-{}.cdx.json", release.version));
    entry::write(&bill, &entry::output(program, &["bom".as_ref()])?)?;
    let mut lines = String::new();
    for product in crate::files::below(out, "") {
        let digest: String = Sha256::digest(entry::bytes(&product)?).iter().map(|byte| format!("{byte:02x}")).collect();
        lines += &format!("{digest}  {}\n", product.file_name().unwrap_or_default().to_string_lossy());
    }
    let sums = out.join(SUMS);
    entry::write(&sums, lines.as_bytes())?;
    let mut made = vec![bill, sums.clone()];
    match key {
        Some(key) => {
            let signature = out.join(format!("{SUMS}.sig"));
            let words = ["dgst", "-sha256", "-sign"].map(AsRef::as_ref);
            let files = [key.as_os_str(), "-out".as_ref(), signature.as_os_str(), sums.as_os_str()];
            entry::output(Path::new("openssl"), &[&words[..], &files[..]].concat())?;
            made.push(signature);
        }
        None => println!("left out  {SUMS}.sig: no --key was given"),
    }
    Ok(made)
}
