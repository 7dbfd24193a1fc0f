//! Trials: which rows are recognised from which others, and why some targets cannot be put to a trial.

use std::collections::{BTreeMap, BTreeSet};

use super::Evaluation;
use super::evaluated::Protocol;
use super::targets::{Is, Target};
use crate::signal::evidence::folds;

/// Who made the rows: which recording each is of, and which artist plays, where that is known.
pub(super) struct Makers {
    pub(super) recordings: Vec<usize>,
    /// None where the manifest names no artist.
    pub(super) artists: Option<Vec<Option<usize>>>,
    /// What the label is called that says who plays.
    pub(super) artist: String,
}

/// A target under one protocol.
pub(super) struct Trialled {
    pub(super) protocol: Protocol,
    /// The class of each row that takes part.
    pub(super) classes: Vec<Option<usize>>,
    /// The heap that is tested at one time, of each row that takes part: rows of one are never compared.
    pub(super) folds: Vec<Option<usize>>,
    /// The same in fewer heaps, for what has to be fitted for each.
    pub(super) heaps: Vec<Option<usize>>,
    /// What changes classes when they are permuted.
    pub(super) units: Vec<usize>,
    /// What to bear in mind; why there can be no trial, where `is_possible` is false.
    pub(super) note: Option<String>,
    pub(super) is_possible: bool,
    /// How many classes have rows here.
    pub(super) n_classes: usize,
}

/// What has to be fitted is fitted this often at most where recordings or artists are left out one by one.
const MOST_HEAPS: usize = 20;

impl Trialled {
    /// A target under every protocol that there is.
    pub(super) fn all(target: &Target, makers: &Makers, params: &Evaluation) -> Vec<Self> {
        let recordings = || makers.recordings.iter().map(|recording| Some(*recording)).collect::<Vec<_>>();
        let mut all = vec![
            Self::of(target, Protocol::Random, recordings(), makers, params),
            Self::of(target, Protocol::LeaveRecordingOut, recordings(), makers, params),
        ];
        let artists = makers.artists.clone();
        all.extend(artists.map(|it| Self::of(target, Protocol::LeaveArtistOut, it, makers, params)));
        all
    }

    fn of(
        target: &Target,
        protocol: Protocol,
        groups: Vec<Option<usize>>,
        makers: &Makers,
        params: &Evaluation,
    ) -> Self {
        let is_in = |row: &usize| groups[*row].is_some();
        let classes: Vec<_> =
            (0..groups.len()).map(|row| target.classes[row].filter(|_| is_in(&row))).collect();
        let groups: Vec<_> =
            groups.iter().zip(&classes).map(|(group, class)| group.filter(|_| class.is_some())).collect();
        let what = if protocol == Protocol::LeaveArtistOut { makers.artist.as_str() } else { "recording" };
        let of_classes = groups_of_classes(&classes, &groups);
        let (is_possible, note) = prospects(target, protocol, what, &of_classes);
        let dealt = |n: usize| in_heaps(&groups, n, params.seed);
        let (folds, heaps) = match protocol {
            _ if !is_possible => (vec![None; groups.len()], vec![None; groups.len()]),
            Protocol::Random => (dealt(params.folds as usize), dealt(params.folds as usize)),
            _ => (groups.clone(), dealt(MOST_HEAPS)),
        };
        let units = units(&classes, &groups, makers);
        let n_classes = of_classes.len();
        Self { protocol, classes, folds, heaps, units, note, is_possible, n_classes }
    }

    /// How many rows take part.
    pub(super) fn n_rows(&self) -> usize {
        self.classes.iter().flatten().count()
    }

    /// Of how many recordings they are.
    pub(super) fn n_recordings(&self, makers: &Makers) -> usize {
        let known = self.classes.iter().zip(&makers.recordings).filter(|(class, _)| class.is_some());
        known.map(|(_, recording)| *recording).collect::<BTreeSet<_>>().len()
    }

    /// Whether each class is there with two groups at least.
    pub(super) fn is_everywhere_twice(&self) -> bool {
        groups_of_classes(&self.classes, &self.folds).values().all(|groups| groups.len() > 1)
    }
}

/// For each class the groups that have it.
fn groups_of_classes(
    classes: &[Option<usize>],
    groups: &[Option<usize>],
) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut of_classes: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (class, group) in classes.iter().zip(groups) {
        if let (Some(class), Some(group)) = (class, group) {
            of_classes.entry(*class).or_default().insert(*group);
        }
    }
    of_classes
}

/// Whether there can be a trial, and what to say of it.
fn prospects(
    target: &Target,
    protocol: Protocol,
    what: &str,
    of_classes: &BTreeMap<usize, BTreeSet<usize>>,
) -> (bool, Option<String>) {
    let never = |what: &str| (false, Some(format!("segments of one {what} never stand on both sides")));
    match (target.is, protocol) {
        (Is::Recording, _) => return never("recording"),
        (Is::Artist, Protocol::LeaveArtistOut) => return never(what),
        _ => {}
    }
    let name = &target.name;
    let alone = of_classes.values().filter(|groups| groups.len() < 2).count();
    match (of_classes.len(), alone) {
        (0, _) => (false, Some(format!("no segment has a `{name}` here"))),
        (1, _) => (false, Some(format!("`{name}` has one value only: there is nothing to tell apart"))),
        (n, alone) if n == alone => (
            false,
            Some(format!("no value of `{name}` has two {what}s: none can be recognised from another")),
        ),
        (_, 0) => (true, None),
        (n, alone) => {
            let have = if alone == 1 { "has" } else { "have" };
            (true, Some(format!("{alone} of {n} values {have} one {what} only, and cannot be recognised")))
        }
    }
}

/// Groups dealt to `n` heaps; one without a group is in none.
fn in_heaps(groups: &[Option<usize>], n: usize, seed: u64) -> Vec<Option<usize>> {
    let known: Vec<usize> = groups.iter().flatten().copied().collect();
    let mut heaps = folds(&known, n, seed).into_iter();
    groups.iter().map(|group| group.and_then(|_| heaps.next())).collect()
}

/// Artists change their classes where each has one: then their recordings are not independent of each other. Else
/// recordings do.
fn units(classes: &[Option<usize>], groups: &[Option<usize>], makers: &Makers) -> Vec<usize> {
    let Some(artists) = &makers.artists else { return makers.recordings.clone() };
    let known = |row: &usize| classes[*row].is_some() && groups[*row].is_some();
    let rows: Vec<usize> = (0..classes.len()).filter(known).collect();
    let mut class_of: BTreeMap<usize, Option<usize>> = BTreeMap::new();
    let is_of_one = |row: &usize| {
        artists[*row].is_some_and(|artist| *class_of.entry(artist).or_insert(classes[*row]) == classes[*row])
    };
    match rows.iter().all(is_of_one) {
        true => artists.iter().map(|artist| artist.unwrap_or(0)).collect(),
        false => makers.recordings.clone(),
    }
}
