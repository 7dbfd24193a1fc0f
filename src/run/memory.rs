//! Memory: tasks wait until what they are expected to need is free.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::plan::Task;

/// Bytes for each sample of a source that normalize decodes: it holds them as f64. Measured: five minutes of stereo at
/// 96,000 Hz took 461 MB.
pub(super) const PER_SAMPLE_OF_SOURCE: f64 = 8.0;

/// Bytes for each sample of the master that it makes of them. Measured: ten minutes at 44,100 Hz, mono, took 424 MB.
pub(super) const PER_SAMPLE_OF_MASTER: f64 = 16.0;

/// Bytes for each byte of a master that a stage reads. Measured: 5.0 where ten minutes are one segment.
pub(super) const PER_BYTE_OF_MASTER: u64 = 6;

/// Bytes for each byte of anything else: features are parsed from bytes to numbers, and joined in a matrix.
pub(super) const PER_BYTE_OF_VALUE: u64 = 3;

/// Bytes for each byte of a file with a map, which is compressed, and compared with the rows that are placed on it.
pub(super) const PER_BYTE_OF_MAP: u64 = 16;

/// What all tasks that run at one time may need together.
#[derive(Debug)]
pub(super) struct Budget {
    /// None where there is no limit.
    most: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    waiting: VecDeque<(Task, u64)>,
}

impl Budget {
    /// A budget of so many bytes, or without a limit.
    pub(super) fn new(most: Option<u64>) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// Whether there is a limit, so that needs have to be known.
    pub(super) fn is_limited(&self) -> bool {
        self.most.is_some()
    }

    /// Whether a task that needs so many bytes may start now; otherwise it is handed out later. One that needs
    /// more than there is may start when nothing else runs.
    pub(super) fn admit(&self, task: Task, need: u64) -> bool {
        let Some(most) = self.most else { return true };
        let mut state = self.state();
        let fits = state.used == 0 || state.used.saturating_add(need) <= most;
        if fits {
            state.used += need;
        } else {
            state.waiting.push_back((task, need));
        }
        fits
    }

    /// Takes back what an admitted task needed, and hands out the tasks that may be asked for again.
    pub(super) fn release(&self, need: u64) -> Vec<Task> {
        let Some(most) = self.most else { return Vec::new() };
        let mut state = self.state();
        state.used = state.used.saturating_sub(need);
        let mut free = most.saturating_sub(state.used);
        let mut ready = Vec::new();
        let is_idle = state.used == 0;
        while let Some((task, need)) = state.waiting.front().copied() {
            if need > free && !(is_idle && ready.is_empty()) {
                break;
            }
            free = free.saturating_sub(need);
            ready.push(task);
            state.waiting.pop_front();
        }
        ready
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(clip: usize) -> Task {
        Task { step: 0, clip: Some(clip) }
    }

    #[test]
    fn tasks_wait_until_there_is_room_and_none_waits_for_ever() {
        let budget = Budget::new(Some(10));
        assert!(budget.admit(task(0), 6) && budget.admit(task(1), 4));
        assert!(!budget.admit(task(2), 5) && !budget.admit(task(3), 5) && !budget.admit(task(4), 99));
        assert_eq!(budget.release(4), []);
        assert_eq!(budget.release(6), [task(2), task(3)]);
        assert!(budget.admit(task(2), 5) && budget.admit(task(3), 5));
        assert_eq!(budget.release(5), []);
        assert_eq!(budget.release(5), [task(4)], "it needs more than there is, so it runs alone");
        assert!(budget.admit(task(4), 99));
        assert!(!budget.admit(task(5), 1));
        assert_eq!(budget.release(99), [task(5)]);
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let budget = Budget::new(None);
        assert!(budget.admit(task(0), u64::MAX) && budget.admit(task(1), u64::MAX));
        assert_eq!(budget.release(u64::MAX), []);
    }
}
