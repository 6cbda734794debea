//! The `hefu` program.

fn main() -> std::process::ExitCode {
    hefu::library::main()
}
