//! The schedule: each task starts when those before it are done, and equal work is done once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rayon::Scope;

use super::work::{Prepared, Work};
use crate::plan::Task;
use crate::store::Key;

/// The tasks of a run, and who waits for whom.
pub(super) struct Schedule<'w> {
    work: &'w Work<'w>,
    tasks: Vec<Task>,
    /// For each task, how many of those before it are not done yet.
    n_missing: Vec<AtomicUsize>,
    /// For each task, those that wait for it.
    waiting: Vec<Vec<usize>>,
    /// What is being made, and who came later with the same recipe: they recall it when it is made. Nobody
    /// blocks a thread for it, for a stage may use the threads itself.
    in_flight: Mutex<BTreeMap<Key, Vec<usize>>>,
}

impl<'w> Schedule<'w> {
    pub(super) fn new(work: &'w Work<'w>, tasks: Vec<Task>) -> Self {
        let indices: BTreeMap<Task, usize> =
            tasks.iter().enumerate().map(|(index, task)| (*task, index)).collect();
        let mut waiting = vec![Vec::new(); tasks.len()];
        let mut n_missing = Vec::with_capacity(tasks.len());
        for (index, task) in tasks.iter().enumerate() {
            let upstream = work.tasks.upstream(*task);
            let upstream: Vec<usize> =
                upstream.iter().filter_map(|task| indices.get(task).copied()).collect();
            upstream.iter().for_each(|before| waiting[*before].push(index));
            n_missing.push(AtomicUsize::new(upstream.len()));
        }
        Self { work, tasks, n_missing, waiting, in_flight: Mutex::new(BTreeMap::new()) }
    }

    /// How many tasks each step has, by name.
    pub(super) fn n_per_step(&self) -> Vec<(String, usize)> {
        let steps = self.work.tasks.steps.iter().enumerate();
        let counted = steps.map(|(index, step)| {
            (step.name.clone(), self.tasks.iter().filter(|task| task.step == index).count())
        });
        counted.filter(|(_, n)| *n > 0).collect()
    }

    /// Carries out every task, on all threads.
    pub(super) fn carry_out(&self) {
        let is_ready = |index: &usize| self.n_missing[*index].load(Ordering::Relaxed) == 0;
        let ready: Vec<usize> = (0..self.tasks.len()).filter(is_ready).collect();
        rayon::scope(|scope| ready.into_iter().for_each(|index| self.start(scope, index)));
    }

    fn start<'s>(&'s self, scope: &Scope<'s>, index: usize) {
        scope.spawn(move |scope| {
            if !self.work.is_over() {
                self.look_at(scope, index);
            }
        });
    }

    fn look_at<'s>(&'s self, scope: &Scope<'s>, index: usize) {
        let (task, began) = (self.tasks[index], Instant::now());
        match self.work.prepare(task) {
            Ok(Prepared::ToMake(recipe, reads)) => {
                let key = recipe.key();
                if !self.claim(key, index) {
                    return;
                }
                let made = self.work.make(task, &recipe, &reads);
                self.work.note(task, made, began.elapsed());
                self.give_up(key).into_iter().for_each(|twin| self.start(scope, twin));
            }
            Ok(Prepared::Done(done)) => self.work.note(task, Ok(done), began.elapsed()),
            Err(error) => self.work.note(task, Err(error), began.elapsed()),
        }
        for after in &self.waiting[index] {
            if self.n_missing[*after].fetch_sub(1, Ordering::AcqRel) == 1 {
                self.start(scope, *after);
            }
        }
    }

    /// Whether nobody makes this yet; otherwise the task is started again when it is made.
    fn claim(&self, key: Key, index: usize) -> bool {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        match in_flight.get_mut(&key) {
            Some(twins) => {
                twins.push(index);
                false
            }
            None => {
                in_flight.insert(key, Vec::new());
                true
            }
        }
    }

    fn give_up(&self, key: Key) -> Vec<usize> {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.remove(&key).unwrap_or_default()
    }
}
