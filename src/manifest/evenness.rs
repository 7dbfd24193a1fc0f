//! How even a split came out: the clips of each part, and how often each part has each word of a label.

use std::collections::BTreeMap;

use super::{Clip, Grouping, Label, Manifest, Vocabulary};

/// A label of more words than this is one of names rather than of kinds: no part could have them all.
const MOST_WORDS: usize = 50;

/// How even a split came out. Nothing enforces it.
#[derive(Debug, Clone, PartialEq)]
pub struct Evenness {
    /// Number of clips.
    pub n_clips: usize,
    /// The parts, by name.
    pub parts: Vec<PartCount>,
    /// How the words of each label fall on the parts; labels that are numbers, dates or many names are left out.
    pub labels: Vec<Counts>,
}

/// A part of a split.
#[derive(Debug, Clone, PartialEq)]
pub struct PartCount {
    /// Its name.
    pub name: String,
    /// The share that it was to have.
    pub share: f64,
    /// Number of its groups.
    pub n_groups: usize,
    /// Number of its clips.
    pub n_clips: usize,
}

/// How the words of a label fall on the parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// The name of the label.
    pub label: String,
    /// Each word, or none for clips without the label, with its number of clips in each part.
    pub words: Vec<(Option<String>, Vec<usize>)>,
}

/// The word of a label that is farthest from even.
#[derive(Debug, Clone, PartialEq)]
pub struct Farthest<'a> {
    /// The word; none stands for clips without the label.
    pub word: Option<&'a str>,
    /// The part, by index.
    pub part: usize,
    /// The word's share of this part's clips.
    pub in_part: f64,
    /// Its share of all clips.
    pub in_all: f64,
}

impl Evenness {
    /// How even the split of a manifest came out; none where it has none.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let split = manifest.split.as_ref()?;
        let clips: Vec<&Clip> = manifest.clips.iter().collect();
        let grouping = Grouping::of(split, &clips);
        let names: Vec<&str> = split.parts.keys().map(String::as_str).collect();
        let part_of =
            |clip: usize| names.iter().position(|name| *name == grouping.part_of(clip)).unwrap_or(0);
        let part_of: Vec<usize> = (0..clips.len()).map(part_of).collect();
        let part = |(at, (name, share)): (usize, (&String, &f64))| {
            let of_part = || (0..clips.len()).filter(|clip| part_of[*clip] == at);
            let n_groups = of_part().filter(|clip| grouping.group_of(*clip) == *clip).count();
            PartCount { name: name.clone(), share: *share, n_groups, n_clips: of_part().count() }
        };
        let labels = manifest
            .labels
            .iter()
            .filter_map(|(label, vocabulary)| counts(label, vocabulary, &clips, &part_of, names.len()));
        Some(Self {
            n_clips: clips.len(),
            parts: split.parts.iter().enumerate().map(part).collect(),
            labels: labels.collect(),
        })
    }

    /// The word of a label whose share of a part is farthest from its share of all clips.
    pub fn farthest<'c>(&self, counts: &'c Counts) -> Option<Farthest<'c>> {
        let mut farthest: Option<Farthest<'c>> = None;
        for (word, of_parts) in &counts.words {
            let in_all = of_parts.iter().sum::<usize>() as f64 / self.n_clips as f64;
            let filled = self.parts.iter().enumerate().filter(|(_, part)| part.n_clips > 0);
            for (part, PartCount { n_clips, .. }) in filled {
                let in_part = of_parts[part] as f64 / *n_clips as f64;
                let is_farther =
                    |than: &Farthest| (in_part - in_all).abs() > (than.in_part - than.in_all).abs();
                if farthest.as_ref().is_none_or(is_farther) {
                    farthest = Some(Farthest { word: word.as_deref(), part, in_part, in_all });
                }
            }
        }
        farthest
    }
}

fn counts(
    label: &str,
    vocabulary: &Vocabulary,
    clips: &[&Clip],
    part_of: &[usize],
    n_parts: usize,
) -> Option<Counts> {
    if matches!(vocabulary, Vocabulary::Number | Vocabulary::Date) {
        return None;
    }
    let mut words: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (clip, part) in clips.iter().zip(part_of) {
        words.entry(clip.labels.get(label).and_then(word)).or_insert_with(|| vec![0; n_parts])[*part] += 1;
        if words.len() > MOST_WORDS {
            return None;
        }
    }
    // A label that no clip has, for its ranges may, tells nothing.
    let has_words = words.keys().any(Option::is_some);
    let words = words.into_iter().map(|(word, counts)| (word.map(str::to_owned), counts)).collect();
    has_words.then(|| Counts { label: label.to_owned(), words })
}

fn word(label: &Label) -> Option<&str> {
    match label {
        Label::Text(text) => Some(text),
        Label::Bool(truth) => Some(if *truth { "true" } else { "false" }),
        Label::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::read;
    use super::*;

    #[test]
    fn a_part_without_a_word_is_farthest_from_even() {
        let mut manifest =
            "labels = { live = \"bool\", maqam = [\"rast\", \"hijaz\"], tonic = \"number\" }\n\
            [split]\nparts = { a = 0.5, b = 0.5 }\n[split.pin.recording]\n"
                .to_owned();
        for clip in 0..5 {
            manifest += &format!("\"{clip}.wav\" = \"{}\"\n", if clip < 2 { "a" } else { "b" });
        }
        for (clip, maqam) in ["rast", "rast", "rast", "hijaz", ""].iter().enumerate() {
            let label = if maqam.is_empty() { String::new() } else { format!("maqam = \"{maqam}\"") };
            manifest += &format!(
                "[[clip]]\nid = \"{clip}\"\nsource = \"{clip}.wav\"\nlicense = \"MIT\"\nlabels = {{ {label} }}\n"
            );
        }
        let evenness = Evenness::of(&read(&manifest).manifest.expect("it is right")).expect("it has a split");
        let part = |name: &str, n| PartCount { name: name.into(), share: 0.5, n_groups: n, n_clips: n };
        assert_eq!((evenness.n_clips, &evenness.parts), (5, &vec![part("a", 2), part("b", 3)]));
        let words = [
            (None, vec![0, 1]),
            (Some("hijaz".to_owned()), vec![0, 1]),
            (Some("rast".to_owned()), vec![2, 1]),
        ];
        assert_eq!(evenness.labels, [Counts { label: "maqam".into(), words: words.to_vec() }]);
        let farthest = evenness.farthest(&evenness.labels[0]);
        assert_eq!(farthest, Some(Farthest { word: Some("rast"), part: 0, in_part: 1.0, in_all: 0.6 }));
    }
}
