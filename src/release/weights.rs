//! The weights that a release was computed with: what the lock keeps of them, and whose terms the tables are under.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FilesRead, Lock, Project};
use crate::error::Result;
use crate::manifest::{Manifest, hub_parts};
use crate::plan::{SeenWeights, Sources};
use crate::run::{self, Roots};
use crate::store::{Digest, Store};
use crate::text::{markdown, printable};

/// A file of a model in the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsLine {
    /// The repository, where it comes from the cache of Hugging Face.
    #[serde(default)]
    pub repo: Option<String>,
    /// Its commit.
    #[serde(default)]
    pub revision: Option<String>,
    /// The file's name in the repository, or in the model's folder.
    pub file: String,
    /// Bytes.
    pub size: u64,
    /// The SHA-256 of what is in it, in hexadecimal: what other places know it by.
    pub sha256: String,
    /// The digest of what is in it.
    pub blake3: Digest,
    /// The licence of the model; none where nobody says.
    #[serde(default)]
    pub license: Option<String>,
}

/// What steps read besides the sources: files of vectors, and models. What is absent is as it was.
///
/// # Errors
/// When a file of a model cannot be read.
pub(super) fn files_read(
    project: &Project,
    sources: &Sources,
    before: Option<&Lock>,
    store: &dyn Store,
) -> Result<FilesRead> {
    let files = run::files_of(&project.manifest).into_iter();
    let files = files.filter_map(|path| Some((path.to_owned(), sources.file(path)?))).collect();
    Ok(FilesRead { files, weights: lines(sources, &project.roots, before, store)? })
}

fn lines(
    sources: &Sources,
    roots: &Roots,
    before: Option<&Lock>,
    store: &dyn Store,
) -> Result<BTreeMap<String, WeightsLine>> {
    let mut lines = BTreeMap::new();
    for seen in sources.weights.values() {
        for (path, of) in seen.paths.iter().zip(&seen.files.files) {
            let Some(blake3) = sources.file(path) else { continue };
            let locked = before.and_then(|lock| lock.weights.get(path)).filter(|line| line.blake3 == blake3);
            let (size, sha256) = match locked {
                Some(line) => (line.size, line.sha256.clone()),
                None => run::size_and_sha256(path, sources, roots, store)?,
            };
            let hub = hub_parts(path);
            lines.insert(
                path.clone(),
                WeightsLine {
                    repo: hub.map(|(repo, ..)| repo.to_owned()),
                    revision: hub.map(|(_, revision, _)| revision.to_owned()),
                    file: of.name.clone(),
                    size,
                    sha256,
                    blake3,
                    license: seen.license.clone(),
                },
            );
        }
    }
    Ok(lines)
}

/// The lines in a lock of the models that a manifest names, with what it says of their licences.
pub(super) fn lines_of(
    locked: &BTreeMap<String, WeightsLine>,
    manifest: &Manifest,
) -> BTreeMap<String, WeightsLine> {
    let mut lines = BTreeMap::new();
    for (_, of) in run::weights(manifest) {
        for (path, line) in locked.iter().filter(|(path, line)| is_of(of.weights, path, &line.file)) {
            let license = of.license.map(str::to_owned).or_else(|| line.license.clone());
            lines.insert(path.clone(), WeightsLine { license, ..line.clone() });
        }
    }
    lines
}

/// Whether a file is one of the model that a manifest names.
fn is_of(weights: &str, path: &str, file: &str) -> bool {
    let folder = path.strip_suffix(file).map(|folder| folder.trim_end_matches('/'));
    let parent = weights.rsplit_once('/').map_or("", |(parent, _)| parent);
    let is_beside = folder == Some(parent) && file.ends_with(".json");
    folder == Some(weights) || path == weights || is_beside
}

/// The names of a model's files in the lock, by the folder that they are in.
pub(super) fn names_in(lock: Option<&Lock>, folder: &str) -> Vec<String> {
    let path_of = |file: &str| if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
    let lines = lock.into_iter().flat_map(|lock| &lock.weights);
    lines.filter(|(path, line)| path_of(&line.file) == **path).map(|(_, line)| line.file.clone()).collect()
}

/// Whether a licence forbids commercial use.
fn is_non_commercial(license: &str) -> bool {
    let words = license.to_lowercase();
    words.split(['-', '_', ' ']).any(|word| matches!(word, "nc" | "noncommercial"))
        || words.contains("non-commercial")
}

/// What has to be said of the licences of weights that are new since the lock, or whose licence is.
pub(super) fn warnings(
    weights: &BTreeMap<String, WeightsLine>,
    manifest: &Manifest,
    before: Option<&Lock>,
) -> Vec<String> {
    let mut words = Vec::new();
    for (step, of) in run::weights(manifest) {
        let mut files = weights.iter().filter(|(path, line)| is_of(of.weights, path, &line.file));
        let is_news =
            files.clone().any(|(path, line)| before.and_then(|lock| lock.weights.get(path)) != Some(line));
        let license = files.next().and_then(|(_, line)| line.license.as_deref());
        let place = printable(of.weights);
        match license {
            _ if !is_news => {}
            Some(license) if is_non_commercial(license) => words.push(format!(
                "`embed.{step}`: the weights `{place}` are licensed {}: whoever uses its tables commercially needs other terms",
                printable(license)
            )),
            Some(_) => {}
            None => words.push(format!(
                "`embed.{step}`: nobody says how the weights `{place}` are licensed: set `license`, or put the model's \
                 README.md beside them"
            )),
        }
    }
    words
}

/// The models and their licences, as the card names them; nothing where no step reads weights.
pub(super) fn section(manifest: &Manifest, weights: &BTreeMap<String, SeenWeights>) -> Option<String> {
    let mut text = "\n## Models\n\n| table | weights | licence |\n|---|---|---|\n".to_owned();
    let mut restricted = Vec::new();
    for (step, of) in run::weights(manifest) {
        let license = weights.get(step).and_then(|seen| seen.license.as_deref());
        let named = license.map_or_else(|| "not known".to_owned(), markdown);
        text.push_str(&format!("| embed.{} | {} | {named} |\n", markdown(step), markdown(of.weights)));
        if license.is_some_and(is_non_commercial) {
            restricted.push(format!("embed.{}", markdown(step)));
        }
    }
    if !restricted.is_empty() {
        text.push_str(&format!(
            "\n**Not for commercial use**, as far as these models' licences reach: {}, and what was made of them.\n",
            restricted.join(", ")
        ));
    }
    text.pop();
    (!weights.is_empty()).then_some(text)
}

/// What of the weights stands in the card; none where there are none.
pub(super) fn digest_of_card(weights: &BTreeMap<String, SeenWeights>) -> Option<Digest> {
    let said: Vec<_> = weights.iter().map(|(step, seen)| (step, &seen.license)).collect();
    let json = serde_json::to_vec(&said).expect("names and licences are JSON");
    (!weights.is_empty()).then(|| Digest::of(&json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_commercial_licences_are_known_by_their_words() {
        for (license, expected) in [
            ("cc-by-nc-4.0", true),
            ("CC-BY-NC-SA-4.0", true),
            ("non-commercial", true),
            ("apache-2.0", false),
            ("LicenseRef-ncsa", false),
            ("NCSA", false),
        ] {
            assert_eq!(is_non_commercial(license), expected, "{license}");
        }
    }

    #[test]
    fn a_file_is_of_the_model_whose_folder_or_file_a_manifest_names() {
        for (weights, path, file, expected) in [
            ("models/a", "models/a/config.json", "config.json", true),
            ("models/a", "models/ab/config.json", "config.json", false),
            ("models/a/w.pt", "models/a/w.pt", "w.pt", true),
            ("models/a/w.pt", "models/a/config.json", "config.json", true),
            ("models/a/w.pt", "models/a/v.pt", "v.pt", false),
        ] {
            assert_eq!(is_of(weights, path, file), expected, "{weights} {path}");
        }
    }
}
