//! The quality gate: what it says of each clip, and how that is remembered.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::judge::judge;
use super::ledger::{self, Ledger};
use super::order::fingerprint_order;
use super::{Results, Sources, Task, Tasks};
use crate::error::Result;
use crate::manifest::{Manifest, Then};
use crate::stages::{Input, Pairs, Params};
use crate::store::{Digest, OutputDigests, Recipe, Store};

/// A limit that a clip breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// The measure or the label.
    pub name: String,
    /// What becomes of the clip.
    pub then: Then,
    /// In words: "`percussion` is 0.41, above 0.3".
    pub why: String,
}

/// What the gate says of a clip.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The limits that it breaks: of each measure the one with the worst consequence.
    pub broken: Vec<Broken>,
    /// The clip that it is a copy of, by id, and how far they agree.
    pub duplicate: Option<(String, f64)>,
}

/// What the gate says of the clips of which there is anything to say, by their index in the manifest.
///
/// It is no task: limits are held against what was measured wherever that is known, so that another limit runs nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdicts {
    by_clip: BTreeMap<usize, Verdict>,
    /// Everything that they depend on; none where that was long ago.
    recipe: Option<Recipe>,
}

/// Lets the gate say what it says, as soon as all that it goes by is known.
pub struct Gatekeeper<'a, 'm> {
    /// What is built.
    pub tasks: &'a Tasks<'m>,
    /// Of what.
    pub sources: &'a Sources,
    /// Where what was said before is remembered.
    pub store: &'a dyn Store,
    /// Gives what a task came to.
    pub read: &'a ReadValue<'a>,
}

/// Gives the output of this name and digest that a task came to; none where it is lost.
pub type ReadValue<'r> = dyn Fn(Task, &'static str, &Digest) -> Result<Option<Input>> + 'r;

/// Raised whenever the gate says something else of the same clips.
const VERSION: u32 = 1;

impl Verdict {
    /// The worst that becomes of the clip; none where it breaks no limit.
    pub fn then(&self) -> Option<Then> {
        self.broken.iter().map(|broken| broken.then).max()
    }

    /// Why the worst that becomes of the clip does, in words.
    pub fn reason(&self) -> String {
        let worst = self.broken.iter().filter(|broken| Some(broken.then) == self.then());
        worst.map(|broken| broken.why.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// The names of all that is broken, with commas; none where nothing is.
    pub fn flags(&self) -> Option<String> {
        let names: Vec<&str> = self.broken.iter().map(|broken| broken.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(","))
    }
}

/// Of each clip, by its index in the manifest.
impl FromIterator<(usize, Verdict)> for Verdicts {
    fn from_iter<I: IntoIterator<Item = (usize, Verdict)>>(verdicts: I) -> Self {
        let by_clip = verdicts.into_iter().filter(|(_, verdict)| *verdict != Verdict::default()).collect();
        Self { by_clip, recipe: None }
    }
}

impl Verdicts {
    /// What the store calls what the gate said last.
    pub const NAME: &'static str = "gate";

    /// What the gate said last, of the clips that are still called as they were.
    ///
    /// # Errors
    /// When the store fails.
    pub fn last(manifest: &Manifest, store: &dyn Store) -> Result<Option<Self>> {
        let key = store.last(Self::NAME);
        recall(key.and_then(|key| store.recall(&key)), manifest, store)
    }

    /// Remembers what the gate says.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remember(&self, manifest: &Manifest, store: &dyn Store) -> Result<()> {
        let Some(recipe) = &self.recipe else { return Ok(()) };
        let key = recipe.key();
        if !store.knows(&key) {
            let id = |clip: usize| manifest.clips[clip].id.as_str();
            let by_id: Vec<(&str, &Verdict)> =
                self.iter().map(|(clip, verdict)| (id(clip), verdict)).collect();
            let json = serde_json::to_vec(&by_id).expect("verdicts are JSON");
            store.remember(recipe, &store.keep(&[("verdicts", json)])?)?;
        }
        store.remember_last(Self::NAME, &key)
    }

    /// What is said of a clip; none where nothing is.
    pub fn get(&self, clip: usize) -> Option<&Verdict> {
        self.by_clip.get(&clip)
    }

    /// The clips of which something is said, by their index in the manifest.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Verdict)> {
        self.by_clip.iter().map(|(clip, verdict)| (*clip, verdict))
    }

    /// Whether a clip is in no table but `clips`.
    pub fn is_left_out(&self, clip: usize) -> bool {
        self.get(clip).is_some_and(|verdict| verdict.then() >= Some(Then::Exclude))
    }
}

impl Gatekeeper<'_, '_> {
    /// Takes down what is known of all clips that were normalised; whether it could: `read` may have lost something.
    ///
    /// # Errors
    /// When the store fails.
    pub fn take_stock(&self, results: &mut Results) -> Result<bool> {
        let pages = ledger::pages(self.tasks, self.sources, results);
        if results.ledger().is_some_and(|ledger| ledger.is_of(&pages)) {
            return Ok(true);
        }
        let ledger = Ledger::of(pages, self.tasks, results, self.store, self.read)?;
        let has_stock = ledger.is_some();
        results.set_ledger(ledger.map(Arc::new));
        Ok(has_stock)
    }

    /// Takes down what the gate says of all clips that were normalised: remembered, or judged by what was measured of
    /// them. Whether it could: nobody may know yet which clips sound alike, or `read` lost something.
    ///
    /// # Errors
    /// When the store fails.
    pub fn judge(&self, results: &mut Results) -> Result<bool> {
        let Some(recipe) = self.recipe(results) else { return Ok(false) };
        let recalled = recall(self.store.recall(&recipe.key()), self.tasks.manifest, self.store)?;
        let verdicts = match recalled {
            Some(verdicts) => Some(verdicts),
            None => self.judged(results)?,
        };
        let is_judged = verdicts.is_some();
        let verdicts = verdicts.map(|verdicts| Verdicts { recipe: Some(recipe), ..verdicts });
        verdicts.into_iter().for_each(|verdicts| results.judge(Arc::new(verdicts)));
        Ok(is_judged)
    }

    fn judged(&self, results: &mut Results) -> Result<Option<Verdicts>> {
        if !self.take_stock(results)? {
            return Ok(None);
        }
        let (Some(ledger), Some((task, digest))) = (results.ledger(), self.pairs(results)) else {
            return Ok(None);
        };
        let Some(pairs) = (self.read)(task, "pairs", &digest)? else { return Ok(None) };
        let manifest = self.tasks.manifest;
        let alone = |clip: usize| ledger.get(clip).map(|entry| &entry.alone);
        Ok(Some(judge(manifest, alone, &Pairs::read(&pairs)?, &fingerprint_order(manifest, results))))
    }

    fn pairs(&self, results: &Results) -> Option<(Task, Digest)> {
        let task = self.tasks.duplicates()?;
        Some((task, *results.of_task(task)?.get("pairs")?))
    }

    /// Everything that verdicts depend on; none where not all of it is known yet.
    fn recipe(&self, results: &Results) -> Option<Recipe> {
        let (_, pairs) = self.pairs(results)?;
        let pages = ledger::digest_of(&ledger::pages(self.tasks, self.sources, results));
        let inputs = [("ids", ids(self.tasks.manifest)), ("pages", pages), ("pairs", pairs)];
        Some(Recipe {
            kind: Verdicts::NAME.to_owned(),
            version: VERSION,
            numerics: "exact".to_owned(),
            params: Params::new(),
            inputs: inputs.map(|(name, digest)| (name.to_owned(), vec![digest])).into(),
        })
    }
}

/// How the clips are called, in their order.
fn ids(manifest: &Manifest) -> Digest {
    let ids = manifest.clips.iter().flat_map(|clip| [clip.id.as_bytes(), b"\0"]);
    Digest::of(&ids.collect::<Vec<_>>().concat())
}

/// Clips are sorted by id in a checked manifest.
fn recall(
    outputs: Option<OutputDigests>,
    manifest: &Manifest,
    store: &dyn Store,
) -> Result<Option<Verdicts>> {
    let digest = outputs.and_then(|outputs| outputs.get("verdicts").copied());
    let Some(value) = digest.map(|digest| store.read(&digest)).transpose()?.flatten() else {
        return Ok(None);
    };
    let Ok(by_id) = serde_json::from_slice::<Vec<(String, Verdict)>>(&value.read()?) else { return Ok(None) };
    let index = |id: &String| manifest.clips.binary_search_by(|clip| clip.id.cmp(id)).ok();
    Ok(Some(by_id.into_iter().filter_map(|(id, verdict)| Some((index(&id)?, verdict))).collect()))
}
