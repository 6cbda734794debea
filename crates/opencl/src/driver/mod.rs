//! The driver's objects as Rust values: the only unsafe code of this crate.
//!
//! Every call of a driver is one of these functions, and every failure a [`Fault`] with the call's name and the driver's
//! own. Nothing here panics when a driver fails, also not while objects are given back. What is called is a table
//! ([`calls`]): that of the loader, or in tests one that fails.

mod calls;
#[cfg(test)]
pub(crate) mod fake;

pub(crate) use calls::{Calls, Loader, text};

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use calls::{Object, Stretch};
use cl3::types::{cl_command_queue, cl_context, cl_device_id, cl_int, cl_kernel, cl_mem, cl_program};
use cl3::{device, platform};

/// Items of a group in kernels that have groups, and of a launch along its first dimension.
pub(crate) const GROUP: usize = 64;

/// Options of the driver's compiler that the contract needs.
const OPTIONS: &str = "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt";

/// `CL_DEVICE_NOT_FOUND`: a platform without devices.
const NOT_FOUND: cl_int = -1;

/// A call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The call that failed.
    pub(crate) call: &'static str,
    /// The driver's number for what went wrong.
    pub(crate) code: cl_int,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} failed with {} ({})", self.call, cl3::error_codes::error_text(self.code), self.code)
    }
}

impl Fault {
    /// True if memory was short.
    pub(crate) fn is_memory(self) -> bool {
        // CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_OUT_OF_RESOURCES, CL_OUT_OF_HOST_MEMORY, CL_INVALID_BUFFER_SIZE
        matches!(self.code, -4 | -5 | -6 | -61)
    }
}

/// Turns a driver's number into a fault of this call.
fn of(call: &'static str) -> impl Fn(cl_int) -> Fault {
    move |code| Fault { call, code }
}

/// A device as the driver knows it. It is never given back: devices live as long as the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handle(cl_device_id);

// SAFETY: a handle is an opaque name of the driver; OpenCL's functions may be called with it from any thread.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// A property, as bytes.
    pub(crate) fn property(self, name: u32) -> Result<Vec<u8>, Fault> {
        device::get_device_data(self.0, name).map_err(of("asking for a property"))
    }
}

/// True if the loader of drivers (`libOpenCL.so.1`, `OpenCL.dll`) is on this machine.
pub(crate) fn has_loader() -> bool {
    cl3::is_opencl_runtime_available()
}

/// The devices of all platforms, in the loader's order, with their platforms' names.
pub(crate) fn devices() -> Result<Vec<(String, Handle)>, Fault> {
    /// `CL_PLATFORM_NOT_FOUND_KHR`: a loader without drivers.
    const NO_PLATFORM: cl_int = -1001;
    let platforms = match platform::get_platform_ids() {
        Err(NO_PLATFORM) => Vec::new(),
        platforms => platforms.map_err(of("asking for drivers"))?,
    };
    let mut found = Vec::new();
    for id in platforms {
        let name = platform::get_platform_data(id, platform::CL_PLATFORM_NAME).map_err(of("asking a driver's name"))?;
        let devices = match device::get_device_ids(id, device::CL_DEVICE_TYPE_ALL) {
            Err(NOT_FOUND) => Vec::new(),
            devices => devices.map_err(of("asking for devices"))?,
        };
        found.extend(devices.into_iter().map(|device| (text(&name), Handle(device))));
    }
    Ok(found)
}

/// A context of one device, with the kernels compiled for it.
#[derive(Debug)]
pub(crate) struct Context {
    calls: Arc<dyn Calls>,
    context: cl_context,
    program: cl_program,
    device: Handle,
    /// Whether its device failed, so that nothing is known any more of what it holds.
    lost: AtomicBool,
}

// SAFETY: OpenCL's functions may be called from any thread with any object but a kernel, and no kernel is here.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// Compiles `source` for a device.
    ///
    /// # Errors
    /// The errors of the driver, and of its compiler for the source.
    pub(crate) fn new(calls: Arc<dyn Calls>, device: Handle, source: &str) -> Result<Arc<Context>, (Fault, String)> {
        let plain = |fault| (fault, String::new());
        // SAFETY: the handle is one of the driver's, whose devices live as long as the process.
        let context = unsafe { calls.context(device.0) }.map_err(of("making a context")).map_err(plain)?;
        // SAFETY: the context was just made.
        let program = match unsafe { calls.program(context, source) } {
            Ok(program) => program,
            Err(code) => {
                // SAFETY: nobody else has the context.
                unsafe { calls.release(Object::Context(context)) };
                return Err(plain(of("reading the kernels")(code)));
            }
        };
        // From here on whatever happens gives both back.
        let made = Context { calls, context, program, device, lost: AtomicBool::new(false) };
        let options = CString::new(OPTIONS).unwrap_or_default();
        // SAFETY: the program was just made for this device.
        let built = unsafe { made.calls.build(program, device.0, &options) };
        built.map_err(|(code, log)| (of("compiling the kernels")(code), log))?;
        Ok(Arc::new(made))
    }

    /// Notes that the device failed.
    pub(crate) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// True if it did.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: both were made by `Context::new`, and every object made with them holds this context by an `Arc`.
        unsafe {
            self.calls.release(Object::Program(self.program));
            self.calls.release(Object::Context(self.context));
        }
    }
}

/// Bytes in a device's memory.
#[derive(Debug)]
pub(crate) struct Buffer {
    memory: cl_mem,
    bytes: usize,
    context: Arc<Context>,
}

// SAFETY: as for `Context`; what is in the memory is changed through queues alone, in their order.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// So many bytes, at least 4, with any contents.
    pub(crate) fn new(context: &Arc<Context>, bytes: usize) -> Result<Buffer, Fault> {
        let bytes = bytes.max(4);
        // SAFETY: the context is there as long as somebody holds it.
        let memory = unsafe { context.calls.memory(context.context, bytes) }.map_err(of("taking memory"))?;
        Ok(Buffer { memory, bytes, context: Arc::clone(context) })
    }

    /// Number of bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// True if a range lies within it.
    fn holds(&self, from: usize, bytes: usize) -> bool {
        from.checked_add(bytes).is_some_and(|end| end <= self.bytes)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the memory is this buffer's alone.
        unsafe { self.context.calls.release(Object::Memory(self.memory)) };
    }
}

/// Arguments of a kernel, in the order of its parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Argument<'a> {
    /// `GLOBAL` memory.
    Buffer(&'a Buffer),
    /// `uint`.
    U32(u32),
    /// `ulong`.
    U64(u64),
    /// `float`.
    F32(f32),
}

/// A queue of commands, done one after the other, with kernels of its own.
#[derive(Debug)]
pub(crate) struct Queue {
    queue: cl_command_queue,
    kernels: HashMap<&'static str, cl_kernel>,
    context: Arc<Context>,
}

// SAFETY: kernels may be used by one thread at a time; launching one takes `&mut self`.
unsafe impl Send for Queue {}
// SAFETY: what takes `&self` only reads buffers, and the driver's queues may be used by any thread.
unsafe impl Sync for Queue {}

impl Queue {
    /// An empty queue.
    pub(crate) fn new(context: &Arc<Context>) -> Result<Queue, Fault> {
        // SAFETY: the context is of this device.
        let queue = unsafe { context.calls.queue(context.context, context.device.0) };
        let queue = queue.map_err(of("making a queue"))?;
        Ok(Queue { queue, kernels: HashMap::new(), context: Arc::clone(context) })
    }

    /// The context that its buffers belong to.
    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The kernel of this name.
    fn kernel(&mut self, name: &'static str) -> Result<cl_kernel, Fault> {
        if let Some(kernel) = self.kernels.get(name) {
            return Ok(*kernel);
        }
        let spelled = CString::new(name).unwrap_or_default();
        // SAFETY: the context holds the program.
        let kernel = unsafe { self.context.calls.kernel(self.context.program, &spelled) }.map_err(of(name))?;
        self.kernels.insert(name, kernel);
        Ok(kernel)
    }

    /// Launches a kernel for at least so many items along each dimension: the first is brought to whole groups, so that
    /// kernels compare their numbers with their counts.
    pub(crate) fn launch(
        &mut self,
        name: &'static str,
        items: [usize; 3],
        arguments: &[Argument<'_>],
    ) -> Result<(), Fault> {
        if items.contains(&0) {
            return Ok(());
        }
        let kernel = self.kernel(name)?;
        for (index, argument) in arguments.iter().enumerate() {
            let (size, value): (usize, *const c_void) = match argument {
                Argument::Buffer(buffer) => (size_of::<cl_mem>(), std::ptr::from_ref(&buffer.memory).cast()),
                Argument::U32(number) => (4, std::ptr::from_ref(number).cast()),
                Argument::U64(number) => (8, std::ptr::from_ref(number).cast()),
                Argument::F32(number) => (4, std::ptr::from_ref(number).cast()),
            };
            // SAFETY: the kernel is this queue's, which `&mut self` has alone; the value is as long as is said.
            unsafe { self.context.calls.argument(kernel, index as u32, size, value) }.map_err(of(name))?;
        }
        let global = [items[0].next_multiple_of(GROUP), items[1], items[2]];
        let local = [GROUP, 1, 1];
        // SAFETY: all parameters are set. The kernels of this crate stay within their buffers for the counts that they are
        // given; the device's own code computes counts and places from checked batches and sealed programs.
        unsafe { self.context.calls.launch(self.queue, kernel, global, local) }.map_err(of(name))
    }

    /// Writes to a buffer, from byte `at` on; returns when the host's bytes may be changed again.
    pub(crate) fn write<T: Plain>(&self, to: &Buffer, at: usize, from: &[T]) -> Result<(), Fault> {
        let bytes = size_of_val(from);
        if bytes == 0 {
            return Ok(());
        }
        if !to.holds(at, bytes) {
            return Err(of("writing")(INVALID_VALUE));
        }
        // SAFETY: both ranges exist.
        unsafe { self.context.calls.write(self.stretch(to, at, bytes), from.as_ptr().cast()) }.map_err(of("writing"))
    }

    /// Reads from a buffer, from byte `at` on, after all commands before.
    pub(crate) fn read<T: Plain>(&self, from: &Buffer, at: usize, to: &mut [T]) -> Result<(), Fault> {
        let bytes = size_of_val(to);
        if bytes == 0 {
            return Ok(());
        }
        if !from.holds(at, bytes) {
            return Err(of("reading")(INVALID_VALUE));
        }
        // SAFETY: both ranges exist, and every bit pattern is a number of these types.
        unsafe { self.context.calls.read(self.stretch(from, at, bytes), to.as_mut_ptr().cast()) }.map_err(of("reading"))
    }

    /// Copies bytes within a buffer; the ranges do not overlap.
    pub(crate) fn copy(&self, buffer: &Buffer, from: usize, to: usize, bytes: usize) -> Result<(), Fault> {
        if bytes == 0 || from == to {
            return Ok(());
        }
        if !buffer.holds(from, bytes) || !buffer.holds(to, bytes) {
            return Err(of("copying")(INVALID_VALUE));
        }
        // SAFETY: both ranges lie in the buffer.
        unsafe { self.context.calls.copy(self.stretch(buffer, from, bytes), to) }.map_err(of("copying"))
    }

    /// Sets all whole words of a buffer to zero: drivers take memory when it is first written, and so say at once if there
    /// is none.
    pub(crate) fn clear(&self, buffer: &Buffer) -> Result<(), Fault> {
        let words = self.stretch(buffer, 0, buffer.bytes / 4 * 4);
        // SAFETY: these are whole words of the buffer.
        unsafe { self.context.calls.clear(words) }.map_err(of("clearing memory"))
    }

    /// Waits for all commands.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        // SAFETY: the queue is this value's.
        unsafe { self.context.calls.finish(self.queue) }.map_err(of("waiting"))
    }

    fn stretch(&self, buffer: &Buffer, at: usize, bytes: usize) -> Stretch {
        Stretch { queue: self.queue, memory: buffer.memory, at, bytes }
    }
}

/// `CL_INVALID_VALUE`.
const INVALID_VALUE: cl_int = -30;

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: kernels and queue are this value's alone.
        unsafe {
            for kernel in self.kernels.values() {
                self.context.calls.release(Object::Kernel(*kernel));
            }
            self.context.calls.release(Object::Queue(self.queue));
        }
    }
}

/// Numbers without padding, of which every bit pattern is one.
pub(crate) trait Plain: Copy {}

impl Plain for u8 {}
impl Plain for u32 {}
impl Plain for f32 {}
