//! Trust in servers: whom a token goes to, which parts belong together, and when a download is given up.

mod support;

use std::io::Write;

use hefu_store::{Environment, Phase, PullOptions, PulledState, Resolution, Store, StoreError};
use support::*;

const SIZE: usize = 700_000;

fn url(server: &Server) -> String {
    format!("{}/m.gguf", server.url)
}

#[test]
fn a_token_goes_to_no_other_port_and_no_untrusted_place_is_asked() {
    let file = model_bytes(SIZE);
    let other = Server::of(file.clone());
    // The same name, but another port: another program of this machine.
    let target = other.url.clone();
    let hub = Server::start(move |request, _, stream| {
        let location = match request.path.contains("/plain") {
            true => "http://0.0.0.0:9/m.gguf".to_owned(),
            false => format!("{target}/m.gguf"),
        };
        respond(stream, "302 Found", &format!("Location: {location}\r\nContent-Length: 0\r\n"), b"");
    });
    let environment = || Environment {
        hf_endpoint: Some(hub.url.clone()),
        hf_token: Some("secret".to_owned()),
        ..Environment::default()
    };
    let (store, _folder) = store_of(b"x", &["https://example.org/x".to_owned()]);
    let options = || PullOptions { environment: environment(), ..quick() };
    store.pull("hf:o/r/new.gguf", &options(), &mut ()).unwrap();
    assert_eq!(hub.seen()[0].header("authorization"), Some("Bearer secret"));
    assert_eq!(other.seen()[0].header("authorization"), None);
    let error = store.pull("hf:o/r/plain.gguf", &options(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("redirects to a place where http:// is not encrypted"), "{error}");
    let bad = Environment { hf_token: Some("se\ncret".to_owned()), ..environment() };
    let error = store.pull("hf:o/r/x.gguf", &PullOptions { environment: bad, ..quick() }, &mut ()).unwrap_err();
    assert!(error.to_string().contains("HF_TOKEN holds a character"), "{error}");
}

#[test]
fn what_begins_as_no_model_does_is_cut_off_at_once() {
    let server = Server::start(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let page = [b"10000\r\n<html>".to_vec(), vec![b'x'; 65_530], b"\r\n".to_vec()].concat();
        while stream.write_all(&page).is_ok() {}
    });
    let (store, _folder) = store_of(b"x", &["https://example.org/x".to_owned()]);
    let mut record = Record::default();
    let error = store.pull(&format!("{}/page.gguf", server.url), &quick(), &mut record).unwrap_err().to_string();
    assert!(error.contains("not a GGUF file"), "{error}");
    assert!(record.phases.iter().all(|phase| phase.1 < 1 << 20), "{:?}", record.phases.last());
    assert!(files_in(&store, "partial").is_empty());
}

/// A file of unknown digest whose first part came from `first` and whose rest is asked of a server that ignores `If-Range`.
fn joined_with(first_tag: &'static str, first: Vec<u8>, second_tag: &'static str, second: Vec<u8>) -> (Vec<u8>, usize) {
    let server = Server::start(move |request, number, stream| {
        let (file, tag) = if number == 0 { (&first, first_tag) } else { (&second, second_tag) };
        let start = request.range_start().unwrap_or(0);
        let end = if number == 0 { file.len() / 2 } else { file.len() };
        let status = if start > 0 { "206 Partial Content" } else { "200 OK" };
        let headers = format!(
            "ETag: {tag}\r\nContent-Range: bytes {start}-{}/{}\r\nContent-Length: {}\r\n",
            file.len() - 1,
            file.len(),
            file.len() - start
        );
        respond(stream, status, &headers, &file[start..end]);
    });
    let (store, _folder) = store_of(b"x", &["https://example.org/x".to_owned()]);
    store.pull(&format!("{}/new.gguf", server.url), &quick(), &mut ()).unwrap();
    (stored_bytes(&store, "new"), server.seen().len())
}

#[test]
fn parts_of_two_files_are_never_joined() {
    let (old, mut new) = (model_bytes(SIZE), model_bytes(SIZE));
    new[7] ^= 1;
    assert_eq!(joined_with("\"v1\"", old.clone(), "\"v1\"", old.clone()), (old.clone(), 2));
    assert_eq!(joined_with("\"v1\"", old.clone(), "\"v2\"", new.clone()), (new.clone(), 3));
    // The same tag for a file of another length is a lie about one of them.
    let longer = model_bytes(SIZE + 9);
    assert_eq!(joined_with("\"v1\"", old, "\"v1\"", longer.clone()), (longer, 3));
}

#[test]
fn a_server_that_has_nothing_more_is_asked_from_the_start() {
    let file = model_bytes(SIZE);
    let sent = file.clone();
    let server = Server::start(move |request, number, stream| match (number, request.range_start()) {
        (0, _) => serve_cut(&sent, request, 300_000, stream),
        (_, Some(_)) => {
            respond(stream, "416 Range Not Satisfiable", "Content-Range: bytes */9\r\nContent-Length: 0\r\n", b"");
        }
        _ => serve(&sent, request, "\"v1\"", stream),
    });
    let (store, _folder) = store_of(&file, &[url(&server)]);
    store.pull("m", &quick(), &mut ()).unwrap();
    assert_eq!(stored_bytes(&store, "m"), file);
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn what_a_stopped_pull_of_a_source_left_can_be_removed() {
    let server = Server::of(model_bytes(3 * SIZE));
    let (store, _folder) = store_of(b"x", &["https://example.org/x".to_owned()]);
    let mut record = Record { stop_at: Some(SIZE as u64), ..Record::default() };
    let stopped = store.pull(&format!("{}/Large.gguf", server.url), &quick(), &mut record);
    assert!(matches!(stopped, Err(StoreError::Stopped)));
    assert_eq!(files_in(&store, "partial").len(), 2);
    assert!(store.remove("large").unwrap().freed >= SIZE as u64);
    assert!(files_in(&store, "partial").is_empty());
}

#[test]
fn a_stored_file_that_was_changed_is_noticed_and_fetched_again() {
    use hefu_store::Check;
    let file = model_bytes(SIZE);
    let server = Server::of(file.clone());
    let (store, _folder) = store_of(&file, &[url(&server)]);
    let model = store.pull("m", &quick(), &mut ()).unwrap().model;
    let path = model.paths()[0].to_owned();
    let check = |check| {
        let Resolution::Ready(model) = store.resolve("m").unwrap() else { panic!("it is there") };
        store.check(&model, check, &mut ())
    };
    // Noted as it was stored: nothing is read.
    let mut record = Record::default();
    store.check(&model, Check::Changed, &mut record).unwrap();
    assert_eq!(record.phases, []);
    store.check(&model, Check::Always, &mut record).unwrap();
    assert!(!record.phases.is_empty());
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    let mut changed = file.clone();
    changed[SIZE / 3] ^= 4;
    std::fs::write(&path, &changed).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert!(matches!(check(Check::Changed), Err(StoreError::Damaged { .. })));
    assert!(matches!(check(Check::Always), Err(StoreError::Damaged { .. })));
    assert!(check(Check::Never).is_ok());
    assert!(matches!(model.still_is(), Err(StoreError::InMotion { .. })));
    assert_eq!(store.pull("m", &quick(), &mut ()).unwrap().state, PulledState::Fetched);
    assert_eq!(stored_bytes(&store, "m"), file);
    assert!(check(Check::Changed).is_ok());
}

#[test]
fn a_repository_stands_for_the_file_that_is_meant() {
    let file = model_bytes(SIZE);
    let sent = file.clone();
    let hub = Server::start(move |request, _, stream| match request.path.as_str() {
        "/api/models/o/r?blobs=true" => {
            let body = r#"{"id": "o/r", "siblings": [{"rfilename": "README.md"}, {"rfilename": "Big-Q8_0.gguf"}, {"rfilename": "Big-Q4_K_M.gguf"}]}"#;
            respond(stream, "200 OK", &format!("Content-Length: {}\r\n", body.len()), body.as_bytes());
        }
        "/o/r/resolve/main/Big-Q4_K_M.gguf" => serve(&sent, request, "\"v1\"", stream),
        _ => respond(stream, "404 Not Found", "Content-Length: 0\r\n", b""),
    });
    let environment = || Environment { hf_endpoint: Some(hub.url.clone()), ..Environment::default() };
    let options = || PullOptions { environment: environment(), ..quick() };
    let (store, _folder) = store_of(b"x", &["https://example.org/x".to_owned()]);
    for spec in ["hf.co/o/r", "hf:o/r:q4_k_m", "https://huggingface.co/o/r"] {
        let pulled = store.pull(spec, &options(), &mut ()).unwrap();
        assert_eq!(pulled.model.name, "big-q4_k_m", "{spec}");
        assert!(Store::is_remote(spec));
    }
    // A stored model is asked for nowhere.
    assert_eq!(hub.seen().len(), 2);
    let missing = store.pull("hf:o/r:Q2_K", &options(), &mut ()).unwrap_err().to_string();
    assert!(missing.contains("no file in it is a Q2_K") && missing.contains("Big-Q8_0.gguf"), "{missing}");
    let none = store.pull("hf:o/none", &options(), &mut ()).unwrap_err().to_string();
    assert!(none.contains("not there"), "{none}");
    for here in ["m", "./m.gguf", "m.gguf", "a/b"] {
        assert!(!Store::is_remote(here), "{here}");
    }
}

/// Refuses every model that it sees the beginning of.
struct Picky(Vec<(u64, u64)>);

impl hefu_store::Progress for Picky {
    fn advance(&mut self, _: Phase, _: u64, _: Option<u64>) -> hefu_store::Flow {
        hefu_store::Flow::Continue(())
    }

    fn begins(&mut self, head: &std::path::Path, total: u64) -> Result<(), String> {
        self.0.push((std::fs::metadata(head).unwrap().len(), total));
        Err("it is too large".to_owned())
    }
}

#[test]
fn a_download_is_given_up_once_its_beginning_shows_that_it_is_of_no_use() {
    const LARGE: usize = 40 << 20;
    let server = Server::of(model_bytes(LARGE));
    let (store, _folder) = store_of(b"x", &["https://example.org/x".to_owned()]);
    let mut picky = Picky(Vec::new());
    let source = format!("{}/large.gguf", server.url);
    let error = store.pull(&source, &quick(), &mut picky).unwrap_err();
    assert!(matches!(&error, StoreError::Refused(reason) if reason == "it is too large"), "{error}");
    let (seen, total) = picky.0[0];
    assert!(picky.0.len() == 1 && (16 << 20..18 << 20).contains(&seen) && total == LARGE as u64, "{:?}", picky.0);
    assert!(files_in(&store, "partial").is_empty() && files_in(&store, "models").is_empty());
}
