//! Ctrl-C: what it does right now. A command that wants to end something in order says so for as long as that takes;
//! otherwise the program ends, with the exit status that shells know it by.

use crate::failure::{Failure, INTERRUPTED};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Wishes, the newest last.
static WISHES: Mutex<Vec<Arc<dyn Fn() + Send + Sync>>> = Mutex::new(Vec::new());
/// Somebody else listens from now on.
static IS_RELEASED: AtomicBool = AtomicBool::new(false);

/// A wish that ends when this is dropped.
pub(crate) struct Wish(Arc<dyn Fn() + Send + Sync>);

/// Has `wish` called at each Ctrl-C in place of ending the program.
///
/// # Errors
/// If the system does not let signals be caught.
pub(crate) fn instead(wish: impl Fn() + Send + Sync + 'static) -> Result<Wish, Failure> {
    static IS_LISTENING: OnceLock<Result<(), String>> = OnceLock::new();
    let listening = IS_LISTENING.get_or_init(|| ctrlc::set_handler(interrupted).map_err(|error| error.to_string()));
    listening.clone().map_err(|error| Failure::Other(format!("Ctrl-C cannot be caught here: {error}")))?;
    let wish: Arc<dyn Fn() + Send + Sync> = Arc::new(wish);
    wishes().push(Arc::clone(&wish));
    Ok(Wish(wish))
}

/// Leaves Ctrl-C to another listener for the rest of the program.
pub(crate) fn release() {
    IS_RELEASED.store(true, Ordering::Relaxed);
}

fn interrupted() {
    let newest = wishes().last().cloned();
    match newest {
        _ if IS_RELEASED.load(Ordering::Relaxed) => {}
        Some(wish) => wish(),
        None => std::process::exit(i32::from(INTERRUPTED)),
    }
}

fn wishes() -> MutexGuard<'static, Vec<Arc<dyn Fn() + Send + Sync>>> {
    WISHES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Wish {
    fn drop(&mut self) {
        wishes().retain(|wish| !Arc::ptr_eq(wish, &self.0));
    }
}
