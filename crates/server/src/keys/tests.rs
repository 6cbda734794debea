//! Keys as they are made, changed and known.

use super::*;

fn name(keys: &Keys, key: &str) -> Option<String> {
    keys.find(key).map(|entry| entry.name)
}

#[test]
fn a_key_is_valid_from_add_to_revoke_and_is_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("keys.json");
    let (a, b) = (add(&path, "a", None, false).unwrap(), add(&path, "b", None, false).unwrap());
    assert!(a.starts_with(PREFIX) && a.len() == PREFIX.len() + 64 && a != b);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&a) && !text.contains(a.trim_start_matches(PREFIX)));
    let mut keys = Keys::open(Some(path.clone())).unwrap();
    let (send, told) = std::sync::mpsc::channel();
    keys.on_change(Box::new(move |added, revoked| send.send((added.to_vec(), revoked.to_vec())).unwrap()));
    assert_eq!((name(&keys, &a).as_deref(), name(&keys, &b).as_deref()), (Some("a"), Some("b")));
    assert_eq!(name(&keys, "hefu-"), None);
    revoke(&path, "a").unwrap();
    // As if the time to look again had come.
    keys.known.lock().unwrap().looked = None;
    assert_eq!((name(&keys, &a), name(&keys, &b).as_deref()), (None, Some("b")));
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(vec![], vec!["a".to_owned()])]);
    assert!(matches!(revoke(&path, "a"), Err(KeyError::Unknown(_))));
    assert!(matches!(add(&path, "b", None, false), Err(KeyError::Taken(_))));
}

#[test]
fn names_are_bounded_and_a_damaged_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    for bad in ["", "a\nb", &"x".repeat(MAX_NAME + 1)] {
        assert!(matches!(add(&path, bad, None, false), Err(KeyError::Name)));
    }
    std::fs::write(&path, "{\"keys\": 3}").unwrap();
    assert!(matches!(Keys::open(Some(path)), Err(KeyError::Damaged { .. })));
    assert!(Keys::open(None).unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone_unless_the_owner_says_otherwise() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    // A file left under a name that was once used, even a link to a file of worth, plays no part.
    let precious = folder.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    std::os::unix::fs::symlink(&precious, folder.path().join("keys.json.new")).unwrap();
    add(&path, "a", None, false).unwrap();
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    add(&path, "b", None, false).unwrap();
    assert_eq!(mode(), 0o640);
    // By way of a link, the file behind it is changed.
    let link = folder.path().join("link.json");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    revoke(&link, "a").unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(list(&path).unwrap().len(), 1);
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
}

#[test]
fn changes_at_once_are_all_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    add(&path, "leaked", None, false).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let path = &path;
            scope.spawn(move || (0..8).for_each(|n| drop(add(path, &format!("{thread}-{n}"), None, false).unwrap())));
        }
        scope.spawn(|| revoke(&path, "leaked").unwrap());
    });
    let names: Vec<String> = list(&path).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), 48);
    assert!(!names.contains(&"leaked".to_owned()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
