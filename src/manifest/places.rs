//! Where the clips are, for what is only found out later: ids that are one, sources that are missing.

use std::ops::Range;

use super::Clip;
use super::findings::{Finding, Findings};
use super::names::quoted;
use super::text::Texts;

/// Where a clip stands, in bytes of the texts that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipPlace {
    /// Its id.
    pub id: Range<usize>,
    /// Its source.
    pub source: Range<usize>,
    /// Its ranges, in their order.
    pub ranges: Vec<Range<usize>>,
}

/// Where a clip comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A `[[clip]]`.
    Written(Box<ClipPlace>),
    /// The row of a table that starts at this byte: where its cells are is found out when it is asked.
    Row(usize),
}

impl Origin {
    fn start(&self) -> usize {
        match self {
            Self::Written(place) => place.id.start,
            Self::Row(start) => *start,
        }
    }

    /// Where the clip stands.
    pub(super) fn place(&self, texts: &Texts) -> ClipPlace {
        match self {
            Self::Written(place) => (**place).clone(),
            Self::Row(start) => texts.clip_in_row(*start),
        }
    }
}

/// Sorts clips by id, and reports ids that are one, or are easily taken for one.
pub(super) fn sort(
    mut clips: Vec<(Clip, Origin)>,
    texts: &Texts,
    findings: &mut Findings,
) -> (Vec<Clip>, Vec<Origin>) {
    clips.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    let id = |at: usize| clips[at].1.place(texts).id;
    for same in clips.chunk_by(|(a, _), (b, _)| a.id == b.id).filter(|same| same.len() > 1) {
        let first = same[0].1.place(texts).id;
        for (clip, again) in same[1..].iter().filter(|(clip, _)| !clip.id.is_empty()) {
            let message = format!("two clips have the id {}", quoted(&clip.id));
            let finding = Finding::error("T0503", again.place(texts).id, message).label("again");
            findings.push(finding.also(first.clone(), "first here"));
        }
    }
    for alike in alike(&clips) {
        for other in &alike[1..] {
            let message = format!("the id {} differs from another only by case", quoted(&clips[*other].0.id));
            let finding = Finding::warning("T0504", id(*other), message).label("easily confused");
            findings.push(finding.also(id(alike[0]), "with this one"));
        }
    }
    clips.into_iter().unzip()
}

/// Clips, by their index among those that are sorted by id, whose ids differ only by case: in the order of the text.
fn alike(clips: &[(Clip, Origin)]) -> Vec<Vec<usize>> {
    let is_first = |at: usize| at == 0 || clips[at - 1].0.id != clips[at].0.id;
    let mut folded: Vec<(String, usize)> = Vec::new();
    for at in (0..clips.len()).filter(|at| is_first(*at)) {
        let Some(lower) = lower_case(&clips[at].0.id) else { continue };
        let known = clips.partition_point(|(clip, _)| clip.id < lower);
        if clips.get(known).is_some_and(|(clip, _)| clip.id == lower) {
            folded.push((lower.clone(), known));
        }
        folded.push((lower, at));
    }
    folded.sort();
    folded.dedup();
    let groups = folded.chunk_by(|(a, _), (b, _)| a == b).filter(|group| group.len() > 1);
    let in_order = |group: &[(String, usize)]| {
        let mut group: Vec<usize> = group.iter().map(|(_, at)| *at).collect();
        group.sort_by_key(|at| clips[*at].1.start());
        group
    };
    groups.map(in_order).collect()
}

/// An id in lower case, if it is not.
fn lower_case(id: &str) -> Option<String> {
    if id.is_ascii() && !id.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Some(id.to_lowercase()).filter(|lower| lower != id)
}
