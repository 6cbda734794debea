//! Products for people without a compiler: `cargo xtask dist`.
//!
//! For every target one static program, as an archive and a Debian package, and the Python package as a wheel; for all together
//! a bill of materials, checksums and, with a key, a signature of the checksums. The same commit gives the same files, wherever
//! the repository lies.

mod archive;
mod build;
mod debian;
mod entry;
mod notices;
mod seal;
mod target;
mod wheel;

use std::path::{Path, PathBuf};

use build::Builder;
use entry::{Entry, PROGRAM};
use target::{TARGETS, Target};

/// Usage of the command.
const USAGE: &str = "cargo xtask dist [--target TARGET]... [--key FILE.pem] [--out DIR]";

/// Options of the command.
#[derive(Default)]
struct Options {
    targets: Vec<&'static Target>,
    key: Option<PathBuf>,
    out: Option<PathBuf>,
}

/// Parts that all products of one program share.
struct Release {
    version: String,
    /// Seconds since 1970 that every file in a product bears: those of the commit.
    time: u64,
    description: String,
}

/// Makes all products; what is wrong otherwise, in one sentence.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<(), String> {
    let options = Options::parse(arguments)?;
    let builder = Builder::new(root)?;
    let out = match &options.out {
        Some(folder) => entry::new_folder(folder).map(|()| folder.clone()),
        None => {
            let folder = builder.target_folder().join("dist");
            entry::empty_folder(&folder).map(|()| folder)
        }
    }?;
    let release = Release {
        version: builder.version()?,
        time: builder.commit_time()?,
        description:
            "Answers prompts with open language models, offline, on the CPU; the same answer to the bit on every \
                      machine"
                .to_owned(),
    };
    let programs = builder.programs(&options.targets)?;
    let runnable = programs.iter().find(|program| program.target.runs_here());
    let runnable =
        runnable.ok_or("manual pages are made by the program, and none of these targets runs on this machine")?;
    let shared = shared(root, &builder, &runnable.path)?;
    for program in &programs {
        let mut files = shared.clone();
        files.push(Entry::program(PROGRAM, entry::bytes(&program.path)?));
        let made = [
            archive::write(&out, &release, program.target, &files)?,
            debian::write(&out, &release, program.target, &files, root)?,
        ];
        made.iter().for_each(|path| println!("made      {}", path.display()));
        match program.target.lacks_for_wheel(builder.sysroot()) {
            None => println!("made      {}", wheel::write(&out, &builder, program.target, &files)?.display()),
            Some(lack) => println!("left out  the wheel for {}: {lack}", program.target.library),
        }
    }
    let made = seal::write(&out, &release, &runnable.path, options.key.as_deref())?;
    made.iter().for_each(|path| println!("made      {}", path.display()));
    Ok(())
}

/// Files that go with every program: licences, manual pages, completions, and the parts of services.
fn shared(root: &Path, builder: &Builder, program: &Path) -> Result<Vec<Entry>, String> {
    let mut files = vec![Entry::file("NOTICES.txt", notices::text(builder)?)];
    for name in ["LICENSE", "README.md", "README.zh-CN.md"] {
        files.push(Entry::file(name, entry::bytes(&root.join(name))?));
    }
    for name in ["hefu.service", "hefu.sysusers", "hefu.default", "Containerfile"] {
        files.push(Entry::file(&format!("packaging/{name}"), entry::bytes(&root.join("packaging").join(name))?));
    }
    let pages = builder.target_folder().join("dist-pages");
    entry::empty_folder(&pages)?;
    entry::output(program, &["man".as_ref(), pages.as_os_str()])?;
    for page in crate::files::below(&pages, ".1") {
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push(Entry::file(&format!("man/{name}"), entry::bytes(&page)?));
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = entry::output(program, &["completions".as_ref(), shell.as_ref()])?;
        files.push(Entry::file(&format!("completions/hefu.{shell}"), script));
    }
    Ok(files)
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value: {USAGE}"))?;
            match word.as_str() {
                "--target" => {
                    let known = || TARGETS.iter().map(|target| target.triple).collect::<Vec<_>>().join(" and ");
                    let found = TARGETS.iter().find(|target| target.triple == value);
                    options
                        .targets
                        .push(found.ok_or_else(|| format!("there is no target {value}; there are {}", known()))?);
                }
                "--key" => options.key = Some(PathBuf::from(value)),
                "--out" => options.out = Some(PathBuf::from(value)),
                _ => return Err(format!("there is no flag {word}: {USAGE}")),
            }
        }
        Ok(options)
    }
}
