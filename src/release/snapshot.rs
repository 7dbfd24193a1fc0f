//! The snapshot: every file that a complete build read or wrote, as it was then. A build with nothing to do asks
//! for the stat of each and is done: it reads no manifest and no log. Deleting it loses nothing.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Lock, Project, lock_csv};
use crate::error::{Error, Result};
use crate::plan::{Observed, Sources};
use crate::run::{self, Roots};
use crate::store::{Digest, FileRecord, Store};

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
    tool: Option<FileRecord>,
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

/// Whether nothing changed since the last complete build of the project in `folder`: what it came to.
///
/// `roots` are the folders that sources may lie in besides. Files that were changed so shortly before they were
/// hashed that their stat proves nothing are hashed again.
pub fn up_to_date(folder: &Path, cache: &Path, roots: &[PathBuf]) -> Option<UpToDate> {
    let bytes = fs::read(cache.join("snapshot")).ok()?;
    let (head, mut entries) = parse(&bytes)?;
    if head.roots != roots || head.tool.map(|tool| tool.stat) != tool().map(|tool| tool.stat) {
        return None;
    }
    if head.absent.iter().any(|path| fs::symlink_metadata(folder.join(path)).is_ok()) {
        return None;
    }
    if !head.globs.is_empty() {
        let roots = Roots::new(folder, roots).ok()?;
        let is_same = |(glob, matched): &(String, Vec<String>)| {
            run::matching_tables(glob, &roots).is_ok_and(|found| found == *matched)
        };
        if !head.globs.iter().all(is_same) {
            return None;
        }
    }
    let mut settled = Vec::new();
    let mut path = folder.to_owned().into_os_string();
    path.push("/");
    let n_folder = path.len();
    let mut path = path.into_string().ok()?;
    for number in 0..head.n_files {
        let (entry, rest) = postcard::take_from_bytes::<Entry>(entries).ok()?;
        entries = rest;
        path.truncate(n_folder);
        path.push_str(entry.path);
        let now = run::still(Path::new(&path), &entry.record)?;
        if now != entry.record {
            settled.push((number, now));
        }
    }
    if !settled.is_empty() {
        // Next time their stat will do. Where that cannot be written down, they are hashed again.
        let _ = renew(cache, &head, &bytes, &settled);
    }
    Some(head.up_to_date)
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
    for (clip, observed) in project.manifest.clips.iter().zip(&sources.0) {
        if let (Observed::Here(record), false) = (observed, clip.source == last) {
            files.push((project.roots.spelt_on_disk(&clip.source), *record));
        }
        last = &clip.source;
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
    let files = text.lines().filter_map(|line| Some(draft.join(line.split_once("  ")?.1)));
    let csv = Some(lock_csv::place(&project.lock_path())).filter(|path| path.exists());
    let all = files.chain([sums, project.lock_path()]).chain(csv);
    let from_folder = |path: PathBuf| path.strip_prefix(&project.folder).map(Path::to_owned).unwrap_or(path);
    Ok(all.map(|path| from_folder(path).to_string_lossy().into_owned()).collect())
}

fn absent(project: &Project, sources: &Sources) -> Vec<String> {
    let clips = project.manifest.clips.iter().zip(&sources.0);
    let absent = clips.filter(|(_, observed)| matches!(observed, Observed::Absent(_)));
    absent.map(|(clip, _)| clip.source.clone()).collect()
}

/// The program that is running.
fn tool() -> Option<FileRecord> {
    let path = std::env::current_exe().ok()?;
    let stat = run::stat_of(&path).ok()?;
    Some(FileRecord { stat, hashed_at: 0, digest: Digest::of(env!("CARGO_PKG_VERSION").as_bytes()) })
}

fn renew(cache: &Path, head: &Head, bytes: &[u8], settled: &[(usize, FileRecord)]) -> io::Result<()> {
    let Some((_, mut rest)) = parse(bytes) else { return Ok(()) };
    let mut settled = settled.iter().peekable();
    let mut number = 0;
    let entries = std::iter::from_fn(move || {
        let (mut entry, after) = postcard::take_from_bytes::<Entry>(rest).ok()?;
        rest = after;
        if let Some((_, record)) = settled.next_if(|(settled, _)| *settled == number) {
            entry.record = *record;
        }
        number += 1;
        Some(entry)
    });
    write(cache, head, entries)
}

fn write<'e>(cache: &Path, head: &Head, entries: impl Iterator<Item = Entry<'e>>) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(cache)?;
    let mut hasher = blake3::Hasher::new();
    let mut to = BufWriter::with_capacity(1 << 20, file.as_file_mut());
    let mut put = |to: &mut BufWriter<&mut File>, bytes: &[u8]| {
        hasher.update(bytes);
        to.write_all(bytes)
    };
    put(&mut to, MAGIC)?;
    put(&mut to, &postcard::to_stdvec(head).map_err(io::Error::other)?)?;
    for entry in entries {
        put(&mut to, &postcard::to_stdvec(&entry).map_err(io::Error::other)?)?;
    }
    to.write_all(hasher.finalize().as_bytes())?;
    to.flush()?;
    drop(to);
    file.persist(cache.join("snapshot")).map_err(|error| error.error)?;
    Ok(())
}

/// What stands before the files, and the files as bytes; none where the snapshot is damaged.
fn parse(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    if Digest::of(body).as_bytes() != digest {
        return None;
    }
    postcard::take_from_bytes(body.strip_prefix(MAGIC)?).ok()
}
