//! The model store: catalogue, sources, downloads that resume, digests.
