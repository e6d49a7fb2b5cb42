//! `attestry`: one binary, every role. See `attestry --help`.

use std::process::ExitCode;

/// A better tail than the system's allocator when many threads free what others allocated.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    attestry::cli::main()
}
