//! `hf:owner/repository/file[@revision]`: the Hugging Face hub or a mirror of it.
//!
//! `HF_ENDPOINT` names a mirror, `HF_TOKEN` opens repositories that need an account (both as in the documentation of
//! the `huggingface_hub` library). The address of a file is `ENDPOINT/owner/repository/resolve/REVISION/file`.

use super::repository::RepositoryFile;
use super::{FetchError, Job, Source, SourceKind};
use crate::http;

const PREFIX: &str = "hf:";
pub(super) const ENDPOINT: &str = "https://huggingface.co";
const REVISION: &str = "main";

pub(super) const KIND: SourceKind = SourceKind {
    form: "hf:OWNER/REPOSITORY/FILE[@REVISION]",
    about: "a file on the Hugging Face hub (HF_ENDPOINT and HF_TOKEN are honoured)",
    claims: |spec| spec.starts_with(PREFIX),
    parse: |spec| {
        let file = RepositoryFile::parse(spec.strip_prefix(PREFIX).unwrap_or(spec))?;
        Ok(Box::new(HuggingFace(file)))
    },
};

#[derive(Debug)]
struct HuggingFace(RepositoryFile);

impl Source for HuggingFace {
    fn file_name(&self) -> String {
        self.0.file_name()
    }

    fn fetch(&self, job: &mut Job<'_, '_>) -> Result<(), FetchError> {
        let RepositoryFile { repository, file, revision } = &self.0;
        let environment = &job.options.environment;
        let endpoint = environment.hf_endpoint.as_deref().unwrap_or(ENDPOINT);
        let revision = revision.as_deref().unwrap_or(REVISION);
        let endpoint = endpoint.trim_end_matches('/');
        let url = format!("{endpoint}/{repository}/resolve/{revision}/{file}");
        let token = environment.hf_token.clone();
        http::download(&url, token.as_deref(), "HF_TOKEN", job)
    }
}
