//! The schedule: each task starts when those before it are done, and equal work is done once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rayon::Scope;

use super::memory::Budget;
use super::work::{Prepared, Work};
use crate::plan::{Step, Task, Tasks};
use crate::store::Key;

/// The tasks of a run, and who waits for whom: all of it arithmetic on the numbers of steps and clips.
pub(super) struct Schedule<'w, 's> {
    work: &'w Work<'w, 's>,
    /// For each task of the dataset, how many of those before it are not done yet.
    n_missing: Vec<AtomicU32>,
    /// For each step, the steps that read from it.
    downstream: Vec<Vec<usize>>,
    /// For each step, the number of its first task.
    first: Vec<usize>,
    n_per_step: Vec<usize>,
    /// What is being made, and who came later with the same recipe: they recall it when it is made. Nobody
    /// blocks a thread for it, for a stage may use the threads itself.
    in_flight: Mutex<BTreeMap<Key, Vec<Task>>>,
    budget: Budget,
}

/// Stands for a task that is not in this run.
const NOT_HERE: u32 = u32::MAX;

impl<'w, 's> Schedule<'w, 's> {
    pub(super) fn new(work: &'w Work<'w, 's>, scheduled: &[Task], memory: Option<u64>) -> Self {
        let tasks = work.tasks;
        let mut schedule = Self {
            work,
            n_missing: (0..tasks.len()).map(|_| AtomicU32::new(NOT_HERE)).collect(),
            downstream: downstream(tasks),
            first: first(tasks),
            n_per_step: vec![0; tasks.steps.len()],
            in_flight: Mutex::new(BTreeMap::new()),
            budget: Budget::new(memory),
        };
        for task in scheduled {
            schedule.n_per_step[task.step] += 1;
            *schedule.n_missing(*task).get_mut() = 0;
        }
        for task in scheduled {
            let after: Vec<Task> = schedule.after(*task).collect();
            after.into_iter().for_each(|task| *schedule.n_missing(task).get_mut() += 1);
        }
        schedule
    }

    /// The steps that have tasks here, and how many.
    pub(super) fn n_per_step(&self) -> impl Iterator<Item = (&Step<'s>, usize)> {
        let counted = self.work.tasks.steps.iter().zip(&self.n_per_step);
        counted.filter(|(_, n)| **n > 0).map(|(step, n)| (step, *n))
    }

    /// Carries out every task, on all threads.
    pub(super) fn carry_out(&self) {
        let is_ready = |task: &Task| self.n_missing[self.number(*task)].load(Ordering::Relaxed) == 0;
        let ready: Vec<Task> = self.work.tasks.all().filter(is_ready).collect();
        rayon::scope(|scope| ready.into_iter().for_each(|task| self.start(scope, task)));
    }

    fn start<'c>(&'c self, scope: &Scope<'c>, task: Task) {
        scope.spawn(move |scope| {
            if !self.work.is_over() {
                self.look_at(scope, task);
            }
        });
    }

    fn look_at<'c>(&'c self, scope: &Scope<'c>, task: Task) {
        let began = Instant::now();
        match self.work.prepare(task) {
            Ok(Prepared::ToMake(key, found)) => {
                let need = if self.budget.is_limited() { self.work.bytes_needed(&found) } else { 0 };
                if !self.claim(key, task) {
                    return;
                }
                if !self.budget.admit(task, need) {
                    self.give_up(key).into_iter().for_each(|twin| self.start(scope, twin));
                    return;
                }
                let made = self.work.make(task, key, &found);
                self.work.note(task, made, began.elapsed());
                let waited = self.give_up(key).into_iter().chain(self.budget.release(need));
                waited.for_each(|task| self.start(scope, task));
            }
            Ok(Prepared::Done(done)) => self.work.note(task, Ok(done), began.elapsed()),
            Err(error) => self.work.note(task, Err(error), began.elapsed()),
        }
        for after in self.after(task) {
            if self.n_missing[self.number(after)].fetch_sub(1, Ordering::AcqRel) == 1 {
                self.start(scope, after);
            }
        }
    }

    /// The tasks of this run that read what this one makes.
    fn after(&self, task: Task) -> impl Iterator<Item = Task> {
        let steps = self.downstream[task.step].iter();
        let tasks = steps.map(move |step| {
            let is_per_clip = self.work.tasks.steps[*step].is_per_clip();
            Task { step: *step, clip: task.clip.filter(|_| is_per_clip) }
        });
        tasks.filter(|task| self.n_missing[self.number(*task)].load(Ordering::Relaxed) != NOT_HERE)
    }

    fn number(&self, task: Task) -> usize {
        self.first[task.step] + task.clip.unwrap_or(0)
    }

    fn n_missing(&mut self, task: Task) -> &mut AtomicU32 {
        let number = self.number(task);
        &mut self.n_missing[number]
    }

    /// Whether nobody makes this yet; otherwise the task is started again when it is made.
    fn claim(&self, key: Key, task: Task) -> bool {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        match in_flight.get_mut(&key) {
            Some(twins) => {
                twins.push(task);
                false
            }
            None => {
                in_flight.insert(key, Vec::new());
                true
            }
        }
    }

    fn give_up(&self, key: Key) -> Vec<Task> {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.remove(&key).unwrap_or_default()
    }
}

fn downstream(tasks: &Tasks) -> Vec<Vec<usize>> {
    let mut downstream = vec![Vec::new(); tasks.steps.len()];
    for (index, step) in tasks.steps.iter().enumerate() {
        step.waits_for().into_iter().for_each(|before| downstream[before].push(index));
    }
    downstream
}

fn first(tasks: &Tasks) -> Vec<usize> {
    let mut n_before = 0;
    let firsts = (0..tasks.steps.len()).map(|step| {
        let first = n_before;
        n_before += tasks.of_step(step).count();
        first
    });
    firsts.collect()
}
