//! Judging clips: the limits of the manifest against what was measured, and which of several copies is kept.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Broken, Verdict, Verdicts};
use crate::manifest::{Clip, Gate, Label, Manifest, Then};
use crate::stages::{DUPLICATE, MEASURES, Measures, Pairs};
use crate::store::Digest;

/// For each clip, by its index in the manifest, those that sound like it, with how far they agree.
type Alike = BTreeMap<usize, Vec<(usize, f64)>>;

/// What can be said of a clip without looking at the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Alone {
    /// The limits that it breaks.
    broken: Vec<Broken>,
    /// Stands for the decoded samples: of clips that have the same, one is a copy.
    samples: Digest,
    /// Up to which whole kHz there is sound.
    bandwidth: i64,
    /// In tenths of a second.
    duration: i64,
}

/// Holds the limits against what was measured of one clip.
pub(super) fn judge_alone(manifest: &Manifest, clip: usize, measures: &Measures) -> Alone {
    let clip = &manifest.clips[clip];
    let values = MEASURES.iter().filter_map(|measure| Some((measure.name, (measure.of)(measures)?)));
    let broken = values.filter_map(|(name, value)| broken(&manifest.gate, clip, name, value, ""));
    let bandwidth = measures.quality.bandwidth_hz.unwrap_or(0.0) / 1000.0;
    Alone {
        broken: broken.chain(broken_labels(&manifest.gate, clip)).collect(),
        samples: Digest::of(measures.pcm_blake3.as_bytes()),
        bandwidth: bandwidth.round() as i64,
        duration: (measures.duration_s * 10.0).round() as i64,
    }
}

/// Judges the clips of which something is known, by their index: each alone, and then the copies among them. `pairs`
/// are of places in `order`.
pub(super) fn judge<'e>(
    manifest: &Manifest,
    alone: impl Fn(usize) -> Option<&'e Alone>,
    pairs: &Pairs,
    order: &[usize],
) -> Verdicts {
    let clips = 0..manifest.clips.len();
    let alone: Vec<Option<&Alone>> = clips.map(alone).collect();
    let mut verdicts = BTreeMap::new();
    for (clip, alone) in alone.iter().enumerate() {
        if let Some(alone) = alone.filter(|alone| !alone.broken.is_empty()) {
            verdicts.insert(clip, Verdict { broken: alone.broken.clone(), duplicate: None });
        }
    }
    let mut judge = Judge { manifest, alone, verdicts };
    judge.judge_copies(&alike(pairs, order));
    judge.verdicts.into_iter().collect()
}

/// `order` says which clip stood at which place.
fn alike(pairs: &Pairs, order: &[usize]) -> Alike {
    let mut alike = Alike::new();
    for (first, second, agreement) in &pairs.pairs {
        let (Some(first), Some(second)) = (order.get(*first), order.get(*second)) else { continue };
        alike.entry(*first).or_default().push((*second, *agreement));
        alike.entry(*second).or_default().push((*first, *agreement));
    }
    alike
}

struct Judge<'a> {
    manifest: &'a Manifest,
    /// By clip.
    alone: Vec<Option<&'a Alone>>,
    verdicts: BTreeMap<usize, Verdict>,
}

impl<'a> Judge<'a> {
    /// Goes through the clips that nothing else takes out, the best first: whoever sounds like one that was kept is its
    /// copy.
    fn judge_copies(&mut self, alike: &Alike) {
        let (mut kept, mut kept_by_samples) = (BTreeSet::new(), BTreeMap::<Digest, usize>::new());
        for (clip, alone) in self.by_rank(alike) {
            let same = kept_by_samples.get(&alone.samples).map(|other| (*other, 1.0));
            let alike = alike.get(&clip).into_iter().flatten().copied();
            let originals = alike.filter(|(other, _)| kept.contains(other)).chain(same);
            let best = originals.reduce(|a, b| if (b.1, Reverse(b.0)) > (a.1, Reverse(a.0)) { b } else { a });
            if best.is_none_or(|(original, agreement)| !self.judge_copy(clip, original, agreement)) {
                kept.insert(clip);
                kept_by_samples.entry(alone.samples).or_insert(clip);
            }
        }
    }

    /// Notes that a clip is a copy; whether it is taken out for that.
    fn judge_copy(&mut self, clip: usize, original: usize, agreement: f64) -> bool {
        let id = &self.manifest.clips[original].id;
        let of = format!(" of clip `{id}`");
        let broken = broken(&self.manifest.gate, &self.manifest.clips[clip], DUPLICATE, agreement, &of);
        let verdict = self.verdicts.entry(clip).or_default();
        verdict.duplicate = Some((id.clone(), agreement));
        verdict.broken.extend(broken);
        verdict.then() > Some(Then::Warn)
    }

    /// The clips that may be kept and are like another one: that with the highest bandwidth first, of those alike in whole
    /// kHz the longest, of those alike in tenths of a second the first by id.
    fn by_rank(&self, alike: &Alike) -> Vec<(usize, &'a Alone)> {
        let mut clips = self.with_equal_samples();
        clips.extend(alike.keys().filter_map(|clip| Some((*clip, self.alone[*clip]?))));
        clips.retain(|(clip, _)| self.verdicts.get(clip).and_then(Verdict::then) <= Some(Then::Warn));
        clips.sort_by_key(|(clip, alone)| (Reverse(alone.bandwidth), Reverse(alone.duration), *clip));
        clips.dedup_by_key(|(clip, _)| *clip);
        clips
    }

    /// The clips whose samples are those of another one, too.
    fn with_equal_samples(&self) -> Vec<(usize, &'a Alone)> {
        let known = self.alone.iter().enumerate().filter_map(|(clip, alone)| Some((clip, (*alone)?)));
        let mut by_samples: Vec<(usize, &'a Alone)> = known.collect();
        by_samples.sort_unstable_by_key(|(clip, alone)| (alone.samples, *clip));
        let runs = by_samples.chunk_by(|a, b| a.1.samples == b.1.samples);
        runs.filter(|run| run.len() > 1).flatten().copied().collect()
    }
}

/// The limit of a measure that `value` breaks, with the worst consequence, unless the clip accepts it.
fn broken(gate: &Gate, clip: &Clip, name: &str, value: f64, of: &str) -> Option<Broken> {
    let is_accepted = clip.accept.iter().any(|accepted| accepted == name);
    let limits = gate.limits.get(name).filter(|_| !is_accepted)?;
    let broken = limits.iter().filter_map(|limit| Some((limit.then, limit.broken_by(value)?)));
    let (then, bound) = broken.reduce(|a, b| if b.0 > a.0 { b } else { a })?;
    Some(Broken { name: name.to_owned(), then, why: format!("`{name}` is {value}{of}, {bound}") })
}

fn broken_labels(gate: &Gate, clip: &Clip) -> Vec<Broken> {
    let broken = gate.labels.iter().filter(|(name, limit)| clip.labels.get(name) != Some(&limit.is));
    let found = broken.map(|(name, limit)| {
        let why = match clip.labels.get(name) {
            Some(label) => format!("`{name}` is {}, not {}", shown(label), shown(&limit.is)),
            None => format!("`{name}` is not given, and must be {}", shown(&limit.is)),
        };
        Broken { name: name.clone(), then: limit.then, why }
    });
    found.collect()
}

fn shown(label: &Label) -> String {
    match label {
        Label::Text(text) => format!("\"{text}\""),
        Label::Number(number) => number.to_string(),
        Label::Bool(truth) => truth.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;
    use crate::signal::quality::Quality;

    /// Clips called a, b, c, ... under a gate.
    fn manifest(gate: &str, n: usize, more: &str) -> Manifest {
        let dataset = "[dataset]\nname = \"x\"\nversion = \"0.1.0\"\nlicense = \"CC0-1.0\"\n";
        let mut text = format!("{dataset}[labels]\nsinging = \"bool\"\n{gate}\n");
        for id in ('a'..).take(n) {
            let clip = format!("id = \"{id}\"\nsource = \"{id}.wav\"\nlicense = \"CC0-1.0\"");
            text.push_str(&format!("[[clip]]\n{clip}\n{more}\n"));
        }
        manifest::parse(text.as_bytes(), "taqsim.toml").manifest.expect("the manifest is right")
    }

    fn measures(samples: &str) -> Measures {
        Measures { pcm_blake3: samples.to_owned(), duration_s: 10.0, ..Measures::default() }
    }

    fn with(samples: &str, quality: Quality) -> Measures {
        Measures { quality, ..measures(samples) }
    }

    /// What is said of each clip; `pairs` are of the clips themselves.
    fn verdicts(manifest: &Manifest, measures: &[Measures], pairs: &[(usize, usize, f64)]) -> Vec<Verdict> {
        let alone: Vec<Alone> =
            measures.iter().enumerate().map(|(clip, it)| judge_alone(manifest, clip, it)).collect();
        let order: Vec<usize> = (0..measures.len()).collect();
        let found = judge(manifest, |clip| alone.get(clip), &Pairs { pairs: pairs.to_vec() }, &order);
        order.iter().map(|clip| found.get(*clip).cloned().unwrap_or_default()).collect()
    }

    fn duplicates(verdicts: &[Verdict]) -> Vec<Option<(&str, f64)>> {
        verdicts
            .iter()
            .map(|it| it.duplicate.as_ref().map(|(id, agreement)| (id.as_str(), *agreement)))
            .collect()
    }

    #[test]
    fn the_worst_of_the_limits_that_a_measure_breaks_counts() {
        let clipped = |clipping| [with("x", Quality { clipping, ..Quality::default() })];
        for (clipping, want) in [(0.0, None), (1e-4, Some(Then::Warn)), (0.5, Some(Then::Exclude))] {
            let found = verdicts(&manifest("", 1, ""), &clipped(clipping), &[]);
            assert_eq!(found[0].then(), want, "{clipping}");
        }
        let found = verdicts(&manifest("", 1, ""), &clipped(0.5), &[]);
        assert_eq!(found[0].reason(), "`clipping` is 0.5, above 0.001");
        for accepted in [manifest("", 1, "accept = [\"clipping\"]"), manifest("[gate]\nclipping = []", 1, "")]
        {
            assert_eq!(verdicts(&accepted, &clipped(0.5), &[]), [Verdict::default()]);
        }
    }

    #[test]
    fn a_label_is_a_limit_too() {
        let gate = "[gate.labels]\nsinging = { is = false, then = \"exclude\" }";
        for (labels, want) in [
            ("labels = { singing = false }", ""),
            ("labels = { singing = true }", "`singing` is true, not false"),
            ("", "`singing` is not given, and must be false"),
        ] {
            let found = verdicts(&manifest(gate, 1, labels), &[measures("x")], &[]);
            assert_eq!(found[0].reason(), want);
        }
    }

    #[test]
    fn of_copies_the_widest_then_the_longest_then_the_first_is_kept_and_named() {
        let clip = |hz, duration_s| {
            let quality = Quality { bandwidth_hz: Some(hz), ..Quality::default() };
            Measures { duration_s, ..with(&format!("{hz} {duration_s}"), quality) }
        };
        let all = [clip(16e3, 60.0), clip(22e3, 50.0), clip(22.1e3, 59.0), clip(22.2e3, 59.01)];
        let pairs = [(0, 1, 0.9), (0, 2, 0.95), (1, 2, 0.93), (2, 3, 0.99), (0, 3, 0.91), (1, 3, 0.8)];
        let found = verdicts(&manifest("", 4, ""), &all, &pairs);
        assert_eq!(duplicates(&found), [Some(("c", 0.95)), Some(("c", 0.93)), None, Some(("c", 0.99))]);
        assert_eq!(found[0].reason(), "`duplicate` is 0.95 of clip `c`, above 0.85");
        assert_eq!(found[2], Verdict::default());
    }

    #[test]
    fn only_a_clip_that_is_kept_makes_another_one_a_copy() {
        let short = Measures { duration_s: 0.5, ..measures("x") };
        let all = [short, measures("b"), measures("c"), measures("d")];
        let found = verdicts(&manifest("", 4, ""), &all, &[(0, 1, 1.0), (1, 2, 0.75), (2, 3, 0.9)]);
        assert_eq!(duplicates(&found), [None, None, Some(("b", 0.75)), Some(("c", 0.9))]);
        let thens: Vec<_> = found.iter().map(Verdict::then).collect();
        assert_eq!(thens, [Some(Then::Exclude), None, Some(Then::Warn), Some(Then::Exclude)]);
    }

    #[test]
    fn equal_samples_are_copies() {
        let found = verdicts(&manifest("", 20, ""), &vec![measures("x"); 20], &[]);
        assert_eq!(found[0], Verdict::default());
        assert!(duplicates(&found[1..]).iter().all(|copy| *copy == Some(("a", 1.0))));
    }
}
