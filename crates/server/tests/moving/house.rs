//! A server in this process, on a tiny model whose steps wait until a test lets them go on.

use crate::tiny;
use hefu_answer::TextModel;
use hefu_engine::inspect::Inspections;
use hefu_engine::sampling::Parameters;
use hefu_engine::scheduler::{Event, Job, Key, Limits as Most, Paged, Pooling, Refusal, Scheduler, Statistics, Update};
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::Model;
use hefu_numerics::kv::PAGE;
use hefu_numerics::reference::ReferenceDevice;
use hefu_server::app::{Access, router};
use hefu_server::catalog::{Catalog, Engine, Loaded, ModelCard, Steps};
use hefu_server::keys::{self, Keys};
use hefu_server::limits::Limits;
use hefu_server::listen::serve;
use hefu_server::record::Recorder;
use hefu_server::service::Service;
use hefu_text::template::{ChatTemplate, Specials};
use hefu_text::tokenizer::{Metadata, Tokenizer, Vocabulary};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Positions of a cache, unless a test says otherwise.
const CONTEXT: usize = 96;
/// Positions that the model is made for.
const MOST_POSITIONS: u32 = 512;
/// Between two looks of a model that waits.
const PAUSE: Duration = Duration::from_millis(1);
/// Calls as Hermes models write them.
const TEMPLATE: &str = "{% if tools %}{% for tool in tools %}<tool_call>{{ tool.function.name }}</tool_call>{% endfor %}{% endif %}\
                        {% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";

/// A server and its model's gate.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) gate: Arc<Gate>,
    pub(crate) log: Arc<Log>,
    task: JoinHandle<()>,
}

/// How many tokens a model may choose, and how many it has.
#[derive(Default)]
pub(crate) struct Gate {
    allowed: AtomicUsize,
    chosen: AtomicUsize,
}

/// What was noted of moves.
#[derive(Default)]
pub(crate) struct Log(pub(crate) Mutex<Vec<(&'static str, Value)>>);

/// What tells servers apart.
pub(crate) struct Plan {
    pub(crate) fingerprint: &'static str,
    pub(crate) tokens: usize,
    pub(crate) context: usize,
    pub(crate) body_bytes: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { fingerprint: "hefu-tiny", tokens: usize::MAX, context: CONTEXT, body_bytes: 1 << 20 }
    }
}

impl Recorder for Log {
    fn record(&self, records: Vec<hefu_answer::AnswerRecord>) -> Result<Vec<String>, String> {
        let mut notes = self.0.lock().unwrap();
        let note = |record: &hefu_answer::AnswerRecord| {
            let text = serde_json::json!({"tokens": record.output.len(), "finish": format!("{:?}", record.finish)});
            ("answer", text)
        };
        notes.extend(records.iter().map(note));
        Ok(vec!["digest".to_owned(); records.len()])
    }

    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    fn receipt(&self, _: &str, _: &str) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn trace(&self, _: &str, _: &str) -> Option<String> {
        None
    }

    fn refused(&self, _: u16, _: &str, _: &str) {}

    fn moved(&self, event: &'static str, details: Value) {
        self.0.lock().unwrap().push((event, details));
    }
}

impl Gate {
    /// Lets it choose as many tokens in all.
    pub(crate) fn allow(&self, tokens: usize) {
        self.allowed.store(tokens, Ordering::Relaxed);
    }

    /// How many it has chosen.
    pub(crate) fn chosen(&self) -> usize {
        self.chosen.load(Ordering::Relaxed)
    }

    fn is_closed(&self) -> bool {
        self.chosen.load(Ordering::Relaxed) >= self.allowed.load(Ordering::Relaxed)
    }
}

struct Tiny {
    plan: Plan,
    gate: Arc<Gate>,
}

struct Gated {
    model: Model,
    context: usize,
    gate: Arc<Gate>,
}

struct GatedSteps {
    inner: Scheduler<Paged>,
    gate: Arc<Gate>,
}

impl Engine for Gated {
    fn run(self: Box<Self>, body: &mut dyn FnMut(&mut dyn Steps, &mut Inspections)) -> Result<(), String> {
        let paged = Paged::new(&self.model, self.context, 16 * self.context.div_ceil(PAGE), 16);
        let inner =
            Scheduler::new(paged.map_err(|error| error.to_string())?, Most { prefix_reuse: false, ..Most::default() });
        body(&mut GatedSteps { inner, gate: self.gate }, &mut Inspections::new(&self.model));
        Ok(())
    }
}

impl Steps for GatedSteps {
    fn submit(&mut self, job: Job, now: Duration) -> Result<Key, Refusal> {
        Steps::submit(&mut self.inner, job, now)
    }

    fn cancel(&mut self, key: Key) {
        Steps::cancel(&mut self.inner, key);
    }

    fn withdraw(&mut self, key: Key) -> Option<Vec<u32>> {
        Steps::withdraw(&mut self.inner, key)
    }

    fn traces(&self) -> bool {
        Steps::traces(&self.inner)
    }

    fn step(&mut self, now: Duration) -> Vec<Update> {
        if self.gate.is_closed() {
            std::thread::sleep(PAUSE);
            return Vec::new();
        }
        let updates = Steps::step(&mut self.inner, now);
        let tokens = updates.iter().filter(|update| matches!(update.event, Event::Token(_))).count();
        self.gate.chosen.fetch_add(tokens, Ordering::Relaxed);
        updates
    }

    fn record_time(&mut self, seconds: f64) {
        Steps::record_time(&mut self.inner, seconds);
    }

    fn is_idle(&self) -> bool {
        Steps::is_idle(&self.inner)
    }

    fn statistics(&self) -> Statistics {
        Steps::statistics(&self.inner)
    }
}

impl Catalog for Tiny {
    fn models(&self) -> Vec<ModelCard> {
        let (name, context) = ("tiny".to_owned(), self.plan.context);
        vec![ModelCard { name, context, writes: true, ..ModelCard::default() }]
    }

    fn load(&self, name: &str) -> Result<Loaded, String> {
        let bytes = tiny::model_for(MOST_POSITIONS, false);
        let gguf = Gguf::parse(&[&bytes]).unwrap();
        let options = LoadOptions { context: Some(self.plan.context), ..LoadOptions::default() };
        let spec = ModelSpec::read(&gguf, &options).unwrap();
        let vocabulary = spec.program.vocabulary;
        let model = Model::load(Arc::new(ReferenceDevice), spec.program, &ModelFiles::new(&gguf, &|_, _| ())).unwrap();
        let template = ChatTemplate::new(TEMPLATE, Specials::default()).unwrap();
        let parameters = Parameters::default();
        let (tokenizer, context) = (Arc::new(tokenizer()), self.plan.context);
        Ok(Loaded {
            digest: None,
            text: TextModel::new(name.to_owned(), tokenizer, Some(template), parameters, context),
            fingerprint: self.plan.fingerprint.to_owned(),
            pooling: Pooling::Mean,
            vocabulary,
            visible: Vec::new(),
            operations: Vec::new(),
            products: Vec::new(),
            gauge: None,
            engine: Box::new(Gated { model, context, gate: Arc::clone(&self.gate) }),
        })
    }
}

impl House {
    /// A server that knows the keys of a folder.
    pub(crate) async fn new(folder: &Path, plan: Plan) -> Self {
        let gate = Arc::new(Gate::default());
        gate.allow(plan.tokens);
        let limits = Limits { body_bytes: plan.body_bytes, ..Limits::default() };
        let log = Arc::new(Log::default());
        let recorder = Some(Arc::clone(&log) as Arc<dyn Recorder>);
        let service = Service::new(Arc::new(Tiny { plan, gate: Arc::clone(&gate) }), limits, recorder, None, None);
        let access = Access {
            keys: Keys::open(Some(folder.join("keys.json"))).unwrap(),
            needs_key: false,
            is_local: true,
            hosts: Vec::new(),
            origins: Vec::new(),
            lessons: Vec::new(),
            class: None,
        };
        let router = router(Arc::clone(&service), access).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(serve(listener, None, router, service, std::future::pending()));
        Self { address, gate, log, task }
    }

    /// Its address as others are given it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it as a machine ends that loses its power.
    pub(crate) fn kill(&self) {
        self.task.abort();
    }

    /// The names of what was noted, and their details.
    pub(crate) fn noted(&self, event: &str) -> Vec<Value> {
        let notes = self.log.0.lock().unwrap();
        notes.iter().filter(|(name, _)| *name == event).map(|(_, details)| details.clone()).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // A model that waits would wait for ever.
        self.gate.allow(usize::MAX);
        self.task.abort();
    }
}

/// An operator's key and one that is none.
pub(crate) fn keys(folder: &Path) -> (String, String) {
    let path = folder.join("keys.json");
    (keys::add(&path, "admin", None, true).unwrap(), keys::add(&path, "phone", None, false).unwrap())
}

/// The words of the model's file that a tokeniser needs.
struct OfFile<'a>(Gguf<'a>);

impl Metadata for OfFile<'_> {
    fn string(&self, key: &str) -> Option<&str> {
        self.0.metadata().string(key).ok().flatten()
    }

    fn unsigned(&self, key: &str) -> Option<u64> {
        self.0.metadata().unsigned(key).ok().flatten()
    }

    fn boolean(&self, key: &str) -> Option<bool> {
        self.0.metadata().boolean(key).ok().flatten()
    }

    fn strings(&self, key: &str) -> Option<Vec<&str>> {
        self.0.metadata().strings(key).ok().flatten()
    }

    fn integers(&self, key: &str) -> Option<Vec<i64>> {
        self.0.metadata().integers(key).ok().flatten()
    }

    fn floats(&self, key: &str) -> Option<Vec<f32>> {
        self.0.metadata().floats(key).ok().flatten()
    }
}

fn tokenizer() -> Tokenizer {
    let bytes = tiny::model_for(MOST_POSITIONS, false);
    let file = OfFile(Gguf::parse(&[&bytes]).unwrap());
    Tokenizer::new(Vocabulary::from_metadata(&file).unwrap()).unwrap()
}
