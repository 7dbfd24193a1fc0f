//! Answers: what a reduce step says of all rows at once, by position, and which clip each row is of.

use std::collections::BTreeMap;
use std::ops::Range;

use super::rows::Rows;
use super::table::Table;
use super::tables::{Batch, Joiner, segments_for};
use crate::error::{Error, Result};
use crate::plan::content_order;
use crate::stages::{Frame, Spans, Values};

/// What a reduce step answered, and for whom.
pub(super) struct Answers {
    table: String,
    pub(super) embed: String,
    pub(super) segmenter: String,
    pub(super) rows: Frame,
    /// Which are those of each clip that has some.
    pub(super) of_clips: RowsOfClips,
}

/// Which of all rows of an embed step are a clip's, by its index in the manifest.
pub(super) type RowsOfClips = BTreeMap<usize, Range<usize>>;

impl Joiner<'_> {
    /// What the reduce step `name` answered. It answers by position: where each clip's rows start follows from the
    /// content order and the clips' numbers of segments. Where it names rows, it names them by position, too, and a table
    /// with these parts by their numbers in it.
    ///
    /// # Errors
    /// When there is no such answer, or it has another number of rows than it should.
    pub(super) fn answers(&self, name: &str, parts: &[Vec<usize>]) -> Result<Answers> {
        let mut rows = Frame::read(&self.value(&format!("reduce.{name}"), None, "rows")?)?;
        let reduce = self.manifest.reduce.get(name);
        let of = reduce.and_then(|reduce| Some((&reduce.of, &self.manifest.embed.get(&reduce.of)?.of)));
        let Some((embed, segmenter)) = of else {
            return Err(Error::usage(format!("`reduce.{name}` is of no embed step")));
        };
        let (of_clips, n_rows) = self.rows_of_clips(embed, segmenter)?;
        self.number_neighbors(&mut rows, &of_clips, parts);
        let (table, embed, segmenter) = (format!("reduce/{name}"), embed.clone(), segmenter.clone());
        let answers = Answers { table, embed, segmenter, rows, of_clips };
        if n_rows == answers.rows.n_rows {
            Ok(answers)
        } else {
            Err(Rows::new(answers.table).miscounted(n_rows, answers.rows.n_rows))
        }
    }

    /// The rows of a batch in the table of a reduce step.
    ///
    /// # Errors
    /// As [`Joiner::tables`].
    pub(super) fn answers_table(&self, answers: &Answers, batch: &Batch) -> Result<Table> {
        let mut rows = Rows::new(answers.table.clone());
        for (clip, built) in &batch.built {
            let segments = segments_for(built, &answers.embed, &answers.segmenter)?;
            if let Some(of_clip) = answers.of_clips.get(clip) {
                rows.append(&self.manifest.clips[*clip].id, segments, &answers.rows, of_clip.start)?;
            }
        }
        rows.into_table()
    }

    /// Turns positions among all rows into numbers of rows in the table; what is in no table is nobody's neighbour.
    fn number_neighbors(&self, rows: &mut Frame, of_clips: &RowsOfClips, parts: &[Vec<usize>]) {
        let in_table = parts.iter().flatten().filter(|clip| !self.is_left_out(**clip));
        let in_order = in_table.filter_map(|clip| of_clips.get(clip)).cloned().flatten();
        let numbers: BTreeMap<usize, u32> = in_order.zip(0..).collect();
        let number = |(row, distance): &(u32, f32)| Some((*numbers.get(&(*row as usize))?, *distance));
        for (_, values) in &mut rows.columns {
            if let Values::Neighbors(rows) = values {
                rows.iter_mut().for_each(|near| *near = near.iter().filter_map(number).collect());
            }
        }
    }

    /// Which of all rows of an embed step are each clip's, and how many there are in all.
    ///
    /// A clip that failed in another step has its rows among them nevertheless; one that the gate leaves out has none.
    fn rows_of_clips(&self, embed: &str, segmenter: &str) -> Result<(RowsOfClips, usize)> {
        let mut of_clips = RowsOfClips::new();
        let mut n_rows = 0;
        for clip in self.clips_of(embed) {
            let first = n_rows;
            let of = self.step_of_spans(embed, segmenter, clip);
            n_rows += Spans::read(&self.value(&of, Some(clip), "spans")?)?.spans.len();
            of_clips.insert(clip, first..n_rows);
        }
        Ok((of_clips, n_rows))
    }

    /// The clips whose rows a dataset-wide step of an embed step reads, in order.
    pub(super) fn clips_of(&self, embed: &str) -> Vec<usize> {
        let step = format!("embed.{embed}");
        let mut clips = content_order(self.manifest, self.results);
        clips
            .retain(|clip| !self.results.is_left_out(*clip) && self.results.of(&step, Some(*clip)).is_some());
        clips
    }

    /// The step whose spans are those of a clip's rows: the embed step itself, where it need not know all of them.
    pub(super) fn step_of_spans(&self, embed: &str, segmenter: &str, clip: usize) -> String {
        let embed = format!("embed.{embed}");
        match self.results.of(&embed, Some(clip)) {
            Some(outputs) if outputs.get("spans").is_some() => embed,
            _ => format!("segment.{segmenter}"),
        }
    }
}
