//! A driver that fails at every call there is: one sentence, nothing that hangs or panics, and nothing that is kept.

use std::path::Path;
use std::sync::Arc;

use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{Batch, Device, Error, Executable, Model, Size, Slots, Span};
use hefu_numerics::program::{Entry, Program};
use hefu_numerics::team::Alone;

use crate::device::OpenClDevice;
use crate::driver::fake::{Failing, Fake};
use crate::found::{FoundDevice, Kind, Problem};

/// `CL_DEVICE_NOT_AVAILABLE`, `CL_MEM_OBJECT_ALLOCATION_FAILURE`, `CL_OUT_OF_RESOURCES`, `CL_OUT_OF_HOST_MEMORY`.
const CODES: [i32; 4] = [-2, -4, -5, -6];
/// More than any tiny model takes.
const MEMORY: u64 = 1 << 30;

/// A model with attention, and one with recurrent states and experts.
const MODELS: [&str; 2] = ["tiny-qwen2.gguf", "tiny-qwen35moe.gguf"];

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/models").join(name)).expect("a golden file")
}

fn opened(fake: &Arc<Fake>, memory: u64) -> Result<OpenClDevice, Problem> {
    let found = FoundDevice {
        number: 0,
        name: "a device of tests".to_owned(),
        driver: "tests".to_owned(),
        kind: Kind::Other,
        memory,
        largest: memory,
        units: 1,
        lacks: Vec::new(),
        handle: Fake::device(),
    };
    OpenClDevice::with(found, fake.clone(), Arc::new(Alone))
}

fn load(device: Arc<dyn Device>, bytes: &[u8]) -> Result<Model, Error> {
    let gguf = Gguf::parse(&[bytes]).expect("a tiny model");
    let spec = ModelSpec::read_any(&gguf, &LoadOptions::default()).expect("a tiny model");
    Model::load(device, spec.program, &ModelFiles::new(&gguf, &|_, _| ()))
}

/// Tokens of one sequence, and what is made of the last.
fn pass(executable: &mut dyn Executable, program: &Program, position: usize, tokens: &[u32]) -> Result<(), Error> {
    let tables = vec![&[1_u32][..]; program.groups()];
    let slots = Slots { read: (position > 0).then_some(0), write: 0, keep: &[] };
    let (all, wanted) = (0..tokens.len(), tokens.len() - 1..tokens.len());
    let slots = (program.slot_numbers() > 0).then_some(slots);
    let span = Span { rows: all, position, wanted, tables: &tables, slots, second: None };
    executable.run(&Batch { tokens, spans: &[span], inputs: &[] })?;
    executable.head(Entry::Logits, 0..1)?;
    let Some(body) = program.section(Entry::Body) else { return Ok(()) };
    let mut row = vec![0.0; program.value(body.output).numbers()];
    executable.read(body.output, 0..1, &mut row)
}

/// A short answer: a prompt of more tokens than there is room for at first, a page that is copied, a token.
fn answer(executable: &mut dyn Executable, program: &Program) -> Result<(), Error> {
    pass(executable, program, 0, &[1, 2, 3])?;
    (0..program.groups()).try_for_each(|group| executable.copy_page(group, 1, 0))?;
    pass(executable, program, 3, &[4])
}

/// Loads a model and answers. After a device has failed, every later answer fails with the same sentence.
fn everything(fake: &Arc<Fake>, bytes: &[u8]) -> Result<(), String> {
    let device = Arc::new(opened(fake, MEMORY).map_err(|problem| problem.to_string())?);
    let done = load(device.clone(), bytes).and_then(|model| {
        let size = Size { pages: 2, slots: 2, rows: 2, head_rows: 1 };
        let mut executable = model.compile(&size)?;
        let first = answer(&mut *executable, &model.program);
        if let Err(failed @ Error::Device { .. }) = &first {
            for _ in 0..2 {
                let later = answer(&mut *executable, &model.program).expect_err("what failed has failed");
                assert_eq!(later.to_string(), failed.to_string());
            }
        }
        first
    });
    let is_lost = matches!(done, Err(Error::Device { .. }));
    assert_eq!(device.is_lost(), is_lost, "{done:?}");
    done.map_err(|error| error.to_string())
}

#[test]
fn a_driver_that_fails_anywhere_is_one_sentence() {
    let fake = Arc::new(Fake::default());
    for name in MODELS {
        let bytes = golden(name);
        fake.fail(None);
        everything(&fake, &bytes).expect("a driver that does not fail");
        let calls = fake.calls();
        assert!(calls > 200 && fake.objects() == 0, "{calls} calls, {} objects are kept", fake.objects());
        for at in 0..calls {
            let (code, for_good) = (CODES[at % CODES.len()], (at / CODES.len()).is_multiple_of(2));
            fake.fail(Some(Failing { at, code, for_good }));
            let said = everything(&fake, &bytes).expect_err("a driver that fails");
            assert_eq!(said.lines().count(), 1, "{name}, call {at}: {said}");
            assert!(said.contains(&format!("({code})")) && said.to_lowercase().contains("opencl"), "{name}: {said}");
            assert_eq!(fake.objects(), 0, "{name}, call {at}: objects are kept after {said}");
        }
        // Opened anew, the device works again.
        fake.fail(None);
        everything(&fake, &bytes).expect("a device that was opened anew");
    }
}

#[test]
fn what_a_devices_memory_cannot_hold_is_refused_before_any_is_taken() {
    let fake = Arc::new(Fake::default());
    let bytes = golden(MODELS[0]);
    let small = Arc::new(opened(&fake, 1000).expect("a device"));
    let before = fake.calls();
    let said = load(small.clone(), &bytes).expect_err("more than there is").to_string();
    assert!(said.contains("bytes of weights") && said.contains("has 1000 bytes of memory"), "{said}");
    assert!(fake.calls() == before && !small.is_lost());
    // The weights have room, and a cache of so many pages has none.
    let device = Arc::new(opened(&fake, MEMORY).expect("a device"));
    let model = load(device.clone(), &bytes).expect("room for a tiny model");
    let size = Size { pages: 1 << 24, slots: 0, rows: 2, head_rows: 1 };
    let said = model.compile(&size).err().expect("more than there is").to_string();
    assert!(said.contains("bytes of cache") && said.lines().count() == 1 && !device.is_lost(), "{said}");
}
