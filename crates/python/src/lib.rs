//! The Python package's extension module: models in memory, as Python sees them.
//!
//! The caller's side is in `python/hefu`; here is what must be Rust. Whatever takes its time lets go of the interpreter's
//! lock, so that requests of several threads are one batch. Vectors and logits are handed over as they lie in memory.

use exception::HefuError;
use hefu::library::{Engine, Failure, Options, Part, PartOptions, Parts, Response};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod exception {
    pyo3::create_exception!(_hefu, HefuError, pyo3::exceptions::PyException, "What is wrong, in one sentence.");
}

/// Turns a failure into an exception. Whoever pressed Ctrl-C gets that.
fn raised(failure: Failure) -> PyErr {
    match failure {
        Failure::Interrupted => PyKeyboardInterrupt::new_err(()),
        Failure::Sentence(sentence) => HefuError::new_err(sentence),
    }
}

/// True if somebody pressed Ctrl-C; asked now and then while the lock is not held.
fn is_interrupted() -> bool {
    Python::attach(|py| py.check_signals().is_err())
}

/// Parts of a model, whose addresses Python says. The lock is held for that call alone.
fn parts_of(last: Vec<usize>, find: Py<PyAny>, key: Vec<u8>) -> Parts {
    let find = move |number: usize| {
        Python::attach(|py| find.call1(py, (number,)).and_then(|found| found.extract::<String>(py)))
            .map_err(|error| error.to_string())
    };
    Parts { last, find: Arc::new(find), key }
}

/// Layers of a model, served to a head on another machine until they are dropped.
#[pyclass(frozen, module = "hefu._hefu", name = "Part")]
struct PyPart(Part);

#[pymethods]
impl PyPart {
    #[new]
    #[pyo3(signature = (model, *, listen, key, device, threads, isa, own_file))]
    #[allow(clippy::too_many_arguments, reason = "they are named where it is called")]
    fn new(
        py: Python<'_>,
        model: Option<String>,
        listen: String,
        key: Vec<u8>,
        device: Option<String>,
        threads: Option<usize>,
        isa: Option<String>,
        own_file: PathBuf,
    ) -> PyResult<Self> {
        let options = PartOptions { model, listen, key, device, threads, isa, own_file };
        py.detach(|| Part::open(options)).map(Self).map_err(raised)
    }

    /// The port at which it listens.
    #[getter]
    fn port(&self) -> u16 {
        self.0.port()
    }
}

/// Bytes of the weights of every layer of a model, as its files have them.
#[pyfunction]
fn layer_bytes(py: Python<'_>, model: Option<String>) -> PyResult<Vec<u64>> {
    py.detach(|| hefu::library::layer_bytes(model.as_deref())).map_err(raised)
}

/// A model in memory.
#[pyclass(frozen, module = "hefu._hefu", name = "Engine")]
struct PyEngine(Engine);

#[pymethods]
impl PyEngine {
    #[new]
    #[pyo3(signature = (model, *, context, cache, device, parts, threads, isa, template, parallel, cache_tokens, own_file))]
    #[allow(clippy::too_many_arguments, reason = "they are named where it is called")]
    fn new(
        py: Python<'_>,
        model: Option<String>,
        context: Option<usize>,
        cache: &str,
        device: Option<String>,
        parts: Option<(Vec<usize>, Py<PyAny>, Vec<u8>)>,
        threads: Option<usize>,
        isa: Option<String>,
        template: Option<PathBuf>,
        parallel: usize,
        cache_tokens: Option<usize>,
        own_file: PathBuf,
    ) -> PyResult<Self> {
        let options = Options {
            model,
            context,
            cache: cache.to_owned(),
            device,
            parts: parts.map(|(last, find, key)| parts_of(last, find, key)),
            threads,
            isa,
            template,
            parallel,
            cache_tokens,
            own_file,
        };
        py.detach(|| Engine::open(options)).map(Self).map_err(raised)
    }

    /// The model as JSON.
    fn about(&self) -> String {
        self.0.about()
    }

    /// Sends a request to an endpoint of the server, without a connection.
    fn request(&self, py: Python<'_>, method: &str, path: &str, body: Vec<u8>) -> PyResult<PyResponse> {
        let response = py.detach(|| self.0.request(method, path, body, &is_interrupted)).map_err(raised)?;
        let (status, media_type) = (response.status, response.media_type.clone());
        Ok(PyResponse { status, media_type, response: Mutex::new(response) })
    }

    /// Vectors of texts, one in each row.
    #[pyo3(signature = (texts, *, truncate))]
    fn embed<'py>(&self, py: Python<'py>, texts: Vec<String>, truncate: bool) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let rows = texts.len();
        let numbers = py.detach(|| self.0.embed(texts, truncate, &is_interrupted)).map_err(raised)?;
        matrix(py, numbers, rows)
    }

    /// Logits after each token from a place on, one row for each.
    fn logits<'py>(&self, py: Python<'py>, ids: Vec<u32>, first: usize) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let rows = ids.len().saturating_sub(first);
        let numbers = py.detach(|| self.0.logits(ids, first, &is_interrupted)).map_err(raised)?;
        matrix(py, numbers, rows)
    }

    /// The receipt of an answer, if it is still held.
    fn receipt(&self, py: Python<'_>, id: &str) -> PyResult<Option<String>> {
        py.detach(|| self.0.receipt(id)).map_err(raised)
    }

    /// Makes the answer of a receipt again; the verdict as JSON.
    fn verify(&self, py: Python<'_>, receipt: &str) -> PyResult<String> {
        py.detach(|| self.0.verify(receipt, &is_interrupted)).map_err(raised)
    }
}

/// Numbers as rows of an array; they stay where they are.
fn matrix<'py>(py: Python<'py>, numbers: Vec<f32>, rows: usize) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let columns = numbers.len() / rows.max(1);
    PyArray1::from_vec(py, numbers).reshape([rows, columns])
}

/// Answer of an endpoint: its status at once, the pieces of its body as they come.
#[pyclass(frozen, module = "hefu._hefu", name = "Response")]
struct PyResponse {
    /// The HTTP status.
    #[pyo3(get)]
    status: u16,
    /// The kind of body.
    #[pyo3(get)]
    media_type: Option<String>,
    response: Mutex<Response>,
}

impl PyResponse {
    fn response(&self) -> MutexGuard<'_, Response> {
        self.response.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyResponse {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let piece = py.detach(|| self.response().next(&is_interrupted)).map_err(raised)?;
        Ok(piece.map(|piece| PyBytes::new(py, &piece)))
    }

    /// Gives the rest up.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.response().close());
    }
}

/// Runs the program with these arguments, of which the first is its own name; its exit status.
#[pyfunction]
fn program(py: Python<'_>, arguments: Vec<OsString>, own_file: PathBuf) -> u8 {
    py.detach(|| hefu::library::program(arguments, own_file))
}

#[pymodule]
fn _hefu(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("HefuError", module.py().get_type::<HefuError>())?;
    module.add_class::<PyEngine>()?;
    module.add_class::<PyResponse>()?;
    module.add_class::<PyPart>()?;
    module.add_function(wrap_pyfunction!(layer_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(program, module)?)
}
