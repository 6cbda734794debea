//! The driver's objects as Rust values: the only unsafe code of this crate.
//!
//! Every call of a driver is one of these functions, and every failure a [`Fault`] with the call's name and the driver's
//! own. Nothing here panics when a driver fails, also not while objects are given back.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::sync::Arc;

use cl3::command_queue as queue;
use cl3::types::{cl_command_queue, cl_context, cl_device_id, cl_event, cl_int, cl_kernel, cl_mem, cl_program};
use cl3::{context, device, kernel, memory, platform, program};

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

/// A driver's text without its last zero.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).trim().to_owned()
}

/// A context of one device, with the kernels compiled for it.
#[derive(Debug)]
pub(crate) struct Context {
    context: cl_context,
    program: cl_program,
    device: Handle,
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
    pub(crate) fn new(device: Handle, source: &str) -> Result<Arc<Context>, (Fault, String)> {
        let plain = |fault| (fault, String::new());
        let context = context::create_context(&[device.0], std::ptr::null(), None, std::ptr::null_mut());
        let context = context.map_err(of("making a context")).map_err(plain)?;
        let program = program::create_program_with_source(context, &[source]).map_err(of("reading the kernels"));
        // From here on whatever happens gives both back.
        let program = match program {
            Ok(program) => program,
            Err(fault) => {
                // SAFETY: the context was just made and nobody else has it.
                let _ = unsafe { context::release_context(context) };
                return Err(plain(fault));
            }
        };
        let made = Context { context, program, device };
        let options = CString::new(OPTIONS).unwrap_or_default();
        if let Err(code) = program::build_program(program, &[device.0], &options, None, std::ptr::null_mut()) {
            let log = program::get_program_build_data(program, device.0, program::CL_PROGRAM_BUILD_LOG);
            return Err((of("compiling the kernels")(code), log.map(|log| text(&log)).unwrap_or_default()));
        }
        Ok(Arc::new(made))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: both were made by `Context::new`, and every object made with them holds this context by an `Arc`.
        unsafe {
            let _ = program::release_program(self.program);
            let _ = context::release_context(self.context);
        }
    }
}

/// Bytes in a device's memory.
#[derive(Debug)]
pub(crate) struct Buffer {
    memory: cl_mem,
    bytes: usize,
    _context: Arc<Context>,
}

// SAFETY: as for `Context`; what is in the memory is changed through queues alone, in their order.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// So many bytes, at least 4, with any contents.
    pub(crate) fn new(context: &Arc<Context>, bytes: usize) -> Result<Buffer, Fault> {
        let bytes = bytes.max(4);
        // SAFETY: no memory of the host is handed over.
        let memory =
            unsafe { memory::create_buffer(context.context, memory::CL_MEM_READ_WRITE, bytes, std::ptr::null_mut()) };
        let memory = memory.map_err(of("taking memory"))?;
        Ok(Buffer { memory, bytes, _context: Arc::clone(context) })
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
        // SAFETY: the memory is this buffer's alone; commands that still use it hold it themselves.
        let _ = unsafe { memory::release_mem_object(self.memory) };
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

/// Gives an event back that nobody waits for.
fn done(event: cl_event) {
    // SAFETY: the event was just made by a command and is known here alone.
    let _ = unsafe { cl3::event::release_event(event) };
}

impl Queue {
    /// An empty queue.
    pub(crate) fn new(context: &Arc<Context>) -> Result<Queue, Fault> {
        // SAFETY: the context holds this device.
        let queue = unsafe { queue::create_command_queue(context.context, context.device.0, 0) };
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
        let kernel = kernel::create_kernel(self.context.program, &spelled).map_err(of(name))?;
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
            // SAFETY: the value is as long as is said, and the driver copies it; a size that is not the parameter's is an
            // error of the driver's.
            unsafe { kernel::set_kernel_arg(kernel, index as u32, size, value) }.map_err(of(name))?;
        }
        let global = [items[0].next_multiple_of(GROUP), items[1], items[2]];
        let local = [GROUP, 1, 1];
        // SAFETY: all parameters are set. The kernels of this crate stay within their buffers for the counts that they are
        // given; the device's own code computes counts and places from checked batches and sealed programs.
        let event = unsafe {
            queue::enqueue_nd_range_kernel(
                self.queue,
                kernel,
                3,
                std::ptr::null(),
                global.as_ptr(),
                local.as_ptr(),
                0,
                std::ptr::null(),
            )
        };
        event.map(done).map_err(of(name))
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
        // SAFETY: both ranges exist, and the call blocks until the host's was read.
        let event = unsafe {
            queue::enqueue_write_buffer(self.queue, to.memory, 1, at, bytes, from.as_ptr().cast(), 0, std::ptr::null())
        };
        event.map(done).map_err(of("writing"))
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
        // SAFETY: both ranges exist, every bit pattern is a number of these types, and the call blocks until all is there.
        let event = unsafe {
            queue::enqueue_read_buffer(
                self.queue,
                from.memory,
                1,
                at,
                bytes,
                to.as_mut_ptr().cast(),
                0,
                std::ptr::null(),
            )
        };
        event.map(done).map_err(of("reading"))
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
        let event = unsafe {
            queue::enqueue_copy_buffer(self.queue, buffer.memory, buffer.memory, from, to, bytes, 0, std::ptr::null())
        };
        event.map(done).map_err(of("copying"))
    }

    /// Sets all whole words of a buffer to zero: drivers take memory when it is first written, and so say at once if there
    /// is none.
    pub(crate) fn clear(&self, buffer: &Buffer) -> Result<(), Fault> {
        let zero = 0_u32;
        // SAFETY: the pattern is a word, which the driver copies, and the range is whole words of the buffer.
        let event = unsafe {
            queue::enqueue_fill_buffer(
                self.queue,
                buffer.memory,
                std::ptr::from_ref(&zero).cast(),
                4,
                0,
                buffer.bytes / 4 * 4,
                0,
                std::ptr::null(),
            )
        };
        event.map(done).map_err(of("clearing memory"))
    }

    /// Waits for all commands.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        queue::finish(self.queue).map_err(of("waiting"))
    }
}

/// `CL_INVALID_VALUE`.
const INVALID_VALUE: cl_int = -30;

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: kernels and queue are this value's alone.
        unsafe {
            for kernel in self.kernels.values() {
                let _ = kernel::release_kernel(*kernel);
            }
            let _ = queue::release_command_queue(self.queue);
        }
    }
}

/// Numbers without padding, of which every bit pattern is one.
pub(crate) trait Plain: Copy {}

impl Plain for u8 {}
impl Plain for u32 {}
impl Plain for f32 {}
