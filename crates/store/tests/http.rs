//! Downloads from a server on this machine: whole, cut, changed, refused, hostile.

mod support;

use std::io::Write;
use std::net::TcpStream;

use hefu_store::{Digest, Environment, Notice, Phase, PullOptions, PulledState, Resolution, StoreError};
use support::*;

const SIZE: usize = 700_000;

fn url(server: &Server) -> String {
    format!("{}/m.gguf", server.url)
}

/// Pulls the model `m` from one server and returns the reasons of the failure.
fn failure_of(handler: impl Fn(&Seen, usize, &mut TcpStream) + Send + Sync + 'static) -> String {
    let file = model_bytes(SIZE);
    let server = Server::start(handler);
    let (store, _folder) = store_of(&file, &[url(&server)]);
    let error = store.pull("m", &quick(), &mut ()).unwrap_err();
    assert!(matches!(error, StoreError::AllSourcesFailed { .. }), "{error}");
    assert!(files_in(&store, "blobs").is_empty() && files_in(&store, "models").is_empty());
    assert!(matches!(store.resolve("m").unwrap(), Resolution::NotPulled(_)));
    error.to_string()
}

#[test]
fn a_whole_file_arrives_and_is_a_model() {
    let file = model_bytes(SIZE);
    let server = Server::of(file.clone());
    let (store, _folder) = store_of(&file, &[url(&server)]);
    let mut record = Record::default();
    let pulled = store.pull("m:short", &quick(), &mut record).unwrap();
    assert_eq!(pulled.state, PulledState::Fetched);
    assert_eq!(pulled.model.licence.as_deref(), Some("MIT"));
    assert_eq!(stored_bytes(&store, "M"), file);
    assert_eq!(record.phases.last(), Some(&(Phase::Downloading, SIZE as u64, Some(SIZE as u64))));
    assert_eq!(files_in(&store, "models"), ["m.json"]);
    assert_eq!(files_in(&store, "blobs"), [format!("sha256-{}", Digest::of(&file))]);
    assert!(files_in(&store, "partial").is_empty());
    store.verify("m", &mut ()).unwrap();
    let again = store.pull("m", &quick(), &mut ()).unwrap();
    assert_eq!(again.state, PulledState::AlreadyThere);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn cut_transfers_are_continued() {
    let file = model_bytes(SIZE);
    let sent = file.clone();
    let server = Server::start(move |request, _, stream| serve_cut(&sent, request, 200_000, stream));
    let (store, _folder) = store_of(&file, &[url(&server)]);
    let mut record = Record::default();
    store.pull("m", &quick(), &mut record).unwrap();
    assert_eq!(stored_bytes(&store, "m"), file);
    let starts: Vec<_> = server.seen().iter().map(Seen::range_start).collect();
    assert_eq!(starts, [None, Some(200_000), Some(400_000), Some(600_000)]);
    assert!(server.seen()[1..].iter().all(|seen| seen.header("if-range") == Some("\"v1\"")));
    assert!(record.notices.iter().any(|notice| matches!(notice, Notice::Retrying { .. })));
}

#[test]
fn a_stopped_pull_goes_on_where_it_ended() {
    let file = model_bytes(3 * SIZE);
    let server = Server::of(file.clone());
    let (store, folder) = store_of(&file, &[url(&server)]);
    let mut record = Record { stop_at: Some(SIZE as u64), ..Record::default() };
    let stopped = store.pull("m", &quick(), &mut record);
    assert!(matches!(stopped, Err(StoreError::Stopped)));
    assert!(files_in(&store, "blobs").is_empty() && files_in(&store, "models").is_empty());
    let kept = record.phases.last().unwrap().1;
    let mut record = Record::default();
    let store = open(&folder, &file, &[url(&server)]);
    store.pull("m", &quick(), &mut record).unwrap();
    assert_eq!(record.kept(), [kept]);
    assert_eq!(
        record.phases.iter().filter(|phase| phase.0 == Phase::Rehashing).max_by_key(|phase| phase.1).unwrap().1,
        kept
    );
    assert_eq!(server.seen()[1].range_start(), Some(kept as usize));
    assert_eq!(stored_bytes(&store, "m"), file);
}

#[test]
fn another_source_continues_what_the_first_began() {
    let file = model_bytes(SIZE);
    let sent = file.clone();
    let first = Server::start(move |request, number, stream| match number {
        0 => serve_cut(&sent, request, 300_000, stream),
        _ => respond(stream, "404 Not Found", "Content-Length: 0\r\n", b""),
    });
    let second = Server::of(file.clone());
    let (store, _folder) = store_of(&file, &[url(&first), url(&second)]);
    let mut record = Record::default();
    store.pull("m", &quick(), &mut record).unwrap();
    assert_eq!(record.kept(), [0, 300_000]);
    // The tag of one server means nothing to another.
    assert_eq!(second.seen()[0].header("if-range"), None);
    assert_eq!(stored_bytes(&store, "m"), file);
}

#[test]
fn kept_bytes_that_are_wrong_cost_one_more_attempt_only() {
    let file = model_bytes(SIZE);
    let server = Server::of(file.clone());
    let (store, _folder) = store_of(&file, &[url(&server)]);
    let partial = store.root().unwrap().join("partial");
    std::fs::create_dir_all(&partial).unwrap();
    for kept in [vec![7; 1000], vec![7; SIZE], vec![7; SIZE + 1]] {
        std::fs::write(partial.join(format!("{}.part", Digest::of(&file))), kept).unwrap();
        store.pull("m", &quick(), &mut ()).unwrap();
        assert_eq!(stored_bytes(&store, "m"), file);
        store.remove("m").unwrap();
    }
}

#[test]
fn a_server_without_ranges_starts_anew() {
    let file = model_bytes(SIZE);
    let sent = file.clone();
    let server = Server::start(move |_, number, stream| {
        let headers = format!("Content-Length: {}\r\n", sent.len());
        let end = if number == 0 { 300_000 } else { sent.len() };
        respond(stream, "200 OK", &headers, &sent[..end]);
    });
    let (store, _folder) = store_of(&file, &[url(&server)]);
    store.pull("m", &quick(), &mut ()).unwrap();
    assert_eq!(server.seen()[1].range_start(), Some(300_000));
    assert_eq!(stored_bytes(&store, "m"), file);
}

#[test]
fn a_file_that_changed_meanwhile_starts_anew() {
    let (old, new) = (model_bytes(SIZE), model_bytes(SIZE + 5));
    let sent = new.clone();
    let server = Server::start(move |request, number, stream| match number {
        0 => serve_cut(&old, request, 300_000, stream),
        _ => serve(&sent, request, "\"v2\"", stream),
    });
    let (store, _folder) = store_of(b"x", &["https://example.org/x".to_owned()]);
    store.pull(&format!("{}/new.gguf", server.url), &quick(), &mut ()).unwrap();
    assert_eq!(stored_bytes(&store, "new"), new);
}

#[test]
fn wrong_bytes_are_named_and_the_next_source_is_tried() {
    let file = model_bytes(SIZE);
    let mut wrong = file.clone();
    wrong[SIZE / 2] ^= 1;
    let (bad, good) = (Server::of(wrong.clone()), Server::of(file.clone()));
    let (store, _folder) = store_of(&file, &[url(&bad), url(&good)]);
    let mut record = Record::default();
    store.pull("m", &quick(), &mut record).unwrap();
    assert_eq!(stored_bytes(&store, "m"), file);
    let failed = record.notices.iter().find_map(|notice| match notice {
        Notice::SourceFailed { failure } => Some(failure),
        _ => None,
    });
    let failed = failed.unwrap();
    assert_eq!(failed.source, url(&bad));
    assert!(failed.reason.contains(&Digest::of(&wrong).to_string()), "{failed:?}");
}

#[test]
fn refusals_are_told_in_words() {
    for (status, named) in [
        ("401 Unauthorized", "account"),
        ("403 Forbidden", "account"),
        ("404 Not Found", "not there"),
        ("418 I'm a teapot", "418"),
        ("503 Service Unavailable", "503"),
    ] {
        let reason = failure_of(move |_, _, stream| respond(stream, status, "Content-Length: 0\r\n", b""));
        assert!(reason.contains(named), "{reason}");
    }
}

#[test]
fn hostile_answers_end_in_an_error() {
    let sent = model_bytes(SIZE + 1);
    for (headers, named) in [
        ("Content-Length: 18446744073709551615\r\n", "bytes instead of 700000"),
        ("Content-Length: 99999999999999999999999\r\n", "request failed"),
        ("Content-Length: -1\r\n", "request failed"),
        ("Content-Length: 699999\r\n", "bytes instead of 700000"),
        ("Content-Encoding: br\r\nContent-Length: 700000\r\n", "coding `br`"),
        ("", "more than the 700000 bytes"),
    ] {
        let sent = sent.clone();
        let reason = failure_of(move |_, _, stream| respond(stream, "200 OK", headers, &sent));
        assert!(reason.contains(named), "{headers:?}: {reason}");
    }
    let reason = failure_of(|_, _, stream| {
        let _ = stream.write_all(b"\x00\xffnonsense\r\n\r\n");
    });
    assert!(reason.contains("failed"), "{reason}");
    let reason =
        failure_of(|_, _, stream| respond(stream, "206 Partial Content", "Content-Range: bytes 9-1/3\r\n", b""));
    assert!(reason.contains("other bytes than asked for"), "{reason}");
}

#[test]
fn a_length_that_no_disk_holds_is_refused_before_any_byte() {
    let server = Server::start(|_, _, stream| {
        respond(stream, "200 OK", "Content-Length: 17000000000000\r\n", b"GGUF");
    });
    let (store, _folder) = store_of(b"x", &["https://example.org/x".to_owned()]);
    let error = store.pull(&format!("{}/huge.gguf", server.url), &quick(), &mut ()).unwrap_err();
    assert!(matches!(error, StoreError::NotEnoughSpace { needed: 17_000_000_000_000, .. }), "{error}");
}

#[test]
fn redirects_are_followed_and_the_token_stays_with_its_host() {
    let file = model_bytes(SIZE);
    let other = Server::of(file.clone());
    // The same machine under another name is another host.
    let target = other.url.replace("127.0.0.1", "localhost");
    let hub = Server::start(move |request, _, stream| {
        let location = match request.path.as_str() {
            "/o/r/resolve/main/m.gguf" => "Location: /inside\r\n".to_owned(),
            _ => format!("Location: {target}/cdn\r\n"),
        };
        respond(stream, "302 Found", &format!("{location}Content-Length: 0\r\n"), b"");
    });
    let (store, _folder) = store_of(&file, &["hf:o/r/m.gguf".to_owned()]);
    let environment = Environment {
        hf_endpoint: Some(format!("{}/", hub.url)),
        hf_token: Some("secret".to_owned()),
        ..Environment::default()
    };
    assert!(!format!("{environment:?}").contains("secret"));
    store.pull("m", &PullOptions { environment, ..quick() }, &mut ()).unwrap();
    let tokens: Vec<_> = hub.seen().iter().map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    assert_eq!(tokens, [Some("Bearer secret".to_owned()), Some("Bearer secret".to_owned())]);
    assert_eq!(other.seen()[0].header("authorization"), None);
    assert_eq!(stored_bytes(&store, "m"), file);
}

#[test]
fn redirects_without_end_are_refused() {
    let reason =
        failure_of(|_, _, stream| respond(stream, "302 Found", "Location: /again\r\nContent-Length: 0\r\n", b""));
    assert!(reason.contains("redirect"), "{reason}");
}

#[test]
fn hub_addresses_are_as_documented() {
    let file = model_bytes(SIZE);
    let server = Server::of(file.clone());
    let sources = ["hf:o/r/sub/m.gguf@v2", "ms:o/r/m.gguf", "ms:o/r/m.gguf@dev"];
    for (source, path) in sources.into_iter().zip([
        "/o/r/resolve/v2/sub/m.gguf",
        "/models/o/r/resolve/master/m.gguf",
        "/models/o/r/resolve/dev/m.gguf",
    ]) {
        let (store, _folder) = store_of(&file, &[source.to_owned()]);
        let environment = Environment {
            hf_endpoint: Some(server.url.clone()),
            modelscope_endpoint: Some(server.url.clone()),
            ..Environment::default()
        };
        store.pull("m", &PullOptions { environment, ..quick() }, &mut ()).unwrap();
        assert_eq!(server.seen().last().unwrap().path, path);
    }
}

#[test]
fn plain_http_to_another_machine_is_refused_without_a_connection() {
    let (store, _folder) = store_of(b"x", &["http://192.0.2.1/m.gguf".to_owned()]);
    let error = store.pull("m", &quick(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("not encrypted"), "{error}");
}

#[test]
fn a_page_instead_of_a_model_is_refused() {
    let server = Server::of(b"<html>please log in</html>".to_vec());
    let (store, _folder) = store_of(b"x", &["https://example.org/x".to_owned()]);
    let source = format!("{}/page.gguf", server.url);
    let error = store.pull(&source, &quick(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("not a GGUF file"), "{error}");
    assert!(store.list().unwrap().models.is_empty() && files_in(&store, "partial").is_empty());
}

#[test]
fn two_pulls_at_once_make_one_download() {
    let file = model_bytes(SIZE);
    let sent = file.clone();
    let server = Server::start(move |request, number, stream| {
        if number == 0 {
            // Long enough for the second pull to arrive; if it does not, the counts below are the same.
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        serve(&sent, request, "\"v1\"", stream);
    });
    let (store, folder) = store_of(&file, &[url(&server)]);
    let other = open(&folder, &file, &[url(&server)]);
    let states = std::thread::scope(|scope| {
        let first = scope.spawn(|| store.pull("m", &quick(), &mut ()).unwrap().state);
        let second = scope.spawn(|| other.pull("m", &quick(), &mut ()).unwrap().state);
        [first.join().unwrap(), second.join().unwrap()]
    });
    assert!(states.contains(&PulledState::Fetched) && states.contains(&PulledState::AlreadyThere));
    assert_eq!(server.seen().len(), 1);
    assert_eq!(stored_bytes(&store, "m"), file);
}
