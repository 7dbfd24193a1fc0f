//! Weights: which files a step's model has, found in its folder or in the cache of Hugging Face, and what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Roots;
use super::fetch::{OpenSource, observe_file, plain};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, Of, hub_parts};
use crate::plan::{Observed, SeenWeights, Sources};
use crate::stages::{EXACT, FromWeights, Input, Params, WeightFile};
use crate::store::{Digest, Recipe, Store};
use crate::text::printable;

/// Files beside the weights that numbers depend on.
const CONFIGS: [&str; 2] = ["config.json", "preprocessor_config.json"];
/// Whole weights by their usual names, the first that is there.
const WHOLE: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];
/// Weights in pieces: this file names them.
const INDEX: &str = "model.safetensors.index.json";
/// What weights may end with.
const FORMATS: [&str; 4] = [".safetensors", ".bin", ".pt", ".pth"];
/// What a model says of itself.
const CARD: &str = "README.md";
/// No file but weights is read beyond this.
const MAX_TEXT: u64 = 1 << 24;

/// The steps that read weights, by name.
pub fn weights(manifest: &Manifest) -> impl Iterator<Item = (&str, FromWeights<'_>)> {
    manifest.embed.iter().filter_map(|(name, Of { kind, .. })| Some((name.as_str(), kind.weights()?)))
}

/// Looks at the files of the models that steps name, and takes down in `sources` what they are. `locked` says what an absent one
/// had in it, and `known` which files of a model that is absent were read.
///
/// # Errors
/// When a model is not there and never was, has no weights, or this taqsim can run none.
pub fn observe_weights(
    manifest: &Manifest,
    roots: &Roots,
    locked: impl Fn(&str) -> Option<Digest>,
    known: &dyn Fn(&str) -> Vec<String>,
    store: &dyn Store,
    sources: &mut Sources,
) -> Result<()> {
    for (step, of) in weights(manifest) {
        if !cfg!(feature = "nets") {
            let kind = manifest.embed[step].kind.kind();
            return Err(Error::usage(format!(
                "cannot build `embed.{step}`: this taqsim was built without neural networks, which `{kind}` needs"
            ))
            .hint("install it with them: cargo install taqsim --features nets"));
        }
        let place = Place::of(of.weights, roots);
        let names = if place.is_there(roots) { place.names(roots)? } else { place.known(known)? };
        let mut seen = SeenWeights { license: of.license.map(str::to_owned), ..SeenWeights::default() };
        for name in names {
            let path = place.path(&name);
            let observed = observe_file(&path, roots, locked(&path), store)?;
            let digest =
                observed.digest().ok_or_else(|| Error::cannot_read(printable(&path), "no such file"))?;
            seen.files.files.push(WeightFile { name, digest: digest.to_string() });
            seen.paths.push(path.clone());
            sources.files.insert(path, observed);
        }
        let card = place.path(CARD);
        if seen.license.is_none() && roots.resolve(&card).is_ok() {
            sources.files.insert(card.clone(), observe_file(&card, roots, None, store)?);
            seen.license = license_of_card(&read_text(&card, roots)?);
        }
        sources.weights.insert(step.to_owned(), seen);
    }
    Ok(())
}

/// The files of a model, each by its name in the model's folder, and where it is.
///
/// # Errors
/// When it is not there, or has no weights.
pub fn files_of_model(weights: &str, roots: &Roots) -> Result<Vec<(String, PathBuf)>> {
    let place = Place::of(weights, roots);
    let names = place.names(roots)?.into_iter();
    names.map(|name| Ok((name.clone(), roots.resolve(&place.path(&name))?))).collect()
}

/// The inputs of a task that reads weights: what they are, and each of the files.
///
/// # Errors
/// When one is not there, or is not what it was when it was looked at.
pub(super) fn inputs_of(
    seen: &SeenWeights,
    sources: &Sources,
    roots: &Roots,
    store: &dyn Store,
) -> Result<(Input, Vec<OpenSource>)> {
    let mut opened = Vec::new();
    for path in &seen.paths {
        match sources.files.get(path) {
            Some(Observed::Here(record)) => {
                opened.push(OpenSource::open(path, &record.digest, roots, store)?)
            }
            _ => {
                return Err(Error::cannot_read(printable(path), "no such file")
                    .hint("the lock knows these weights, but a stale step has to read them: bring them back")
                    .hint(how_to_get(path)));
            }
        }
    }
    Ok((Input::bytes(seen.files.to_bytes()), opened))
}

/// Size in bytes and SHA-256, in hexadecimal, of a file that was observed; read only where its content is new.
///
/// # Errors
/// When it has to be read and cannot be.
pub fn size_and_sha256(
    path: &str,
    sources: &Sources,
    roots: &Roots,
    store: &dyn Store,
) -> Result<(u64, String)> {
    let digest =
        sources.file(path).ok_or_else(|| Error::cannot_read(printable(path), "it was not looked at"))?;
    let recipe = recipe_of_sums(digest);
    if let Some(sums) = recalled(&recipe, store)? {
        return Ok(sums);
    }
    let found = roots.resolve(path)?;
    let cannot = |cause: std::io::Error| Error::cannot_read(printable(path), plain(&cause));
    let mut hasher = Sha256::new();
    let n_bytes = std::io::copy(&mut File::open(&found).map_err(cannot)?, &mut hasher).map_err(cannot)?;
    let sha256: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    // The cache of Hugging Face names large files by their SHA-256.
    let blob = found.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if path.starts_with("hf:") && blob.len() == 64 && blob != sha256 {
        return Err(
            Error::cannot_read(printable(path), "it is not what was downloaded").hint(how_to_get(path))
        );
    }
    let json = serde_json::to_vec(&(n_bytes, &sha256)).expect("a number and a text are JSON");
    store.remember(&recipe, &store.keep(&[("sums", json)])?)?;
    Ok((n_bytes, sha256))
}

/// The keys under which the sums of weights are remembered.
pub fn keys_of_weights(sources: &Sources) -> Vec<crate::store::Key> {
    let paths = sources.weights.values().flat_map(|seen| &seen.paths);
    paths.filter_map(|path| Some(recipe_of_sums(sources.file(path)?).key())).collect()
}

fn recipe_of_sums(digest: Digest) -> Recipe {
    Recipe {
        kind: "weights".to_owned(),
        version: 1,
        numerics: EXACT.to_owned(),
        params: Params::new(),
        inputs: BTreeMap::from([("file".to_owned(), vec![digest])]),
    }
}

fn recalled(recipe: &Recipe, store: &dyn Store) -> Result<Option<(u64, String)>> {
    let Some(digest) = store.recall(&recipe.key()).and_then(|outputs| outputs.get("sums").copied()) else {
        return Ok(None);
    };
    let Some(value) = store.read(&digest)? else { return Ok(None) };
    Ok(serde_json::from_slice(&value.read()?).ok())
}

/// Where the files of a model are: in a folder, or in the one that a file of weights is in.
struct Place<'a> {
    folder: &'a str,
    /// The name of the file of weights, where the manifest names one.
    weights: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn of(weights: &'a str, roots: &Roots) -> Self {
        let is_file = FORMATS.iter().any(|format| weights.ends_with(format));
        let is_folder = weights.starts_with("hf:") || matches!(roots.folder(weights), Ok(Some(_)));
        match weights.rsplit_once('/') {
            _ if is_folder || !is_file => Self { folder: weights, weights: None },
            Some((folder, name)) => Self { folder, weights: Some(name) },
            None => Self { folder: "", weights: Some(weights) },
        }
    }

    fn path(&self, name: &str) -> String {
        if self.folder.is_empty() { name.to_owned() } else { format!("{}/{name}", self.folder) }
    }

    fn is_there(&self, roots: &Roots) -> bool {
        matches!(roots.folder(self.folder), Ok(Some(_)) | Err(_))
    }

    /// The files that are read of a model that is there.
    fn names(&self, roots: &Roots) -> Result<Vec<String>> {
        let folder = roots.folder(self.folder)?.ok_or_else(|| self.absent())?;
        let cannot = |cause: std::io::Error| Error::cannot_read(printable(self.folder), plain(&cause));
        let entries = fs::read_dir(folder).map_err(cannot)?.filter_map(std::result::Result::ok);
        let there: BTreeSet<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        let mut names: Vec<String> =
            CONFIGS.map(str::to_owned).into_iter().filter(|name| there.contains(name)).collect();
        names.extend(self.weights_among(&there, roots)?);
        Ok(names)
    }

    fn weights_among(&self, there: &BTreeSet<String>, roots: &Roots) -> Result<Vec<String>> {
        if let Some(weights) = self.weights {
            return Ok(vec![weights.to_owned()]);
        }
        let whole = WHOLE.into_iter().find(|name| there.contains(*name));
        if there.contains(INDEX) && whole != Some(WHOLE[0]) {
            return self.pieces(roots);
        }
        if let Some(whole) = whole {
            return Ok(vec![whole.to_owned()]);
        }
        let weights = there.iter().filter(|name| FORMATS.iter().any(|format| name.ends_with(format)));
        match weights.collect::<Vec<_>>()[..] {
            [one] => Ok(vec![one.clone()]),
            [] => Err(Error::cannot_read(printable(self.folder), "there are no weights in it")
                .hint(format!("a model has `{}`, `{INDEX}` or `{}`", WHOLE[0], WHOLE[1]))
                .hint(how_to_get(self.folder))),
            _ => Err(Error::cannot_read(printable(self.folder), "there are several files of weights in it")
                .hint("name the one that is meant: `weights = \"folder/file\"`")),
        }
    }

    /// The pieces that the index of a model names.
    fn pieces(&self, roots: &Roots) -> Result<Vec<String>> {
        let path = self.path(INDEX);
        let damaged = || Error::cannot_read(printable(&path), "it names no files of weights");
        let index: Value = serde_json::from_str(&read_text(&path, roots)?).map_err(|_| damaged())?;
        let map = index["weight_map"].as_object().ok_or_else(damaged)?;
        let pieces: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
        let is_name = |piece: &&str| !piece.contains(['/', '\\']) && piece.ends_with(FORMATS[0]);
        if pieces.is_empty() || !pieces.iter().all(is_name) {
            return Err(damaged());
        }
        Ok(pieces.into_iter().map(str::to_owned).collect())
    }

    /// The files of a model that is not there, as the lock names them.
    fn known(&self, known: &dyn Fn(&str) -> Vec<String>) -> Result<Vec<String>> {
        let is_read = |name: &String| match self.weights {
            Some(weights) => name == weights || CONFIGS.contains(&name.as_str()),
            None => true,
        };
        let mut names: Vec<String> = known(self.folder).into_iter().filter(is_read).collect();
        if names.is_empty() {
            return Err(self.absent());
        }
        let rank = |name: &String| CONFIGS.iter().position(|config| config == name).unwrap_or(CONFIGS.len());
        names.sort_by_key(|name| (rank(name), name.clone()));
        Ok(names)
    }

    fn absent(&self) -> Error {
        let cause = if self.folder.starts_with("hf:") {
            "it is not in the cache of Hugging Face"
        } else {
            "no such folder"
        };
        Error::cannot_read(printable(self.folder), cause).hint(how_to_get(self.folder))
    }
}

/// What gets a model.
fn how_to_get(place: &str) -> String {
    match hub_parts(place) {
        Some((repository, revision, _)) => {
            format!("nothing is downloaded here; run: hf download {repository} --revision {revision}")
        }
        None => "MODELS.md says where models are and how to get them".to_owned(),
    }
}

fn read_text(path: &str, roots: &Roots) -> Result<String> {
    let cannot = |cause: std::io::Error| Error::cannot_read(printable(path), plain(&cause));
    let mut text = Vec::new();
    File::open(roots.resolve(path)?)
        .map_err(cannot)?
        .take(MAX_TEXT)
        .read_to_end(&mut text)
        .map_err(cannot)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The licence in the YAML that a model's card begins with: `license: cc-by-nc-4.0`, or the name of another one.
fn license_of_card(card: &str) -> Option<String> {
    let yaml = card.strip_prefix("---")?.split("\n---").next()?;
    let value = |key: &str| {
        let line = yaml.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let value = line.split(" #").next()?.trim().trim_matches(['"', '\'']).trim_matches(['[', ']']);
        let is_sound = !value.is_empty()
            && value.len() <= 128
            && value.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        is_sound.then(|| value.to_owned())
    };
    match value("license") {
        Some(other) if other == "other" => value("license_name").or(Some(other)),
        license => license,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_licence_is_that_of_the_cards_yaml() {
        for (card, license) in [
            ("---\nlicense: cc-by-nc-4.0\ntags:\n- music\n---\n# MERT", Some("cc-by-nc-4.0")),
            ("---\ntags: []\nlicense: other\nlicense_name: \"my terms\"\n---\n", Some("my terms")),
            ("---\nlicense: other\n---\n", Some("other")),
            ("---\ntags:\n- license: x\n---\nlicense: mit", None),
            ("# No YAML\nlicense: mit", None),
            ("---\nlicense: a\u{1b}[31m\n---\n", None),
        ] {
            assert_eq!(license_of_card(card).as_deref(), license, "{card}");
        }
    }
}
