//! sections: cut where an improvisation rises to its development, and where it comes to rest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::breath::listen;
use super::{to_frames, unusable};
use crate::error::Result;
use crate::signal::pitch::{Period, Yin, YinParameters, voiced, without_the_faint};
use crate::signal::resample::Resampler;
use crate::signal::{LANES, arc, rms};
use crate::stages::{Context, Inputs, Mark, Marks, Master, Outputs, Pieces, Span, Spans, Stage};

/// Introduction, development and resolution, suggested from the arc of register and density.
///
/// A taqsim often begins low and sparse, rises and thickens, and comes back to where it began. The clip, its ranges laid
/// end to end, is parted in three so that register (the mean pitch of each second, by YIN) and density (strokes a
/// second, over eight seconds; the logarithm) vary least within the parts, where the middle one is above the others.
/// Each of the two cuts is then moved to a long gap between strokes within four seconds, or to the edge of a range. The column `section_auto` of segments.parquet says which part a segment is of: `intro`, `development` or
/// `resolution`. It is a suggestion beside the label `section`, never in its place. Where a clip has no such arc it is
/// not cut, and `section_auto` says nothing. docs/SEGMENTS.md says how well this finds known sections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sections {
    /// The shortest section, s; a clip shorter than three of them is not cut.
    #[schemars(range(min = 1))]
    pub min_length: f64,
    /// How far the development stands above the higher of the others: 1 is a major third of register, or twice the
    /// density, or half of each.
    #[schemars(range(min = 0))]
    pub contrast: f64,
}

impl Default for Sections {
    fn default() -> Self {
        Self { min_length: 10.0, contrast: 1.0 }
    }
}

impl Stage for Sections {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "ranges"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        let pieces = Pieces::read(inputs.one("ranges")?)?;
        let master = Master::read(inputs.one("audio")?)?;
        let (spans, marks) = match self.cuts(&master, &pieces, context)? {
            Some(cuts) => parts(&pieces, &cuts),
            None => parts(&pieces, &[]),
        };
        let spans = Spans { spans, padded_to: 0 };
        Ok(vec![("spans", spans.to_bytes()), ("marks", Marks { marks }.to_bytes())])
    }
}

/// What pitches are found at, Hz.
const PITCH_RATE: u32 = 22_050;
/// YIN as `pitch` does it, with half as many frames.
const YIN: YinParameters = YinParameters {
    sample_rate: PITCH_RATE as f64,
    fmin: 55.0,
    fmax: 1760.0,
    frame_length: 2048,
    hop_length: 512,
    trough_threshold: 0.1,
};
const APERIODICITY: f64 = 0.2;
/// Frames so far below the loudest have no pitch, dB.
const TOP_DB: f64 = 40.0;
/// Pitches are found in so much at a time, to bound the memory, s.
const BLOCK: u64 = 30;
/// A density is that of so many seconds on each side.
const AROUND: f64 = 4.0;
/// The arc is sought over so many times at most: the ways to part them grow with their square.
const MOST_TIMES: f64 = 2000.0;
/// A cut is moved by so much at most, s.
const REACH: f64 = 4.0;
const NAMES: [&str; 3] = ["intro", "development", "resolution"];

/// A gap between strokes, s of the master; an edge of a range is one without end.
#[derive(Debug, Clone, Copy)]
struct Pause {
    length: f64,
    /// Where the music goes on.
    at: f64,
}

impl Sections {
    /// Where the development begins and ends, frames of the master; none where there is no arc.
    fn cuts(&self, master: &Master, pieces: &Pieces, context: &Context) -> Result<Option<[u64; 2]>> {
        if !(1.0..1e9).contains(&self.min_length) {
            return Err(unusable("min_length", self.min_length, "a section lasts at least 1 s"));
        }
        if !(0.0..1e9).contains(&self.contrast) {
            return Err(unusable("contrast", self.contrast, "it must be a number, not negative"));
        }
        let rate = f64::from(pieces.sample_rate.max(1));
        let n_frames = pieces.pieces.last().map_or(0, |piece| piece.end);
        let length = n_frames as f64 / rate;
        if length < 3.0 * self.min_length {
            return Ok(None);
        }
        let step = (length / MOST_TIMES).max(1.0);
        let n = (length / step) as usize;
        let register = register(&pitches(master, pieces, context)?, n, step);
        let (strokes, pauses) = strokes(master, pieces, context)?;
        let density = density(&strokes, n, step);
        let shortest = (self.min_length / step).ceil() as usize;
        let found = arc(&register, &density, shortest).filter(|arc| arc.contrast >= self.contrast);
        let Some(arc) = found else { return Ok(None) };
        let [start, end] =
            [arc.development.start, arc.development.end].map(|at| moved(at as f64 * step, &pauses));
        let [start, end] =
            [to_frames(start, pieces.sample_rate, "start")?, to_frames(end, pieces.sample_rate, "end")?];
        Ok((0 < start && start < end && end < n_frames).then_some([start, end]))
    }
}

/// The pitches of voiced frames, each with its time in the master, s.
fn pitches(master: &Master, pieces: &Pieces, context: &Context) -> Result<Vec<(f64, f64)>> {
    let mut yin = Yin::new(YIN)?;
    let resampler = Resampler::new(pieces.sample_rate, PITCH_RATE);
    let rate = f64::from(pieces.sample_rate.max(1));
    let (hop, block) = (YIN.hop_length, BLOCK * u64::from(pieces.sample_rate));
    let (mut times, mut levels) = (Vec::new(), Vec::new());
    let mut periods: Vec<Period> = Vec::new();
    for piece in &pieces.pieces {
        for start in (piece.start..piece.end).step_by(block.max(1) as usize) {
            context.check()?;
            let samples = resampler.resample(master.mono(start, (start + block).min(piece.end))?);
            let n = samples.len() / hop;
            let blocks = (0..n).step_by(LANES);
            let found = blocks.flat_map(|first| yin.periods(&samples, first).into_iter().take(n - first));
            periods.extend(found);
            levels.extend(rms(&samples, YIN.frame_length, hop).into_iter().take(n));
            times.extend(
                (0..n).map(|frame| start as f64 / rate + (frame * hop) as f64 / f64::from(PITCH_RATE)),
            );
        }
    }
    let contour = without_the_faint(&voiced(&periods, APERIODICITY), &levels, TOP_DB);
    Ok(times.into_iter().zip(contour).filter_map(|(time, pitch)| Some((time, pitch?))).collect())
}

/// The mean pitch of each of `n` times; where nothing is voiced, that of the time before.
fn register(pitches: &[(f64, f64)], n: usize, step: f64) -> Vec<f64> {
    let mut sums = vec![(0.0, 0u32); n];
    for (time, cents) in pitches {
        if let Some((sum, count)) = sums.get_mut((time / step) as usize) {
            *sum += cents;
            *count += 1;
        }
    }
    let mut last = pitches.first().map_or(0.0, |first| first.1);
    let mean = |(sum, count): (f64, u32)| {
        last = if count > 0 { sum / f64::from(count) } else { last };
        last
    };
    sums.into_iter().map(mean).collect()
}

/// When strings are struck, and the pauses between, s of the master.
fn strokes(master: &Master, pieces: &Pieces, context: &Context) -> Result<(Vec<f64>, Vec<Pause>)> {
    let rate = f64::from(pieces.sample_rate.max(1));
    let (mut strokes, mut pauses) = (Vec::new(), Vec::new());
    for piece in pieces.pieces.iter().filter(|piece| piece.start < piece.end) {
        let origin = piece.start as f64 / rate;
        pauses.push(Pause { length: f64::INFINITY, at: origin });
        let listener = listen(master, piece, pieces.sample_rate, context)?;
        let time = |frame: usize| origin + (frame * listener.hop()) as f64 / rate;
        for gap in listener.gaps() {
            strokes.push(time(gap.start));
            let at = (time(gap.end) - super::LEAD).max(origin);
            pauses.push(Pause { length: time(gap.end) - time(gap.start), at });
        }
    }
    Ok((strokes, pauses))
}

/// Strokes a second around each of `n` times.
fn density(strokes: &[f64], n: usize, step: f64) -> Vec<f64> {
    let end = n as f64 * step;
    let before = |time: f64| strokes.partition_point(|stroke| *stroke < time);
    let density = |nth: usize| {
        let middle = (nth as f64 + 0.5) * step;
        let (from, to) = ((middle - AROUND).max(0.0), (middle + AROUND).min(end));
        (before(to) - before(from)) as f64 / (to - from).max(1.0)
    };
    (0..n).map(density).collect()
}

/// The end of the longest pause that ends near `time`. At the end of its reach a pause counts half its length.
fn moved(time: f64, pauses: &[Pause]) -> f64 {
    let near = pauses.iter().filter(|pause| (pause.at - time).abs() <= REACH);
    let weight = |pause: &Pause| pause.length * (1.0 - (pause.at - time).abs() / (2.0 * REACH));
    let longest = near.max_by(|a, b| weight(a).total_cmp(&weight(b)));
    longest.map_or(time, |pause| pause.at)
}

/// The pieces, cut at these frames of the master, and which section each part is of; of none where there are no cuts.
fn parts(pieces: &Pieces, cuts: &[u64]) -> (Vec<Span>, Vec<Mark>) {
    let (mut spans, mut marks) = (Vec::new(), Vec::new());
    for (range, piece) in pieces.pieces.iter().enumerate().filter(|(_, piece)| piece.start < piece.end) {
        let inside = || cuts.iter().copied().filter(|cut| piece.start < *cut && *cut < piece.end);
        let starts = std::iter::once(piece.start).chain(inside());
        for (start, end) in starts.zip(inside().chain([piece.end])) {
            let nth = cuts.iter().filter(|cut| **cut <= start).count();
            let section = (!cuts.is_empty()).then(|| NAMES[nth.min(2)].to_owned());
            spans.push(Span { range, start, end });
            marks.push(Mark { section, ..Mark::default() });
        }
    }
    (spans, marks)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cut, outputs};
    use super::*;
    use crate::stages::Input;
    use crate::stages::master::tests::wav;

    const RATE: u32 = 8000;

    /// Plucks of decaying harmonics at 8 kHz: low and slow for 15 s, high and fast for 20 s, low and slow for 15 s.
    fn arch() -> Vec<u8> {
        let mut samples = vec![0.0; 50 * RATE as usize];
        let mut time = 0.1;
        while time < 49.5 {
            let is_high = (15.0..35.0).contains(&time);
            let hz = if is_high { 300.0 } else { 150.0 };
            for (i, sample) in samples[(time * f64::from(RATE)) as usize..].iter_mut().take(8000).enumerate()
            {
                let t = i as f64 / f64::from(RATE);
                let tone: f64 =
                    (1..5).map(|h| libm::sin(std::f64::consts::TAU * hz * f64::from(h) * t)).sum();
                *sample += libm::exp(-6.0 * t) * tone;
            }
            time += if is_high { 0.25 } else { 0.6 };
        }
        wav(RATE, &samples.iter().map(|sample| (sample * 1e6) as i32).collect::<Vec<_>>())
    }

    fn sections(stage: &Sections, pieces: &[(u64, u64)], audio: &[u8]) -> Vec<Option<String>> {
        let outputs = outputs(stage, RATE, pieces, audio).unwrap();
        let marks = Marks::read(&Input::bytes(outputs[1].1.as_slice())).unwrap();
        marks.marks.into_iter().map(|mark| mark.section).collect()
    }

    #[test]
    fn the_development_is_where_it_is_high_and_dense() {
        let whole = [(0, 50 * u64::from(RATE))];
        let spans = cut(&Sections::default(), RATE, &whole, &arch()).unwrap();
        let starts: Vec<f64> = spans.iter().map(|span| span.1 as f64 / f64::from(RATE)).collect();
        assert_eq!(spans.len(), 3, "{starts:?}");
        assert!((starts[1] - 15.0).abs() < 1.0 && (starts[2] - 35.0).abs() < 1.0, "{starts:?}");
        let names = NAMES.map(|name| Some(name.to_owned()));
        assert_eq!(sections(&Sections::default(), &whole, &arch()), names);
    }

    #[test]
    fn sections_are_of_the_clip_and_segments_of_its_ranges() {
        let second = u64::from(RATE);
        let ranges = [
            (0, 8 * second),
            (8 * second, 8 * second),
            (8 * second, 40 * second),
            (40 * second, 50 * second),
        ];
        let spans = cut(&Sections::default(), RATE, &ranges, &arch()).unwrap();
        let places: Vec<usize> = spans.iter().map(|span| span.0).collect();
        assert_eq!(places, [0, 2, 2, 2, 3], "{spans:?}");
        let found: Vec<String> =
            sections(&Sections::default(), &ranges, &arch()).into_iter().flatten().collect();
        assert_eq!(found, ["intro", "intro", "development", "resolution", "resolution"]);
    }

    #[test]
    fn music_without_an_arc_and_music_that_is_too_short_is_not_cut() {
        let second = u64::from(RATE);
        let low = Sections { contrast: 5.0, ..Sections::default() };
        let cases: [(Sections, &[(u64, u64)]); 3] = [
            (Sections::default(), &[(0, 14 * second)]),
            (low, &[(0, 50 * second)]),
            (Sections { min_length: 17.0, ..Sections::default() }, &[(0, 50 * second)]),
        ];
        for (stage, pieces) in cases {
            assert_eq!(sections(&stage, pieces, &arch()), [None], "{stage:?}");
        }
        let silence = wav(RATE, &vec![0; 50 * RATE as usize]);
        assert_eq!(sections(&Sections::default(), &[(0, 50 * second)], &silence), [None]);
        assert!(sections(&Sections::default(), &[], &silence).is_empty());
    }

    #[test]
    fn absurd_parameters_are_errors() {
        for (min_length, contrast) in
            [(f64::NAN, 1.0), (0.0, 1.0), (-1.0, 1.0), (10.0, -1.0), (10.0, f64::INFINITY)]
        {
            assert!(cut(&Sections { min_length, contrast }, RATE, &[(0, 8000)], &arch()).is_err());
        }
    }
}
