//! Progress: a bar per step on a terminal, a line per step elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Talk;
use crate::run::{Event, How};

/// Listens to a run and shows how far it is.
pub(super) struct Progress {
    talk: Talk,
    bars: MultiProgress,
    steps: Mutex<BTreeMap<String, Step>>,
}

struct Step {
    n_tasks: usize,
    n_by_how: BTreeMap<&'static str, usize>,
    took: Duration,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(talk: Talk) -> Self {
        Self { talk, bars: MultiProgress::new(), steps: Mutex::new(BTreeMap::new()) }
    }

    pub(super) fn hear(&self, event: &Event) {
        match event {
            Event::Began(steps) => self.begin(steps),
            Event::Done { step, how, took } => self.done(step, *how, *took),
            Event::Warned(text) => self.bars.suspend(|| self.talk.warning(text)),
        }
    }

    fn begin(&self, n_per_step: &[(String, usize)]) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, n_tasks) in n_per_step {
            let bar = self.talk.shows_bars().then(|| self.bar(name, *n_tasks));
            let step = Step { n_tasks: *n_tasks, n_by_how: BTreeMap::new(), took: Duration::ZERO, bar };
            steps.insert(name.clone(), step);
        }
    }

    fn bar(&self, name: &str, n_tasks: usize) -> ProgressBar {
        let style = ProgressStyle::with_template("{prefix:24} [{bar:30}] {pos}/{len} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        self.bars.add(ProgressBar::new(n_tasks as u64).with_style(style).with_prefix(name.to_owned()))
    }

    fn done(&self, name: &str, how: How, took: Duration) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(step) = steps.get_mut(name) else { return };
        *step.n_by_how.entry(word(how)).or_default() += 1;
        step.took += took;
        let n_done: usize = step.n_by_how.values().sum();
        if let Some(bar) = &step.bar {
            bar.inc(1);
            if n_done == step.n_tasks {
                bar.finish_and_clear();
            }
        }
        // A step in which nothing happened is not worth a line.
        if n_done == step.n_tasks && step.n_by_how.keys().any(|how| *how != "recalled") {
            self.bars.suspend(|| self.talk.say(summary(name, step)));
        }
    }
}

fn word(how: How) -> &'static str {
    match how {
        How::Ran => "ran",
        How::Recalled => "recalled",
        How::Failed => "failed",
        How::Skipped => "skipped",
    }
}

fn summary(name: &str, step: &Step) -> String {
    let counts: Vec<String> = step.n_by_how.iter().map(|(how, n)| format!("{n} {how}")).collect();
    format!("{name}: {} ({:.1} s)", counts.join(", "), step.took.as_secs_f64())
}
