//! Changes by hand to a log that a program is writing to, which alone may write to it: they are handed to it through a folder
//! beside the log that only its user can enter.
//!
//! ```text
//! hefu audit redact ─▶ LOG.orders/ID.order ─▶ the program that writes ─▶ LOG.orders/ID.done ─▶ hefu audit redact
//! ```

use crate::failure::Failure;
use hefu_proof::audit::Annotated;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest order, in bytes; a longer one is no order.
const MAX_BYTES: u64 = 1 << 20;
/// Most orders that are carried out at once.
const MAX_ORDERS: usize = 64;
/// Longest wait for the outcome of an order.
const PATIENCE: Duration = Duration::from_secs(30);
/// Interval between two looks.
const EVERY: Duration = Duration::from_millis(50);

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Order {
    /// Record what a person thought of an answer.
    Annotate(Box<Annotated>),
    /// Take away what a record says.
    Redact {
        /// The answer's id, or the record's number.
        id: String,
        /// Why.
        reason: String,
    },
}

/// Outcome of an order: the number of the record, or why nothing was done.
type Outcome = Result<u64, String>;

/// The folder of a log whose program is running.
#[derive(Debug)]
pub(crate) struct Orders {
    folder: PathBuf,
}

impl Orders {
    /// Makes the folder, which only this user may enter. What lies in it from an earlier run is removed: nobody waits for it.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn of(log: &Path) -> io::Result<Self> {
        let folder = folder(log);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        Ok(Self { folder })
    }

    /// Has the orders that wait carried out, and says what became of each.
    pub(crate) fn take(&self, mut carry_out: impl FnMut(Order) -> Outcome) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let orders = paths.filter(|path| path.extension().is_some_and(|extension| extension == "order"));
        for path in orders.take(MAX_ORDERS) {
            let outcome = read::<Order>(&path).and_then(&mut carry_out);
            // Whoever gave it looks for this; an order that cannot be removed would be carried out again.
            if fs::remove_file(&path).is_ok()
                && let Err(error) = write(&path.with_extension("done"), &outcome)
            {
                tracing::warn!("what became of {} cannot be said: {error}", path.display());
            }
        }
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        // Whoever waits sees that nobody is there any more.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Hands an order to the program that writes to a log, and waits until it is carried out.
///
/// # Errors
/// If it cannot be handed over or is not carried out, with the reason.
pub(crate) fn hand_over(log: &Path, order: &Order) -> Result<u64, Failure> {
    let id = hefu_proof::new_id().map_err(Failure::Other)?;
    let folder = folder(log);
    let path = folder.join(format!("{id}.order"));
    write(&path, order).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Other(format!(
            "another program is writing to {}, and takes no orders at {}; stop it first",
            log.display(),
            folder.display()
        )),
        _ => Failure::file("write", &path, error),
    })?;
    let (done, began) = (path.with_extension("done"), Instant::now());
    while began.elapsed() < PATIENCE && folder.is_dir() {
        if done.exists() {
            let outcome: Result<Outcome, String> = read(&done);
            let _ = fs::remove_file(&done);
            return outcome.and_then(|outcome| outcome).map_err(Failure::Other);
        }
        std::thread::sleep(EVERY);
    }
    let is_left = fs::remove_file(&path).is_ok();
    let what = if is_left { "and nothing was done" } else { "so look in the log whether it was done" };
    Err(Failure::Other(format!("the program that writes to {} does not answer, {what}", log.display())))
}

fn folder(log: &Path) -> PathBuf {
    let mut folder = log.as_os_str().to_owned();
    folder.push(".orders");
    PathBuf::from(folder)
}

/// Writes a document under another name first, so that whoever looks finds it whole.
fn write(path: &Path, document: &impl Serialize) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(&serde_json::to_vec(document)?)?;
    drop(file);
    fs::rename(&beside, path)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, String> {
    let failed = |reason: String| format!("{} cannot be read: {reason}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(id: &str) -> Order {
        Order::Redact { id: id.to_owned(), reason: "asked for".to_owned() }
    }

    #[test]
    fn an_order_is_carried_out_once_and_its_outcome_told() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("audit.db");
        let sentence = hand_over(&log, &redact("1")).unwrap_err().to_string();
        assert!(sentence.contains("takes no orders"), "{sentence}");
        let orders = Orders::of(&log).unwrap();
        std::fs::write(folder(&log).join("x.order"), "{").unwrap();
        std::thread::scope(|scope| {
            let given = ["7", "nobody"].map(|id| {
                scope.spawn({
                    let log = &log;
                    move || hand_over(log, &redact(id))
                })
            });
            let mut seen = Vec::new();
            while seen.len() < 2 {
                orders.take(|order| {
                    let Order::Redact { id, .. } = order else { return Err("another".to_owned()) };
                    seen.push(id.clone());
                    id.parse().map_err(|_| format!("no record {id}"))
                });
            }
            let [good, bad] = given.map(|thread| thread.join().unwrap());
            assert_eq!(good.unwrap(), 7);
            assert_eq!(bad.unwrap_err().to_string(), "no record nobody");
            orders.take(|order| panic!("{order:?} comes again"));
        });
        drop(orders);
        assert!(!folder(&log).exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_give_orders() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("audit.db");
        let _orders = Orders::of(&log).unwrap();
        assert_eq!(std::fs::metadata(folder(&log)).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
