//! Debian packages: an `ar` archive of a format's version, what dpkg must know, and the files (deb(5)).

use std::path::{Path, PathBuf};

use super::entry::{self, Entry, PROGRAM, find};
use super::{Release, Target, archive};

/// Files of the product and their places on a system.
const PLACES: &[(&str, &str)] = &[
    (PROGRAM, "usr/bin/hefu"),
    ("LICENSE", "usr/share/doc/hefu/copyright"),
    ("NOTICES.txt", "usr/share/doc/hefu/NOTICES.txt"),
    ("README.md", "usr/share/doc/hefu/README.md"),
    ("README.zh-CN.md", "usr/share/doc/hefu/README.zh-CN.md"),
    ("packaging/hefu.service", "lib/systemd/system/hefu.service"),
    ("packaging/hefu.sysusers", "usr/lib/sysusers.d/hefu.conf"),
    ("packaging/hefu.default", "etc/default/hefu"),
    ("completions/hefu.bash", "usr/share/bash-completion/completions/hefu"),
    ("completions/hefu.zsh", "usr/share/zsh/vendor-completions/_hefu"),
    ("completions/hefu.fish", "usr/share/fish/vendor_completions.d/hefu.fish"),
];

/// Files that an administrator changes and an upgrade leaves alone.
const CONFIGURATION: &str = "/etc/default/hefu\n";

/// Writes `hefu_VERSION_ARCHITECTURE.deb`.
pub(super) fn write(
    out: &Path,
    release: &Release,
    target: &Target,
    files: &[Entry],
    root: &Path,
) -> Result<PathBuf, String> {
    let mut data = Vec::new();
    for (from, to) in PLACES {
        data.push(find(files, from)?.at(&format!("./{to}")));
    }
    for page in files.iter().filter(|file| file.path.starts_with("man/")) {
        data.push(page.at(&format!("./usr/share/man/man1/{}", page.path.trim_start_matches("man/"))));
    }
    let kibibytes: usize = data.iter().map(|file| file.bytes.len().div_ceil(1024)).sum();
    let mut control = vec![
        Entry::file("./control", description(release, target, kibibytes).into_bytes()),
        Entry::file("./conffiles", CONFIGURATION.as_bytes().to_vec()),
    ];
    for script in ["postinst", "prerm", "postrm"] {
        control.push(Entry::program(&format!("./{script}"), entry::bytes(&root.join("packaging").join(script))?));
    }
    let path = out.join(format!("hefu_{}_{}.deb", release.version, target.debian));
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", archive::packed(&control, release.time)?),
        ("data.tar.gz", archive::packed(&data, release.time)?),
    ];
    entry::write(&path, &joined(&members, release.time))?;
    Ok(path)
}

/// The file `control`.
fn description(release: &Release, target: &Target, kibibytes: usize) -> String {
    format!(
        "Package: hefu\nVersion: {}\nArchitecture: {}\nMaintainer: The Hefu maintainers\nInstalled-Size: {kibibytes}\n\
         Recommends: ca-certificates\nSuggests: python3-pip\nSection: science\nPriority: optional\n\
         Description: open language models on the CPU, offline\n {}.\n",
        release.version, target.debian, release.description
    )
}

/// An `ar` archive: a line for each member, its bytes, and one more where their number is odd.
fn joined(members: &[(&str, Vec<u8>)], time: u64) -> Vec<u8> {
    let mut whole = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        let (owner, group, mode) = (0, 0, "100644");
        whole.extend(format!("{name:<16}{time:<12}{owner:<6}{group:<6}{mode:<8}{:<10}`\n", bytes.len()).into_bytes());
        whole.extend(bytes);
        if bytes.len() % 2 == 1 {
            whole.push(b'\n');
        }
    }
    whole
}
