//! The rows of pitch: what is said of each segment, column by column.

use crate::signal::pitch::{
    ARC_NUMBERS, Decay, INTERVAL_BINS, Match, Ornaments, PitchClasses, REGISTER_PERCENTILES, decay, degrees,
    hertz_of, interval_histogram, nearest_scales, notes, ornaments, percentiles, register_arc,
    resample_contour,
};
use crate::stages::{Frame, Values};

/// What is heard in a segment: an entry per frame.
pub(super) struct Heard<'a> {
    /// Cents above A4, where voiced.
    pub(super) contour: &'a [Option<f64>],
    /// dB.
    pub(super) levels: &'a [f64],
    /// From frame to frame, s.
    pub(super) hop: f64,
}

/// The tonic of a clip.
pub(super) struct KnownTonic {
    /// Cents above A4.
    pub(super) cents: f64,
    /// 0 to 1.
    pub(super) confidence: f64,
    /// What `tonic_method` says.
    pub(super) method: &'static str,
}

/// Times of the contour.
const TIMES: usize = 128;

/// The lists of a row, and their numbers.
const LISTS: [(&str, usize); 11] = [
    ("pcd53", 53),
    ("pcd24_begin", 24),
    ("pcd24_middle", 24),
    ("pcd24_end", 24),
    ("register", REGISTER_PERCENTILES.len()),
    ("register_arc", ARC_NUMBERS),
    ("intervals", INTERVAL_BINS),
    ("ornaments", 4),
    ("decay", 2),
    ("contour", TIMES),
    ("contour_voiced", TIMES),
];

/// Numbers of `vector`.
const VECTOR: usize = 53 + 3 * 24;

/// Numbers of a row that may be missing.
const FLOATS: [&str; 9] = [
    "tonic_hz",
    "tonic_confidence",
    "voiced_ratio",
    "vibrato_rate_hz",
    "vibrato_extent_cents",
    "decay_db_per_s",
    "attack_s",
    "maqam_distance",
    "maqam_second_distance",
];

/// Words of a row.
const TEXTS: [&str; 4] = ["tonic_method", "degrees", "maqam_suggested", "maqam_second"];

/// The rows so far.
#[derive(Default)]
pub(super) struct Table {
    n_rows: usize,
    vector: Vec<f32>,
    lists: [Vec<f32>; LISTS.len()],
    floats: [Vec<Option<f64>>; FLOATS.len()],
    texts: [Vec<Option<String>>; TEXTS.len()],
}

/// A row.
struct Row {
    lists: [Vec<f64>; LISTS.len()],
    floats: [Option<f64>; FLOATS.len()],
    texts: [Option<String>; TEXTS.len()],
}

impl Table {
    /// Adds the row of a segment. Nothing is voiced in a clip without a tonic.
    pub(super) fn push(&mut self, heard: &Heard<'_>, tonic: Option<&KnownTonic>) {
        let row = row(heard, tonic);
        self.n_rows += 1;
        self.vector.extend(vector(&row.lists).into_iter().map(|number| number as f32));
        for (column, list) in self.lists.iter_mut().zip(row.lists) {
            column.extend(list.into_iter().map(|number| number as f32));
        }
        self.floats.iter_mut().zip(row.floats).for_each(|(column, number)| column.push(number));
        self.texts.iter_mut().zip(row.texts).for_each(|(column, text)| column.push(text));
    }

    /// The columns: `vector`, lists, numbers, words.
    pub(super) fn into_frame(self) -> Frame {
        let mut columns = vec![("vector".to_owned(), Values::Lists { dim: VECTOR, data: self.vector })];
        let lists = LISTS.iter().zip(self.lists);
        columns
            .extend(lists.map(|((name, dim), data)| ((*name).to_owned(), Values::Lists { dim: *dim, data })));
        let floats = FLOATS.iter().zip(self.floats);
        columns.extend(floats.map(|(name, values)| ((*name).to_owned(), Values::Floats(values))));
        let texts = TEXTS.iter().zip(self.texts);
        columns.extend(texts.map(|(name, values)| ((*name).to_owned(), Values::Texts(values))));
        Frame { n_rows: self.n_rows, columns }
    }
}

fn row(heard: &Heard<'_>, tonic: Option<&KnownTonic>) -> Row {
    let zero = tonic.map_or(0.0, |tonic| tonic.cents);
    let contour: Vec<Option<f64>> =
        heard.contour.iter().map(|pitch| pitch.map(|cents| cents - zero)).collect();
    let pitches: Vec<f64> = contour.iter().flatten().copied().collect();
    let notes = notes(&contour, heard.hop);
    let ornaments = ornaments(&contour, &notes, heard.hop);
    let decay = decay(heard.levels, &notes, heard.hop);
    let scales = nearest_scales(&pitches);
    let nearest = |i: usize| scales.get(i).map(|scale: &Match| scale.distance);
    let named = |i: usize| scales.get(i).map(|scale: &Match| scale.maqam.name.to_owned());
    let (times, times_voiced) = resample_contour(&contour, TIMES);
    let [begin, middle, end] = parts(&pitches).map(|part| classes(part, 24, 25.0));
    Row {
        lists: [
            classes(&pitches, 53, 15.0),
            begin,
            middle,
            end,
            percentiles(&pitches, &REGISTER_PERCENTILES),
            register_arc(&pitches).to_vec(),
            interval_histogram(&notes).to_vec(),
            ornament_numbers(&ornaments),
            decay_numbers(&decay),
            times,
            times_voiced,
        ],
        floats: [
            tonic.map(|tonic| hertz_of(tonic.cents)),
            tonic.map(|tonic| tonic.confidence),
            (!contour.is_empty()).then(|| pitches.len() as f64 / contour.len() as f64),
            ornaments.vibrato_rate,
            ornaments.vibrato_extent,
            decay.rate,
            decay.attack,
            nearest(0),
            nearest(1),
        ],
        texts: [tonic.map(|tonic| tonic.method.to_owned()), degrees_in_use(&pitches), named(0), named(1)],
    }
}

/// The first 25 %, the middle 50 % and the last 25 %.
fn parts(pitches: &[f64]) -> [&[f64]; 3] {
    let (first, last) = (pitches.len() / 4, pitches.len() - pitches.len() / 4);
    [&pitches[..first], &pitches[first..last], &pitches[last..]]
}

fn classes(pitches: &[f64], n_bins: usize, sigma: f64) -> Vec<f64> {
    PitchClasses::new(pitches.iter().copied(), n_bins, sigma).hellinger()
}

fn ornament_numbers(ornaments: &Ornaments) -> Vec<f64> {
    let Ornaments { vibrato_rate, vibrato_extent, vibrato_share, glide_share } = *ornaments;
    vec![vibrato_rate.unwrap_or(0.0), vibrato_extent.unwrap_or(0.0), vibrato_share, glide_share]
}

fn decay_numbers(decay: &Decay) -> Vec<f64> {
    vec![decay.rate.unwrap_or(0.0), decay.attack.unwrap_or(0.0)]
}

/// JSON, rounded to what a listener could tell: tenths of a cent and thousandths.
fn degrees_in_use(pitches: &[f64]) -> Option<String> {
    let rounded = |number: f64, steps: f64| libm::round(number * steps) / steps;
    let object = |degree: &crate::signal::pitch::Degree| {
        let (cents, spread) = (rounded(degree.cents, 10.0), rounded(degree.spread, 10.0));
        format!(
            "{{\"cents\":{cents:.1},\"spread\":{spread:.1},\"share\":{:.3}}}",
            rounded(degree.share, 1000.0)
        )
    };
    let objects: Vec<String> = degrees(pitches).iter().map(object).collect();
    (!objects.is_empty()).then(|| format!("[{}]", objects.join(",")))
}

/// The lists that tell maqamat apart, laid end to end: the whole and its parts weigh the same.
fn vector(lists: &[Vec<f64>; LISTS.len()]) -> Vec<f64> {
    let third = (1.0_f64 / 3.0).sqrt();
    let [whole, parts @ ..] = &lists[..4] else { return Vec::new() };
    let weighted = parts.iter().flatten().map(|x| x * third);
    whole.iter().copied().chain(weighted).collect()
}
