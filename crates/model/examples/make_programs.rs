//! Writes `golden/programs`: the programs of all models of `golden/models` as text.
//!
//! ```sh
//! cargo run --release -p hefu-model --example make_programs
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;

use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelSpec};

fn main() -> Result<(), Box<dyn Error>> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden");
    for entry in fs::read_dir(golden.join("models"))? {
        let path = entry?.path();
        let Some(name) = path.file_stem().filter(|_| path.extension().is_some_and(|extension| extension == "gguf"))
        else {
            continue;
        };
        let bytes = fs::read(&path)?;
        let spec = ModelSpec::read_any(&Gguf::parse(&[&bytes])?, &LoadOptions::default())?;
        fs::write(golden.join("programs").join(name).with_extension("txt"), spec.program.text())?;
    }
    Ok(())
}
