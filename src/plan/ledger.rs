//! The ledger: what normalize came to for every clip, and what the gate goes by. It is remembered in pages of some
//! hundred clips, so that where one clip changed, one page is made anew, and nobody looks the others up one by one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::judge::{Alone, judge_alone};
use super::{ReadValue, Results, Sources, Task, Tasks};
use crate::error::Result;
use crate::manifest::{Clip, Gate, Manifest};
use crate::stages::{Measures, Params};
use crate::store::{Digest, Key, OutputDigests, Recipe, Store};

/// What is known of the clips, page after page.
#[derive(Debug)]
pub struct Ledger {
    pages: Vec<Page>,
    /// Of each page the entries of its clips.
    entries: Vec<Arc<[Option<Entry>]>>,
}

/// What is known of a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// What normalize came to.
    pub(super) outputs: OutputDigests,
    /// What can be said of the clip without looking at the others.
    pub(super) alone: Alone,
}

/// Clips that follow each other, and what stands for everything that their entries depend on.
#[derive(Debug, Clone)]
pub(super) struct Page {
    clips: Range<usize>,
    recipe: Recipe,
    key: Key,
}

/// Raised whenever the same clips have other entries.
const VERSION: u32 = 1;
/// A page ends with a clip whose source's digest ends with such a byte: one of 256. Thus a clip that comes or goes
/// changes one page and moves no other.
const LAST_OF_A_PAGE: u8 = 0;

impl Ledger {
    /// What the store calls the pages that were in use last.
    pub const NAME: &'static str = "ledger";

    /// What is known of all clips: in memory, remembered, or made of what normalize came to, as `read` gives it. None
    /// where something of that is lost.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn of(
        pages: Vec<Page>,
        tasks: &Tasks,
        results: &Results,
        store: &dyn Store,
        read: &ReadValue,
    ) -> Result<Option<Self>> {
        let before = results.ledger().map(|ledger| ledger.by_key()).unwrap_or_default();
        let mut entries = Vec::with_capacity(pages.len());
        for page in &pages {
            let found = match before.get(&page.key) {
                Some(entries) => Some(Arc::clone(entries)),
                None => match recall(page, store)? {
                    Some(entries) => Some(entries),
                    None => made(page, tasks, results, read)?,
                },
            };
            let Some(found) = found else { return Ok(None) };
            entries.push(found);
        }
        Ok(Some(Self { pages, entries }))
    }

    fn by_key(&self) -> BTreeMap<Key, &Arc<[Option<Entry>]>> {
        self.pages.iter().map(|page| page.key).zip(&self.entries).collect()
    }

    /// Whether it consists of these pages.
    pub(super) fn is_of(&self, pages: &[Page]) -> bool {
        self.pages.iter().map(|page| page.key).eq(pages.iter().map(|page| page.key))
    }

    /// What is known of a clip; none where it could not be normalised.
    pub(super) fn get(&self, clip: usize) -> Option<&Entry> {
        let page = self.pages.partition_point(|page| page.clips.end <= clip);
        let nth = clip.checked_sub(self.pages.get(page)?.clips.start)?;
        self.entries[page].get(nth)?.as_ref()
    }

    /// Remembers the pages.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remember(&self, store: &dyn Store) -> Result<()> {
        for (page, entries) in self.pages.iter().zip(&self.entries) {
            if !store.knows(&page.key) {
                let bytes =
                    postcard::to_stdvec(&**entries).expect("an entry has nothing that postcard lacks");
                store.remember(&page.recipe, &store.keep(&[(ENTRIES, bytes)])?)?;
            }
        }
        let recipe = recipe("ledger", [("pages", digest_of(&self.pages))]);
        let keys =
            self.pages.iter().enumerate().map(|(number, page)| (number.to_string(), *page.key.digest()));
        store.remember(&recipe, &keys.collect())?;
        store.remember_last(Self::NAME, &recipe.key())
    }
}

const ENTRIES: &str = "entries";

/// The pages of all clips. Nothing is looked up for them: what normalize came to follows from the sources.
pub(super) fn pages(tasks: &Tasks, sources: &Sources, results: &Results) -> Vec<Page> {
    let manifest = tasks.manifest;
    let alike = [("gate", gate(manifest)), ("normalize", *tasks.key_of_normalize().digest())];
    let mut pages = Vec::new();
    let (mut begin, mut bytes) = (0, Vec::new());
    for (index, clip) in manifest.clips.iter().enumerate() {
        let source = sources.digest(index).filter(|_| has_normalized(index, tasks, results));
        push_clip(&mut bytes, clip, &manifest.gate, source);
        let ends = source.is_some_and(|source| source.as_bytes().last() == Some(&LAST_OF_A_PAGE));
        if ends || index + 1 == manifest.clips.len() {
            let recipe = recipe("page", [("clips", Digest::of(&bytes)), alike[0], alike[1]]);
            pages.push(Page { clips: begin..index + 1, key: recipe.key(), recipe });
            (begin, bytes) = (index + 1, Vec::new());
        }
    }
    pages
}

/// What stands for all of these pages.
pub(super) fn digest_of(pages: &[Page]) -> Digest {
    Digest::of(&pages.iter().flat_map(|page| *page.key.digest().as_bytes()).collect::<Vec<u8>>())
}

fn gate(manifest: &Manifest) -> Digest {
    Digest::of(&serde_json::to_vec(&manifest.gate).expect("limits have only string keys"))
}

fn recipe<const COUNT: usize>(kind: &str, inputs: [(&str, Digest); COUNT]) -> Recipe {
    Recipe {
        kind: kind.to_owned(),
        version: VERSION,
        numerics: "exact".to_owned(),
        params: Params::new(),
        inputs: inputs.into_iter().map(|(name, digest)| (name.to_owned(), vec![digest])).collect(),
    }
}

fn normalize(tasks: &Tasks, clip: usize) -> Option<Task> {
    tasks.of_clip(clip).next()
}

fn has_normalized(clip: usize, tasks: &Tasks, results: &Results) -> bool {
    normalize(tasks, clip).is_some_and(|task| results.has(task))
}

/// What an entry depends on, of the clip and its source; most clips have nothing but a source.
fn push_clip(bytes: &mut Vec<u8>, clip: &Clip, gate: &Gate, source: Option<Digest>) {
    bytes.push(u8::from(source.is_some()));
    bytes.extend(source.iter().flat_map(|source| source.as_bytes()));
    if clip.accept.is_empty() && clip.ranges.is_empty() && gate.labels.is_empty() {
        return bytes.push(0);
    }
    let labels: Vec<_> = gate.labels.keys().map(|name| clip.labels.get(name)).collect();
    let ranges: Vec<_> = clip.ranges.iter().map(|range| (range.start, range.end)).collect();
    let json = serde_json::to_vec(&(&clip.accept, ranges, labels)).expect("texts and numbers are JSON");
    bytes.push(1);
    bytes.extend((json.len() as u64).to_le_bytes());
    bytes.extend(json);
}

fn recall(page: &Page, store: &dyn Store) -> Result<Option<Arc<[Option<Entry>]>>> {
    let digest = store.recall(&page.key).and_then(|outputs| outputs.get(ENTRIES).copied());
    let Some(value) = digest.map(|digest| store.read(&digest)).transpose()?.flatten() else {
        return Ok(None);
    };
    let entries: Option<Vec<_>> = postcard::from_bytes(&value.read()?).ok();
    Ok(entries.filter(|entries| entries.len() == page.clips.len()).map(Arc::from))
}

fn made(
    page: &Page,
    tasks: &Tasks,
    results: &Results,
    read: &ReadValue,
) -> Result<Option<Arc<[Option<Entry>]>>> {
    let mut entries = Vec::with_capacity(page.clips.len());
    for clip in page.clips.clone() {
        let Some(entry) = entry(clip, tasks, results, read)? else { return Ok(None) };
        entries.push(entry);
    }
    Ok(Some(entries.into()))
}

/// The entry of a clip, which is none where it could not be normalised; nothing where what it is made of is lost.
fn entry(clip: usize, tasks: &Tasks, results: &Results, read: &ReadValue) -> Result<Option<Option<Entry>>> {
    let Some(task) = normalize(tasks, clip).filter(|task| results.has(*task)) else { return Ok(Some(None)) };
    let Some(outputs) = results.of_task(task) else { return Ok(None) };
    let measures =
        outputs.get("measures").map(|digest| read(task, "measures", digest)).transpose()?.flatten();
    let Some(measures) = measures else { return Ok(None) };
    let alone = judge_alone(tasks.manifest, clip, &Measures::read(&measures)?);
    Ok(Some(Some(Entry { outputs, alone })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;
    use crate::plan::Observed;
    use crate::store::DiskStore;

    const N_CLIPS: usize = 2000;

    fn manifest(more: &str, clips: impl Iterator<Item = usize>) -> Manifest {
        let dataset = "[dataset]\nname = \"x\"\nversion = \"0.1.0\"\nlicense = \"CC0-1.0\"\n";
        let mut text = format!("{dataset}{more}\n");
        for clip in clips {
            let id = format!("id = \"clip-{clip:04}\"");
            text.push_str(&format!("[[clip]]\n{id}\nsource = \"{clip}.wav\"\nlicense = \"CC0-1.0\"\n"));
        }
        manifest::parse(text.as_bytes(), "taqsim.toml").manifest.expect("the manifest is right")
    }

    fn source(number: usize) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    /// The keys of the pages of clips with these sources, of which all but `failed` were normalised.
    fn keys(manifest: &Manifest, sources: &[Digest], failed: Option<usize>) -> Vec<Key> {
        let folder = tempfile::tempdir().unwrap();
        let store = DiskStore::open(folder.path()).unwrap();
        let tasks = Tasks::of(manifest).unwrap();
        let mut results = Results::none(&tasks, &store);
        for clip in (0..sources.len()).filter(|clip| Some(*clip) != failed) {
            let (task, outputs) = (normalize(&tasks, clip).unwrap(), OutputDigests::default());
            results.add(task, Key::from_digest(sources[clip]), outputs);
        }
        let clips = sources.iter().map(|digest| Observed::Absent(*digest)).collect();
        let observed = Sources { clips, ..Sources::default() };
        let pages = pages(&tasks, &observed, &results);
        assert_eq!(pages.first().map(|page| page.clips.start), Some(0));
        assert_eq!(pages.last().map(|page| page.clips.end), Some(sources.len()));
        assert!(pages.windows(2).all(|two| two[0].clips.end == two[1].clips.start));
        pages.iter().map(|page| page.key).collect()
    }

    fn n_new(before: &[Key], now: &[Key]) -> usize {
        now.iter().filter(|key| !before.contains(key)).count()
    }

    #[test]
    fn a_clip_that_changes_comes_or_fails_changes_its_page_and_no_other() {
        let all: Vec<Digest> = (0..N_CLIPS).map(source).collect();
        let manifest_of_all = manifest("", 0..N_CLIPS);
        let before = keys(&manifest_of_all, &all, None);
        assert!((4..16).contains(&before.len()), "{} pages", before.len());
        let mut changed = all.clone();
        changed[1000] = source(N_CLIPS);
        assert_eq!(n_new(&before, &keys(&manifest_of_all, &changed, None)), 1);
        assert_eq!(n_new(&before, &keys(&manifest_of_all, &all, Some(1000))), 1);
        let without = manifest("", (0..N_CLIPS).filter(|clip| *clip != 1000));
        let rest: Vec<Digest> = [&all[..1000], &all[1001..]].concat();
        assert_eq!(n_new(&before, &keys(&without, &rest, None)), 1);
    }

    #[test]
    fn whatever_entries_depend_on_changes_the_pages() {
        let sources = [source(1), source(2)];
        let of = |manifest: &Manifest| keys(manifest, &sources, None);
        let before = of(&manifest("", 0..2));
        for more in ["[gate]\nclipping = []", "[normalize]\nsample_rate = 22050"] {
            assert_eq!(n_new(&before, &of(&manifest(more, 0..2))), before.len(), "{more}");
        }
        let mut accepting = manifest("", 0..2);
        accepting.clips[1].accept.push("clipping".to_owned());
        assert_eq!(n_new(&before, &of(&accepting)), 1);
        assert_eq!(of(&manifest("", 5..7)), before, "what the clips are called is nothing to the pages");
    }
}
