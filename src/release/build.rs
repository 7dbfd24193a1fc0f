//! From manifest to draft and lock: plan, run, join, write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::contents::Contents;
use super::ingredients::Clips;
use super::needed::remember_release;
use super::tables::Joiner;
use super::{Lock, Project, imported, snapshot, splits, weights};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, Then};
use crate::plan::{Plan, Results, Sources, Step, Task, Verdict, Verdicts};
use crate::run::{self, Event, Local, Outcome, Seen, Setting, Settle};
use crate::store::{DiskStore, Key, Store};

/// How to build.
pub struct Options<'a> {
    /// Whether the lock may not change.
    pub locked: bool,
    /// Whether a draft may be written without the clips that failed.
    pub allow_failed: bool,
    /// How many bytes the tasks that run at one time may need together.
    pub memory: Option<u64>,
    /// Files that were looked at already.
    pub seen: Option<&'a Seen>,
    /// Becomes true when the user wants to stop.
    pub cancelled: &'a AtomicBool,
    /// Hears what happens, from any thread.
    pub listener: &'a (dyn Fn(&Event) + Sync),
}

impl<'a> Options<'a> {
    /// The lock may change, no clip may fail, and nothing was looked at yet.
    pub fn new(cancelled: &'a AtomicBool, listener: &'a (dyn Fn(&Event) + Sync)) -> Self {
        Self { locked: false, allow_failed: false, memory: None, seen: None, cancelled, listener }
    }
}

/// What a build came to.
#[derive(Debug, Default)]
pub struct Built {
    /// How many tasks ran.
    pub n_ran: usize,
    /// How many tasks were recalled.
    pub n_recalled: usize,
    /// How many tasks were skipped because something that they read failed.
    pub n_skipped: usize,
    /// Why clips failed, in words, by id.
    pub failed: BTreeMap<String, Error>,
    /// Why dataset-wide steps failed, by name.
    pub failed_steps: BTreeMap<String, Error>,
    /// What the gate says of the clips; none where nobody could know.
    pub verdicts: Option<Arc<Verdicts>>,
    /// The lock as it is now; none where no draft was written.
    pub lock: Option<Lock>,
    /// Whether a draft or a lock was written.
    pub wrote: bool,
}

/// What has to happen, and what is known before it does.
pub struct Planned<'p> {
    /// All tasks, each with its status.
    pub plan: Plan<'p>,
    /// What the sources hold.
    pub sources: Sources,
    /// The lock as it is.
    pub lock: Option<Lock>,
    /// Whether the draft on disk is what a build would write.
    pub draft_is_current: bool,
    /// What the draft is remembered under.
    pub(super) draft_keys: Vec<Key>,
    /// What the manifest and the sources say of the clips.
    clips: Arc<Clips>,
}

impl<'p> Planned<'p> {
    /// Looks at the sources and plans: what both `plan` and `build` start with.
    ///
    /// # Errors
    /// When the lock is damaged.
    pub fn of(project: &'p Project, store: &'p DiskStore) -> Result<Self> {
        Self::knowing(&Seen::default(), project, store)
    }

    /// The same, where some files were looked at already.
    fn knowing(seen: &Seen, project: &'p Project, store: &'p DiskStore) -> Result<Self> {
        let lock = project.lock()?;
        let locked = |clip: usize| lock.as_ref()?.clips.get(&project.manifest.clips[clip].id)?.source;
        let mut sources = run::observe(&project.manifest, &project.roots, seen, locked, store);
        let locked = |file: &str| lock.as_ref()?.file(file);
        run::observe_files(&project.manifest, &project.roots, locked, store, &mut sources)?;
        let known = |folder: &str| weights::names_in(lock.as_ref(), folder);
        run::observe_weights(&project.manifest, &project.roots, locked, &known, store, &mut sources)?;
        let mut plan = Plan::of(&project.manifest, &sources, store)?;
        let nobody = BTreeMap::new();
        let expected = expected(&plan, store)?;
        let known = expected.as_ref().unwrap_or(&plan.known);
        let contents = Contents::new(project, &sources, known, &nobody);
        let draft_is_current = plan.is_all_fresh() && contents.recall(store).is_some();
        let (draft_keys, all_clips) = (contents.keys(), contents.clips().clone());
        if !draft_is_current {
            let clips = contents.clips_to_join(store);
            let of_clips = clips.into_iter().flat_map(|clip| plan.tasks.of_clip(clip));
            let tasks: Vec<Task> = of_clips.chain(plan.tasks.dataset_wide()).collect();
            plan.need_values(tasks, |name| run::OUTPUTS_OF_TABLES.contains(&name));
        }
        Ok(Self { plan, sources, lock, draft_is_current, draft_keys, clips: all_clips })
    }

    /// Makes sure that the split leaks nothing, and says which clips it moves.
    fn check_split(&self, project: &Project, listener: &(dyn Fn(&Event) + Sync)) -> Result<()> {
        let (manifest, Clips { lines, splits, .. }) = (&project.manifest, &*self.clips);
        splits::check_leaks(manifest, lines, splits)?;
        let moves = self.lock.iter().flat_map(|lock| splits::moves_of_lines(manifest, lines, lock));
        moves.for_each(|moved| listener(&Event::Warned(moved.words(manifest))));
        Ok(())
    }

    fn carry_out(
        &self,
        project: &Project,
        store: &DiskStore,
        (options, settle): (&Options, Option<Settle>),
        for_tables: bool,
        is_selected: impl Fn(Task) -> bool,
    ) -> Result<(Built, Results<'p>)> {
        let setting = Setting {
            sources: &self.sources,
            roots: &project.roots,
            store,
            executor: &Local,
            cancelled: options.cancelled,
            allow_failed: options.allow_failed,
            memory: options.memory,
            for_tables,
            settle,
            listener: options.listener,
        };
        let outcome = run::run(&self.plan, &setting, is_selected);
        store.sync()?;
        let outcome = outcome?;
        self.remember_paces(&outcome, store)?;
        Ok((self.built(&outcome), outcome.results))
    }

    fn built(&self, outcome: &Outcome) -> Built {
        let tasks = &self.plan.tasks;
        let mut built = Built {
            n_ran: outcome.ran.len(),
            n_recalled: outcome.n_recalled,
            n_skipped: outcome.n_skipped,
            ..Built::default()
        };
        for (task, error) in &outcome.failures {
            let (failures, name) = match task.clip {
                Some(clip) => (&mut built.failed, &tasks.manifest.clips[clip].id),
                None => (&mut built.failed_steps, &tasks.step(*task).name),
            };
            failures.entry(name.clone()).or_insert_with(|| error.clone());
        }
        built
    }

    fn remember_paces(&self, outcome: &Outcome, store: &DiskStore) -> Result<()> {
        outcome.took.iter().try_for_each(|(step, (n, sum))| {
            store.remember_pace(&self.plan.tasks.steps[*step].kind(), *sum / (*n).max(1))
        })
    }
}

/// Builds everything, and brings draft and lock up to date.
///
/// Where the cache turns out to be damaged on the way, what was lost is planned and made again.
///
/// # Errors
/// When the user interrupted it, the version is frozen with other content, the lock may not change but would,
/// or the disk fails. Clips and steps that fail are no error here: see [`Built`].
pub fn build(project: &Project, store: &DiskStore, options: &Options) -> Result<Built> {
    build_settling(project, store, (options, None))
}

/// The same, where `settle` says what becomes of what tasks came to.
pub(super) fn build_settling(
    project: &Project,
    store: &DiskStore,
    (options, settle): (&Options, Option<Settle>),
) -> Result<Built> {
    loop {
        let built = build_once(project, store, (options, settle));
        let Some(loss) = store.recover()? else { return built };
        (options.listener)(&Event::Warned(loss));
    }
}

fn build_once(
    project: &Project,
    store: &DiskStore,
    (options, settle): (&Options, Option<Settle>),
) -> Result<Built> {
    let nothing = Seen::default();
    let planned = Planned::knowing(options.seen.unwrap_or(&nothing), project, store)?;
    planned.check_split(project, options.listener)?;
    let (mut built, results) =
        planned.carry_out(project, store, (options, settle), !planned.draft_is_current, |_| true)?;
    built.verdicts = results.verdicts().cloned();
    let imported = imported::warnings(project, &planned, &results, store)?;
    imported.into_iter().for_each(|warning| (options.listener)(&Event::Warned(warning)));
    for (id, error) in failures_of_gate(&project.manifest, &results) {
        built.failed.entry(id).or_insert(error);
    }
    let may_write = built.failed.is_empty() || options.allow_failed;
    if !built.failed_steps.is_empty() || !may_write {
        return Ok(built);
    }
    let failed = built.failed.iter().map(|(id, error)| (id.clone(), error.message.clone())).collect();
    let contents = Contents::new(project, &planned.sources, &results, &failed).knowing(planned.clips.clone());
    let (lock, wrote) = publish(&contents, planned.lock.as_ref(), store, options.locked)?;
    let licences = weights::warnings(&lock.weights, &project.manifest, planned.lock.as_ref());
    licences.into_iter().for_each(|warning| (options.listener)(&Event::Warned(warning)));
    store.tidy_up()?;
    if built.failed.is_empty() {
        snapshot::take(project, &planned.sources, &lock, planned.plan.tasks.len(), store)?;
    }
    built.lock = Some(lock);
    built.wrote = wrote;
    Ok(built)
}

/// What is known before anything runs, with what the gate said last, where it cannot know yet: good enough to tell which
/// tables will have to be joined anew.
fn expected<'p>(plan: &Plan<'p>, store: &DiskStore) -> Result<Option<Results<'p>>> {
    if plan.known.verdicts().is_some() {
        return Ok(None);
    }
    let last = Verdicts::last(plan.tasks.manifest, store)?;
    Ok(last.map(|verdicts| {
        let mut results = plan.known.clone();
        results.judge(Arc::new(verdicts));
        results
    }))
}

/// The clips that break a limit which says that they fail, by id.
fn failures_of_gate(manifest: &Manifest, results: &Results) -> BTreeMap<String, Error> {
    let verdicts = results.verdicts().into_iter().flat_map(|verdicts| verdicts.iter());
    let failing = verdicts.filter(|(_, verdict)| verdict.then() == Some(Then::Fail));
    let error = |(clip, verdict): (usize, &Verdict)| {
        let error = Error::world(format!("it does not pass the gate: {}", verdict.reason()));
        let hint = "leave it out, let it `accept` this, or choose another limit in `[gate]`";
        (manifest.clips[clip].id.clone(), error.hint(hint))
    };
    failing.map(error).collect()
}

/// Carries out the selected tasks only: draft and lock stay as they are.
///
/// # Errors
/// When the user interrupted it, or the disk fails.
pub fn warm(
    project: &Project,
    store: &DiskStore,
    options: &Options,
    is_selected: impl Fn(&Plan, Task) -> bool,
) -> Result<Built> {
    let planned = Planned::of(project, store)?;
    let (built, _) =
        planned.carry_out(project, store, (options, None), false, |task| is_selected(&planned.plan, task))?;
    store.tidy_up()?;
    Ok(built)
}

/// Carries out the selected tasks only, as [`warm`], and shows what they came to, whose values are at hand.
///
/// # Errors
/// As [`warm`], and what `see` gives.
pub fn look<T>(
    project: &Project,
    store: &DiskStore,
    options: &Options,
    is_selected: impl Fn(&Plan, Task) -> bool,
    see: impl FnOnce(&Built, &Results) -> Result<T>,
) -> Result<T> {
    let mut planned = Planned::of(project, store)?;
    let plan = &planned.plan;
    let selected: Vec<Task> = plan.tasks.all().filter(|task| is_selected(plan, *task)).collect();
    planned.plan.need_values(selected, |name| run::OUTPUTS_OF_TABLES.contains(&name));
    let is_selected = |task| is_selected(&planned.plan, task);
    let (built, results) = planned.carry_out(project, store, (options, None), true, is_selected)?;
    see(&built, &results)
}

/// Carries out the steps that are wanted, with all that they read from, and reads what they came to; draft and lock stay as
/// they are. None where clips or steps fail: `see` hears of it.
pub(super) fn read_steps<T>(
    project: &Project,
    store: &DiskStore,
    options: &Options,
    (is_wanted, see): (impl Fn(&Step) -> bool, impl Fn(&Built)),
    read: impl FnOnce(&Joiner) -> Result<T>,
) -> Result<Option<T>> {
    let is_selected = |plan: &Plan, task: Task| with_all_they_read(plan, &is_wanted).contains(&task.step);
    look(project, store, options, is_selected, |built, results| {
        see(built);
        if !built.failed_steps.is_empty() || built.n_skipped > 0 {
            return Ok(None);
        }
        let manifest = &project.manifest;
        let joiner = Joiner { manifest, lines: &[], splits: &[], results, store, failed: &BTreeMap::new() };
        read(&joiner).map(Some)
    })
}

/// The steps that are wanted, and all that they wait for.
fn with_all_they_read(plan: &Plan, is_wanted: impl Fn(&Step) -> bool) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    for (index, step) in plan.tasks.steps.iter().enumerate().rev() {
        if is_wanted(step) || needed.contains(&index) {
            needed.insert(index);
            needed.extend(step.waits_for());
        }
    }
    needed
}

/// Brings draft and lock up to date; whether anything had to be written.
fn publish(
    contents: &Contents,
    before: Option<&Lock>,
    store: &dyn Store,
    locked: bool,
) -> Result<(Lock, bool)> {
    let read = weights::files_read(contents.project, contents.sources, before, store)?;
    let recalled = contents.recall(store);
    let wrote_draft = recalled.is_none();
    let lock = match recalled {
        Some(lines) => {
            let lock = contents.lock(lines, read, before);
            check(&lock, before, locked)?;
            lock
        }
        None => {
            let prepared = contents.prepare(store)?;
            let lock = contents.lock(prepared.lines(), read, before);
            // Before anything is put in place: what is frozen or locked stays as it is.
            check(&lock, before, locked)?;
            contents.write(prepared, store)?;
            lock
        }
    };
    let path = contents.project.lock_path();
    let wrote_lock = before != Some(&lock) || !lock.is_settled(&path);
    if wrote_lock {
        lock.write(&path)?;
    }
    Ok((lock, wrote_draft || wrote_lock))
}

fn check(lock: &Lock, before: Option<&Lock>, locked: bool) -> Result<()> {
    lock.is_frozen()?;
    if !locked || before == Some(lock) {
        return Ok(());
    }
    let differences = before.map_or_else(|| vec!["there is no lock".to_owned()], |it| it.differences(lock));
    let shown = differences.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("; ");
    let more = differences.len().saturating_sub(5);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Err(Error::differs(format!("cannot change `taqsim.lock`, because `--locked` was given: {shown}{more}"))
        .hint("build without --locked, and commit the lock"))
}

/// Freezes the draft under its version: from now on, other content under that version is an error.
///
/// # Errors
/// When the draft is not what a build would write, clips are missing from it, or its version is frozen with
/// other content.
pub fn freeze(project: &Project, store: &DiskStore) -> Result<Lock> {
    let planned = Planned::of(project, store)?;
    let version = &project.manifest.dataset.version;
    let stale = || Error::differs(format!("cannot release `{version}`: its draft is not up to date"));
    let is_current = |lock: &&Lock| planned.draft_is_current && lock.version == *version;
    let Some(mut lock) = planned.lock.as_ref().filter(is_current).cloned() else {
        return Err(stale().hint("build first"));
    };
    lock.freeze()?;
    remember_release(version, &planned, store)?;
    lock.write(&project.lock_path())?;
    Ok(lock)
}
