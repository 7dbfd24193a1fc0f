//! Progress: on a terminal a bar per step and how much time is left, a line per step elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Talk;
use super::talk::duration;
use crate::run::{Event, Expected, How};

/// Listens to a run and shows how far it is.
pub(super) struct Progress {
    talk: Talk,
    bars: MultiProgress,
    state: Mutex<State>,
}

struct State {
    steps: BTreeMap<String, Step>,
    /// The line under the bars.
    whole: Option<ProgressBar>,
    began: Instant,
}

struct Step {
    n_tasks: usize,
    n_by_how: BTreeMap<&'static str, usize>,
    /// How long the tasks took that ran.
    took: Duration,
    pace: Option<Duration>,
    bar: Option<ProgressBar>,
    /// When it was last said how far its one task is.
    said: Instant,
}

/// So often it is said how far a long task is, where there are no bars.
const SAID_EVERY: Duration = Duration::from_secs(10);
/// After so many tasks of a step, its pace is that of this run.
const ENOUGH: usize = 5;

impl Progress {
    pub(super) fn new(talk: Talk) -> Self {
        let state = State { steps: BTreeMap::new(), whole: None, began: Instant::now() };
        Self { talk, bars: MultiProgress::new(), state: Mutex::new(state) }
    }

    pub(super) fn hear(&self, event: &Event) {
        match event {
            Event::Began(expected) => self.begin(expected),
            Event::Done { step, how, took } => self.done(step, *how, *took),
            Event::Progressed { step, share } => self.progressed(step, *share),
            Event::Warned(text) => self.bars.suspend(|| self.talk.warning(text)),
        }
    }

    fn begin(&self, expected: &[Expected]) {
        let mut state = self.state();
        state.began = Instant::now();
        for Expected { step, n_tasks, pace } in expected {
            let bar = self.talk.shows_bars().then(|| self.bar(step, *n_tasks));
            let (n_by_how, took) = (BTreeMap::new(), Duration::ZERO);
            let said = Instant::now();
            state
                .steps
                .insert(step.clone(), Step { n_tasks: *n_tasks, n_by_how, took, pace: *pace, bar, said });
        }
        if self.talk.shows_bars() && !expected.is_empty() {
            state.whole = Some(self.line());
        }
    }

    fn bar(&self, name: &str, n_tasks: usize) -> ProgressBar {
        let style = style("{prefix:24} [{bar:30}] {pos}/{len} {msg}").progress_chars("=> ");
        self.bars.add(ProgressBar::new(n_tasks as u64).with_style(style).with_prefix(name.to_owned()))
    }

    fn line(&self) -> ProgressBar {
        self.bars.add(ProgressBar::no_length().with_style(style("{msg}")))
    }

    fn done(&self, name: &str, how: How, took: Duration) {
        let mut state = self.state();
        let Some(step) = state.steps.get_mut(name) else { return };
        *step.n_by_how.entry(word(how)).or_default() += 1;
        step.took += if how == How::Ran { took } else { Duration::ZERO };
        let is_done = step.n_done() == step.n_tasks;
        if let Some(bar) = &step.bar {
            bar.inc(1);
            if is_done {
                bar.finish_and_clear();
            }
        }
        // A step in which nothing happened is not worth a line.
        if is_done && step.n_by_how.keys().any(|how| *how != "recalled") {
            self.bars.suspend(|| self.talk.say(step.summary(name)));
        }
        state.show_whole();
    }

    /// Says how far the one task of a step is: in its bar, or in a line now and then.
    fn progressed(&self, name: &str, share: f64) {
        let mut state = self.state();
        let Some(step) = state.steps.get_mut(name) else { return };
        let percent = format!("{:.0} %", (100.0 * share).floor());
        match &step.bar {
            Some(bar) => bar.set_message(percent),
            None if step.said.elapsed() >= SAID_EVERY => {
                step.said = Instant::now();
                self.talk.say(format!("{name}: {percent}"));
            }
            None => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn show_whole(&self) {
        let Some(line) = &self.whole else { return };
        let n_done: usize = self.steps.values().map(Step::n_done).sum();
        let n_tasks: usize = self.steps.values().map(|step| step.n_tasks).sum();
        if n_done == n_tasks {
            line.finish_and_clear();
            return;
        }
        let elapsed = self.began.elapsed();
        let rate = n_done as f64 / elapsed.as_secs_f64().max(0.001);
        let left =
            self.time_left().map_or_else(String::new, |left| format!(", {} left", duration(left.as_secs())));
        line.set_message(format!(
            "{n_done} of {n_tasks} tasks, {rate:.1}/s, {}{left}",
            duration(elapsed.as_secs())
        ));
    }

    /// The time that what is left takes on all threads; none while a step's pace is unknown.
    fn time_left(&self) -> Option<Duration> {
        let lefts = self.steps.values().map(|step| {
            let n_left = step.n_tasks - step.n_done();
            if n_left == 0 { Some(0.0) } else { Some(step.pace()?.as_secs_f64() * n_left as f64) }
        });
        let seconds = lefts.sum::<Option<f64>>()? / rayon::current_num_threads().max(1) as f64;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

impl Step {
    fn n_done(&self) -> usize {
        self.n_by_how.values().sum()
    }

    /// How long a task takes: in this run once enough of them are done, or else in earlier ones.
    fn pace(&self) -> Option<Duration> {
        let n_done = self.n_done();
        let of_this_run = self.took / u32::try_from(n_done.max(1)).unwrap_or(u32::MAX);
        if n_done >= ENOUGH { Some(of_this_run) } else { self.pace.or((n_done > 0).then_some(of_this_run)) }
    }

    fn summary(&self, name: &str) -> String {
        let counts: Vec<String> = self.n_by_how.iter().map(|(how, n)| format!("{n} {how}")).collect();
        format!("{name}: {} ({:.1} s)", counts.join(", "), self.took.as_secs_f64())
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn word(how: How) -> &'static str {
    match how {
        How::Ran => "ran",
        How::Recalled => "recalled",
        How::Failed => "failed",
        How::Skipped => "skipped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(n_tasks: usize, n_ran: usize, took_s: u64, pace_s: Option<u64>) -> Step {
        Step {
            n_tasks,
            n_by_how: BTreeMap::from([("ran", n_ran)]),
            took: Duration::from_secs(took_s),
            pace: pace_s.map(Duration::from_secs),
            bar: None,
            said: Instant::now(),
        }
    }

    #[test]
    fn time_left_follows_earlier_runs_first_and_this_one_later() {
        let threads = rayon::current_num_threads() as f64;
        for (steps, seconds) in [
            (vec![step(10, 0, 0, Some(3))], Some(30.0)),
            (vec![step(10, 4, 4, Some(3))], Some(18.0)),
            (vec![step(10, 5, 5, Some(3))], Some(5.0)),
            (vec![step(10, 5, 5, Some(3)), step(2, 0, 0, Some(60))], Some(125.0)),
            (vec![step(10, 5, 5, None), step(2, 0, 0, None)], None),
            (vec![step(10, 10, 5, None)], Some(0.0)),
        ] {
            let steps = steps.into_iter().enumerate().map(|(n, step)| (n.to_string(), step)).collect();
            let state = State { steps, whole: None, began: Instant::now() };
            let left = state.time_left().map(|left| left.as_secs_f64());
            assert_eq!(left, seconds.map(|seconds: f64| seconds / threads));
        }
    }
}
