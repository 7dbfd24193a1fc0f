//! Joining what was computed with ids, labels and licences into tables.

use std::collections::BTreeMap;

use super::segments::{Segment, segments_of};
use super::table::{Table, append, none_of};
use crate::error::{Error, Result};
use crate::manifest::{Clip, Label, Labels, Manifest, Vocabulary};
use crate::plan::{Results, content_order};
use crate::stages::{Frame, Input, Measures, Pieces, Spans, Values};
use crate::store::{Digest, Store};

/// Builds the tables `clips`, `segments`, and `embed/NAME` and `reduce/NAME` of every such step.
///
/// `sources` has the digest of each source by its path in the manifest, `failed` the reason why a clip
/// failed, by its id: such a clip is in no table but `clips`. Rows are ordered by clip, segment step and place
/// in the source.
///
/// # Errors
/// When a clip that did not fail has no result, or the store no longer has one.
pub fn join(
    manifest: &Manifest,
    sources: &BTreeMap<String, Digest>,
    results: &Results,
    store: &dyn Store,
    failed: &BTreeMap<String, String>,
) -> Result<Vec<Table>> {
    let joiner = Joiner { manifest, sources, results, store, failed };
    let clips = joiner.built_clips()?;
    let mut tables = vec![joiner.clips_table(&clips)?, joiner.segments_table(&clips)?];
    for (name, embed) in &manifest.embed {
        tables.push(joiner.embed_table(name, &embed.of, &clips)?);
    }
    for (name, reduce) in &manifest.reduce {
        tables.push(joiner.reduce_table(name, &reduce.of, &clips)?);
    }
    Ok(tables)
}

/// All that a join reads.
struct Joiner<'a> {
    manifest: &'a Manifest,
    sources: &'a BTreeMap<String, Digest>,
    results: &'a Results<'a>,
    store: &'a dyn Store,
    failed: &'a BTreeMap<String, String>,
}

/// A clip that did not fail: what normalize found, and its segments by segment step.
struct Built {
    measures: Measures,
    segments: BTreeMap<String, Vec<Segment>>,
}

/// The clips that did not fail, by their index in the manifest.
type BuiltClips = BTreeMap<usize, Built>;

impl Joiner<'_> {
    fn built_clips(&self) -> Result<BuiltClips> {
        let clips = self.manifest.clips.iter().enumerate();
        let built = clips.filter(|(_, clip)| !self.failed.contains_key(&clip.id));
        built.map(|(index, clip)| Ok((index, self.built(index, clip)?))).collect()
    }

    fn built(&self, index: usize, clip: &Clip) -> Result<Built> {
        let measures = Measures::read(&self.value("normalize", Some(index), "measures")?)?;
        let pieces = Pieces::read(&self.value("normalize", Some(index), "ranges")?)?;
        let mut segments = BTreeMap::new();
        for name in self.manifest.segment.keys() {
            let spans = Spans::read(&self.value(&format!("segment.{name}"), Some(index), "spans")?)?;
            segments.insert(name.clone(), segments_of(&clip.id, name, &pieces, &spans.spans)?);
        }
        Ok(Built { measures, segments })
    }

    fn value(&self, step: &str, clip: Option<usize>, output: &str) -> Result<Input> {
        let whose =
            clip.map_or_else(String::new, |clip| format!(" of clip `{}`", self.manifest.clips[clip].id));
        let outputs = self.results.of(step, clip);
        let Some(digest) = outputs.as_ref().and_then(|outputs| outputs.get(output)) else {
            return Err(Error::world(format!("cannot make the tables: `{step}`{whose} has no {output}")));
        };
        let lost = || Error::world(format!("the cache no longer has the {output} of `{step}`{whose}"));
        self.store.read(digest)?.ok_or_else(|| lost().hint("build again"))
    }

    fn clips_table(&self, built: &BuiltClips) -> Result<Table> {
        let clips = &self.manifest.clips;
        let text = |of: &dyn Fn(&Clip) -> Option<String>| Values::Texts(clips.iter().map(of).collect());
        let reason = |clip: &Clip| self.failed.get(&clip.id).cloned();
        let status = |clip: &Clip| Some(if reason(clip).is_some() { "failed" } else { "ok" }.to_owned());
        let digest = |clip: &Clip| self.sources.get(&clip.source).map(Digest::to_string);
        let mut columns = vec![
            ("clip_id".to_owned(), text(&|clip| Some(clip.id.clone()))),
            ("status".to_owned(), text(&status)),
            ("reason".to_owned(), text(&reason)),
            ("source".to_owned(), text(&|clip| Some(clip.source.clone()))),
            ("source_blake3".to_owned(), text(&digest)),
            ("license".to_owned(), text(&|clip| Some(clip.license.clone()))),
            ("origin".to_owned(), text(&|clip| clip.origin.clone())),
        ];
        let labels = clips.iter().map(|clip| [&clip.labels].into()).collect::<Vec<_>>();
        columns.extend(self.label_columns(&labels));
        columns.extend(measure_columns(clips.len(), built));
        Table::new("clips", columns)
    }

    fn segments_table(&self, built: &BuiltClips) -> Result<Table> {
        let (mut ids, mut clip_ids, mut segmenters) = (Vec::new(), Vec::new(), Vec::new());
        let (mut starts, mut ends, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ranges, mut labels) = (Vec::new(), Vec::new());
        for (clip, name, segment) in self.segments(built) {
            ids.push(Some(segment.id.clone()));
            clip_ids.push(Some(clip.id.clone()));
            segmenters.push(Some(name.to_owned()));
            starts.push(Some(segment.start_s));
            ends.push(Some(segment.end_s));
            positions.push(Some(segment.position));
            ranges.push(i64::try_from(segment.range).ok());
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
            let segments = segments_for(built, segmenter)?;
            rows.append(&self.manifest.clips[*clip].id, segments, &features, 0)?;
            if features.n_rows != segments.len() {
                return Err(rows.miscounted(segments.len(), features.n_rows));
            }
        }
        rows.into_table()
    }

    /// A reduce step answers by position; where each clip's rows start follows from the content order.
    fn reduce_table(&self, name: &str, embed: &str, built: &BuiltClips) -> Result<Table> {
        let mut rows = Rows::new(format!("reduce/{name}"));
        let answers = Frame::read(&self.value(&format!("reduce.{name}"), None, "rows")?)?;
        let Some(of) = self.manifest.embed.get(embed) else {
            return Err(Error::usage(format!("`reduce.{name}` is of `{embed}`, which is no embed step")));
        };
        let (first_rows, n_rows) = self.first_rows(embed)?;
        if n_rows != answers.n_rows {
            return Err(rows.miscounted(n_rows, answers.n_rows));
        }
        for (clip, built) in built {
            let segments = segments_for(built, &of.of)?;
            if let Some(first_row) = first_rows.get(clip) {
                rows.append(&self.manifest.clips[*clip].id, segments, &answers, *first_row)?;
            }
        }
        rows.into_table()
    }

    /// Where the rows of each clip start among all rows of an embed step, and how many there are in all.
    ///
    /// A clip that failed in another step has its rows among them nevertheless.
    fn first_rows(&self, embed: &str) -> Result<(BTreeMap<usize, usize>, usize)> {
        let step = format!("embed.{embed}");
        let mut first_rows = BTreeMap::new();
        let mut n_rows = 0;
        for clip in content_order(self.manifest, self.results) {
            if self.results.of(&step, Some(clip)).is_some() {
                first_rows.insert(clip, n_rows);
                n_rows += Frame::read(&self.value(&step, Some(clip), "features")?)?.n_rows;
            }
        }
        Ok((first_rows, n_rows))
    }
}

/// The growing rows of a table with a row per segment.
struct Rows {
    table: String,
    ids: Vec<Option<String>>,
    clip_ids: Vec<Option<String>>,
    columns: Vec<(String, Values)>,
}

impl Rows {
    fn new(table: String) -> Self {
        Self { table, ids: Vec::new(), clip_ids: Vec::new(), columns: Vec::new() }
    }

    /// Appends the rows of `frame` from `first` on, one for each of `segments`.
    fn append(&mut self, clip: &str, segments: &[Segment], frame: &Frame, first: usize) -> Result<()> {
        if self.ids.is_empty() {
            self.columns = columns_like(frame);
        }
        if segments.is_empty() {
            return Ok(());
        }
        let n_columns = (self.columns.len(), frame.columns.len());
        let mut alike = n_columns.0 == n_columns.1;
        for ((name, values), (more_name, more)) in self.columns.iter_mut().zip(&frame.columns) {
            alike =
                alike && name == more_name && append(values, more, first..first + segments.len()).is_some();
        }
        self.ids.extend(segments.iter().map(|segment| Some(segment.id.clone())));
        self.clip_ids.extend(segments.iter().map(|_| Some(clip.to_owned())));
        if alike { Ok(()) } else { Err(self.unlike(clip)) }
    }

    fn unlike(&self, clip: &str) -> Error {
        let table = &self.table;
        Error::world(format!(
            "cannot make table `{table}`: clip `{clip}` has other columns or rows than it should"
        ))
    }

    fn miscounted(&self, expected: usize, found: usize) -> Error {
        let table = &self.table;
        Error::world(format!("cannot make table `{table}`: it should have {expected} rows, but has {found}"))
    }

    fn into_table(self) -> Result<Table> {
        let mut columns = vec![
            ("segment_id".to_owned(), Values::Texts(self.ids)),
            ("clip_id".to_owned(), Values::Texts(self.clip_ids)),
        ];
        columns.extend(self.columns);
        Table::new(self.table, columns)
    }
}

/// Columns as `frame` has them, without rows. Where nothing told how long its lists are, a list is left out.
fn columns_like(frame: &Frame) -> Vec<(String, Values)> {
    let is_known = |values: &Values| frame.n_rows > 0 || !matches!(values, Values::Lists { dim: 0, .. });
    let columns = frame.columns.iter().filter(|(_, values)| is_known(values));
    columns.map(|(name, values)| (name.clone(), none_of(values))).collect()
}

fn segments_for<'a>(built: &'a Built, segmenter: &str) -> Result<&'a [Segment]> {
    let segments = built.segments.get(segmenter).map(Vec::as_slice);
    segments.ok_or_else(|| Error::usage(format!("`{segmenter}` is no segment step")))
}

/// The manifest is checked: a label is always of its vocabulary's type.
fn label_values<'a>(vocabulary: &Vocabulary, labels: impl Iterator<Item = Option<&'a Label>>) -> Values {
    let number = |label: &Label| if let Label::Number(number) = label { Some(*number) } else { None };
    let truth = |label: &Label| if let Label::Bool(truth) = label { Some(*truth) } else { None };
    let text = |label: &Label| if let Label::Text(text) = label { Some(text.to_string()) } else { None };
    match vocabulary {
        Vocabulary::Number => Values::Floats(labels.map(|label| label.and_then(number)).collect()),
        Vocabulary::Bool => Values::Bools(labels.map(|label| label.and_then(truth)).collect()),
        Vocabulary::Text | Vocabulary::Date | Vocabulary::Values(_) => {
            Values::Texts(labels.map(|label| label.and_then(text)).collect())
        }
    }
}

fn measure_columns(n_clips: usize, built: &BuiltClips) -> [(String, Values); 7] {
    let of = |clip: usize| built.get(&clip).map(|built| &built.measures);
    let floats = |get: fn(&Measures) -> Option<f64>| {
        Values::Floats((0..n_clips).map(|clip| of(clip).and_then(get)).collect())
    };
    let ints = |get: fn(&Measures) -> u32| {
        Values::Ints((0..n_clips).map(|clip| of(clip).map(|measures| i64::from(get(measures)))).collect())
    };
    let codecs = (0..n_clips).map(|clip| of(clip).map(|measures| measures.codec.clone())).collect();
    [
        ("duration_s".to_owned(), floats(|measures| Some(measures.duration_s))),
        ("codec".to_owned(), Values::Texts(codecs)),
        ("sample_rate_hz".to_owned(), ints(|measures| measures.sample_rate_hz)),
        ("channels".to_owned(), ints(|measures| measures.channels)),
        ("loudness_lufs".to_owned(), floats(|measures| measures.loudness_lufs)),
        ("true_peak_dbtp".to_owned(), floats(|measures| measures.true_peak_dbtp)),
        ("gain_db".to_owned(), floats(|measures| Some(measures.gain_db))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Tasks;
    use crate::release::fixture::{FakeStore, failed, manifest, results, sources, tables, task};
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
        let tables = join(&manifest(), &sources(), &results(&store), &store, &failed).unwrap();
        assert_eq!(tables[3].frame.column("x"), Some(&Values::Singles(vec![0.0])));
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_an_error() {
        let store = FakeStore::default();
        let join = |results: &Results, failed: &BTreeMap<_, _>| {
            join(&manifest(), &sources(), results, &store, failed).unwrap_err()
        };
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
