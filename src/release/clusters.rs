//! Clusters: how large each is, and what its segments are labelled with.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::answers::Answers;
use super::table::Table;
use super::tables::Joiner;
use crate::error::Result;
use crate::manifest::{Clip, Label, Vocabulary};
use crate::stages::{Spans, Values};

/// How many segments, of how many clips.
#[derive(Debug, Default)]
struct Size<'a> {
    n_segments: usize,
    clips: BTreeSet<&'a str>,
}

/// Whether it is no cluster, and its number: what is in none comes last.
type Key = (bool, i64);

/// A label and what it says, if it says something.
type Labelled = (String, Option<String>);

/// The segments of a step that finds clusters: those of each cluster (of none last), those with each value of each label, and
/// those with it in each cluster.
#[derive(Debug, Default)]
struct Composition<'a> {
    clusters: BTreeMap<Key, Size<'a>>,
    labels: BTreeMap<Labelled, usize>,
    both: BTreeMap<(Key, Labelled), Size<'a>>,
}

impl Joiner<'_> {
    /// The table `clusters/NAME` of every step that finds clusters.
    ///
    /// # Errors
    /// When a result is missing, or the store no longer has it.
    pub(super) fn cluster_tables(&self) -> Result<Vec<Table>> {
        let steps = self.manifest.reduce.iter();
        let clusters = steps.filter(|(_, reduce)| reduce.kind.finds_clusters());
        clusters.map(|(name, _)| self.composition(name)?.into_table(&format!("clusters/{name}"))).collect()
    }

    fn composition(&self, name: &str) -> Result<Composition<'_>> {
        let answers = self.answers(name, &[])?;
        let mut composition = Composition::default();
        let Some(Values::Ints(clusters)) = answers.rows.column("cluster") else { return Ok(composition) };
        for (index, rows) in &answers.of_clips {
            if self.is_left_out(*index) {
                continue;
            }
            let clip = &self.manifest.clips[*index];
            let Spans { spans, .. } = self.spans_with_rows(&answers, *index)?;
            for (row, span) in rows.clone().zip(&spans) {
                composition.add(
                    &clip.id,
                    clusters.get(row).copied().flatten(),
                    self.labels_of(clip, span.range),
                );
            }
        }
        Ok(composition)
    }

    fn spans_with_rows(&self, answers: &Answers, clip: usize) -> Result<Spans> {
        let step = self.step_of_spans(&answers.embed, &answers.segmenter, clip);
        Spans::read(&self.value(&step, Some(clip), "spans")?)
    }

    /// What a segment is labelled with, its range's labels over the clip's. Numbers are no groups.
    fn labels_of(&self, clip: &Clip, range: usize) -> Vec<Labelled> {
        let own = clip.ranges.get(range).map(|range| &range.labels);
        let word = |name: &String| {
            let label = own.into_iter().chain([&clip.labels]).find_map(|labels| labels.get(name))?;
            Some(match label {
                Label::Text(text) => text.to_string(),
                Label::Bool(truth) => truth.to_string(),
                Label::Number(number) => number.to_string(),
            })
        };
        let labels = self.manifest.labels.iter();
        let groups = labels.filter(|(_, vocabulary)| !matches!(vocabulary, Vocabulary::Number));
        groups.map(|(name, _)| (name.clone(), word(name))).collect()
    }
}

impl<'a> Composition<'a> {
    fn add(&mut self, clip: &'a str, cluster: Option<i64>, labels: Vec<Labelled>) {
        let cluster = (cluster.is_none(), cluster.unwrap_or(0));
        self.clusters.entry(cluster).or_default().add(clip);
        for label in labels {
            *self.labels.entry(label.clone()).or_default() += 1;
            self.both.entry((cluster, label)).or_default().add(clip);
        }
    }

    /// A row a cluster, then one for each value of each label in it, the most frequent first.
    fn into_table(self, name: &str) -> Result<Table> {
        let all = self.clusters.values().map(|size| size.n_segments).sum::<usize>();
        let mut rows: Vec<Row> = Vec::new();
        for (cluster, size) in &self.clusters {
            let number = (!cluster.0).then_some(cluster.1);
            let of_cluster = share(size.n_segments, all);
            rows.push(Row {
                cluster: number,
                label: None,
                value: None,
                size,
                share: of_cluster,
                of_all: of_cluster,
            });
            let from = (*cluster, Labelled::default());
            let here = self.both.range(from..).take_while(|((of, _), _)| of == cluster);
            let mut values: Vec<Row> = here
                .map(|((_, label), found)| Row {
                    cluster: number,
                    label: Some(label.0.clone()),
                    value: label.1.clone(),
                    size: found,
                    share: share(found.n_segments, size.n_segments),
                    of_all: share(self.labels.get(label).copied().unwrap_or(0), all),
                })
                .collect();
            values.sort_by(|a, b| {
                (&a.label, Reverse(a.size.n_segments)).cmp(&(&b.label, Reverse(b.size.n_segments)))
            });
            rows.extend(values);
        }
        let count = |of: fn(&Row) -> usize| {
            Values::Ints(rows.iter().map(|row| i64::try_from(of(row)).ok()).collect())
        };
        let columns = [
            ("composition_id", Values::Texts(rows.iter().map(|row| Some(row.id())).collect())),
            ("cluster", Values::Ints(rows.iter().map(|row| row.cluster).collect())),
            ("label", Values::Texts(rows.iter().map(|row| row.label.clone()).collect())),
            ("value", Values::Texts(rows.iter().map(|row| row.value.clone()).collect())),
            ("n_segments", count(|row| row.size.n_segments)),
            ("n_clips", count(|row| row.size.clips.len())),
            ("share", Values::Floats(rows.iter().map(|row| Some(row.share)).collect())),
            ("share_of_all", Values::Floats(rows.iter().map(|row| Some(row.of_all)).collect())),
        ];
        Table::new(name, columns.map(|(name, values)| (name.to_owned(), values)).to_vec())
    }
}

/// A row of the table.
struct Row<'c> {
    cluster: Option<i64>,
    label: Option<String>,
    value: Option<String>,
    size: &'c Size<'c>,
    share: f64,
    of_all: f64,
}

impl Row<'_> {
    /// `0`, `0/maqam/rast`, or `0/maqam` where the label is missing; `none` for what is in no cluster.
    fn id(&self) -> String {
        let cluster = self.cluster.map_or_else(|| "none".to_owned(), |cluster| cluster.to_string());
        let label = self.label.iter().chain(&self.value);
        label.fold(cluster, |id, part| format!("{id}/{part}"))
    }
}

impl<'a> Size<'a> {
    fn add(&mut self, clip: &'a str) {
        self.n_segments += 1;
        self.clips.insert(clip);
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cluster_has_its_size_and_what_it_is_labelled_with_and_none_comes_last() {
        let mut composition = Composition::default();
        let maqam = |word: Option<&str>| vec![("maqam".to_owned(), word.map(str::to_owned))];
        for (clip, cluster, word) in [
            ("a", Some(0), Some("rast")),
            ("a", Some(0), Some("rast")),
            ("b", Some(0), Some("hijaz")),
            ("c", Some(1), None),
            ("b", None, Some("hijaz")),
        ] {
            composition.add(clip, cluster, maqam(word));
        }
        let table = composition.into_table("clusters/x").unwrap();
        let ints = |name: &str| match table.frame.column(name) {
            Some(Values::Ints(ints)) => ints.iter().map(|int| int.unwrap_or(-1)).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let ids = table.texts("composition_id").unwrap().iter().flatten();
        let expected = ["0", "0/maqam/rast", "0/maqam/hijaz", "1", "1/maqam", "none", "none/maqam/hijaz"];
        assert_eq!(ids.collect::<Vec<_>>(), expected);
        assert_eq!(ints("cluster"), [0, 0, 0, 1, 1, -1, -1]);
        assert_eq!(ints("n_segments"), [3, 2, 1, 1, 1, 1, 1]);
        assert_eq!(ints("n_clips"), [2, 1, 1, 1, 1, 1, 1]);
        let values = table.texts("value").unwrap().iter().map(|text| text.as_deref().unwrap_or("-"));
        assert_eq!(values.collect::<Vec<_>>(), ["-", "rast", "hijaz", "-", "-", "-", "hijaz"]);
        let Some(Values::Floats(shares)) = table.frame.column("share") else { panic!("no share") };
        assert_eq!(shares[..3], [Some(0.6), Some(2.0 / 3.0), Some(1.0 / 3.0)]);
        let Some(Values::Floats(of_all)) = table.frame.column("share_of_all") else { panic!("no share") };
        assert_eq!(of_all[2], Some(0.4));
    }
}
