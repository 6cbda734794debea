//! The functions of a driver that are called once a device was found, as a table: tests put another driver in its place, which fails
//! when it is told to.

use std::ffi::{CStr, c_void};
use std::fmt::Debug;

use cl3::command_queue as queue;
use cl3::types::{cl_command_queue, cl_context, cl_device_id, cl_event, cl_int, cl_kernel, cl_mem, cl_program};
use cl3::{context, kernel, memory, program};

/// Something that a driver made and that is given back to it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Object {
    Context(cl_context),
    Program(cl_program),
    Memory(cl_mem),
    Queue(cl_command_queue),
    Kernel(cl_kernel),
}

/// Bytes of a driver's memory, and the queue whose command works on them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    pub(crate) queue: cl_command_queue,
    pub(crate) memory: cl_mem,
    pub(crate) at: usize,
    pub(crate) bytes: usize,
}

/// A driver's functions; each gives the driver's number where it fails.
///
/// # Safety
/// Whoever calls one hands over objects that the same table made, that were not given back, and that are used by one thread at a time
/// where they are kernels; stretches lie within their memory, and pointers are valid for as many bytes as is said.
pub(crate) trait Calls: Debug + Send + Sync {
    /// A context of one device.
    unsafe fn context(&self, device: cl_device_id) -> Result<cl_context, cl_int>;

    /// A program of this text.
    unsafe fn program(&self, context: cl_context, source: &str) -> Result<cl_program, cl_int>;

    /// Compiles a program; where that fails, what the compiler says as well.
    unsafe fn build(&self, program: cl_program, device: cl_device_id, options: &CStr) -> Result<(), (cl_int, String)>;

    /// So many bytes of the device's memory.
    unsafe fn memory(&self, context: cl_context, bytes: usize) -> Result<cl_mem, cl_int>;

    /// A queue whose commands are done one after the other.
    unsafe fn queue(&self, context: cl_context, device: cl_device_id) -> Result<cl_command_queue, cl_int>;

    /// The kernel of this name.
    unsafe fn kernel(&self, program: cl_program, name: &CStr) -> Result<cl_kernel, cl_int>;

    /// Sets an argument of a kernel to the bytes at `value`, which are copied.
    unsafe fn argument(&self, kernel: cl_kernel, index: u32, size: usize, value: *const c_void) -> Result<(), cl_int>;

    /// Launches a kernel whose arguments are set.
    unsafe fn launch(
        &self,
        queue: cl_command_queue,
        kernel: cl_kernel,
        global: [usize; 3],
        local: [usize; 3],
    ) -> Result<(), cl_int>;

    /// Writes from the host; returns when its bytes may be changed again.
    unsafe fn write(&self, to: Stretch, from: *const c_void) -> Result<(), cl_int>;

    /// Reads to the host after all commands before; returns when all is there.
    unsafe fn read(&self, from: Stretch, to: *mut c_void) -> Result<(), cl_int>;

    /// Copies within one memory, to byte `to`; the ranges do not overlap.
    unsafe fn copy(&self, from: Stretch, to: usize) -> Result<(), cl_int>;

    /// Sets whole words to zero.
    unsafe fn clear(&self, words: Stretch) -> Result<(), cl_int>;

    /// Waits for all commands.
    unsafe fn finish(&self, queue: cl_command_queue) -> Result<(), cl_int>;

    /// Gives an object back; a driver that fails here is not heard.
    unsafe fn release(&self, object: Object);
}

/// The functions of the loader that this machine has.
#[derive(Debug)]
pub(crate) struct Loader;

/// A driver's text without its last zero.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).trim().to_owned()
}

/// Gives the event back that a command made: nobody waits for it.
fn done(event: cl_event) {
    // SAFETY: the event was just made by a command and is known here alone.
    let _ = unsafe { cl3::event::release_event(event) };
}

impl Calls for Loader {
    unsafe fn context(&self, device: cl_device_id) -> Result<cl_context, cl_int> {
        context::create_context(&[device], std::ptr::null(), None, std::ptr::null_mut())
    }

    unsafe fn program(&self, context: cl_context, source: &str) -> Result<cl_program, cl_int> {
        program::create_program_with_source(context, &[source])
    }

    unsafe fn build(&self, program: cl_program, device: cl_device_id, options: &CStr) -> Result<(), (cl_int, String)> {
        program::build_program(program, &[device], options, None, std::ptr::null_mut()).map_err(|code| {
            let log = program::get_program_build_data(program, device, program::CL_PROGRAM_BUILD_LOG);
            (code, log.map(|log| text(&log)).unwrap_or_default())
        })
    }

    unsafe fn memory(&self, context: cl_context, bytes: usize) -> Result<cl_mem, cl_int> {
        // SAFETY: no memory of the host is handed over.
        unsafe { memory::create_buffer(context, memory::CL_MEM_READ_WRITE, bytes, std::ptr::null_mut()) }
    }

    unsafe fn queue(&self, context: cl_context, device: cl_device_id) -> Result<cl_command_queue, cl_int> {
        // SAFETY: as the trait says, and whoever calls has made the context of this device.
        unsafe { queue::create_command_queue(context, device, 0) }
    }

    unsafe fn kernel(&self, program: cl_program, name: &CStr) -> Result<cl_kernel, cl_int> {
        kernel::create_kernel(program, name)
    }

    unsafe fn argument(&self, kernel: cl_kernel, index: u32, size: usize, value: *const c_void) -> Result<(), cl_int> {
        // SAFETY: as the trait says; a size that is not the parameter's is an error of the driver's.
        unsafe { kernel::set_kernel_arg(kernel, index, size, value) }
    }

    unsafe fn launch(
        &self,
        queue: cl_command_queue,
        kernel: cl_kernel,
        global: [usize; 3],
        local: [usize; 3],
    ) -> Result<(), cl_int> {
        let (at, none) = (std::ptr::null(), std::ptr::null());
        // SAFETY: as the trait says; both lists have as many numbers as dimensions are named.
        unsafe { queue::enqueue_nd_range_kernel(queue, kernel, 3, at, global.as_ptr(), local.as_ptr(), 0, none) }
            .map(done)
    }

    unsafe fn write(&self, to: Stretch, from: *const c_void) -> Result<(), cl_int> {
        let Stretch { queue, memory, at, bytes } = to;
        // SAFETY: as the trait says, and the call blocks until the host's bytes were read.
        unsafe { queue::enqueue_write_buffer(queue, memory, 1, at, bytes, from, 0, std::ptr::null()) }.map(done)
    }

    unsafe fn read(&self, from: Stretch, to: *mut c_void) -> Result<(), cl_int> {
        let Stretch { queue, memory, at, bytes } = from;
        // SAFETY: as the trait says, and the call blocks until all is there.
        unsafe { queue::enqueue_read_buffer(queue, memory, 1, at, bytes, to, 0, std::ptr::null()) }.map(done)
    }

    unsafe fn copy(&self, from: Stretch, to: usize) -> Result<(), cl_int> {
        let Stretch { queue, memory, at, bytes } = from;
        // SAFETY: as the trait says.
        unsafe { queue::enqueue_copy_buffer(queue, memory, memory, at, to, bytes, 0, std::ptr::null()) }.map(done)
    }

    unsafe fn clear(&self, words: Stretch) -> Result<(), cl_int> {
        let (Stretch { queue, memory, at, bytes }, zero) = (words, 0_u32);
        let pattern = std::ptr::from_ref(&zero).cast();
        // SAFETY: as the trait says; the pattern is a word, which the driver copies.
        unsafe { queue::enqueue_fill_buffer(queue, memory, pattern, 4, at, bytes, 0, std::ptr::null()) }.map(done)
    }

    unsafe fn finish(&self, queue: cl_command_queue) -> Result<(), cl_int> {
        queue::finish(queue)
    }

    unsafe fn release(&self, object: Object) {
        // SAFETY: as the trait says; commands that still use an object hold it themselves.
        let _ = unsafe {
            match object {
                Object::Context(context) => context::release_context(context),
                Object::Program(program) => program::release_program(program),
                Object::Memory(memory) => memory::release_mem_object(memory),
                Object::Queue(queue) => queue::release_command_queue(queue),
                Object::Kernel(kernel) => kernel::release_kernel(kernel),
            }
        };
    }
}
