//! `hefu serve`: models behind HTTP.

use crate::commands::{key, selftest};
use crate::failure::Failure;
use crate::flags::{
    AccessArguments, CacheArguments, CheckArguments, DeviceArguments, DrainArguments, LabelArguments, LimitArguments,
    LogFormat,
};
use crate::flags::{MODEL_VARIABLE, RecordArguments, SignatureArguments, SpeculationArguments};
use crate::interrupt;
use crate::lessons::lessons;
use crate::logging;
use crate::memory::available_memory;
use crate::network::cannot_listen;
use crate::open::each_device;
use crate::options::{CatalogOptions, Speculate};
use crate::output::print;
use crate::serving::{Labelled, Ledger, ModelCatalog, connections};
use crate::telemetry;
use clap::Args;
use hefu_class::Class;
use hefu_cpu::Pool;
use hefu_engine::scheduler;
use hefu_numerics::device::Device;
use hefu_server::app::{Access, router};
use hefu_server::keys::{KeyError, Keys};
use hefu_server::limits::Limits;
use hefu_server::listen::serve;
use hefu_server::record::{Labels, Recorder};
use hefu_server::service::Service;
use hefu_server::tls;
use hefu_server::watch::Watcher;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Threads that read and write; the model's own come on top.
const NETWORK_THREADS: usize = 2;
/// Time for threads that still work on a text once everything else has stopped.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Answer applications over HTTP, many at once
///
/// Speaks the API of OpenAI, so that applications made for it work unchanged, and serves a page for people at /. It listens on
/// this machine alone unless --host says otherwise; other addresses need API keys (hefu key add NAME).
#[derive(Debug, Args)]
#[command(after_help = "\
The address is printed on standard output once the server listens; the log goes to standard error. SIGTERM or Ctrl-C lets running \
answers finish, a second one stops at once.

Examples:
  hefu serve
  hefu serve --model qwen2.5-coder-0.5b-instruct --model gemma-3-270m --memory-budget 4G
  hefu serve --host 0.0.0.0 --tls-cert chain.pem --tls-key key.pem
  hefu serve --audit audit.db --audit-store text --audit-keep 180d
  hefu serve --drain-to http://127.0.0.1:8081 --drain-key operator.txt
  curl http://127.0.0.1:8080/v1/chat/completions -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'")]
pub(crate) struct Arguments {
    /// Model: a name that `hefu models` lists, or the path of a GGUF file; may be given several times, the first is the default
    #[arg(short, long, value_name = "NAME|PATH", env = MODEL_VARIABLE, help_heading = "Model")]
    model: Vec<String>,

    /// Tokens that prompt and answer may have together [default: 32768, or fewer where the model or the memory bears fewer]
    #[arg(short, long, value_name = "N", help_heading = "Model")]
    context: Option<NonZeroUsize>,

    /// A further name under which the first model, or the one after =, is asked for; may be given several times
    #[arg(long, value_name = "ALIAS[=NAME]", help_heading = "Model")]
    alias: Vec<String>,

    /// Answer requests for models that are not served with the first one
    #[arg(long, help_heading = "Model")]
    any_model_name: bool,

    #[command(flatten)]
    cache: CacheArguments,

    /// Chat template (Jinja) in place of the model's own
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    template: Option<PathBuf>,

    #[command(flatten)]
    check: CheckArguments,
    #[command(flatten)]
    signature: SignatureArguments,

    /// A folder of further lessons for /learn, each a folder with en.md, zh-CN.md and lesson.toml
    #[arg(long, value_name = "FOLDER")]
    pub(super) lessons: Option<PathBuf>,

    /// Format of the log on standard error
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,

    /// Log failures alone
    #[arg(long)]
    quiet: bool,

    /// Send a trace of every answer to the OpenTelemetry collector at this address (OTLP over HTTP); neither prompts nor
    /// answers are in it. Needs a program built with --features opentelemetry
    #[arg(long, value_name = "URL")]
    otlp_endpoint: Option<String>,

    #[command(flatten)]
    access: AccessArguments,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    drain: DrainArguments,
    #[command(flatten)]
    record: RecordArguments,

    /// Receipts of the newest answers that are kept in memory for GET /v1/receipts/ID; with 0 and without --audit none are made
    #[arg(long, value_name = "N", default_value_t = 1024, help_heading = "Record")]
    receipts: usize,

    #[command(flatten)]
    label: LabelArguments,
    #[command(flatten)]
    speculation: SpeculationArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

/// Carries the command out.
///
/// # Errors
/// A model that cannot be had, an address that cannot be listened on, or an address for everybody without any key.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    serve_at(arguments, Extra::default())
}

/// Text beside the printed address, by scheme and address.
type Said = Box<dyn Fn(&str, SocketAddr) -> String>;

/// Additions to `serve` of a command that serves for people. A flag that is given goes before any of it.
pub(super) struct Extra {
    /// The page that they are to open.
    pub(super) path: &'static str,
    /// The address to listen on.
    pub(super) host: IpAddr,
    /// The class that is held.
    pub(super) class: Option<Arc<Class>>,
    /// Tokens of prompt and answer together.
    pub(super) context: Option<NonZeroUsize>,
    /// Tokens of a prompt.
    pub(super) prompt_tokens: Option<NonZeroUsize>,
    /// Tokens of an answer.
    pub(super) answer_tokens: Option<NonZeroUsize>,
    /// Text beside the printed address.
    pub(super) said: Option<Said>,
}

impl Default for Extra {
    fn default() -> Self {
        Self {
            path: "",
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            class: None,
            context: None,
            prompt_tokens: None,
            answer_tokens: None,
            said: None,
        }
    }
}

/// Runtime that reads and writes connections.
fn network_threads() -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(NETWORK_THREADS).enable_all().build();
    runtime.map_err(|error| Failure::Other(format!("the network threads cannot be started: {error}")))
}

/// As [`run`], with what another command adds.
///
/// # Errors
/// As [`run`].
pub(super) fn serve_at(arguments: &Arguments, extra: Extra) -> Result<(), Failure> {
    logging::start(arguments.log_format.into(), arguments.quiet);
    if is_root() {
        tracing::warn!("this server runs as root and needs none of its rights; run it as another user");
    }
    let lessons = lessons(arguments.lessons.as_deref())?;
    let mut access = Access { lessons, ..access(&arguments.access, &extra)? };
    let tls = match (&arguments.access.tls_cert, &arguments.access.tls_key) {
        (Some(certificates), Some(key)) => Some(tls::config(certificates, key).map_err(no_tls)?),
        _ => None,
    };
    let options = arguments.device.options();
    let devices = each_device(&options, &Arc::new(Pool::new(options.threads)))?;
    let traces = arguments.otlp_endpoint.as_deref().map(telemetry::Sender::new).transpose()?.map(Arc::new);
    let watcher = traces.clone().map(|traces| traces as Arc<dyn Watcher>);
    let catalog = ModelCatalog::new(catalog_options(arguments, &extra)?)?;
    let labels = labels(&arguments.label)?;
    let ledger = ledger(&arguments.record, arguments.receipts)?;
    // It takes a second, so what is wrong with the flags is told before.
    devices.iter().try_for_each(|device| selftest::must_conform(&**device))?;
    let catalog = catalog.noting(ledger.clone());
    if let Some(ledger) = &ledger {
        note_start(ledger, &devices, &mut access.keys);
    }
    let recorder = ledger.clone().map(|ledger| ledger as Arc<dyn Recorder>);
    let service = Service::new(
        Arc::new(catalog),
        Limits { any_model_name: arguments.any_model_name, ..limits(&arguments.limits, &extra) },
        recorder,
        labels,
        watcher,
    );
    arguments.drain.apply(&service)?;
    let router = router(Arc::clone(&service), access).map_err(Failure::Usage)?;
    let runtime = network_threads()?;
    let outcome = runtime.block_on(async {
        let address = SocketAddr::new(arguments.access.host.unwrap_or(extra.host), arguments.access.port);
        let failed = |error: io::Error| Failure::Other(cannot_listen(address, &error));
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        tokio::spawn(Arc::clone(&service.registry).sweep());
        // The first model is loaded before anybody asks, so that a model that cannot be is told at once.
        let first = service.registry.lease(None, 0, None).await;
        drop(first.map_err(|error| Failure::Other(error.to_string()))?);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let path = extra.path;
        let more = extra.said.as_ref().map_or_else(String::new, |said| said(scheme, address));
        if let Err(failure) = print(&format!("hefu: listening on {scheme}://{address}{path}\n{more}")) {
            // Whoever asks knows the address in another way.
            tracing::warn!("the address {scheme}://{address} cannot be printed: {failure}");
        }
        serve(listener, tls, router, service, told_to_stop()).await;
        Ok(())
    });
    runtime.shutdown_timeout(LAST_WORK);
    if let Some(traces) = &traces {
        traces.finish();
    }
    outcome.and(ledger.map_or(Ok(()), |ledger| ledger.close()))
}

/// Notes in the audit log that the server starts, on which devices, and with which keys.
fn note_start(ledger: &Arc<Ledger>, devices: &[Arc<dyn Device>], keys: &mut Keys) {
    let names: Vec<&str> = devices.iter().map(|device| device.name()).collect();
    ledger.note_start(&names.join(", "), Some("conforms"));
    note_keys(keys, ledger);
}

fn no_tls(sentence: String) -> Failure {
    Failure::Other(format!("--tls-cert and --tls-key cannot be used: {sentence}"))
}

/// Whether the program may do everything on this machine.
fn is_root() -> bool {
    #[cfg(unix)]
    return rustix::process::geteuid().is_root();
    #[cfg(not(unix))]
    false
}

/// The receipts of answers. Without a log, a server that has no key answers all the same, and says that it makes none.
fn ledger(arguments: &RecordArguments, recent: usize) -> Result<Option<Arc<Ledger>>, Failure> {
    if arguments.audit.is_none() && recent == 0 {
        return Ok(None);
    }
    match Ledger::open(arguments.options(recent)) {
        Ok(ledger) => Ok(Some(Arc::new(ledger))),
        Err(failure) if arguments.audit.is_none() && !arguments.hide_prompts => {
            tracing::warn!("no receipts are made: {failure}");
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Has it noted when keys are added or revoked.
fn note_keys(keys: &mut Keys, ledger: &Arc<Ledger>) {
    let ledger = Arc::clone(ledger);
    keys.on_change(Box::new(move |added, revoked| {
        ledger.note("keys_changed", serde_json::json!({"added": added, "revoked": revoked}));
    }));
}

/// Labels of answers as generated, if they are to have any.
pub(super) fn labels(arguments: &LabelArguments) -> Result<Option<Arc<dyn Labels>>, Failure> {
    let producer = arguments.producer()?.map(str::to_owned);
    Ok(producer.map(|producer| Arc::new(Labelled { producer }) as Arc<dyn Labels>))
}

/// Access to the server. An address that others can reach needs keys, and there must be one.
fn access(arguments: &AccessArguments, extra: &Extra) -> Result<Access, Failure> {
    let host = arguments.host.unwrap_or(extra.host);
    let (is_local, class) = (host.is_loopback(), extra.class.clone());
    let needs_key = arguments.require_key || !is_local || class.is_some();
    // Where no key is asked for and no file was named, there need not be a place for one, nor a file that can be read.
    let is_optional = (!needs_key || class.is_some()) && arguments.keys.is_none();
    let path = match key::file(arguments.keys.clone()) {
        Err(_) if is_optional => None,
        found => Some(found?),
    };
    let keys = match Keys::open(path) {
        Err(error @ KeyError::File { .. }) if is_optional => {
            tracing::warn!("no key is known: {error}");
            Keys::open(None)
        }
        other => other,
    };
    let keys = keys.map_err(|error| Failure::Other(error.to_string()))?;
    // In a class, pupils and teacher have keys of its own.
    if needs_key && class.is_none() && keys.is_empty() {
        return Err(Failure::Usage(format!(
            "{} needs API keys, and there is none; make one with hefu key add NAME",
            if is_local { "--require-key".to_owned() } else { format!("--host {host}") }
        )));
    }
    let (hosts, origins) = (arguments.allow_host.clone(), arguments.cors_origin.clone());
    Ok(Access { keys, needs_key, is_local, hosts, origins, lessons: Vec::new(), class })
}

fn catalog_options(arguments: &Arguments, extra: &Extra) -> Result<CatalogOptions, Failure> {
    let limits = &arguments.limits;
    let (device, speculation) = (arguments.device.options(), arguments.speculation.options(Speculate::Auto)?);
    if speculation.draft_model.is_some() && arguments.model.len() > 1 {
        let sentence = "--draft-model guesses for one --model; serve the others by a server of their own";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    Ok(CatalogOptions {
        models: arguments.model.clone(),
        check: arguments.check.check,
        context: arguments.context.or(extra.context).map(NonZeroUsize::get),
        cache: arguments.cache.profile(),
        cache_tokens: limits.cache_tokens.map(NonZeroUsize::get),
        memory: limits.memory_budget.or_else(available_memory),
        aliases: arguments.alias.clone(),
        template: arguments.template.clone(),
        required_key: arguments.signature.required()?,
        limits: scheduler::Limits {
            step_tokens: device.prefill_chunk,
            running: limits.max_running.get(),
            queued: limits.max_queue,
            prefix_reuse: !limits.no_prefix_reuse,
            ..scheduler::Limits::default()
        },
        device,
        speculation,
        trace: arguments.record.trace,
    })
}

fn limits(arguments: &LimitArguments, extra: &Extra) -> Limits {
    Limits {
        body_bytes: usize::try_from(arguments.max_body_bytes).unwrap_or(usize::MAX),
        request_bytes: usize::try_from(arguments.request_memory).unwrap_or(usize::MAX),
        prompt_tokens: arguments.max_prompt_tokens.or(extra.prompt_tokens).map(NonZeroUsize::get),
        answer_tokens: arguments.max_answer_tokens.or(extra.answer_tokens).map(NonZeroUsize::get),
        choices: arguments.max_choices.get(),
        request_time: Duration::from_secs(arguments.request_seconds.get()),
        read_time: Duration::from_secs(arguments.read_seconds.get()),
        stall_time: Duration::from_secs(arguments.stall_seconds.get()),
        connections: connections(arguments.max_connections.get().min(tokio::sync::Semaphore::MAX_PERMITS)),
        drain_time: Duration::from_secs(arguments.drain_seconds),
        memory_bytes: arguments.memory_budget.or_else(available_memory),
        keep_alive: arguments.keep_alive,
        ..Limits::default()
    }
}

/// Done at the first SIGTERM or Ctrl-C; the second ends the program.
async fn told_to_stop() {
    interrupt::release();
    signal().await;
    tokio::spawn(async {
        signal().await;
        crate::progress::line("hefu: stopped at once");
        std::process::exit(1);
    });
}

async fn signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    // Without a handler there is nothing to wait for but the end of the program.
    if interrupt.await.is_err() {
        std::future::pending::<()>().await;
    }
}
