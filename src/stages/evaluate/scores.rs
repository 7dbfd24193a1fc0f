//! Scores: every target under every protocol, with what chance comes to and what follows.

use super::super::{Context, Frame, Input, Values};
use super::evaluated::{Confused, Evaluated, Measured, Protocol, Role, Score, Verdict};
use super::targets::{Is, RECORDING, Target};
use super::trials::{Makers, Trialled};
use super::{Evaluation, probe};
use crate::error::{Error, Result};
use crate::signal::Matrix;
use crate::signal::evidence::{Answers, Cohesion, Contingency, Nearest, Trial};

/// What scores are made from.
pub(super) struct Scorer<'a> {
    pub(super) params: &'a Evaluation,
    pub(super) numbers: &'a Matrix,
    pub(super) makers: &'a Makers,
    pub(super) context: &'a Context<'a>,
}

/// The middle 95 % of the samples are the interval.
const SHARE: f64 = 0.95;
/// A p that is not above this is seldom chance.
const SELDOM: f64 = 0.05;
/// From here on label and artist determine each other so far that nobody can tell them apart.
const COINCIDE: f64 = 0.95;

impl Scorer<'_> {
    /// The scores of a target under its protocols, in which these neighbours answered, and its silhouette.
    ///
    /// # Errors
    /// When the user cancelled.
    pub(super) fn of_target(
        &self,
        target: &Target,
        trials: &[Trialled],
        nearest: &[&Nearest],
        silhouette: Option<f64>,
        to: &mut Evaluated,
    ) -> Result<()> {
        let coincidence = self.coincidence(target);
        let mut nearest = nearest.iter();
        for trialled in trials {
            let neighbours = if trialled.is_possible { nearest.next() } else { None };
            self.of_trial(target, trialled, neighbours.copied(), coincidence, to)?;
        }
        let all = self.score(target, Protocol::All, Measured::Silhouette);
        to.scores.push(Score {
            value: silhouette,
            note: self.why_no(silhouette, target, "silhouette"),
            ..all.clone()
        });
        if target.role == Role::Label && self.makers.artists.is_some() {
            let note = match coincidence {
                Some(_) => format!("with `{}`, over recordings", self.makers.artist),
                None => format!("`{}` or `{}` has one value only", target.name, self.makers.artist),
            };
            let (value, measure) = (coincidence, Measured::CramersV);
            to.scores.push(Score { value, measure, note: Some(note), ..all });
        }
        Ok(())
    }

    /// How far the clusters of each row agree with the classes of a target.
    pub(super) fn of_clusters(&self, target: &Target, clusters: &[usize], step: usize, to: &mut Evaluated) {
        let trial = Trial::of(&target.classes, &self.makers.recordings);
        let table = |classes: &[Option<usize>]| {
            let known =
                classes.iter().zip(clusters).filter_map(|(class, cluster)| Some(((*class)?, *cluster)));
            let (classes, clusters): (Vec<usize>, Vec<usize>) = known.unzip();
            Contingency::of(&classes, &clusters)
        };
        type Of = fn(&Contingency) -> f64;
        let rand: Of = Contingency::adjusted_rand;
        let information: Of = Contingency::normalized_mutual_information;
        let measures =
            [(Measured::AdjustedRand, rand, Some(0.0)), (Measured::MutualInformation, information, None)];
        for (measure, of, chance) in measures {
            let score = self.score(target, Protocol::Clusters(step), measure);
            let value = (score.n_classes > 1).then(|| of(&table(&target.classes)));
            // A recording that changes its name with another is the same heap of rows.
            let is_tested = value.is_some() && target.is != Is::Recording;
            let p = || {
                trial.p_value_of(
                    |it| Some(of(&table(it))),
                    self.params.permutations as usize,
                    self.params.seed,
                )
            };
            let p = if is_tested { p() } else { None };
            let note = self.why_no(value, target, "agreement");
            to.scores.push(Score { value, p, chance, note, ..score });
        }
    }

    /// Whether the segments of one performance stay together.
    pub(super) fn of_cohesion(&self, recordings: &Target, cohesion: &Cohesion, to: &mut Evaluated) {
        let n = recordings.classes.len();
        let trial = Trial::of(&vec![Some(0); n], &self.makers.recordings);
        let interval = |numbers: &[Option<f64>]| {
            trial.interval_of_mean(numbers, SHARE, self.params.resamples as usize, self.params.seed)
        };
        let [near, middle, far] = cohesion.along;
        let several = "no recording has two segments";
        let measures = [
            (Measured::Within, cohesion.within, several),
            (Measured::Between, cohesion.between, "there is one recording only"),
            (Measured::Nearer, cohesion.nearer, "it takes two recordings, and one with two segments"),
            (Measured::WithinNear, near, several),
            (Measured::WithinMiddle, middle, "no two segments of a recording are so far apart"),
            (Measured::WithinFar, far, "no two segments of a recording are so far apart"),
        ];
        for (measure, value, why_none) in measures {
            let is_share = measure == Measured::Nearer && value.is_some();
            to.scores.push(Score {
                value,
                interval: if is_share { interval(&cohesion.nearer_of_rows) } else { None },
                chance: is_share.then_some(0.5),
                note: value.is_none().then(|| why_none.to_owned()),
                ..self.score(recordings, Protocol::All, measure)
            });
        }
    }

    fn of_trial(
        &self,
        target: &Target,
        trialled: &Trialled,
        nearest: Option<&Nearest>,
        coincidence: Option<f64>,
        to: &mut Evaluated,
    ) -> Result<()> {
        let base = Score {
            n: trialled.n_rows(),
            n_recordings: trialled.n_recordings(self.makers),
            n_classes: trialled.n_classes,
            note: trialled.note.clone(),
            ..self.score(target, trialled.protocol, Measured::Knn)
        };
        let Some(nearest) = nearest else {
            to.scores.push(Score { measure: Measured::Probe, ..base.clone() });
            to.scores.push(base);
            return Ok(());
        };
        let told = nearest.tell(&trialled.classes);
        let permuted = Trial::of(&trialled.classes, &trialled.units);
        let p = permuted.p_value(nearest, self.params.permutations as usize, self.params.seed);
        let score = self.accuracy(&base, trialled, &told);
        let (verdict, note) = self.verdict(target, trialled, p, coincidence);
        to.scores.push(Score { p, verdict, note: joined(note, base.note.clone()), ..score });
        confuse(target, trialled, Measured::Knn, &told, to);
        let base = Score { measure: Measured::Probe, ..base };
        if trialled.n_classes > probe::MOST_CLASSES {
            let note = format!("not fitted: more than {} values", probe::MOST_CLASSES);
            to.scores.push(Score { note: Some(note), ..base });
            return Ok(());
        }
        let told = probe::tell(self.numbers, trialled, self.context)?;
        self.context.check()?;
        let p = probe::p_value(self.numbers, trialled, self.params.permutations as usize, self.params.seed);
        to.scores.push(Score { p, ..self.accuracy(&base, trialled, &told) });
        confuse(target, trialled, Measured::Probe, &told, to);
        Ok(())
    }

    fn accuracy(&self, base: &Score, trialled: &Trialled, told: &[Option<usize>]) -> Score {
        let trial = Trial::of(&trialled.classes, &self.makers.recordings);
        Score {
            value: trial.accuracy(told),
            interval: trial.interval(told, SHARE, self.params.resamples as usize, self.params.seed),
            chance: (trialled.n_classes > 0).then(|| 1.0 / trialled.n_classes as f64),
            ..base.clone()
        }
    }

    /// What follows, and why nothing does.
    fn verdict(
        &self,
        target: &Target,
        trialled: &Trialled,
        p: Option<f64>,
        coincidence: Option<f64>,
    ) -> (Option<Verdict>, Option<String>) {
        let can_tell = trialled.protocol == Protocol::LeaveArtistOut && trialled.is_everywhere_twice();
        if let Some(v) = coincidence.filter(|v| *v >= COINCIDE && !can_tell) {
            let (label, artist) = (&target.name, &self.makers.artist);
            let note = format!(
                "no conclusion: `{label}` and `{artist}` coincide (Cramér's V {v:.2}), so that it may be the {artist} that is recognised"
            );
            return (Some(Verdict::Refused), Some(note));
        }
        let verdict = |p: f64| if p <= SELDOM { Verdict::AboveChance } else { Verdict::NotAboveChance };
        (p.map(verdict), None)
    }

    /// Cramér's V of a label and the artist, each pair that a recording has counted once.
    fn coincidence(&self, target: &Target) -> Option<f64> {
        let artists = self.makers.artists.as_ref().filter(|_| target.role == Role::Label)?;
        let rows = target.classes.iter().zip(artists).zip(&self.makers.recordings);
        let mut pairs: Vec<(usize, usize, usize)> = rows
            .filter_map(|((class, artist), recording)| Some((*recording, (*class)?, (*artist)?)))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let (classes, artists): (Vec<usize>, Vec<usize>) =
            pairs.into_iter().map(|(_, class, artist)| (class, artist)).unzip();
        Contingency::of(&classes, &artists).cramers_v()
    }

    /// A score without a value.
    fn score(&self, target: &Target, protocol: Protocol, measure: Measured) -> Score {
        let distinct =
            |numbers: Vec<usize>| numbers.into_iter().collect::<std::collections::BTreeSet<_>>().len();
        let known = target.classes.iter().zip(&self.makers.recordings).filter(|(class, _)| class.is_some());
        Score {
            label: target.name.clone(),
            role: target.role,
            protocol,
            measure,
            n: target.classes.iter().flatten().count(),
            n_recordings: distinct(known.map(|(_, recording)| *recording).collect()),
            n_classes: distinct(target.classes.iter().flatten().copied().collect()),
            ..Score::default()
        }
    }

    fn why_no(&self, value: Option<f64>, target: &Target, what: &str) -> Option<String> {
        let name = if target.is == Is::Recording { RECORDING } else { &target.name };
        value
            .is_none()
            .then(|| format!("no {what}: it takes two values of `{name}`, one of them with two segments"))
    }
}

/// The cluster of each of these rows; rows that are in none are together in one more.
///
/// # Errors
/// When there are no such clusters.
pub(super) fn clusters(rows: &Input, of_all: impl Iterator<Item = usize>) -> Result<Vec<usize>> {
    let frame = Frame::read(rows)?;
    let wrong = || Error::world("cannot evaluate clusters: they are not of these rows");
    let Some(Values::Ints(clusters)) = frame.column("cluster") else { return Err(wrong()) };
    let number =
        |cluster: &Option<i64>| cluster.map_or(0, |cluster| usize::try_from(cluster).map_or(0, |it| it + 1));
    of_all.map(|row| clusters.get(row).map(number).ok_or_else(wrong)).collect()
}

fn confuse(target: &Target, trialled: &Trialled, by: Measured, told: &[Option<usize>], to: &mut Evaluated) {
    let trial = Trial::of(&trialled.classes, &trialled.units);
    let word = |class: usize| target.words.get(class).cloned().unwrap_or_default();
    let confused = trial.confusion(told).into_iter().map(|((truth, told), n)| Confused {
        label: target.name.clone(),
        protocol: trialled.protocol,
        by,
        truth: word(truth),
        told: told.map(word),
        n,
    });
    to.confusion.extend(confused);
}

fn joined(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}; {second}")),
        (first, second) => first.or(second),
    }
}

/// The neighbours that each target's possible trials asked for, in order.
pub(super) fn dealt<'a>(answers: &'a Answers, trials: &[Vec<Trialled>]) -> Vec<Vec<&'a Nearest>> {
    let mut nearest = answers.nearest.iter();
    let of_target = |trials: &Vec<Trialled>| {
        let n = trials.iter().filter(|trial| trial.is_possible).count();
        nearest.by_ref().take(n).collect()
    };
    trials.iter().map(of_target).collect()
}
