//! `ms:owner/repository/file[@revision]`: ModelScope or a mirror of it.
//!
//! `MODELSCOPE_ENDPOINT` names a mirror, `MODELSCOPE_API_TOKEN` opens repositories that need an account. The address
//! of a file is `ENDPOINT/models/owner/repository/resolve/REVISION/file`.

use super::repository::RepositoryFile;
use super::{FetchError, Job, Source, SourceKind};
use crate::http;

const PREFIX: &str = "ms:";
const ENDPOINT: &str = "https://modelscope.cn";
const REVISION: &str = "master";

pub(super) const KIND: SourceKind = SourceKind {
    form: "ms:OWNER/REPOSITORY/FILE[@REVISION]",
    about: "a file on ModelScope (MODELSCOPE_ENDPOINT and MODELSCOPE_API_TOKEN are honoured)",
    claims: |spec| spec.starts_with(PREFIX),
    parse: |spec| {
        let file = RepositoryFile::parse(spec.strip_prefix(PREFIX).unwrap_or(spec))?;
        Ok(Box::new(ModelScope(file)))
    },
};

#[derive(Debug)]
struct ModelScope(RepositoryFile);

impl Source for ModelScope {
    fn file_name(&self) -> String {
        self.0.file_name()
    }

    fn fetch(&self, job: &mut Job<'_, '_>) -> Result<(), FetchError> {
        let RepositoryFile { repository, file, revision } = &self.0;
        let environment = &job.options.environment;
        let endpoint = environment.modelscope_endpoint.as_deref();
        let endpoint = endpoint.unwrap_or(ENDPOINT).trim_end_matches('/');
        let revision = revision.as_deref().unwrap_or(REVISION);
        let url = format!("{endpoint}/models/{repository}/resolve/{revision}/{file}");
        let token = environment.modelscope_token.clone();
        http::download(&url, token.as_deref(), "MODELSCOPE_API_TOKEN", job)
    }
}
