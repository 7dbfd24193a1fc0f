//! Imports: whose vectors a file has, looked up once for each content of it, and the vectors when a task needs them.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::Roots;
use super::fetch::{OpenSource, observe_file, plain};
use super::maps::{maps, read_map, with_hint};
use super::vectors::Vectors;
use crate::error::{Error, Result};
use crate::manifest::{Manifest, Of};
use crate::plan::{Observed, Sources};
use crate::stages::embed::Import;
use crate::stages::{Embed, Frame, Input, Params, Values};
use crate::store::{Digest, Recipe, Store};
use crate::text::printable;

/// Raised whenever the same file gives other vectors.
const VERSION: u32 = 1;
/// So many ids are shown of those that are nobody's.
const SHOWN: usize = 3;

/// Whose vectors a file has: enough to plan with.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Index {
    /// The digest of the vectors of a clip that has none.
    none: Digest,
    /// The digest of those of each clip that has some, and how many.
    clips: BTreeMap<String, (Digest, usize)>,
    /// How many rows are of no clip and no segment of the step, and the ids of the first of them.
    n_others: usize,
    others: Vec<String>,
}

/// The rows of a file that are of no clip of the dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strangers {
    /// How many.
    pub n_rows: usize,
    /// The ids of the first of them: of clips, or of segments of other steps.
    pub ids: Vec<String>,
}

/// What does not fit between the clips of a dataset and the file of a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Misfits {
    /// How many clips the file has no row of.
    pub n_missing: usize,
    /// The ids of the first of them.
    pub missing: Vec<String>,
    /// The rows that are of no clip; none of a map.
    pub strangers: Option<Strangers>,
}

/// Of every step that names a file, by the step's name, what does not fit, or why the file is of no use. A file that was looked at
/// before is not read again.
pub fn misfits(manifest: &Manifest, roots: &Roots, store: &dyn Store) -> Vec<(String, Result<Misfits>)> {
    let of_imports = imports(manifest).map(|(name, import, segmenter)| {
        (format!("embed.{name}"), misfits_of(manifest, (import, segmenter), roots, store))
    });
    let of_maps = manifest.reduce.iter().filter_map(|(name, reduce)| {
        let read = read_map(reduce.kind.fit()?, roots);
        Some((format!("reduce.{name}"), read.map(|_| Misfits::default())))
    });
    of_imports.chain(of_maps).collect()
}

/// The steps that import vectors, by name, each with the segment step whose segments they are for.
pub fn imports(manifest: &Manifest) -> impl Iterator<Item = (&str, &Import, &str)> {
    manifest.embed.iter().filter_map(|(name, Of { of, kind })| match kind {
        Embed::Import(import) => Some((name.as_str(), import, of.as_str())),
        _ => None,
    })
}

/// The files that the steps of a manifest name.
pub fn files_of(manifest: &Manifest) -> Vec<&str> {
    imports(manifest).flat_map(|(_, import, _)| files_of_import(import)).chain(maps(manifest)).collect()
}

/// Looks at the files that steps of a manifest name, and takes down in `sources` what they are and whose vectors they
/// have. `locked` says what an absent one had in it.
///
/// # Errors
/// When one cannot be read, or does not give vectors of clips of the dataset.
pub fn observe_files(
    manifest: &Manifest,
    roots: &Roots,
    locked: impl Fn(&str) -> Option<Digest>,
    store: &dyn Store,
    sources: &mut Sources,
) -> Result<()> {
    for (name, import, segmenter) in imports(manifest) {
        for file in files_of_import(import) {
            if !sources.files.contains_key(file) {
                sources.files.insert(file.to_owned(), observe_file(file, roots, locked(file), store)?);
            }
        }
        let index = index(import, segmenter, sources, roots, store)?;
        if !manifest.clips.iter().any(|clip| index.clips.contains_key(&clip.id)) {
            return Err(nobodys(import, &index, manifest, segmenter));
        }
        let digest = |id: &String| index.clips.get(id).map_or(index.none, |(digest, _)| *digest);
        let digests = manifest.clips.iter().map(|clip| digest(&clip.id)).collect();
        sources.vectors.insert(name.to_owned(), digests);
    }
    for file in maps(manifest) {
        let observed = observe_file(file, roots, locked(file), store).map_err(with_hint)?;
        sources.files.insert(file.to_owned(), observed);
    }
    Ok(())
}

/// The rows of the file of an import step that was observed which are of no clip of the dataset.
///
/// # Errors
/// When the file cannot be read.
pub fn strangers(
    manifest: &Manifest,
    (import, segmenter): (&Import, &str),
    sources: &Sources,
    roots: &Roots,
    store: &dyn Store,
) -> Result<Strangers> {
    let index = index(import, segmenter, sources, roots, store)?;
    let is_known = |id: &str| manifest.clips.binary_search_by(|clip| clip.id.as_str().cmp(id)).is_ok();
    let unknown: Vec<_> = index.clips.iter().filter(|(id, _)| !is_known(id)).collect();
    let n_rows = unknown.iter().map(|(_, (_, n_rows))| n_rows).sum::<usize>() + index.n_others;
    let ids = unknown.into_iter().map(|(id, _)| id).chain(&index.others).take(SHOWN).cloned();
    Ok(Strangers { n_rows, ids: ids.collect() })
}

fn misfits_of(
    manifest: &Manifest,
    (import, segmenter): (&Import, &str),
    roots: &Roots,
    store: &dyn Store,
) -> Result<Misfits> {
    let mut sources = Sources::default();
    for file in files_of_import(import) {
        sources.files.insert(file.to_owned(), observe_file(file, roots, None, store)?);
    }
    let index = index(import, segmenter, &sources, roots, store)?;
    let is_missing = |id: &&String| !index.clips.contains_key(*id);
    let missing: Vec<&String> = manifest.clips.iter().map(|clip| &clip.id).filter(is_missing).collect();
    if missing.len() == manifest.clips.len() {
        return Err(nobodys(import, &index, manifest, segmenter));
    }
    let strangers = strangers(manifest, (import, segmenter), &sources, roots, store)?;
    let first = missing.iter().take(SHOWN).map(|id| (*id).clone()).collect();
    Ok(Misfits { n_missing: missing.len(), missing: first, strangers: Some(strangers) })
}

/// The keys under which it is remembered whose vectors the files have.
pub fn keys_of_imports(manifest: &Manifest, sources: &Sources) -> Vec<crate::store::Key> {
    let recipes = imports(manifest).filter_map(|(_, import, of)| recipe(import, of, sources));
    recipes.map(|recipe| recipe.key()).collect()
}

/// The files of import steps, read when the first of their tasks runs.
#[derive(Debug, Default)]
pub(super) struct Imports(Mutex<BTreeMap<String, Arc<Vectors>>>);

impl Imports {
    /// The vectors of a clip, which have this digest.
    pub(super) fn of_clip(
        &self,
        (name, import, segmenter): (&str, &Import, &str),
        (clip, digest): (&str, Digest),
        (sources, roots, store): (&Sources, &Roots, &dyn Store),
    ) -> Result<Input> {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let vectors = match read.get(name) {
            Some(vectors) => vectors.clone(),
            None => {
                let vectors = Arc::new(read_vectors(import, segmenter, sources, roots, store)?);
                read.insert(name.to_owned(), vectors.clone());
                vectors
            }
        };
        drop(read);
        let bytes = vectors.of_clip(clip).to_bytes();
        if Digest::of(&bytes) == digest {
            return Ok(Input::bytes(bytes));
        }
        Err(Error::cannot_read(&import.file, "it changed while the build ran").hint("build again"))
    }
}

/// The files that an import step names.
fn files_of_import(import: &Import) -> impl Iterator<Item = &str> {
    [import.file.as_str(), import.ids.as_str()].into_iter().filter(|file| !file.is_empty())
}

fn index(
    import: &Import,
    segmenter: &str,
    sources: &Sources,
    roots: &Roots,
    store: &dyn Store,
) -> Result<Index> {
    let recipe = recipe(import, segmenter, sources);
    let recipe = recipe.ok_or_else(|| Error::cannot_read(&import.file, "it was not looked at"))?;
    if let Some(index) = recalled(&recipe, store)? {
        return Ok(index);
    }
    let vectors = read_vectors(import, segmenter, sources, roots, store)?;
    let clip =
        |(id, n_rows): (&str, usize)| (id.to_owned(), (Digest::of(&vectors.of_clip(id).to_bytes()), n_rows));
    let index = Index {
        none: Digest::of(&none(vectors.dim).to_bytes()),
        clips: vectors.clips().map(clip).collect(),
        n_others: vectors.others.len(),
        others: vectors.others.iter().take(SHOWN).cloned().collect(),
    };
    let json = serde_json::to_vec(&index).expect("an index has only string keys");
    store.remember(&recipe, &store.keep(&[("index", json)])?)?;
    Ok(index)
}

fn recalled(recipe: &Recipe, store: &dyn Store) -> Result<Option<Index>> {
    let Some(digest) = store.recall(&recipe.key()).and_then(|outputs| outputs.get("index").copied()) else {
        return Ok(None);
    };
    let Some(value) = store.read(&digest)? else { return Ok(None) };
    Ok(serde_json::from_slice(&value.read()?).ok())
}

/// Everything that whose vectors a file has depends on; none where the file was not looked at.
fn recipe(import: &Import, segmenter: &str, sources: &Sources) -> Option<Recipe> {
    let digest = |file: &str| sources.file(file);
    let format = import.file.rsplit_once('.').map_or("", |(_, extension)| extension);
    let mut inputs = BTreeMap::from([("file".to_owned(), vec![digest(&import.file)?])]);
    if !import.ids.is_empty() {
        inputs.insert("ids".to_owned(), vec![digest(&import.ids)?]);
    }
    let params =
        [("format", format), ("id", &import.id), ("segments", segmenter), ("vector", &import.vector)];
    let params: Params = params.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    Some(Recipe { kind: "import".to_owned(), version: VERSION, numerics: "exact".to_owned(), params, inputs })
}

/// Reads a file, which must be what it was when it was looked at.
fn read_vectors(
    import: &Import,
    segmenter: &str,
    sources: &Sources,
    roots: &Roots,
    store: &dyn Store,
) -> Result<Vectors> {
    let mut opened = Vec::new();
    for file in files_of_import(import) {
        match sources.files.get(file) {
            Some(Observed::Here(record)) => {
                opened.push(OpenSource::open(file, &record.digest, roots, store)?)
            }
            _ => {
                return Err(Error::cannot_read(file, "no such file")
                    .hint("the lock knows this file, but its vectors have to be read: bring it back"));
            }
        }
    }
    let open = |name: &str| {
        File::open(roots.resolve(name)?).map_err(|cause| Error::cannot_read(name, plain(&cause)))
    };
    let vectors = Vectors::read(import, segmenter, &open);
    opened.iter().try_fold(vectors, |vectors, file| Ok(file.settle(vectors))).and_then(|vectors| vectors)
}

/// What a clip without vectors has.
fn none(dim: usize) -> Frame {
    let columns = vec![
        ("place".to_owned(), Values::Texts(Vec::new())),
        ("vector".to_owned(), Values::Lists { dim, data: Vec::new() }),
    ];
    Frame { n_rows: 0, columns }
}

fn nobodys(import: &Import, index: &Index, manifest: &Manifest, segmenter: &str) -> Error {
    let file = printable(&import.file);
    let theirs = index.clips.keys().chain(&index.others).next().map_or_else(
        || "it has no rows".to_owned(),
        |id| format!("none of its ids is of this dataset; the first is `{}`", printable(id)),
    );
    let ours = manifest.clips.first().map_or("", |clip| &clip.id);
    Error::world(format!("cannot import vectors from `{file}`: {theirs}")).hint(format!(
        "an id is a clip's, as `{0}`, or a segment's in segments.parquet, as `{0}/{segmenter}/0-1000`",
        printable(ours)
    ))
}
