//! What is evaluated: the classes that labels and nuisances give to rows.

use std::collections::BTreeMap;

use super::super::{Input, Measures};
use super::Truth;
use super::evaluated::Role;
use super::rows::Row;
use crate::error::Result;

/// A label or a nuisance, and the class that it gives to each row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) role: Role,
    /// None where it is not known.
    pub(super) classes: Vec<Option<usize>>,
    /// What the classes are called.
    pub(super) words: Vec<String>,
    /// What it is that can never be on both sides.
    pub(super) is: Is,
}

/// What a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    Recording,
    Artist,
    Other,
}

/// The recording, under this name.
pub(super) const RECORDING: &str = "recording";

/// The measures that say how a clip was recorded rather than what was played.
const MEASURED: [&str; 3] = ["cutoff_hz", "noise_floor_dbfs", "loudness_lufs"];

/// All labels, then all nuisances: the artist, the recording, and what was measured, in bins of about as many clips.
///
/// # Errors
/// When the measures cannot be read.
pub(super) fn targets(truth: &Truth, measures: &[Input], rows: &[Row], n_bins: usize) -> Result<Vec<Target>> {
    let labels = (0..truth.labels.len()).filter(|label| truth.artist != Some(*label));
    let mut targets: Vec<Target> = labels.map(|label| of_label(truth, label, rows)).collect();
    targets.extend(truth.artist.map(|artist| of_label(truth, artist, rows)));
    targets.push(of_recordings(rows));
    targets.extend(of_measures(measures, rows, n_bins)?);
    Ok(targets)
}

/// The classes that words give; classes are numbered in the order of their words.
fn of_words(name: &str, role: Role, is: Is, words: Vec<Option<&str>>) -> Target {
    let mut numbers: BTreeMap<&str, usize> = words.iter().flatten().map(|word| (*word, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(at, number)| *number = at);
    let classes = words.iter().map(|word| word.map(|word| numbers[word])).collect();
    let words = numbers.into_keys().map(str::to_owned).collect();
    Target { name: name.to_owned(), role, classes, words, is }
}

fn of_label(truth: &Truth, label: usize, rows: &[Row]) -> Target {
    let words = rows.iter().map(|row| truth.clips[row.clip].label(label, row.range)).collect();
    let (role, is) = match truth.artist == Some(label) {
        true => (Role::Nuisance, Is::Artist),
        false => (Role::Label, Is::Other),
    };
    of_words(&truth.labels[label], role, is, words)
}

fn of_recordings(rows: &[Row]) -> Target {
    let mut numbers: BTreeMap<usize, usize> = rows.iter().map(|row| (row.recording, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(at, number)| *number = at);
    let classes = rows.iter().map(|row| numbers.get(&row.recording).copied()).collect();
    // Nothing is ever taken for a recording, so that their names are not asked for.
    let words = vec![String::new(); numbers.len()];
    Target { name: RECORDING.to_owned(), role: Role::Nuisance, classes, words, is: Is::Recording }
}

fn of_measures(measures: &[Input], rows: &[Row], n_bins: usize) -> Result<Vec<Target>> {
    let measures = measures.iter().map(Measures::read).collect::<Result<Vec<_>>>()?;
    let of = |name: &str| super::super::MEASURES.iter().find(|measure| measure.name == name);
    let target = |name: &str| {
        let of = of(name)?.of;
        let values: Vec<Option<f64>> = measures.iter().map(of).collect();
        // A spectrum that breaks off nowhere is told by that.
        let none = (name == "cutoff_hz").then_some("none");
        let bins = bins(&values, n_bins);
        let words = rows.iter().map(|row| bins.get(row.clip)?.as_deref().or(none)).collect();
        Some(of_words(name, Role::Nuisance, Is::Other, words))
    };
    Ok(MEASURED.into_iter().filter_map(target).collect())
}

/// The bin that each value falls into, by what it is called: `1: -31.2 to -27.5`. Equal values fall into one bin.
fn bins(values: &[Option<f64>], n_bins: usize) -> Vec<Option<String>> {
    let mut sorted: Vec<f64> = values.iter().flatten().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut starts: Vec<f64> =
        (0..n_bins).filter_map(|bin| sorted.get(bin * sorted.len() / n_bins)).copied().collect();
    starts.dedup();
    let bin_of = |value: f64| starts.partition_point(|start| *start <= value).max(1);
    let word = |of_bin: &[f64]| {
        let (first, last) = (of_bin[0], of_bin[of_bin.len() - 1]);
        let bin = bin_of(first);
        (bin, format!("{bin:02}: {} to {}", rounded(first), rounded(last)))
    };
    let words: BTreeMap<usize, String> = sorted.chunk_by(|a, b| bin_of(*a) == bin_of(*b)).map(word).collect();
    let of_value =
        |value: &Option<f64>| words.get(&bin_of((*value).filter(|value| value.is_finite())?)).cloned();
    values.iter().map(of_value).collect()
}

/// To one digit, and no minus before a zero.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_about_as_many_values_and_equal_ones_together() {
        let values: Vec<Option<f64>> = (0..8).map(|value| Some(f64::from(value))).collect();
        let words = bins(&values, 4);
        assert_eq!(words[0].as_deref(), Some("01: 0 to 1"));
        assert_eq!((&words[6], &words[6]), (&words[7], &Some("04: 6 to 7".to_owned())));
        let some = bins(&[Some(1.0), None, Some(f64::NAN), Some(1.0), Some(2.0)], 2);
        assert_eq!(some.iter().flatten().count(), 3);
        assert_eq!(some[0], some[3]);
        assert_eq!(bins(&[None, None], 4), [None, None]);
        assert_eq!(bins(&[], 4), Vec::<Option<String>>::new());
        assert_eq!(bins(&[Some(3.0); 9], 4)[0].as_deref(), Some("01: 3 to 3"));
    }
}
