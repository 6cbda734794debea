//! A driver in memory, for tests: it fails when it is told to. Its kernels do nothing, so that memory is what was written, or zero.

use std::collections::HashMap;
use std::ffi::{CStr, c_void};
use std::sync::{Mutex, PoisonError};

use cl3::types::{cl_command_queue, cl_context, cl_device_id, cl_int, cl_kernel, cl_mem, cl_program};

use super::calls::{Calls, Object, Stretch};
use super::{Handle, INVALID_VALUE};

/// When a driver fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failing {
    /// At which call, counted from 0.
    pub(crate) at: usize,
    /// With which of its numbers.
    pub(crate) code: cl_int,
    /// Whether every call after it fails too, as when a device was taken away.
    pub(crate) for_good: bool,
}

/// The driver.
#[derive(Debug, Default)]
pub(crate) struct Fake(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: usize,
    failing: Option<Failing>,
    /// What was made and not given back, by its handle; memory with its bytes.
    objects: HashMap<usize, Vec<u8>>,
    made: usize,
}

impl Fake {
    /// A device of it.
    pub(crate) fn device() -> Handle {
        Handle(std::ptr::null_mut())
    }

    /// Counts calls anew, and fails as is said.
    pub(crate) fn fail(&self, failing: Option<Failing>) {
        self.with(|state| (state.calls, state.failing) = (0, failing));
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> usize {
        self.with(|state| state.calls)
    }

    /// How many objects were not given back.
    pub(crate) fn objects(&self) -> usize {
        self.with(|state| state.objects.len())
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A call that works on these objects.
    fn call<T>(&self, on: &[*mut c_void], work: impl FnOnce(&mut State) -> Result<T, cl_int>) -> Result<T, cl_int> {
        self.with(|state| {
            let number = state.calls;
            state.calls += 1;
            for object in on {
                assert!(state.objects.contains_key(&object.addr()), "call {number} is of an object that is no more");
            }
            match state.failing {
                Some(Failing { at, code, for_good }) if number == at || (for_good && number > at) => Err(code),
                _ => work(state),
            }
        })
    }
}

impl State {
    fn make(&mut self, bytes: usize) -> *mut c_void {
        self.made += 1;
        self.objects.insert(self.made, vec![0; bytes]);
        std::ptr::without_provenance_mut(self.made)
    }

    /// The bytes of a stretch.
    fn bytes(&mut self, stretch: Stretch) -> Result<&mut [u8], cl_int> {
        let memory = self.objects.get_mut(&stretch.memory.addr()).ok_or(INVALID_VALUE)?;
        memory.get_mut(stretch.at..stretch.at + stretch.bytes).ok_or(INVALID_VALUE)
    }
}

impl Calls for Fake {
    unsafe fn context(&self, _: cl_device_id) -> Result<cl_context, cl_int> {
        self.call(&[], |state| Ok(state.make(0)))
    }

    unsafe fn program(&self, context: cl_context, _: &str) -> Result<cl_program, cl_int> {
        self.call(&[context], |state| Ok(state.make(0)))
    }

    unsafe fn build(&self, program: cl_program, _: cl_device_id, _: &CStr) -> Result<(), (cl_int, String)> {
        self.call(&[program], |_| Ok(())).map_err(|code| (code, String::new()))
    }

    unsafe fn memory(&self, context: cl_context, bytes: usize) -> Result<cl_mem, cl_int> {
        self.call(&[context], |state| Ok(state.make(bytes)))
    }

    unsafe fn queue(&self, context: cl_context, _: cl_device_id) -> Result<cl_command_queue, cl_int> {
        self.call(&[context], |state| Ok(state.make(0)))
    }

    unsafe fn kernel(&self, program: cl_program, _: &CStr) -> Result<cl_kernel, cl_int> {
        self.call(&[program], |state| Ok(state.make(0)))
    }

    unsafe fn argument(&self, kernel: cl_kernel, _: u32, _: usize, _: *const c_void) -> Result<(), cl_int> {
        self.call(&[kernel], |_| Ok(()))
    }

    unsafe fn launch(
        &self,
        queue: cl_command_queue,
        kernel: cl_kernel,
        _: [usize; 3],
        _: [usize; 3],
    ) -> Result<(), cl_int> {
        self.call(&[queue, kernel], |_| Ok(()))
    }

    unsafe fn write(&self, to: Stretch, from: *const c_void) -> Result<(), cl_int> {
        self.call(&[to.queue, to.memory], |state| {
            let bytes = state.bytes(to)?;
            // SAFETY: as the trait says, `from` is valid for as many bytes.
            unsafe { std::ptr::copy_nonoverlapping(from.cast(), bytes.as_mut_ptr(), bytes.len()) };
            Ok(())
        })
    }

    unsafe fn read(&self, from: Stretch, to: *mut c_void) -> Result<(), cl_int> {
        self.call(&[from.queue, from.memory], |state| {
            let bytes = state.bytes(from)?;
            // SAFETY: as the trait says, `to` is valid for as many bytes.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.cast(), bytes.len()) };
            Ok(())
        })
    }

    unsafe fn copy(&self, from: Stretch, to: usize) -> Result<(), cl_int> {
        self.call(&[from.queue, from.memory], |state| {
            let bytes = state.bytes(from)?.to_vec();
            state.bytes(Stretch { at: to, ..from })?.copy_from_slice(&bytes);
            Ok(())
        })
    }

    unsafe fn clear(&self, words: Stretch) -> Result<(), cl_int> {
        self.call(&[words.queue, words.memory], |state| {
            state.bytes(words)?.fill(0);
            Ok(())
        })
    }

    unsafe fn finish(&self, queue: cl_command_queue) -> Result<(), cl_int> {
        self.call(&[queue], |_| Ok(()))
    }

    unsafe fn release(&self, object: Object) {
        let (Object::Context(handle)
        | Object::Program(handle)
        | Object::Memory(handle)
        | Object::Queue(handle)
        | Object::Kernel(handle)) = object;
        assert!(self.with(|state| state.objects.remove(&handle.addr())).is_some(), "{object:?} is given back twice");
    }
}
