//! Judging clips: the limits of the manifest against what was measured, and which of several copies is kept.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::order::fingerprint_order;
use super::{Broken, Results, Task, Tasks, Verdict, Verdicts};
use crate::error::Result;
use crate::manifest::{Clip, Label, Manifest, Then};
use crate::stages::{DUPLICATE, Input, MEASURES, Measures, Pairs};
use crate::store::Digest;

/// Gives the output of this name and digest that a task came to; none where it is lost.
pub(super) type ReadValue<'r> = dyn Fn(Task, &'static str, &Digest) -> Result<Option<Input>> + 'r;

/// For each clip, by its index in the manifest, those that sound like it, with how far they agree.
type Alike = BTreeMap<usize, Vec<(usize, f64)>>;

/// Judges all clips that were normalised, one after the other, and then the copies among them. None where `read` lost
/// something.
pub(super) fn judge(tasks: &Tasks, results: &Results, read: &ReadValue) -> Result<Option<Verdicts>> {
    let mut judge = Judge { manifest: tasks.manifest, facts: BTreeMap::new(), verdicts: BTreeMap::new() };
    for clip in 0..tasks.manifest.clips.len() {
        let Some(normalize) = tasks.of_clip(clip).next().filter(|task| results.has(*task)) else { continue };
        let Some(measures) = value(normalize, "measures", results, read)? else { return Ok(None) };
        judge.judge_alone(clip, &Measures::read(&measures)?);
    }
    let Some(duplicates) = tasks.duplicates() else { return Ok(None) };
    let Some(pairs) = value(duplicates, "pairs", results, read)? else { return Ok(None) };
    judge.judge_copies(&alike(&Pairs::read(&pairs)?, &fingerprint_order(tasks.manifest, results)));
    Ok(Some(judge.verdicts.into_iter().collect()))
}

fn value(task: Task, name: &'static str, results: &Results, read: &ReadValue) -> Result<Option<Input>> {
    let outputs = results.of_task(task);
    match outputs.as_ref().and_then(|outputs| outputs.get(name)) {
        Some(digest) => read(task, name, digest),
        None => Ok(None),
    }
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
    facts: BTreeMap<usize, Facts>,
    verdicts: BTreeMap<usize, Verdict>,
}

/// What decides between copies.
struct Facts {
    /// The digest of the decoded samples: of equal ones, one is a copy.
    samples: String,
    /// Up to which whole kHz there is sound.
    bandwidth: i64,
    /// In tenths of a second.
    duration: i64,
}

impl Judge<'_> {
    /// Holds the limits against what was measured of one clip.
    fn judge_alone(&mut self, index: usize, measures: &Measures) {
        let clip = &self.manifest.clips[index];
        let mut broken = Vec::new();
        for measure in MEASURES {
            let value = (measure.of)(measures);
            broken.extend(value.and_then(|value| self.broken(clip, measure.name, value, "")));
        }
        broken.extend(self.broken_labels(clip));
        self.verdicts.insert(index, Verdict { broken, duplicate: None });
        let bandwidth = measures.quality.bandwidth_hz.unwrap_or(0.0) / 1000.0;
        let facts = Facts {
            samples: measures.pcm_blake3.clone(),
            bandwidth: bandwidth.round() as i64,
            duration: (measures.duration_s * 10.0).round() as i64,
        };
        self.facts.insert(index, facts);
    }

    /// The limit of a measure that `value` breaks, with the worst consequence, unless the clip accepts it.
    fn broken(&self, clip: &Clip, name: &str, value: f64, of: &str) -> Option<Broken> {
        let is_accepted = clip.accept.iter().any(|accepted| accepted == name);
        let limits = self.manifest.gate.limits.get(name).filter(|_| !is_accepted)?;
        let broken = limits.iter().filter_map(|limit| Some((limit.then, limit.broken_by(value)?)));
        let (then, bound) = broken.reduce(|a, b| if b.0 > a.0 { b } else { a })?;
        Some(Broken { name: name.to_owned(), then, why: format!("`{name}` is {value}{of}, {bound}") })
    }

    fn broken_labels(&self, clip: &Clip) -> Vec<Broken> {
        let limits = self.manifest.gate.labels.iter();
        let broken = limits.filter(|(name, limit)| clip.labels.get(name) != Some(&limit.is));
        let found = broken.map(|(name, limit)| {
            let why = match clip.labels.get(name) {
                Some(label) => format!("`{name}` is {}, not {}", shown(label), shown(&limit.is)),
                None => format!("`{name}` is not given, and must be {}", shown(&limit.is)),
            };
            Broken { name: name.clone(), then: limit.then, why }
        });
        found.collect()
    }

    /// Goes through the clips that nothing else takes out, the best first: whoever sounds like one that was kept is its
    /// copy.
    fn judge_copies(&mut self, alike: &Alike) {
        let mut kept = BTreeSet::new();
        let mut kept_by_samples = BTreeMap::<String, usize>::new();
        for clip in self.by_rank() {
            let samples = &self.facts[&clip].samples;
            let same = kept_by_samples.get(samples).map(|other| (*other, 1.0));
            let alike = alike.get(&clip).into_iter().flatten().copied();
            let originals = alike.filter(|(other, _)| kept.contains(other)).chain(same);
            let best = originals.reduce(|a, b| if (b.1, Reverse(b.0)) > (a.1, Reverse(a.0)) { b } else { a });
            let samples = samples.clone();
            if best.is_none_or(|(original, agreement)| !self.judge_copy(clip, original, agreement)) {
                kept.insert(clip);
                kept_by_samples.entry(samples).or_insert(clip);
            }
        }
    }

    /// Notes that a clip is a copy; whether it is taken out for that.
    fn judge_copy(&mut self, clip: usize, original: usize, agreement: f64) -> bool {
        let id = &self.manifest.clips[original].id;
        let of = format!(" of clip `{id}`");
        let broken = self.broken(&self.manifest.clips[clip], DUPLICATE, agreement, &of);
        let Some(verdict) = self.verdicts.get_mut(&clip) else { return false };
        verdict.duplicate = Some((id.clone(), agreement));
        verdict.broken.extend(broken);
        verdict.then() > Some(Then::Warn)
    }

    /// The clips that may be kept: that with the highest bandwidth first, of those alike in whole kHz the longest, of
    /// those alike in tenths of a second the first by id.
    fn by_rank(&self) -> Vec<usize> {
        let may_be_kept = |clip: &usize| self.verdicts[clip].then() <= Some(Then::Warn);
        let mut clips: Vec<usize> = self.facts.keys().copied().filter(may_be_kept).collect();
        clips.sort_by_key(|clip| {
            let facts = &self.facts[clip];
            (Reverse(facts.bandwidth), Reverse(facts.duration), *clip)
        });
        clips
    }
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

    fn verdicts(manifest: &Manifest, measures: &[Measures], alike: &Alike) -> Vec<Verdict> {
        let mut judge = Judge { manifest, facts: BTreeMap::new(), verdicts: BTreeMap::new() };
        measures.iter().enumerate().for_each(|(clip, measures)| judge.judge_alone(clip, measures));
        judge.judge_copies(alike);
        judge.verdicts.into_values().collect()
    }

    fn pairs(pairs: &[(usize, usize, f64)]) -> Alike {
        let order: Vec<usize> = (0..9).collect();
        super::alike(&Pairs { pairs: pairs.to_vec() }, &order)
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
            let found = verdicts(&manifest("", 1, ""), &clipped(clipping), &Alike::new());
            assert_eq!(found[0].then(), want, "{clipping}");
        }
        let found = verdicts(&manifest("", 1, ""), &clipped(0.5), &Alike::new());
        assert_eq!(found[0].reason(), "`clipping` is 0.5, above 0.001");
        for accepted in [manifest("", 1, "accept = [\"clipping\"]"), manifest("[gate]\nclipping = []", 1, "")]
        {
            assert_eq!(verdicts(&accepted, &clipped(0.5), &Alike::new()), [Verdict::default()]);
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
            let found = verdicts(&manifest(gate, 1, labels), &[measures("x")], &Alike::new());
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
        let alike =
            pairs(&[(0, 1, 0.9), (0, 2, 0.95), (1, 2, 0.93), (2, 3, 0.99), (0, 3, 0.91), (1, 3, 0.8)]);
        let found = verdicts(&manifest("", 4, ""), &all, &alike);
        assert_eq!(duplicates(&found), [Some(("c", 0.95)), Some(("c", 0.93)), None, Some(("c", 0.99))]);
        assert_eq!(found[0].reason(), "`duplicate` is 0.95 of clip `c`, above 0.85");
        assert_eq!(found[2], Verdict::default());
    }

    #[test]
    fn only_a_clip_that_is_kept_makes_another_one_a_copy() {
        let short = Measures { duration_s: 0.5, ..measures("x") };
        let all = [short, measures("b"), measures("c"), measures("d")];
        let found = verdicts(&manifest("", 4, ""), &all, &pairs(&[(0, 1, 1.0), (1, 2, 0.75), (2, 3, 0.9)]));
        assert_eq!(duplicates(&found), [None, None, Some(("b", 0.75)), Some(("c", 0.9))]);
        let thens: Vec<_> = found.iter().map(Verdict::then).collect();
        assert_eq!(thens, [Some(Then::Exclude), None, Some(Then::Warn), Some(Then::Exclude)]);
    }

    #[test]
    fn equal_samples_are_copies() {
        let found = verdicts(&manifest("", 20, ""), &vec![measures("x"); 20], &Alike::new());
        assert_eq!(found[0], Verdict::default());
        assert!(duplicates(&found[1..]).iter().all(|copy| *copy == Some(("a", 1.0))));
    }
}
