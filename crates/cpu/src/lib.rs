//! Operations of the numeric contract for CPUs, the memory that holds them and the threads that run them.
