//! Folders of the program's own files.

use crate::failure::Failure;
use etcetera::BaseStrategy;
use std::path::PathBuf;

/// A file in `HEFU_HOME`, else in the folder `hefu` of the platform's data folder.
///
/// # Errors
/// If no folder is known for this user.
pub(crate) fn file(name: &str) -> Result<PathBuf, Failure> {
    let home = std::env::var_os("HEFU_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let platform =
        || etcetera::base_strategy::choose_native_strategy().ok().map(|folders| folders.data_dir().join("hefu"));
    let unknown = || Failure::Other("no data folder is known for this user; set HEFU_HOME to one".to_owned());
    home.or_else(platform).map(|folder| folder.join(name)).ok_or_else(unknown)
}
