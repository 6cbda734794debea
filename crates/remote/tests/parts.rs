//! Tiny models with their layers in parts that are reached over connections: all results are those of one device, also when a
//! part is lost in the middle and placed again elsewhere.

use hefu_cpu::select::best;
use hefu_engine::Request;
use hefu_engine::sampling::Parameters;
use hefu_engine::scheduler::{Event, Failure, Job, Key as JobKey, Limits, Paged, Scheduler};
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{Device, Footprint, Model};
use hefu_numerics::kv::Profile;
use hefu_numerics::program::Program;
use hefu_numerics::team::Alone;
use hefu_remote::{Addresses, Host, Key, Part, RemoteDevice, Spec};
use hefu_split::{Place, SplitDevice, part_of};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers at once.
const ANSWERS: usize = 20;
/// Tokens of each.
const TOKENS: usize = 24;

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/models").join(name)).expect("a golden file")
}

fn cpu() -> Arc<dyn Device> {
    best().device(Arc::new(Alone))
}

/// A model whose parts are served.
struct Tiny {
    bytes: Vec<u8>,
    identity: String,
    device: Arc<dyn Device>,
    /// Bytes of memory that it has for states.
    room: usize,
}

impl Tiny {
    fn new(name: &str) -> Tiny {
        Tiny { bytes: golden(name), identity: name.to_owned(), device: cpu(), room: usize::MAX }
    }

    fn spec(&self, options: &LoadOptions) -> ModelSpec {
        ModelSpec::read_any(&Gguf::parse(&[&self.bytes]).expect("a tiny model"), options).expect("a tiny model")
    }
}

impl Host for Tiny {
    fn identity(&self) -> Result<String, String> {
        Ok(self.identity.clone())
    }

    fn program(&self, spec: &Spec) -> Result<Arc<Program>, String> {
        let cache = Profile::ALL.into_iter().find(|profile| profile.name() == spec.cache).ok_or("no such cache")?;
        let whole = self.spec(&LoadOptions { context: Some(spec.context), cache, guessing: false }).program;
        part_of(&whole, spec.first, spec.last, spec.heads).map_err(|error| error.to_string())
    }

    fn device(&self) -> &dyn Device {
        &*self.device
    }

    fn load(&self, program: &Arc<Program>) -> Result<Model, String> {
        let gguf = Gguf::parse(&[&self.bytes]).map_err(|error| error.to_string())?;
        let files = ModelFiles::new(&gguf, &|_, _| ());
        Model::load(self.device.clone(), program.clone(), &files).map_err(|error| error.to_string())
    }

    fn room(&self, footprint: &Footprint) -> Result<(), String> {
        if footprint.states <= self.room { Ok(()) } else { Err("there is too little memory".to_owned()) }
    }
}

fn key() -> Key {
    Key::new(b"known to head and parts").expect("long enough")
}

fn start(tiny: Tiny) -> Part {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    Part::start(listener, key(), Arc::new(tiny)).expect("a part")
}

/// An address that may change.
#[derive(Clone)]
struct Book(Arc<Mutex<String>>);

impl Book {
    fn of(part: &Part) -> Book {
        Book(Arc::new(Mutex::new(part.address().to_string())))
    }

    fn is_now(&self, part: &Part) {
        *self.0.lock().expect("no panic") = part.address().to_string();
    }
}

impl Addresses for Book {
    fn find(&self, _: usize) -> Result<String, String> {
        Ok(self.0.lock().expect("no panic").clone())
    }
}

fn remote(book: &Book, key: Key, patience: Duration) -> Arc<dyn Device> {
    Arc::new(RemoteDevice::new(Arc::new(book.clone()), key, patience, Arc::new(Alone)))
}

/// Parts that begin at these layers, all of them elsewhere, with the heads here.
fn pipeline(books: &[Book], before: &[usize], layers: usize, patience: Duration) -> SplitDevice {
    let firsts = [0].iter().chain(before);
    let ends = [before, &[layers]].concat();
    let lasts = ends.iter().map(|end| end - 1);
    let places = firsts.zip(lasts).zip(books);
    let places =
        places.map(|((first, last), book)| Place { device: remote(book, key(), patience), first: *first, last });
    SplitDevice::new(places.collect()).expect("layers in order").with_heads(cpu())
}

fn layers(program: &Program) -> usize {
    hefu_split::layer_bytes(program).len()
}

fn scheduler(tiny: &Tiny, device: Arc<dyn Device>, cache: Profile) -> Scheduler<Paged> {
    let gguf = Gguf::parse(&[&tiny.bytes]).expect("a tiny model");
    let spec = tiny.spec(&LoadOptions { context: Some(192), cache, guessing: false });
    device.check(&spec.program).expect("parts that fit");
    let identity = || Some(tiny.identity.clone());
    let done = |_, _| ();
    let files = ModelFiles::new(&gguf, &done).with_identity(&identity);
    let model = Model::load(device, spec.program, &files).expect("memory for a tiny model");
    let paged = Paged::new(&model, 192, 40, ANSWERS).expect("memory for a small cache");
    Scheduler::new(paged, Limits { step_tokens: 64, running: ANSWERS, queued: ANSWERS, ..Limits::default() })
}

/// Results of each job: its tokens with the bits of the logits by which they were chosen, and why it failed.
type Got = BTreeMap<JobKey, (Vec<(u32, Vec<u32>)>, Option<Failure>)>;

/// Answers to prompts that partly begin alike; `between` is called before each step.
fn answers(scheduler: &mut Scheduler<Paged>, vocabulary: usize, mut between: impl FnMut(usize)) -> Got {
    let mut got = Got::new();
    for number in 0..ANSWERS {
        let length = 5 + number * 3;
        let shared = if number % 2 == 0 { 0 } else { number };
        let prompt = (0..length).map(|at| ((at * 7 + if at < 40 { shared } else { number }) % vocabulary) as u32);
        let parameters = Parameters { seed: number as u64, temperature: 0.8, ..Parameters::default() };
        let request = Request {
            prompt: prompt.collect(),
            parameters,
            end_tokens: [].into(),
            max_tokens: Some(TOKENS),
            prefill_chunk: 32,
            all_logits: false,
        };
        let job = scheduler.submit(Job::new(request), Duration::ZERO).expect("a good request");
        got.insert(job, (Vec::new(), None));
    }
    for step in 0..2000 {
        between(step);
        for update in scheduler.step(Duration::from_millis(step as u64)) {
            let one = got.get_mut(&update.key).expect("a job");
            match update.event {
                Event::Token(choice) => {
                    let logits = scheduler.logits(update.rows).expect("rows of the last step");
                    one.0.push((choice.id, logits.iter().map(|number| number.to_bits()).collect()));
                }
                Event::Failed(failure) => one.1 = Some(failure),
                _ => {}
            }
        }
        if scheduler.is_idle() {
            return got;
        }
    }
    panic!("it never ends")
}

#[test]
fn a_part_that_is_lost_changes_no_bit() {
    let cases =
        [("tiny-llama.gguf", Profile::F16), ("tiny-gemma3.gguf", Profile::Q8), ("tiny-qwen35.gguf", Profile::F16)];
    for (name, cache) in cases {
        let tiny = Tiny::new(name);
        let program = tiny.spec(&LoadOptions::default()).program;
        let (count, vocabulary) = (layers(&program), program.vocabulary);
        let right = answers(&mut scheduler(&tiny, cpu(), cache), vocabulary, |_| ());
        assert!(right.values().all(|(tokens, failure)| tokens.len() == TOKENS && failure.is_none()));
        let mut cuts: Vec<Vec<usize>> = vec![vec![], vec![1]];
        cuts.extend((count > 2).then(|| vec![1, count - 1]));
        for before in cuts {
            let parts: Vec<Part> = (0..=before.len()).map(|_| start(Tiny::new(name))).collect();
            let books: Vec<Book> = parts.iter().map(Book::of).collect();
            let device = Arc::new(pipeline(&books, &before, count, Duration::from_secs(30)));
            let mut scheduler = scheduler(&tiny, device, cache);
            let whole = answers(&mut scheduler, vocabulary, |_| ());
            assert!(whole == right, "{name} cut before {before:?}");
            assert_eq!(scheduler.statistics().losses, 0);
            // Now one part after the other goes, in the middle of answers; the new one is elsewhere, or comes late.
            let parts: Vec<Arc<Mutex<Part>>> = parts.into_iter().map(|part| Arc::new(Mutex::new(part))).collect();
            let mut next = 0;
            let lossy = answers(&mut scheduler, vocabulary, |step| {
                if step % 9 != 8 || next == 4 {
                    return;
                }
                let (part, book, name) = (parts[next % parts.len()].clone(), books[next % parts.len()].clone(), name);
                part.lock().expect("no panic").close();
                let replace = move |late: Duration| {
                    std::thread::sleep(late);
                    let new = start(Tiny::new(name));
                    let address = Book::of(&new).find(0).expect("an address");
                    *part.lock().expect("no panic") = new;
                    *book.0.lock().expect("no panic") = address;
                };
                match next % 2 {
                    0 => replace(Duration::ZERO),
                    _ => drop(std::thread::spawn(move || replace(Duration::from_millis(300)))),
                }
                next += 1;
            });
            assert_eq!((next, scheduler.statistics().losses), (4, 4), "{name} cut before {before:?}");
            let keys = |got: &Got| got.values().cloned().collect::<Vec<_>>();
            assert!(keys(&lossy) == keys(&right), "{name} cut before {before:?}, with losses");
        }
    }
}

#[test]
fn a_part_that_stays_away_ends_answers_with_a_sentence_and_may_come_back() {
    let name = "tiny-llama.gguf";
    let tiny = Tiny::new(name);
    let program = tiny.spec(&LoadOptions::default()).program;
    let (count, vocabulary) = (layers(&program), program.vocabulary);
    let right = answers(&mut scheduler(&tiny, cpu(), Profile::F16), vocabulary, |_| ());
    let part = start(Tiny::new(name));
    let book = Book::of(&part);
    let device = Arc::new(pipeline(std::slice::from_ref(&book), &[], count, Duration::ZERO));
    let mut scheduler = scheduler(&tiny, device, Profile::F16);
    let ended = answers(&mut scheduler, vocabulary, |step| {
        if step == 6 {
            part.close();
        }
    });
    for (tokens, failure) in ended.values() {
        let Some(Failure::Device(sentence)) = failure else { panic!("{failure:?} after {} tokens", tokens.len()) };
        assert!(sentence.contains("part failed") && sentence.contains("cannot be reached"), "{sentence}");
    }
    let part = start(Tiny::new(name));
    book.is_now(&part);
    let again = answers(&mut scheduler, vocabulary, |_| ());
    assert!(again.into_values().collect::<Vec<_>>() == right.into_values().collect::<Vec<_>>());
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_computed() {
    let tiny = Tiny::new("tiny-llama.gguf");
    let program = tiny.spec(&LoadOptions::default()).program;
    let count = layers(&program);
    let files = |identity: &str, part: &Part, key: Key| {
        let gguf = Gguf::parse(&[&tiny.bytes]).expect("a tiny model");
        let place = Place { device: remote(&Book::of(part), key, Duration::ZERO), first: 0, last: count - 1 };
        let device = SplitDevice::new(vec![place]).expect("layers in order").with_heads(cpu());
        device.check(&program).map_err(|error| error.to_string())?;
        let (identity, done) = (|| Some(identity.to_owned()), |_, _| ());
        let files = ModelFiles::new(&gguf, &done).with_identity(&identity);
        let model = Model::load(Arc::new(device), program.clone(), &files).map_err(|error| error.to_string())?;
        Paged::new(&model, 64, 8, 2).map(|_| ()).map_err(|error| error.to_string())
    };
    let same = start(Tiny::new("tiny-llama.gguf"));
    assert_eq!(files("tiny-llama.gguf", &same, key()), Ok(()));
    let wrong = files("another.gguf", &same, key()).expect_err("other files");
    assert!(wrong.contains("not those of the head"), "{wrong}");
    let wrong = files("tiny-llama.gguf", &same, Key::none()).expect_err("no key");
    assert!(wrong.contains("another key"), "{wrong}");
    let other = start(Tiny { identity: "tiny-llama.gguf".to_owned(), ..Tiny::new("tiny-qwen3.gguf") });
    let wrong = files("tiny-llama.gguf", &other, key()).expect_err("another model");
    assert!(wrong.contains("another program") || wrong.contains("are no part"), "{wrong}");
    let small = start(Tiny { room: 1, ..Tiny::new("tiny-llama.gguf") });
    let wrong = files("tiny-llama.gguf", &small, key()).expect_err("no memory");
    assert!(wrong.contains("too little memory"), "{wrong}");
    let everywhere = TcpListener::bind("0.0.0.0:0").expect("a port");
    let open = Part::start(everywhere, Key::none(), Arc::new(Tiny::new("tiny-llama.gguf")));
    assert!(open.err().expect("no key").to_string().contains("needs a key"));
}
