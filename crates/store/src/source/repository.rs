//! The form `owner/repository/file[@revision]` that model hubs share.

/// A file in a hub's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepositoryFile {
    /// `owner/repository`.
    pub(super) repository: String,
    /// The file's path within it.
    pub(super) file: String,
    /// A branch, tag or commit, if one was given.
    pub(super) revision: Option<String>,
}

impl RepositoryFile {
    /// Reads `owner/repository/file[@revision]`; every part becomes part of a URL, so only characters that need no
    /// escape there are allowed.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (path, revision) = match text.split_once('@') {
            Some((path, revision)) => (path, Some(revision)),
            None => (text, None),
        };
        let parts: Vec<&str> = path.split('/').collect();
        let [owner, repository, file @ ..] = parts.as_slice() else {
            return Err(
                "an owner and a repository are needed, and a file or a format, as in OWNER/REPOSITORY/FILE".to_owned()
            );
        };
        if file.is_empty() {
            return Err("the file within the repository is missing".to_owned());
        }
        let plain = |part: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
            !part.is_empty() && part != "." && part != ".." && part.chars().all(allowed)
        };
        if let Some(part) = parts.iter().chain(revision.as_ref()).find(|part| !plain(part)) {
            return Err(format!("`{part}` cannot be a part of it"));
        }
        Ok(Self {
            repository: format!("{owner}/{repository}"),
            file: file.join("/"),
            revision: revision.map(str::to_owned),
        })
    }

    /// The last part of the file's path.
    pub(super) fn file_name(&self) -> String {
        self.file.rsplit('/').next().unwrap_or_default().to_owned()
    }
}
