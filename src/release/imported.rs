//! What did not fit when vectors from elsewhere were joined: segments without one, and rows that are nobody's.

use super::{Planned, Project};
use crate::error::Result;
use crate::plan::Results;
use crate::run::{self, Strangers};
use crate::stages::Joined;
use crate::stages::embed::Import;
use crate::store::{DiskStore, Store};
use crate::text::printable;

/// So many ids are shown.
const SHOWN: usize = 3;

/// Some of many ids.
#[derive(Default)]
struct Few {
    n: usize,
    ids: Vec<String>,
}

/// What did not fit, in words, of every step whose file or segments are new since the lock.
///
/// # Errors
/// When a value cannot be read.
pub(super) fn warnings(
    project: &Project,
    planned: &Planned,
    results: &Results,
    store: &DiskStore,
) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for (name, import, segmenter) in run::imports(&project.manifest) {
        if is_news(name, import, planned) {
            words.extend(of_step((name, import, segmenter), project, planned, results, store)?);
        }
    }
    Ok(words)
}

/// Whether a task of the step had to run, or its file is not the one in the lock.
fn is_news(name: &str, import: &Import, planned: &Planned) -> bool {
    let locked = planned.lock.as_ref().and_then(|lock| lock.files.get(&import.file));
    let step = format!("embed.{name}");
    let mut unfresh = planned.plan.unfresh();
    locked != planned.sources.file(&import.file).as_ref()
        || unfresh.any(|(task, _)| planned.plan.tasks.step(task).name == step)
}

fn of_step(
    (name, import, segmenter): (&str, &Import, &str),
    project: &Project,
    planned: &Planned,
    results: &Results,
    store: &DiskStore,
) -> Result<Vec<String>> {
    let manifest = &project.manifest;
    let Strangers { n_rows, ids } =
        run::strangers(manifest, (import, segmenter), &planned.sources, &project.roots, store)?;
    let (mut missing, mut surplus) = (Few::default(), Few { n: n_rows, ids });
    for (clip, entry) in manifest.clips.iter().enumerate() {
        let outputs = results.of(&format!("embed.{name}"), Some(clip));
        let Some(digest) = outputs.and_then(|outputs| outputs.get("joined").copied()) else { continue };
        let Some(value) = store.read(&digest)? else { continue };
        let joined = Joined::read(&value)?;
        let id = |place: &String| format!("{}/{segmenter}/{place}", entry.id);
        missing.add(joined.n_missing, joined.missing.iter().map(id));
        surplus.add(joined.n_surplus, joined.surplus.iter().map(id));
    }
    let file = printable(&import.file);
    let lacks = missing.words(("segment has", "segments have"), &format!("no vector in `{file}`"));
    let strays = surplus.words(("row", "rows"), &format!("in `{file}` of no segment of `{segmenter}`"));
    Ok([lacks, strays].into_iter().flatten().map(|words| format!("`embed.{name}`: {words}")).collect())
}

impl Few {
    fn add(&mut self, n: usize, ids: impl Iterator<Item = String>) {
        self.n += n;
        let room = SHOWN.saturating_sub(self.ids.len());
        self.ids.extend(ids.take(room));
    }

    /// None where there are none.
    fn words(&self, (one, many): (&str, &str), what: &str) -> Option<String> {
        let noun = if self.n == 1 { one } else { many };
        let shown: Vec<String> = self.ids.iter().map(|id| format!("`{}`", printable(id))).collect();
        let more = if self.n > self.ids.len() { ", ..." } else { "" };
        (self.n > 0).then(|| format!("{} {noun} {what}: {}{more}", self.n, shown.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ids_are_shown_and_the_others_counted() {
        let mut missing = Few::default();
        assert_eq!(missing.words(("row", "rows"), "x"), None);
        missing.add(1, std::iter::once("a\n".to_owned()));
        assert_eq!(missing.words(("row", "rows"), "x").unwrap(), "1 row x: `a\\n`");
        missing.add(5, ["b", "c", "d"].into_iter().map(str::to_owned));
        assert_eq!(missing.words(("row", "rows"), "x").unwrap(), "6 rows x: `a\\n`, `b`, `c`, ...");
    }
}
