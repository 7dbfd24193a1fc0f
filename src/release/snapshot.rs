//! The snapshot: every file that a complete build read or wrote, as it was then. A build with nothing to do asks
//! for the stat of each and is done: it reads no manifest and no log. Deleting it loses nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checks::parse_sum;
use super::{Lock, Project, lock_csv};
use crate::error::{Error, Result};
use crate::plan::{Observed, Sources};
use crate::run::{self, Roots, Seen};
use crate::store::{Digest, FileRecord, Stat, Store, write_in_one_piece};

/// Names the format of the file.
const MAGIC: &[u8] = b"taqsim snapshot 1\n";
const DIGEST: usize = 32;

/// What a build found that had nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpToDate {
    /// The name of the dataset.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Number of clips.
    pub n_clips: usize,
    /// Number of segments.
    pub n_segments: u64,
    /// Number of tasks, all of them fresh.
    pub n_tasks: usize,
}

/// What stands before the files.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    /// The program itself: another build of it may do other things.
    tool: Option<Stat>,
    /// The folders that sources may lie in besides the project's.
    roots: Vec<PathBuf>,
    up_to_date: UpToDate,
    n_files: usize,
    /// Files that are not there.
    absent: Vec<String>,
    /// The globs over clip tables, and what each matched.
    globs: Vec<(String, Vec<String>)>,
}

/// One file: where it is, from the project's folder, and what it was.
#[derive(Debug, Serialize, Deserialize)]
struct Entry<'a> {
    path: &'a str,
    record: FileRecord,
}

/// What comes of looking at the files of the last complete build.
#[derive(Debug)]
pub enum Looked {
    /// None of them changed.
    UpToDate(UpToDate),
    /// Something changed, or there is no telling; these files did not.
    Changed(Seen),
}

/// Looks at every file of the last complete build of the project in `folder`.
///
/// `roots` are the folders that sources may lie in besides. Files that were changed so shortly before they were
/// hashed that their stat proves nothing are hashed again.
pub fn look_back(folder: &Path, cache: &Path, roots: &[PathBuf]) -> Looked {
    let changed = || Looked::Changed(Seen::default());
    let Ok(bytes) = fs::read(cache.join("snapshot")) else { return changed() };
    let Some((head, entries)) = parse(&bytes).filter(|(head, _)| head.roots == roots) else {
        return changed();
    };
    let Some(prefix) = folder.join("").to_str().map(str::to_owned) else { return changed() };
    let (entries, n_unsettled) = entries_as_they_are(&head, entries, prefix);
    let is_same = entries.len() == head.n_files && is_same_project(&head, folder, roots);
    if !is_same {
        let seen = entries.into_iter().map(|entry| (entry.path.to_owned(), entry.record));
        return Looked::Changed(seen.collect());
    }
    if n_unsettled > 0 {
        // Next time their stat will do. Where that cannot be written down, they are hashed again.
        let _ = write(cache, &head, entries.into_iter());
    }
    Looked::UpToDate(head.up_to_date)
}

/// The files that are what they were, and how many of them had to be hashed to tell.
fn entries_as_they_are<'b>(head: &Head, mut bytes: &'b [u8], prefix: String) -> (Vec<Entry<'b>>, usize) {
    let mut entries = Vec::new();
    let mut n_unsettled = 0;
    let mut path = prefix;
    let n_prefix = path.len();
    for _ in 0..head.n_files {
        let Ok((entry, rest)) = postcard::take_from_bytes::<Entry>(bytes) else { break };
        bytes = rest;
        path.truncate(n_prefix);
        // A model in the cache of Hugging Face lies outside the project.
        let is_outside = Path::new(entry.path).is_absolute();
        let path = if is_outside {
            entry.path
        } else {
            path.push_str(entry.path);
            path.as_str()
        };
        if let Some(record) = run::still(Path::new(path), &entry.record) {
            n_unsettled += usize::from(record != entry.record);
            entries.push(Entry { path: entry.path, record });
        }
    }
    (entries, n_unsettled)
}

/// Whether everything else is as it was: the program, what is absent, what globs match.
fn is_same_project(head: &Head, folder: &Path, roots: &[PathBuf]) -> bool {
    let is_there = |path: &String| fs::symlink_metadata(folder.join(path)).is_ok();
    if head.tool != tool() || head.absent.iter().any(is_there) {
        return false;
    }
    let Ok(roots) = Roots::new(folder, roots) else { return false };
    let matches = |(glob, matched): &(String, Vec<String>)| {
        run::matching_tables(glob, &roots).is_ok_and(|found| found == *matched)
    };
    head.globs.iter().all(matches)
}

/// Takes down what the project's files are after a complete build; nothing where that is of no use.
///
/// # Errors
/// When the disk fails.
pub(super) fn take(
    project: &Project,
    sources: &Sources,
    lock: &Lock,
    n_tasks: usize,
    store: &dyn Store,
) -> Result<()> {
    let Some(files) = files(project, sources, store)? else { return Ok(()) };
    let dataset = &project.manifest.dataset;
    let head = Head {
        tool: tool(),
        roots: project.other_roots.clone(),
        up_to_date: UpToDate {
            name: dataset.name.clone(),
            version: dataset.version.clone(),
            n_clips: project.manifest.clips.len(),
            n_segments: lock.tables.get("segments.parquet").map_or(0, |line| line.rows),
            n_tasks,
        },
        n_files: files.len(),
        absent: absent(project, sources),
        globs: project
            .globs
            .iter()
            .map(|glob| Ok((glob.clone(), run::matching_tables(glob, &project.roots)?)))
            .collect::<Result<_>>()?,
    };
    let entries = files.iter().map(|(path, record)| Entry { path, record: *record });
    write(&project.cache, &head, entries).map_err(|cause| Error::cannot_write(project.cache.display(), cause))
}

/// Every file that the build read or wrote; none where the manifest has since changed, or a finding in it has to
/// be said again each time.
fn files(
    project: &Project,
    sources: &Sources,
    store: &dyn Store,
) -> Result<Option<Vec<(String, FileRecord)>>> {
    if project.has_warnings {
        return Ok(None);
    }
    let mut files = Vec::new();
    for (path, digest) in &project.read {
        let path = project.roots.spelt_on_disk(path);
        let record = run::file_record(&path, &project.folder.join(&path), store)?;
        if record.digest != *digest {
            return Ok(None);
        }
        files.push((path, record));
    }
    let mut last = "";
    for (clip, observed) in project.manifest.clips.iter().zip(&sources.clips) {
        if let (Observed::Here(record), false) = (observed, clip.source == last) {
            files.push((project.roots.spelt_on_disk(&clip.source), *record));
        }
        last = &clip.source;
    }
    for (path, observed) in &sources.files {
        if let Observed::Here(record) = observed {
            files.push((project.roots.spelt_on_disk(path), *record));
        }
    }
    for path in written(project)? {
        let record = run::file_record(&path, &project.folder.join(&path), store)?;
        files.push((path, record));
    }
    Ok(Some(files))
}

/// The lock and the files of the draft, from the project's folder.
fn written(project: &Project) -> Result<Vec<String>> {
    let draft = project.draft();
    let sums = draft.join("BLAKE3SUMS");
    let text = fs::read_to_string(&sums).map_err(|cause| Error::cannot_read(sums.display(), cause))?;
    let files = text.lines().filter_map(|line| Some(draft.join(parse_sum(line)?.0)));
    let csv = Some(lock_csv::place(&project.lock_path())).filter(|path| path.exists());
    let all = files.chain([sums, project.lock_path()]).chain(csv);
    let from_folder = |path: PathBuf| path.strip_prefix(&project.folder).map(Path::to_owned).unwrap_or(path);
    Ok(all.map(|path| from_folder(path).to_string_lossy().into_owned()).collect())
}

fn absent(project: &Project, sources: &Sources) -> Vec<String> {
    let clips = project.manifest.clips.iter().zip(&sources.clips);
    let absent = clips.filter(|(_, observed)| matches!(observed, Observed::Absent(_)));
    let files = sources.files.iter().filter(|(_, observed)| matches!(observed, Observed::Absent(_)));
    let files = files.map(|(path, _)| project.roots.spelt_on_disk(path));
    absent.map(|(clip, _)| clip.source.clone()).chain(files).collect()
}

/// The program that is running.
fn tool() -> Option<Stat> {
    std::env::current_exe().and_then(|path| run::stat_of(&path)).ok()
}

fn write<'e>(cache: &Path, head: &Head, entries: impl Iterator<Item = Entry<'e>>) -> io::Result<()> {
    let mut bytes = MAGIC.to_vec();
    bytes = postcard::to_extend(head, bytes).map_err(io::Error::other)?;
    for entry in entries {
        bytes = postcard::to_extend(&entry, bytes).map_err(io::Error::other)?;
    }
    bytes.extend_from_slice(Digest::of(&bytes).as_bytes());
    write_in_one_piece(&cache.join("snapshot"), &bytes)
}

/// What stands before the files, and the files as bytes; none where the snapshot is damaged.
fn parse(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    if Digest::of(body).as_bytes() != digest {
        return None;
    }
    postcard::take_from_bytes(body.strip_prefix(MAGIC)?).ok()
}
