//! A path: a file of this machine is copied into the store, so that later changes to the original do not reach it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::{FetchError, Job, Source, SourceKind};
use crate::digest::CHUNK_BYTES;
use crate::progress::Phase;

pub(super) const KIND: SourceKind = SourceKind {
    form: "PATH",
    about: "a file of this machine, which is copied",
    claims: |spec| {
        let ends = spec.to_ascii_lowercase().ends_with(".gguf");
        ends || spec.starts_with(['.', '~']) || spec.contains(['/', '\\'])
    },
    parse: |spec| {
        let path = PathBuf::from(spec);
        match path.file_name().and_then(|name| name.to_str()) {
            Some(name) => Ok(Box::new(LocalFile { file_name: name.to_owned(), path })),
            None => Err("the path names no file".to_owned()),
        }
    },
};

#[derive(Debug)]
struct LocalFile {
    path: PathBuf,
    file_name: String,
}

impl Source for LocalFile {
    fn file_name(&self) -> String {
        self.file_name.clone()
    }

    fn fetch(&self, job: &mut Job<'_, '_>) -> Result<(), FetchError> {
        let cannot_read = |error: std::io::Error| FetchError::Source(format!("cannot be read: {error}"));
        // Before it is opened: to open a pipe waits until somebody writes to it.
        if !std::fs::metadata(&self.path).map_err(cannot_read)?.is_file() {
            return Err(FetchError::Source("is not a file".to_owned()));
        }
        let mut file = File::open(&self.path).map_err(cannot_read)?;
        let size = file.metadata().map_err(cannot_read)?.len();
        if let Some(expected) = job.partial.expected().size.filter(|expected| *expected != size) {
            let reason = format!("has {size} bytes instead of {expected}");
            return Err(FetchError::Source(reason));
        }
        // Nothing tells whether the file is still the one that an earlier attempt copied from.
        if job.partial.expected().sha256.is_none() || job.partial.length() > size {
            job.partial.restart()?;
        }
        job.partial.ensure_space(size)?;
        job.partial.set_origin(None, Some(size))?;
        file.seek(SeekFrom::Start(job.partial.length())).map_err(cannot_read)?;
        let mut reader = file.take(size - job.partial.length());
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = reader.read(&mut chunk).map_err(cannot_read)?;
            if count == 0 {
                break;
            }
            job.append(chunk.get(..count).unwrap_or_default())?;
            let done = job.partial.length();
            job.meter.advance_of(Phase::Downloading, done, Some(size))?;
        }
        if job.partial.length() == size {
            Ok(())
        } else {
            Err(FetchError::Source("became shorter while it was copied".to_owned()))
        }
    }
}
