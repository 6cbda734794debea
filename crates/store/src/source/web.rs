//! `https://…`: any web server. `http://` is for this machine only, unless the caller allows more.

use super::{FetchError, Job, Source, SourceKind};
use crate::http;

pub(super) const KIND: SourceKind = SourceKind {
    form: "https://HOST/FILE",
    about: "a file on a web server",
    claims: |spec| spec.contains("://"),
    parse: |spec| {
        let file_name = file_name(spec)?;
        Ok(Box::new(Web { url: spec.to_owned(), file_name }))
    },
};

#[derive(Debug)]
struct Web {
    url: String,
    file_name: String,
}

impl Source for Web {
    fn file_name(&self) -> String {
        self.file_name.clone()
    }

    fn fetch(&self, job: &mut Job<'_, '_>) -> Result<(), FetchError> {
        http::download(&self.url, None, "", job)
    }
}

/// The last part of the URL's path, after seeing that it can be fetched at all.
fn file_name(url: &str) -> Result<String, String> {
    let address = http::Address::parse(url)?;
    let path = address.path();
    match path.rsplit('/').next() {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err("the URL names no file".to_owned()),
    }
}
