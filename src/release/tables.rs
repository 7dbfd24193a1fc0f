//! Joining what was computed with ids, labels, licences and the split into tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::columns::{label_values, mark_columns, measure_columns};
use super::lock::ClipLine;
use super::rows::Rows;
use super::segments::{Segment, segments_of};
use super::table::Table;
use crate::error::{Error, Result};
use crate::manifest::{Clip, Labels, Manifest, Vocabulary};
use crate::plan::{Results, Verdict};
use crate::stages::{DUPLICATE, Frame, Input, Mark, Marks, Measures, Pieces, Span, Spans, Values};
use crate::store::{Digest, Store};

/// A batch is full with this many clips ...
const CLIPS_OF_A_BATCH: usize = 256;
/// ... or this many segments: its rows of all tables are in memory at once.
const SEGMENTS_OF_A_BATCH: usize = 1_024;

/// Joins the tables `clips`, `segments`, and `embed/NAME` and `reduce/NAME` of every such step, some clips at a time.
///
/// Rows are ordered by clip, segment step and place in the source. A clip that failed, or that the gate leaves out, is in no table but
/// `clips`.
pub(super) struct Joiner<'a> {
    pub(super) manifest: &'a Manifest,
    /// Of each clip, in the manifest's order.
    pub(super) lines: &'a [ClipLine],
    /// The part of the split that each clip stands in; nothing where there is no split.
    pub(super) splits: &'a [Arc<str>],
    pub(super) results: &'a Results<'a>,
    pub(super) store: &'a dyn Store,
    /// Why clips failed, by id.
    pub(super) failed: &'a BTreeMap<String, String>,
}

/// Some clips, with what was found in them.
pub(super) struct Batch {
    /// By index.
    pub(super) clips: Vec<usize>,
    /// Of those that did not fail.
    measures: BTreeMap<usize, Measures>,
    pub(super) built: BuiltClips,
}

/// A clip that neither failed nor is left out by the gate.
pub(super) struct Built {
    /// Its segments by segment step.
    segments: BTreeMap<String, Vec<Segment>>,
    /// Those that have rows, by embed step, where these need not be all.
    known: BTreeMap<String, Vec<Segment>>,
}

/// The clips that are in all tables, by their index in the manifest.
pub(super) type BuiltClips = BTreeMap<usize, Built>;

impl Joiner<'_> {
    /// The first of `clips`, as many as make a batch, and the others.
    ///
    /// # Errors
    /// When a clip that did not fail has no result, or the store no longer has one.
    pub(super) fn batch<'c>(&self, clips: &'c [usize]) -> Result<(Batch, &'c [usize])> {
        let (mut measures, mut built) = (BTreeMap::new(), BuiltClips::new());
        let (mut n_clips, mut n_segments) = (0, 0);
        for index in clips.iter().take(CLIPS_OF_A_BATCH) {
            let clip = &self.manifest.clips[*index];
            if !self.failed.contains_key(&clip.id) {
                measures.insert(*index, Measures::read(&self.value("normalize", Some(*index), "measures")?)?);
            }
            if !self.is_left_out(*index) {
                let found = self.built(*index, clip)?;
                n_segments += found.segments.values().map(Vec::len).sum::<usize>();
                built.insert(*index, found);
            }
            n_clips += 1;
            if n_segments >= SEGMENTS_OF_A_BATCH {
                break;
            }
        }
        let (batch, rest) = clips.split_at(n_clips);
        Ok((Batch { clips: batch.to_vec(), measures, built }, rest))
    }

    /// Whether a clip is in no table but `clips`.
    pub(super) fn is_left_out(&self, clip: usize) -> bool {
        self.failed.contains_key(&self.manifest.clips[clip].id) || self.results.is_left_out(clip)
    }

    /// What was measured of every clip that was normalised, and what the gate says of it, behind the clips' ids.
    ///
    /// # Errors
    /// When the store no longer has it.
    pub(super) fn measured_clips(&self) -> Result<Frame> {
        let clips: Vec<usize> = (0..self.manifest.clips.len()).collect();
        let measured = clips.iter().filter(|clip| self.results.of("normalize", Some(**clip)).is_some());
        let measures = measured
            .map(|clip| Ok((*clip, Measures::read(&self.value("normalize", Some(*clip), "measures")?)?)))
            .collect::<Result<_>>()?;
        let ids = self.manifest.clips.iter().map(|clip| Some(clip.id.clone()));
        let mut columns = vec![("clip_id".to_owned(), Values::Texts(ids.collect()))];
        let batch = Batch { clips, measures, built: BuiltClips::new() };
        columns.extend(measure_columns(&batch.clips, &batch.measures));
        columns.extend(self.verdict_columns(&batch));
        Ok(Frame { n_rows: batch.clips.len(), columns })
    }

    /// The rows of a batch in every table but those of reduce steps.
    ///
    /// # Errors
    /// When a clip that did not fail has no result, the store no longer has one, or its rows do not fit.
    pub(super) fn tables(&self, batch: &Batch) -> Result<Vec<Table>> {
        let mut tables = vec![self.clips_table(batch)?, self.segments_table(&batch.built)?];
        for (name, embed) in &self.manifest.embed {
            tables.push(self.embed_table(name, &embed.of, &batch.built)?);
        }
        Ok(tables)
    }

    fn built(&self, index: usize, clip: &Clip) -> Result<Built> {
        let pieces = Pieces::read(&self.value("normalize", Some(index), "ranges")?)?;
        let (mut segments, mut known) = (BTreeMap::new(), BTreeMap::new());
        for name in self.manifest.segment.keys() {
            let step = format!("segment.{name}");
            let Spans { spans, .. } = Spans::read(&self.value(&step, Some(index), "spans")?)?;
            let marks = self.marks(&step, index)?;
            let found = segments_of(&clip.id, name, &pieces, &spans, &marks)?;
            for embed in
                self.manifest.embed.iter().filter(|(_, embed)| embed.of == *name).map(|(embed, _)| embed)
            {
                known.extend(self.known(embed, index, &spans, &found)?.map(|known| (embed.clone(), known)));
            }
            segments.insert(name.clone(), found);
        }
        Ok(Built { segments, known })
    }

    /// The segments of a clip that an embed step has rows of; none where it has rows of all of them.
    fn known(
        &self,
        embed: &str,
        clip: usize,
        spans: &[Span],
        segments: &[Segment],
    ) -> Result<Option<Vec<Segment>>> {
        let step = format!("embed.{embed}");
        if self.results.of(&step, Some(clip)).is_none_or(|outputs| outputs.get("spans").is_none()) {
            return Ok(None);
        }
        let known = Spans::read(&self.value(&step, Some(clip), "spans")?)?;
        let mut rest = known.spans.iter().peekable();
        let is_known = |(span, _): &(&Span, &Segment)| rest.next_if(|next| next == span).is_some();
        Ok(Some(spans.iter().zip(segments).filter(is_known).map(|(_, segment)| segment.clone()).collect()))
    }

    /// What a segment step knows of its segments; nothing of most.
    fn marks(&self, step: &str, clip: usize) -> Result<Vec<Mark>> {
        match self.results.of(step, Some(clip)) {
            Some(outputs) if outputs.get("marks").is_some() => {
                Ok(Marks::read(&self.value(step, Some(clip), "marks")?)?.marks)
            }
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn value(&self, step: &str, clip: Option<usize>, output: &str) -> Result<Input> {
        let whose =
            clip.map_or_else(String::new, |clip| format!(" of clip `{}`", self.manifest.clips[clip].id));
        let outputs = self.results.of(step, clip);
        let Some(digest) = outputs.and_then(|outputs| outputs.get(output).copied()) else {
            return Err(Error::world(format!("cannot make the tables: `{step}`{whose} has no {output}")));
        };
        let lost = || Error::world(format!("the cache no longer has the {output} of `{step}`{whose}"));
        self.store.read(&digest)?.ok_or_else(|| lost().hint("build again"))
    }

    fn clips_table(&self, batch: &Batch) -> Result<Table> {
        let clips: Vec<&Clip> = batch.clips.iter().map(|clip| &self.manifest.clips[*clip]).collect();
        let sources = batch.clips.iter().map(|clip| self.lines[*clip].source.as_ref().map(Digest::to_string));
        let text =
            |of: &dyn Fn(&Clip) -> Option<String>| Values::Texts(clips.iter().map(|clip| of(clip)).collect());
        let statuses: Vec<_> = batch.clips.iter().map(|clip| self.status(*clip)).collect();
        let mut columns = vec![
            ("clip_id".to_owned(), text(&|clip| Some(clip.id.clone()))),
            ("status".to_owned(), Values::Texts(statuses.iter().map(|it| Some(it.0.to_owned())).collect())),
            ("reason".to_owned(), Values::Texts(statuses.into_iter().map(|it| it.1).collect())),
            ("source".to_owned(), text(&|clip| Some(clip.source.clone()))),
            ("source_blake3".to_owned(), Values::Texts(sources.collect())),
            ("license".to_owned(), text(&|clip| Some(clip.license.clone()))),
            ("origin".to_owned(), text(&|clip| clip.origin.clone())),
        ];
        let labels = clips.iter().map(|clip| [&clip.labels].into()).collect::<Vec<_>>();
        columns.extend(self.label_columns(&labels));
        if self.manifest.split.is_some() {
            let split = |clip: &usize| self.splits.get(*clip).map(|part| part.to_string());
            columns.push(("split".to_owned(), Values::Texts(batch.clips.iter().map(split).collect())));
        }
        columns.extend(measure_columns(&batch.clips, &batch.measures));
        columns.extend(self.verdict_columns(batch));
        Table::new("clips", columns)
    }

    /// What became of a clip, and why, where it is not in all tables.
    fn status(&self, clip: usize) -> (&'static str, Option<String>) {
        let verdict = self.results.verdicts().and_then(|verdicts| verdicts.get(clip));
        match (self.failed.get(&self.manifest.clips[clip].id), verdict) {
            (Some(reason), _) => ("failed", Some(reason.clone())),
            (None, Some(verdict)) if self.results.is_left_out(clip) => ("excluded", Some(verdict.reason())),
            _ => ("ok", None),
        }
    }

    /// What the gate says of each clip.
    fn verdict_columns(&self, batch: &Batch) -> [(String, Values); 3] {
        let verdict =
            |clip: &usize| self.results.verdicts()?.get(*clip).filter(|_| batch.measures.contains_key(clip));
        let duplicate = |clip: &usize| verdict(clip)?.duplicate.as_ref();
        let clips = batch.clips.iter();
        let agreements = clips.clone().map(|clip| duplicate(clip).map(|(_, agreement)| *agreement));
        let originals = clips.clone().map(|clip| duplicate(clip).map(|(id, _)| id.clone()));
        let flags = clips.clone().map(|clip| verdict(clip).and_then(Verdict::flags));
        [
            (DUPLICATE.to_owned(), Values::Floats(agreements.collect())),
            ("duplicate_of".to_owned(), Values::Texts(originals.collect())),
            ("gate_flags".to_owned(), Values::Texts(flags.collect())),
        ]
    }

    fn segments_table(&self, built: &BuiltClips) -> Result<Table> {
        let (mut ids, mut clip_ids, mut segmenters) = (Vec::new(), Vec::new(), Vec::new());
        let (mut starts, mut ends, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ranges, mut marks, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for (clip, name, segment) in self.segments(built) {
            ids.push(Some(segment.id.clone()));
            clip_ids.push(Some(clip.id.clone()));
            segmenters.push(Some(name.to_owned()));
            starts.push(Some(segment.start_s));
            ends.push(Some(segment.end_s));
            positions.push(Some(segment.position));
            ranges.push(i64::try_from(segment.range).ok());
            marks.push(&segment.mark);
            let own = clip.ranges.get(segment.range).map(|range| &range.labels);
            labels.push(own.into_iter().chain([&clip.labels]).collect::<Vec<_>>());
        }
        let mut columns = vec![
            ("segment_id".to_owned(), Values::Texts(ids)),
            ("clip_id".to_owned(), Values::Texts(clip_ids)),
            ("segmenter".to_owned(), Values::Texts(segmenters)),
            ("start_s".to_owned(), Values::Floats(starts)),
            ("end_s".to_owned(), Values::Floats(ends)),
            ("position".to_owned(), Values::Floats(positions)),
            ("range".to_owned(), Values::Ints(ranges)),
        ];
        columns.extend(mark_columns(&marks));
        columns.extend(self.label_columns(&labels));
        Table::new("segments", columns)
    }

    /// All segments in the order of the table, each with its clip and the name of its segment step.
    fn segments<'a>(
        &'a self,
        built: &'a BuiltClips,
    ) -> impl Iterator<Item = (&'a Clip, &'a str, &'a Segment)> {
        let steps = built.iter().flat_map(|(clip, built)| {
            built.segments.iter().map(|(name, segments)| (&self.manifest.clips[*clip], name, segments))
        });
        steps.flat_map(|(clip, name, segments)| {
            segments.iter().map(move |segment| (clip, name.as_str(), segment))
        })
    }

    /// One column per label of the vocabulary; each row takes a label from the first map that has it.
    fn label_columns(&self, rows: &[Vec<&Labels>]) -> Vec<(String, Values)> {
        let column = |(name, vocabulary): (&String, &Vocabulary)| {
            let labels = rows.iter().map(|maps| maps.iter().find_map(|labels| labels.get(name)));
            (name.clone(), label_values(vocabulary, labels))
        };
        self.manifest.labels.iter().map(column).collect()
    }

    fn embed_table(&self, name: &str, segmenter: &str, built: &BuiltClips) -> Result<Table> {
        let step = format!("embed.{name}");
        let mut rows = Rows::new(format!("embed/{name}"));
        for (clip, built) in built {
            let features = Frame::read(&self.value(&step, Some(*clip), "features")?)?;
            let segments = segments_for(built, name, segmenter)?;
            rows.append(&self.manifest.clips[*clip].id, segments, &features, 0)?;
            if features.n_rows != segments.len() {
                return Err(rows.miscounted(segments.len(), features.n_rows));
            }
        }
        rows.into_table()
    }
}

pub(super) fn segments_for<'a>(built: &'a Built, embed: &str, segmenter: &str) -> Result<&'a [Segment]> {
    let segments = built.known.get(embed).or(built.segments.get(segmenter)).map(Vec::as_slice);
    segments.ok_or_else(|| Error::usage(format!("`{segmenter}` is no segment step")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Tasks;
    use crate::release::fixture::{self, FakeStore, failed, manifest, results, tables, task};
    use crate::store::Key;

    fn texts(table: &Table, column: &str) -> Vec<String> {
        let texts = table.texts(column).unwrap_or_else(|| panic!("{column}"));
        texts.iter().map(|text| text.clone().unwrap_or_else(|| "-".into())).collect()
    }

    #[test]
    fn a_failed_clip_is_in_no_table_but_clips() {
        let tables = tables();
        let clips = &tables[0];
        assert_eq!(texts(clips, "clip_id"), ["b", "gürültü", "تقسيم"]);
        assert_eq!(texts(clips, "status"), ["ok", "failed", "ok"]);
        assert_eq!(texts(clips, "reason"), ["-", "cannot decode: no frames", "-"]);
        assert_eq!(texts(clips, "source_blake3")[1], "-");
        assert_eq!(clips.frame.column("tonic_hz"), Some(&Values::Floats(vec![None, None, Some(146.5)])));
        assert_eq!(clips.frame.column("live"), Some(&Values::Bools(vec![None, None, Some(true)])));
        assert_eq!(clips.frame.column("loudness_lufs"), Some(&Values::Floats(vec![Some(-20.5), None, None])));
        for table in &tables[1..] {
            assert!(!texts(table, "clip_id").contains(&"gürültü".to_owned()), "{}", table.name);
        }
    }

    #[test]
    fn a_segment_knows_its_place_in_the_source_and_in_the_clip() {
        let segments = &tables()[1];
        let ids = ["b/whole/1000-1500", "تقسيم/whole/1000-1500", "تقسيم/whole/3001-3501"];
        assert_eq!(texts(segments, "segment_id"), ids);
        let floats = |values: [f64; 3]| Some(Values::Floats(values.map(Some).to_vec()));
        assert_eq!(segments.frame.column("start_s").cloned(), floats([1.0, 1.0, 3.0005]));
        assert_eq!(segments.frame.column("position").cloned(), floats([0.25, 0.125, 0.625]));
        assert_eq!(segments.frame.column("range"), Some(&Values::Ints(vec![Some(0), Some(0), Some(1)])));
        assert_eq!(texts(segments, "section"), ["all", "giriş", "-"]);
        assert_eq!(texts(segments, "maqam"), ["-", "rast", "rast"]);
    }

    #[test]
    fn rows_of_a_reduce_step_find_their_segments_by_content_order() {
        let tables = tables();
        let (embed, reduce) = (&tables[2], &tables[3]);
        assert_eq!((embed.name.as_str(), reduce.name.as_str()), ("embed/timbre", "reduce/map"));
        assert_eq!(texts(embed, "segment_id"), texts(&tables[1], "segment_id"));
        assert_eq!(texts(reduce, "segment_id"), texts(&tables[1], "segment_id"));
        assert_eq!(reduce.frame.column("x"), Some(&Values::Singles(vec![0.0, 20.0, 21.0])));
        assert_eq!(texts(reduce, "note"), ["", "İ", "-"]);
        let Some(Values::Lists { dim: 3, data }) = embed.frame.column("vector") else { panic!("no vector") };
        assert_eq!([data[0], data[3], data[6]], [0.0, 20.0, 21.0]);
    }

    #[test]
    fn a_clip_that_failed_elsewhere_keeps_its_place_in_the_rows_of_a_reduce_step() {
        let store = FakeStore::default();
        let failed = ["تقسيم", "gürültü"].map(|clip| (clip.to_owned(), "why".to_owned())).into();
        let tables = fixture::join(&results(&store), &store, &failed).unwrap();
        assert_eq!(tables[3].frame.column("x"), Some(&Values::Singles(vec![0.0])));
    }

    #[test]
    fn neighbours_have_the_numbers_of_rows_in_the_table() {
        let (store, manifest) = (FakeStore::default(), manifest());
        let mut results = results(&store);
        let near = vec![vec![(1, 0.5), (2, 1.0)], vec![(0, 0.5)], vec![(0, 1.0)]];
        let columns = vec![("neighbors".to_owned(), Values::Neighbors(near))];
        let rows = store.put(Frame { n_rows: 3, columns }.to_bytes());
        let tasks = Tasks::of(&manifest).unwrap();
        let key = Key::from_digest(Digest::of(b""));
        results.add(task(&tasks, "reduce.map", None), key, [("rows", rows)].into());
        let found = |failed: &BTreeMap<String, String>| {
            let tables = fixture::join(&results, &store, failed).unwrap();
            tables[3].frame.column("neighbors").cloned()
        };
        let all = vec![vec![(1, 1.0)], vec![(2, 0.5), (0, 1.0)], vec![(1, 0.5)]];
        assert_eq!(found(&failed()), Some(Values::Neighbors(all)));
        let fewer = ["تقسيم", "gürültü"].map(|clip| (clip.to_owned(), "why".to_owned())).into();
        assert_eq!(found(&fewer), Some(Values::Neighbors(vec![vec![]])));
    }

    #[test]
    fn a_clip_that_the_gate_leaves_out_is_in_no_table_but_clips() {
        let store = FakeStore::default();
        let mut results = results(&store);
        results.judge(fixture::verdicts().into());
        let x = ("x".to_owned(), Values::Singles(vec![20.0, 21.0]));
        let rows = store.put(Frame { n_rows: 2, columns: vec![x] }.to_bytes());
        let manifest = manifest();
        let tasks = Tasks::of(&manifest).unwrap();
        let key = Key::from_digest(Digest::of(b""));
        results.add(task(&tasks, "reduce.map", None), key, [("rows", rows)].into());
        let tables = fixture::join(&results, &store, &failed()).unwrap();
        let clips = &tables[0];
        assert_eq!(texts(clips, "status"), ["excluded", "failed", "ok"]);
        assert_eq!(texts(clips, "reason")[0], "`snr_db` is 1, below 2");
        assert_eq!(texts(clips, "gate_flags"), ["snr_db", "-", "snr_db"]);
        assert_eq!(clips.frame.column("loudness_lufs"), Some(&Values::Floats(vec![Some(-20.5), None, None])));
        for table in &tables[1..] {
            assert_eq!(texts(table, "clip_id"), ["تقسيم"; 2], "{}", table.name);
        }
        assert_eq!(tables[3].frame.column("x"), Some(&Values::Singles(vec![20.0, 21.0])));
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_an_error() {
        let store = FakeStore::default();
        let join =
            |results: &Results, failed: &BTreeMap<_, _>| fixture::join(results, &store, failed).unwrap_err();
        let error = join(&results(&store), &BTreeMap::new());
        assert_eq!(error.message, "cannot make the tables: `normalize` of clip `gürültü` has no measures");

        let mut short = results(&store);
        let none = store.put(Frame::default().to_bytes());
        let manifest = manifest();
        let tasks = Tasks::of(&manifest).unwrap();
        let key = Key::from_digest(Digest::of(b""));
        short.add(task(&tasks, "reduce.map", None), key, [("rows", none)].into());
        let error = join(&short, &failed());
        assert_eq!(error.message, "cannot make table `reduce/map`: it should have 3 rows, but has 0");

        let mut other = results(&store);
        let first = other.of("embed.timbre", Some(0)).unwrap();
        other.add(task(&tasks, "embed.timbre", Some(2)), key, first.clone());
        assert!(join(&other, &failed()).message.contains("clip `تقسيم` has other columns or rows"));

        store.lose(first.get("features").unwrap());
        let error = join(&other, &failed());
        assert_eq!(error.message, "the cache no longer has the features of `embed.timbre` of clip `b`");
        assert_eq!(error.hints, ["build again"]);
    }
}
