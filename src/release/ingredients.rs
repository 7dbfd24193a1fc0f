//! What each part of the tables is made of, as recipes: equal recipes give equal files.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entries::clip_lines;
use super::lock::ClipLine;
use super::parts::Layout;
use super::settings_digest;
use super::splits::parts_of_clips;
use crate::manifest::{Clip, Manifest, Of};
use crate::plan::{Results, Sources, clusters};
use crate::stages::Reduce;
use crate::store::{Digest, Recipe};

/// Raised whenever tables are joined otherwise, or their files are written otherwise.
const VERSION: u32 = 3;

/// Tables that are made in one go of the clips of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Group {
    /// `clips`, `segments`, and every `embed/NAME`: a clip's rows follow from what that clip came to.
    Clips,
    /// `reduce/NAME`: a clip's rows follow from what all clips came to.
    Reduce(String),
}

/// What the manifest and the sources say of the clips: the same before a build and after it.
pub(super) struct Clips {
    /// The line of each clip in the lock, in the manifest's order.
    pub(super) lines: Vec<ClipLine>,
    /// The part of the split that each clip stands in; nothing where there is no split.
    pub(super) splits: Vec<Arc<str>>,
    /// The clips of each part, by index.
    pub(super) parts: Vec<Vec<usize>>,
}

impl Clips {
    pub(super) fn of(manifest: &Manifest, sources: &Sources, layout: Layout) -> Self {
        let lines = clip_lines(manifest, |clip| sources.digest(clip));
        let splits = parts_of_clips(manifest);
        Self { lines, splits, parts: layout.clips_of_parts(&manifest.clips) }
    }
}

/// What the tables are made of.
pub(super) struct Ingredients {
    pub(super) clips: Arc<Clips>,
    /// What is made, and the recipe of each part.
    pub(super) groups: Vec<(Group, Vec<Recipe>)>,
    /// What the tables of evaluation are made of, where there are any.
    pub(super) evaluation: Option<Digest>,
}

impl Ingredients {
    pub(super) fn of(
        manifest: &Manifest,
        clips: Arc<Clips>,
        results: &Results,
        failed: &BTreeMap<String, String>,
    ) -> Self {
        let Clips { lines, splits, parts } = &*clips;
        let view = View::of(manifest, (lines, splits), results, failed);
        let settings = settings_digest(manifest);
        let mut groups = vec![(Group::Clips, view.recipes_of_clips(parts, settings))];
        for (name, reduce) in &manifest.reduce {
            let recipes = view.recipes_of_rows(name, reduce, parts, settings);
            groups.push((Group::Reduce(name.clone()), recipes));
        }
        let evaluation = manifest.evaluate.as_ref().map(|evaluate| view.digest_of_evaluation(&evaluate.of));
        Self { clips, groups, evaluation }
    }
}

/// All that recipes are made of.
struct View<'a> {
    manifest: &'a Manifest,
    lines: &'a [ClipLine],
    splits: &'a [Arc<str>],
    results: &'a Results<'a>,
    failed: &'a BTreeMap<String, String>,
    /// The segment and embed steps, by their names among the results.
    segments: Vec<String>,
    embeds: Vec<String>,
}

impl<'a> View<'a> {
    fn of(
        manifest: &'a Manifest,
        (lines, splits): (&'a [ClipLine], &'a [Arc<str>]),
        results: &'a Results<'a>,
        failed: &'a BTreeMap<String, String>,
    ) -> Self {
        let segments = manifest.segment.keys().map(|name| format!("segment.{name}")).collect();
        let embeds = manifest.embed.keys().map(|name| format!("embed.{name}")).collect();
        Self { manifest, lines, splits, results, failed, segments, embeds }
    }

    fn recipes_of_clips(&self, parts: &[Vec<usize>], settings: Digest) -> Vec<Recipe> {
        let recipe = |clips: &Vec<usize>| {
            let clips = self.digest_of_clips(clips, |bytes, clip| self.push_clip(bytes, clip));
            recipe("tables.clips", [("clips", clips), ("settings", settings)])
        };
        parts.iter().map(recipe).collect()
    }

    /// Where the rows of a clip start among all rows depends on every clip, and so do the numbers of rows in the table:
    /// `order` stands for that.
    fn recipes_of_rows(
        &self,
        name: &str,
        Of { of, kind }: &Of<Reduce>,
        parts: &[Vec<usize>],
        settings: Digest,
    ) -> Vec<Recipe> {
        let embed = format!("embed.{of}");
        let names_rows = kind.has_neighbors();
        let all: Vec<usize> = (0..self.manifest.clips.len()).collect();
        let order = self.digest_of_clips(&all, |bytes, clip| {
            self.push_place(bytes, &embed, clip);
            if names_rows {
                let id = &self.manifest.clips[clip].id;
                push_text(bytes, id);
                bytes.push(u8::from(self.failed.contains_key(id)));
            }
        });
        let mut rows = Vec::new();
        push_outputs(&mut rows, self.results, &format!("reduce.{name}"), None, &["rows"]);
        let rows = Digest::of(&rows);
        let recipe = |clips: &Vec<usize>| {
            let clips = self.digest_of_clips(clips, |bytes, clip| self.push_segments(bytes, clip));
            recipe(
                "tables.rows",
                [("clips", clips), ("order", order), ("rows", rows), ("settings", settings)],
            )
        };
        parts.iter().map(recipe).collect()
    }

    /// What every evaluation came to, under the name of its embed step, with the names of the clusters.
    fn digest_of_evaluation(&self, of: &[String]) -> Digest {
        let mut bytes = Vec::new();
        for embed in of {
            push_text(&mut bytes, embed);
            clusters(self.manifest, embed).for_each(|name| push_text(&mut bytes, name));
            push_outputs(&mut bytes, self.results, &format!("evaluate.{embed}"), None, &["evaluation"]);
        }
        Digest::derive("taqsim 2026-11-22 tables of evaluation v1", &bytes)
    }

    fn digest_of_clips(&self, clips: &[usize], push: impl Fn(&mut Vec<u8>, usize)) -> Digest {
        let mut bytes = Vec::new();
        clips.iter().for_each(|clip| push(&mut bytes, *clip));
        Digest::derive("taqsim 2026-11-21 clips of tables v1", &bytes)
    }

    /// Everything that the rows of a clip are made of.
    fn push_clip(&self, bytes: &mut Vec<u8>, clip: usize) {
        let line = &self.lines[clip];
        bytes.extend_from_slice(line.entry.as_bytes());
        push_digest(bytes, line.source);
        self.splits.get(clip).iter().for_each(|split| push_text(bytes, split));
        self.push_segments(bytes, clip);
        if self.results.whole(Some(clip)).is_none() {
            push_outputs(bytes, self.results, "normalize", Some(clip), &["measures"]);
            let mut push = |step| push_outputs(bytes, self.results, step, Some(clip), &["features", "spans"]);
            self.embeds.iter().for_each(|step| push(step));
        }
    }

    /// Everything that the segments of a clip and their ids are made of.
    fn push_segments(&self, bytes: &mut Vec<u8>, clip: usize) {
        let Clip { id, .. } = &self.manifest.clips[clip];
        push_text(bytes, id);
        match self.failed.get(id) {
            Some(reason) => push_text(bytes, reason),
            None => bytes.extend_from_slice(&u64::MAX.to_le_bytes()),
        }
        let verdict = self.results.verdicts().and_then(|verdicts| verdicts.get(clip));
        let verdict = verdict.map(|verdict| serde_json::to_vec(verdict).expect("verdicts are JSON"));
        push_digest(bytes, verdict.map(|json| Digest::of(&json)));
        if self.push_whole(bytes, clip) {
            return;
        }
        push_outputs(bytes, self.results, "normalize", Some(clip), &["ranges"]);
        self.segments
            .iter()
            .for_each(|step| push_outputs(bytes, self.results, step, Some(clip), &["spans", "marks"]));
    }

    /// Everything that decides where the rows of a clip stand among all rows of an embed step, whose features have
    /// as many rows as the clip has segments.
    fn push_place(&self, bytes: &mut Vec<u8>, embed: &str, clip: usize) {
        bytes.push(u8::from(self.results.is_left_out(clip)));
        if !self.push_whole(bytes, clip) {
            push_outputs(bytes, self.results, "normalize", Some(clip), &["audio", "ranges"]);
            push_outputs(bytes, self.results, embed, Some(clip), &["features", "spans"]);
        }
    }

    /// The key of everything about a clip stands for all its outputs: these need not be looked up.
    fn push_whole(&self, bytes: &mut Vec<u8>, clip: usize) -> bool {
        let whole = self.results.whole(Some(clip)).map(|key| *key.digest());
        push_digest(bytes, whole);
        whole.is_some()
    }
}

/// No text is as long as what stands for none.
fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn push_outputs(bytes: &mut Vec<u8>, results: &Results, step: &str, clip: Option<usize>, names: &[&str]) {
    let outputs = results.of(step, clip);
    for name in names {
        push_digest(bytes, outputs.as_ref().and_then(|outputs| outputs.get(name).copied()));
    }
}

fn push_digest(bytes: &mut Vec<u8>, digest: Option<Digest>) {
    bytes.push(u8::from(digest.is_some()));
    digest.iter().for_each(|digest| bytes.extend_from_slice(digest.as_bytes()));
}

fn recipe<const N: usize>(kind: &str, inputs: [(&str, Digest); N]) -> Recipe {
    Recipe {
        kind: kind.to_owned(),
        version: VERSION,
        numerics: "exact".to_owned(),
        params: serde_json::Map::new(),
        inputs: inputs.map(|(name, digest)| (name.to_owned(), vec![digest])).into(),
    }
}

/// The recipe of a draft with these parts.
pub(super) fn recipe_of_draft(parts: Vec<Digest>) -> Recipe {
    Recipe { inputs: [("parts".to_owned(), parts)].into(), ..recipe("draft", []) }
}
