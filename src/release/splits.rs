//! The split of a dataset, joined to its clips when tables are made: what moved since the lock, and what leaks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Lock;
use super::entries::entry_digest;
use super::lock::ClipLine;
use crate::error::{Error, Result};
use crate::manifest::{Clip, Grouping, Manifest};
use crate::store::Digest;

/// Clips that change their part because a new clip joins their group to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The clip that joins the groups, by index in the manifest.
    pub joining: usize,
    /// The first of the clips that move, by index.
    pub moved: usize,
    /// How many move.
    pub n_moved: usize,
    /// The part that they stood in.
    pub from: String,
    /// The part that they stand in now.
    pub to: String,
}

impl Move {
    /// What happens, in words.
    pub fn words(&self, manifest: &Manifest) -> String {
        let [joining, moved] = [self.joining, self.moved].map(|clip| &manifest.clips[clip].id);
        let others = match self.n_moved {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let (from, to) = (&self.from, &self.to);
        format!("clip `{moved}`{others} moved from `{from}` to `{to}`: clip `{joining}` joins two groups")
    }
}

/// The clips that the lock knows as they are, and that stand in another part now because clips were added.
///
/// The split has no memory: where they stood follows from the clips that the lock knows.
pub fn moves(manifest: &Manifest, lock: &Lock) -> Vec<Move> {
    let is_locked =
        |clip: &Clip| lock.clips.get(&clip.id).is_some_and(|line| line.entry == entry_digest(clip));
    moves_since(manifest, |clip| is_locked(&manifest.clips[clip]))
}

/// The same, where the clips' lines for the lock are known.
pub(super) fn moves_of_lines(manifest: &Manifest, lines: &[ClipLine], lock: &Lock) -> Vec<Move> {
    let line = |clip: usize| lock.clips.get(&manifest.clips[clip].id);
    moves_since(manifest, |clip| line(clip).is_some_and(|line| line.entry == lines[clip].entry))
}

/// The name of each clip's part, in the manifest's order; nothing where there is no split.
pub(super) fn parts_of_clips(manifest: &Manifest) -> Vec<Arc<str>> {
    let Some(split) = &manifest.split else { return Vec::new() };
    let clips: Vec<&Clip> = manifest.clips.iter().collect();
    let grouping = Grouping::of(split, &clips);
    let names: BTreeMap<&str, Arc<str>> =
        split.parts.keys().map(|name| (name.as_str(), name.as_str().into())).collect();
    (0..clips.len()).filter_map(|clip| names.get(grouping.part_of(clip)).cloned()).collect()
}

/// Makes sure that no two clips which are one recording stand in different parts, whatever they are called: these
/// are the clips whose sources have the same content.
///
/// # Errors
/// When two do.
pub(super) fn check_leaks(manifest: &Manifest, lines: &[ClipLine], parts: &[Arc<str>]) -> Result<()> {
    let mut sources: Vec<(Digest, usize)> =
        (0..parts.len()).filter_map(|clip| Some((lines.get(clip)?.source?, clip))).collect();
    sources.sort_unstable();
    let same = sources.chunk_by(|(a, _), (b, _)| a == b);
    let mut parted = same.filter_map(|same| {
        let (_, first) = same[0];
        let (_, other) = same.iter().find(|(_, clip)| parts[*clip] != parts[first])?;
        Some((first, *other))
    });
    let Some((first, other)) = parted.next() else { return Ok(()) };
    let more = match parted.count() {
        0 => String::new(),
        n => format!(", and {n} more recordings do"),
    };
    let [a, b] =
        [first, other].map(|clip| format!("clip `{}` in `{}`", manifest.clips[clip].id, parts[clip]));
    let message = format!("the split leaks: one recording stands on both sides, as {a} and {b}{more}");
    Err(Error::usage(message)
        .hint("give both clips one label `recording`, or remove one of them")
        .hint("`[split.pin]` fixes the part of a group by one of its values"))
}

fn moves_since(manifest: &Manifest, is_known: impl Fn(usize) -> bool) -> Vec<Move> {
    let Some(split) = &manifest.split else { return Vec::new() };
    let known: Vec<usize> = (0..manifest.clips.len()).filter(|clip| is_known(*clip)).collect();
    if known.is_empty() || known.len() == manifest.clips.len() {
        return Vec::new();
    }
    let all: Vec<&Clip> = manifest.clips.iter().collect();
    let before: Vec<&Clip> = known.iter().map(|clip| all[*clip]).collect();
    let (before, now) = (Grouping::of(split, &before), Grouping::of(split, &all));
    let mut joining: BTreeMap<usize, usize> = BTreeMap::new();
    for clip in (0..all.len()).filter(|clip| known.binary_search(clip).is_err()) {
        joining.entry(now.group_of(clip)).or_insert(clip);
    }
    let mut moves: BTreeMap<(usize, &str), Move> = BTreeMap::new();
    for (at, clip) in known.iter().enumerate() {
        let (from, to, group) = (before.part_of(at), now.part_of(*clip), now.group_of(*clip));
        let Some(joining) = joining.get(&group).filter(|_| from != to) else { continue };
        let (joining, moved) = (*joining, *clip);
        let first = || Move { joining, moved, n_moved: 0, from: from.to_owned(), to: to.to_owned() };
        moves.entry((group, from)).or_insert_with(first).n_moved += 1;
    }
    moves.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Label, Split, Vocabulary};
    use crate::release::{FilesRead, fixture};

    /// A manifest whose clips have these artists and sources.
    fn manifest(clips: &[(&str, &str, &str)]) -> Manifest {
        let mut manifest = fixture::manifest();
        let like = manifest.clips[0].clone();
        let clip = |(id, artist, source): &(&str, &str, &str)| Clip {
            id: (*id).into(),
            source: (*source).into(),
            labels: [("artist", Label::Text((*artist).into()))].into_iter().collect(),
            ..like.clone()
        };
        manifest.clips = clips.iter().map(clip).collect();
        manifest.labels = [("artist".to_owned(), Vocabulary::Text)].into();
        let pins = |pins: &[(&str, &str)]| {
            pins.iter().map(|(value, part)| ((*value).to_owned(), (*part).to_owned())).collect()
        };
        manifest.split = Some(Split {
            groups: ["artist".to_owned(), "recording".to_owned()].into(),
            parts: [("a".to_owned(), 0.5), ("b".to_owned(), 0.5)].into(),
            seed: 0,
            pin: [("recording".to_owned(), pins(&[("x.wav", "a"), ("y.wav", "b")]))].into(),
        });
        manifest
    }

    fn lines(manifest: &Manifest) -> Vec<ClipLine> {
        let line = |clip: &Clip| ClipLine {
            entry: entry_digest(clip),
            source: Some(Digest::of(clip.source.trim_start_matches("copy-").as_bytes())),
        };
        manifest.clips.iter().map(line).collect()
    }

    fn lock(manifest: &Manifest) -> Lock {
        Lock::of(manifest, (&lines(manifest), FilesRead::default()), BTreeMap::new(), BTreeMap::new(), None)
    }

    #[test]
    fn a_clip_that_joins_two_groups_is_named_with_those_that_move() {
        let before = [("1", "A", "x.wav"), ("2", "B", "y.wav"), ("3", "B", "z.wav")];
        let lock = lock(&manifest(&before));
        let with = |clip| manifest(&[before[0], before[1], before[2], clip]);
        assert_eq!(moves(&with(("4", "A", "w.wav")), &lock), []);
        assert_eq!(moves(&with(("4", "C", "y.wav")), &lock), []);
        let joined = with(("4", "A", "y.wav"));
        let found = moves(&joined, &lock);
        let (from, to) = ("b".to_owned(), "a".to_owned());
        assert_eq!(found, [Move { joining: 3, moved: 1, n_moved: 2, from, to }]);
        let words = "clip `2` and 1 more moved from `b` to `a`: clip `4` joins two groups";
        assert_eq!(found[0].words(&joined), words);
        assert_eq!(moves_of_lines(&joined, &lines(&joined), &lock), found);
        assert_eq!(moves(&joined, &super::tests::lock(&joined)), [], "it is said once");
    }

    #[test]
    fn one_recording_under_two_names_must_not_stand_on_both_sides() {
        let check = |manifest: &Manifest| check_leaks(manifest, &lines(manifest), &parts_of_clips(manifest));
        let apart = manifest(&[("1", "A", "x.wav"), ("2", "B", "y.wav")]);
        assert!(check(&apart).is_ok());
        let mut copied = manifest(&[("1", "A", "x.wav"), ("2", "B", "copy-x.wav"), ("3", "B", "y.wav")]);
        let error = check(&copied).unwrap_err();
        assert!(error.message.contains("as clip `1` in `a` and clip `2` in `b`"), "{error}");
        copied.split = None;
        assert!(check(&copied).is_ok());
    }
}
