//! One thread for a forward pass: whatever candle would spread over threads stays on one.

use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// Pools of one thread that nobody uses now.
static IDLE: Mutex<Vec<ThreadPool>> = Mutex::new(Vec::new());

/// Does `work` on one thread of its own, and waits for it.
///
/// Windows are what runs side by side: a network that is spread over threads as well is no faster. The caller waits without
/// taking up other work meanwhile: a thread of rayon's that waited as rayon does would begin another window in the
/// middle of this one, and hold the memory of both.
///
/// # Errors
/// When no thread can be had.
pub fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let pool = match idle {
        Some(pool) => pool,
        None => ThreadPoolBuilder::new().num_threads(1).build().map_err(no_thread)?,
    };
    let done = std::thread::scope(|scope| scope.spawn(|| pool.install(work)).join());
    IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(pool);
    done.map_err(|panic| std::panic::resume_unwind(panic))
}

fn no_thread(cause: impl std::fmt::Display) -> Error {
    Error::world(format!("cannot start a thread for a network: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_sees_one_thread_and_gives_its_result() {
        assert_eq!(alone(rayon::current_num_threads).unwrap(), 1);
        let from_many = rayon::join(|| alone(|| 1).unwrap(), || alone(|| 2).unwrap());
        assert_eq!(from_many, (1, 2));
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_thread_lives_on() {
        let panicked = std::panic::catch_unwind(|| alone::<()>(|| panic!("no")));
        assert!(panicked.is_err());
        assert_eq!(alone(|| 3).unwrap(), 3);
    }
}
