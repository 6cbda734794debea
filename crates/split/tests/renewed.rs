//! Devices that fail in the middle of answers: whatever was running goes on on those that are left, to the same bits.

use hefu_engine::Request;
use hefu_engine::sampling::Parameters;
use hefu_engine::scheduler::{Event, Job, Limits, Paged, Scheduler};
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{
    Batch, Device, Error, Executable, Files, Footprint, Model, Reopen, Size, StepObserver, Weights,
};
use hefu_numerics::program::{Entry, Program, Value};
use hefu_numerics::reference::ReferenceDevice;
use hefu_numerics::team::{Alone, Team};
use hefu_split::{AutoDevice, Candidate};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The naive loops, until a device was asked so many times.
struct Dying {
    state: Arc<Life>,
}

#[derive(Default)]
struct Life {
    left: AtomicUsize,
    is_lost: AtomicBool,
}

impl Life {
    fn ask(&self) -> Result<(), Error> {
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() {
            return Ok(());
        }
        self.is_lost.store(true, Ordering::Relaxed);
        Err(Error::Device { device: "dying", problem: "waiting failed".to_owned() })
    }
}

struct DyingExecutable {
    state: Arc<Life>,
    within: Box<dyn Executable>,
}

impl Device for Dying {
    fn name(&self) -> &'static str {
        "dying"
    }

    fn team(&self) -> &dyn Team {
        &Alone
    }

    fn is_lost(&self) -> bool {
        self.state.is_lost.load(Ordering::Relaxed)
    }

    fn footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        ReferenceDevice.footprint(program, size)
    }

    fn load(&self, program: &Program, files: &dyn Files) -> Result<Arc<dyn Weights>, Error> {
        assert!(!self.is_lost(), "a device that has failed is left alone");
        ReferenceDevice.load(program, files)
    }

    fn compile(
        &self,
        program: &Arc<Program>,
        weights: &Arc<dyn Weights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Box<dyn Executable>, Error> {
        assert!(!self.is_lost(), "a device that has failed is left alone");
        let within = ReferenceDevice.compile(program, weights, size, probes)?;
        Ok(Box::new(DyingExecutable { state: self.state.clone(), within }))
    }
}

impl Executable for DyingExecutable {
    fn run(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        self.state.ask()?;
        self.within.run(batch)
    }

    fn head(&mut self, entry: Entry, rows: Range<usize>) -> Result<&[f32], Error> {
        self.state.ask()?;
        self.within.head(entry, rows)
    }

    fn read(&self, value: Value, rows: Range<usize>, to: &mut [f32]) -> Result<(), Error> {
        self.state.ask()?;
        self.within.read(value, rows, to)
    }

    fn copy_page(&mut self, group: usize, from: u32, to: u32) -> Result<(), Error> {
        self.state.ask()?;
        self.within.copy_page(group, from, to)
    }

    fn pages(&self) -> usize {
        self.within.pages()
    }

    fn footprint(&self) -> Footprint {
        self.within.footprint()
    }

    fn observe(&mut self, observer: Option<Arc<dyn StepObserver>>) {
        self.within.observe(observer);
    }
}

/// A file that can be read as often as anybody likes.
struct Kept(Vec<u8>);

impl Reopen for Kept {
    fn with(&self, read: &mut dyn FnMut(&dyn Files) -> Result<(), Error>) -> Result<(), Error> {
        let gguf = Gguf::parse(&[&self.0]).expect("a tiny model");
        read(&ModelFiles::new(&gguf, &|_, _| ()))
    }
}

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/models").join(name)).expect("a golden file")
}

fn load(device: Arc<dyn Device>, bytes: &[u8], is_kept: bool) -> Model {
    let gguf = Gguf::parse(&[bytes]).expect("a tiny model");
    let spec = ModelSpec::read(&gguf, &LoadOptions::default()).expect("a tiny model");
    let files = ModelFiles::new(&gguf, &|_, _| ());
    let files = if is_kept { files.with_reopen(Arc::new(Kept(bytes.to_vec()))) } else { files };
    Model::load(device, spec.program, &files).expect("memory for a tiny model")
}

fn request(first: u32) -> Request {
    Request {
        prompt: (first..first + 20).collect(),
        parameters: Parameters { temperature: 1.0, seed: u64::from(first), ..Parameters::default() },
        end_tokens: BTreeSet::new(),
        max_tokens: Some(5),
        prefill_chunk: 8,
        all_logits: false,
    }
}

fn scheduler(model: &Model) -> Scheduler<Paged> {
    let limits = Limits { step_tokens: 16, running: 3, ..Limits::default() };
    Scheduler::new(Paged::new(model, 64, 6, 3).expect("a small cache"), limits)
}

/// The tokens of three answers that run together, and how each failed if it did.
fn answers(scheduler: &mut Scheduler<Paged>) -> [Result<Vec<u32>, String>; 3] {
    let keys = [1, 5, 9].map(|first| scheduler.submit(Job::new(request(first)), Duration::ZERO).expect("a good job"));
    let mut found = [const { Ok(Vec::new()) }; 3];
    let mut steps = 0;
    while !scheduler.is_idle() {
        steps += 1;
        assert!(steps < 200, "nothing may hang");
        for update in scheduler.step(Duration::ZERO) {
            let at = keys.iter().position(|key| *key == update.key).expect("a job that was submitted");
            match (update.event, &mut found[at]) {
                (Event::Token(choice), Ok(tokens)) => tokens.push(choice.id),
                (Event::Failed(failure), place) => *place = Err(failure.to_string()),
                _ => {}
            }
        }
    }
    found
}

fn dying(left: usize) -> Arc<dyn Device> {
    Arc::new(Dying { state: Arc::new(Life { left: left.into(), is_lost: AtomicBool::default() }) })
}

fn candidate(device: Arc<dyn Device>, memory: u64, rate: f64) -> Candidate {
    Candidate { device, memory, rate }
}

#[test]
fn answers_go_on_without_a_device_that_failed() {
    // With attention, and with recurrent states.
    for name in ["tiny-qwen3.gguf", "tiny-qwen35.gguf"] {
        let bytes = golden(name);
        let right = answers(&mut scheduler(&load(Arc::new(ReferenceDevice), &bytes, false)));
        assert!(right.iter().all(|tokens| tokens.as_ref().is_ok_and(|tokens| tokens.len() == 5)), "{right:?}");
        let mut lost = 0;
        for left in 0..30 {
            let naive = || candidate(Arc::new(ReferenceDevice), u64::MAX, 1.0);
            let first = AutoDevice::first(vec![candidate(dying(left), u64::MAX, 1.0), naive()]).expect("two devices");
            // The fast one has room for some of the layers.
            let some = candidate(dying(left), bytes.len() as u64 * 2 / 3, 2.0);
            let dealt = AutoDevice::new(vec![naive(), some]).expect("two devices");
            // The second one fails while it goes on for the first.
            let both = vec![candidate(dying(left), u64::MAX, 1.0), candidate(dying(left / 2), u64::MAX, 1.0), naive()];
            let twice = AutoDevice::first(both).expect("three devices");
            for (what, device) in [("first", first), ("dealt", dealt), ("twice", twice)] {
                let mut scheduler = scheduler(&load(Arc::new(device), &bytes, true));
                assert_eq!(answers(&mut scheduler), right, "{name}, {what}, after {left} calls");
                lost += scheduler.statistics().losses;
            }
        }
        assert!(lost > 60, "{name}: {lost} losses");
    }
}

#[test]
fn where_no_device_is_left_it_is_one_sentence() {
    let bytes = golden("tiny-qwen3.gguf");
    for (is_kept, why) in [(true, "every device has failed"), (false, "nobody has kept where they are")] {
        let other = if is_kept { dying(0) } else { Arc::new(ReferenceDevice) };
        let all = vec![candidate(dying(4), u64::MAX, 1.0), candidate(other, u64::MAX, 1.0)];
        let model = load(Arc::new(AutoDevice::first(all).expect("two devices")), &bytes, is_kept);
        let mut scheduler = scheduler(&model);
        // Also for whoever asks later.
        for _ in 0..2 {
            for found in answers(&mut scheduler) {
                let said = found.expect_err("there is no device");
                assert!(said.contains(why) && said.contains("waiting failed") && said.lines().count() == 1, "{said}");
            }
        }
        let said = model.compile(&Size::new(&model.program, 6, 3)).err().expect("there is no device").to_string();
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
    }
}
