//! `taqsim build`: bring the dataset up to date.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use globset::{Glob, GlobMatcher};
use unicode_normalization::UnicodeNormalization;

use super::gc::parse_size;
use super::progress::Progress;
use super::talk::count;
use super::{Global, Talk, allocator, project};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, Then};
use crate::plan::{Plan, Task};
use crate::release::{self, Built, Looked, Options, Project, UpToDate};
use crate::run::Seen;

/// Bring the dataset up to date: run what is stale, write tables and lock
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  taqsim build
  taqsim build --locked                      # in CI: the lock may not change
  taqsim build --clip 'bashir-*' --step embed.timbre   # warm the cache, write no tables")]
pub(super) struct Args {
    /// Build only these clips (a glob over ids); tables and lock stay as they are
    #[arg(long, value_name = "GLOB")]
    clip: Option<String>,
    /// Build only this step and those it reads from; tables and lock stay as they are
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Fail, with exit code 3, if the lock would change
    #[arg(long)]
    locked: bool,
    /// Write tables and lock without the clips that failed
    #[arg(long)]
    allow_failed: bool,
    /// How many tasks to run at once; all cores by default
    #[arg(short, long, value_name = "N")]
    jobs: Option<usize>,
    /// Start no task that would bring those that run to more than this: 500M, 4G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
}

/// Becomes true with the first Ctrl-C.
pub(super) static CANCELLED: AtomicBool = AtomicBool::new(false);

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    use_threads(args.jobs)?;
    let seen = match look(args, global)? {
        Looked::UpToDate(found) => {
            talk.say(fact_of_up_to_date(&found));
            return Ok(ExitCode::SUCCESS);
        }
        Looked::Changed(seen) => seen,
    };
    if args.memory.is_some() {
        allocator::give_back_what_is_free();
    }
    let project = project::open(global, talk)?;
    let selection = Selection::of(args, &project.manifest)?;
    finish_what_is_running_on_ctrl_c()?;
    let (_lock, store) = project::store_to_build(&project, talk)?;
    let progress = Progress::new(*talk);
    let listener = |event: &crate::run::Event| progress.hear(event);
    let options = Options {
        locked: args.locked,
        allow_failed: args.allow_failed,
        memory: args.memory,
        seen: Some(&seen),
        ..Options::new(&CANCELLED, &listener)
    };
    let built = match &selection {
        Some(selection) => release::warm(&project, &store, &options, |plan, task| selection.has(plan, task))?,
        None => release::build(&project, &store, &options)?,
    };
    say_failures(&built, talk);
    say_gate(&built, &project.manifest, talk);
    talk.say(fact(&project, &built, selection.is_some()));
    let all_well = built.failed_steps.is_empty() && (built.failed.is_empty() || built.lock.is_some());
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Looks at the files of the last build, if the whole dataset was asked for.
fn look(args: &Args, global: &Global) -> Result<Looked> {
    if args.clip.is_some() || args.step.is_some() {
        return Ok(Looked::Changed(Seen::default()));
    }
    let folder = project::folder(global)?;
    Ok(release::look_back(&folder, &project::cache(&folder, global), &global.roots))
}

/// Which tasks the user asked for.
struct Selection {
    clips: Option<GlobMatcher>,
    step: Option<String>,
}

impl Selection {
    fn of(args: &Args, manifest: &Manifest) -> Result<Option<Self>> {
        if args.clip.is_none() && args.step.is_none() {
            return Ok(None);
        }
        let selection = Self { clips: args.clip.as_deref().map(glob).transpose()?, step: args.step.clone() };
        if let (Some(pattern), false) =
            (&args.clip, manifest.clips.iter().any(|clip| selection.has_clip(&clip.id)))
        {
            return Err(
                Error::usage(format!("no clip is called `{pattern}`")).hint("list them with `taqsim ls`")
            );
        }
        let steps = crate::plan::steps(manifest)?;
        if let Some(name) = &selection.step
            && !steps.iter().any(|step| step.name == *name)
        {
            let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
            let error = Error::usage(format!("no step is called `{name}`"));
            return Err(error.hint(format!("the steps are {}", names.join(", "))));
        }
        Ok(Some(selection))
    }

    fn has(&self, plan: &Plan, task: Task) -> bool {
        let clip_is_in = match task.clip {
            Some(clip) => self.has_clip(&plan.tasks.manifest.clips[clip].id),
            None => self.clips.is_none(),
        };
        clip_is_in && self.has_step(plan, task.step)
    }

    fn has_clip(&self, id: &str) -> bool {
        self.clips.as_ref().is_none_or(|glob| glob.is_match(id))
    }

    /// Whether a step is the one asked for, or one that it reads from, near or far.
    fn has_step(&self, plan: &Plan, step: usize) -> bool {
        let Some(name) = &self.step else { return true };
        let waits = |later: &usize| plan.tasks.steps[*later].waits_for().contains(&step);
        let later = (step + 1..plan.tasks.steps.len()).filter(waits);
        plan.tasks.steps[step].name == *name || later.into_iter().any(|later| self.has_step(plan, later))
    }
}

/// A glob over clip ids, which are in NFC.
pub(super) fn glob(pattern: &str) -> Result<GlobMatcher> {
    let pattern: String = pattern.nfc().collect();
    let glob = Glob::new(&pattern)
        .map_err(|cause| Error::usage(format!("cannot read the glob `{pattern}`: {cause}")))?;
    Ok(glob.compile_matcher())
}

fn use_threads(jobs: Option<usize>) -> Result<()> {
    match jobs {
        Some(0) => Err(Error::usage("cannot run 0 tasks at once").hint("give --jobs 1 or more")),
        Some(n) => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build_global();
            pool.map_err(|cause| Error::world(format!("cannot start {n} threads: {cause}")))
        }
        None => Ok(()),
    }
}

/// The first Ctrl-C lets what is running end at its next check; the second ends the program at once.
pub(super) fn finish_what_is_running_on_ctrl_c() -> Result<()> {
    ctrlc::set_handler(|| {
        if CANCELLED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|cause| Error::world(format!("cannot listen for Ctrl-C: {cause}")))
}

/// How many of the clips that failed for one reason are named.
const N_NAMED: usize = 3;

pub(super) fn say_failures(built: &Built, talk: &Talk) {
    let mut by_reason: BTreeMap<&str, Vec<(&str, &Error)>> = BTreeMap::new();
    for (id, error) in &built.failed {
        by_reason.entry(&error.message).or_default().push((id, error));
    }
    let mut alike: Vec<_> = by_reason.into_values().collect();
    alike.sort_by_key(|clips| clips[0].0);
    for clips in alike {
        clips.iter().take(N_NAMED).for_each(|(id, error)| talk.error(&about(format!("clip `{id}`"), error)));
        if clips.len() > N_NAMED {
            let more = count(clips.len() - N_NAMED, "more clip");
            talk.error(&Error::world(format!("{more} failed for the same reason")));
        }
    }
    for (step, error) in &built.failed_steps {
        talk.error(&about(format!("step `{step}`"), error));
    }
}

fn about(what: String, error: &Error) -> Error {
    Error { message: format!("{what}: {}", error.message), ..error.clone() }
}

/// How many of the clips that the gate leaves out are named.
const N_LEFT_OUT: usize = 20;

/// Names the clips that the gate leaves out, and counts those that it flags.
fn say_gate(built: &Built, manifest: &Manifest, talk: &Talk) {
    let verdicts = || built.verdicts.iter().flat_map(|verdicts| verdicts.iter());
    let of = |then: Then| verdicts().filter(move |(_, verdict)| verdict.then() == Some(then));
    for (clip, verdict) in of(Then::Exclude).take(N_LEFT_OUT) {
        talk.warning(format!("clip `{}` is left out: {}", manifest.clips[clip].id, verdict.reason()));
    }
    let n_more = of(Then::Exclude).count().saturating_sub(N_LEFT_OUT);
    if n_more > 0 {
        talk.warning(format!("{} left out", count(n_more, "more clip")));
    }
    let n_flagged = of(Then::Warn).count();
    if n_flagged > 0 {
        talk.say(format!("{} flagged by the gate: see `taqsim check --audio`", count(n_flagged, "clip")));
    }
}

/// The one line that a build ends with.
fn fact(project: &Project, built: &Built, is_partial: bool) -> String {
    let dataset = &project.manifest.dataset;
    let counts = format!("{} ran, {} recalled", built.n_ran, built.n_recalled);
    let Some(lock) = &built.lock else {
        let skipped = match built.failed.len() + built.failed_steps.len() {
            0 => String::new(),
            n => format!(", {n} failed, {} skipped", built.n_skipped),
        };
        let why =
            if is_partial { "only part was asked for" } else { "give --allow-failed to go on without them" };
        return format!("{} {}: {counts}{skipped}; no tables written: {why}", dataset.name, dataset.version);
    };
    let n_segments = lock.tables.get("segments.parquet").map_or(0, |line| line.rows);
    let failed =
        if built.failed.is_empty() { String::new() } else { format!(", {} failed", built.failed.len()) };
    let place = format!("outputs/{}", dataset.version);
    let end = if built.wrote { place } else { format!("{place} is up to date") };
    let size = size(project.manifest.clips.len(), n_segments);
    format!("{} {}: {size}; {counts}{failed}; {end}", dataset.name, dataset.version)
}

/// The same line where nothing had to be looked at.
fn fact_of_up_to_date(found: &UpToDate) -> String {
    let UpToDate { name, version, n_clips, n_segments, n_tasks } = found;
    let size = size(*n_clips, *n_segments);
    format!("{name} {version}: {size}; 0 ran, {n_tasks} recalled; outputs/{version} is up to date")
}

fn size(n_clips: usize, n_segments: u64) -> String {
    format!("{}, {}", count(n_clips, "clip"), count(n_segments as usize, "segment"))
}
