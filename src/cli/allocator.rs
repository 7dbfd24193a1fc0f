//! Memory that is free again goes back to the system, for a build that was given a limit.

/// Read by glibc when a program starts, and only then. Unless it is set, blocks of up to 32 MB are kept for later once
/// one of their size was freed, up to 64 MB for each thread: measured, a build given 160 MB took 204.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const VARIABLE: &str = "MALLOC_MMAP_THRESHOLD_";

/// Blocks of so many bytes and more are given back as soon as they are free.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const THRESHOLD: &str = "1048576";

/// Starts the program again in its own place with an allocator that gives back what is free, unless it was started so.
/// Where that cannot be done the build only takes more memory.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn give_back_what_is_free() {
    use std::os::unix::process::CommandExt;
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_default();
    let _ = std::process::Command::new(program).arg0(name).args(words).env(VARIABLE, THRESHOLD).exec();
}

/// Other allocators give back what is free.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_back_what_is_free() {}
