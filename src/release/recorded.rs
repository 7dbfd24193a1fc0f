//! What was recorded of steps whose numbers depend on the hardware: a rebuild is held against it, and goes on from it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::checks::parts_of;
use super::chunks::digest_of_files;
use super::{Lock, Project, read_table};
use crate::error::Result;
use crate::plan::{Task, Tasks};
use crate::stages::{EXACT, Frame, Input, Outputs, Values};
use crate::text::printable;

/// How far a number may be off, as a share of the largest of its row but at least of 1.
pub(super) const TOLERANCE: f64 = 1e-4;
/// The cosine of a row and the recorded one is at least this.
pub(super) const LEAST_COSINE: f64 = 0.999_999;

/// How what was computed compares with what was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// All bits are equal.
    EqualBits,
    /// Every number is within 1e-4 of the largest of its row, and the cosine of every row at least 0.999999.
    Within,
    /// Neither.
    Far,
}

/// What was recorded, as far as it is here.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// By step and clip: the columns of the clip's rows.
    steps: BTreeMap<String, BTreeMap<String, Frame>>,
    /// Of each step the worst that was seen.
    seen: Mutex<BTreeMap<String, Nearness>>,
}

impl Recorded {
    /// What the tables of a lock say of the steps whose numbers depend on the hardware. A table that is not here, or not as the
    /// lock says, is left out.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub(super) fn of(project: &Project, lock: &Lock) -> Result<Self> {
        let mut recorded = Self::default();
        let inexact = lock.steps.iter().filter(|(_, step)| step.numerics != EXACT);
        for (step, name) in inexact.filter_map(|(step, _)| Some((step, step.strip_prefix("embed.")?))) {
            let file = format!("embed/{name}.parquet");
            let folder = project.outputs.join(&lock.version);
            let parts: Vec<PathBuf> =
                parts_of(&folder, &file)?.iter().map(|part| folder.join(part)).collect();
            let table = format!("embed/{name}");
            let is_there = !parts.is_empty() && parts.iter().all(|part| part.is_file());
            let locked = lock.tables.get(&file).map(|line| line.digest);
            if is_there && locked == Some(digest_of_files(&parts, &table)?) {
                recorded.steps.insert(step.clone(), by_clip(&parts, &table)?);
            }
        }
        Ok(recorded)
    }

    /// The outputs of a task; where its numbers depend on the hardware, what was recorded in their stead, if they are near it.
    pub(super) fn settle(&self, tasks: &Tasks, task: Task, outputs: Outputs) -> Result<Outputs> {
        let step = &tasks.step(task).name;
        let of_clip = task.clip.and_then(|clip| self.steps.get(step)?.get(&tasks.manifest.clips[clip].id));
        let Some(recorded) = of_clip else { return Ok(outputs) };
        let mut settled = Outputs::new();
        for (name, bytes) in outputs {
            if name != "features" {
                settled.push((name, bytes));
                continue;
            }
            let computed = Frame::read(&Input::bytes(bytes.as_slice()))?;
            let nearness = nearness(&computed, recorded);
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let worst = seen.entry(step.clone()).or_insert(nearness);
            *worst = nearness.max(*worst);
            settled.push((name, if nearness == Nearness::Within { recorded.to_bytes() } else { bytes }));
        }
        Ok(settled)
    }

    /// How each step compares, in the order of their names.
    pub(super) fn findings(self) -> Vec<(String, Nearness)> {
        self.seen.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect()
    }
}

impl Nearness {
    /// In words.
    pub fn words(self, step: &str) -> String {
        let step = printable(step);
        match self {
            Self::EqualBits => format!("{step}: equal bits"),
            Self::Within => format!("{step}: equal within {TOLERANCE:e} (cosine >= {LEAST_COSINE})"),
            Self::Far => format!("{step}: further off than {TOLERANCE:e} (cosine >= {LEAST_COSINE})"),
        }
    }
}

/// The rows of each clip, without their ids. A clip's rows lie together, in the order of its segments.
fn by_clip(parts: &[PathBuf], name: &str) -> Result<BTreeMap<String, Frame>> {
    let mut clips: BTreeMap<String, Frame> = BTreeMap::new();
    for part in parts {
        let table = read_table(part, name)?.frame;
        let Some(Values::Texts(ids)) = table.column("clip_id") else { continue };
        let of_rows =
            table.columns.iter().filter(|(column, _)| column != "clip_id" && column != "segment_id");
        let columns: Vec<&(String, Values)> = of_rows.collect();
        for (row, id) in ids.iter().enumerate() {
            let Some(id) = id else { continue };
            let clip = clips.entry(id.clone()).or_default();
            clip.n_rows += 1;
            for (nth, (column, values)) in columns.iter().enumerate() {
                let Values::Lists { dim, data } = values else { continue };
                if clip.columns.len() <= nth {
                    clip.columns.push((column.clone(), Values::Lists { dim: *dim, data: Vec::new() }));
                }
                if let Some((_, Values::Lists { data: rows, .. })) = clip.columns.get_mut(nth) {
                    rows.extend(&data[row * dim..(row + 1) * dim]);
                }
            }
        }
    }
    Ok(clips)
}

fn nearness(computed: &Frame, recorded: &Frame) -> Nearness {
    if computed == recorded {
        return Nearness::EqualBits;
    }
    let is_near = computed.columns.len() == recorded.columns.len()
        && computed.columns.iter().all(|(name, values)| match (values, recorded.column(name)) {
            (Values::Lists { dim, data }, Some(Values::Lists { dim: other, data: rows })) => {
                dim == other
                    && data.len() == rows.len()
                    && data.chunks(*dim).zip(rows.chunks(*dim)).all(|(a, b)| is_near(a, b))
            }
            _ => false,
        });
    if is_near { Nearness::Within } else { Nearness::Far }
}

fn is_near(computed: &[f32], recorded: &[f32]) -> bool {
    let pairs = || computed.iter().zip(recorded).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let largest = pairs().fold(1.0_f64, |most, (_, b)| most.max(b.abs()));
    let (product, ours, theirs) =
        pairs().fold((0.0, 0.0, 0.0), |(p, x, y), (a, b)| (p + a * b, x + a * a, y + b * b));
    let is_parallel = product >= LEAST_COSINE * (ours * theirs).sqrt();
    is_parallel && pairs().all(|(a, b)| (a - b).abs() <= TOLERANCE * largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(data: &[f32]) -> Frame {
        let vector = Values::Lists { dim: 2, data: data.to_vec() };
        Frame { n_rows: data.len() / 2, columns: vec![("vector".to_owned(), vector)] }
    }

    #[test]
    fn numbers_are_near_within_the_tolerance_and_a_row_in_its_direction() {
        let recorded = frame(&[1.0, -2.0, 30.0, 4.0]);
        for (computed, expected) in [
            (vec![1.0, -2.0, 30.0, 4.0], Nearness::EqualBits),
            (vec![1.0001, -2.0, 30.002, 4.0], Nearness::Within),
            (vec![1.001, -2.0, 30.0, 4.0], Nearness::Far),
            (vec![f32::NAN, -2.0, 30.0, 4.0], Nearness::Far),
            (vec![1.0, -2.0], Nearness::Far),
        ] {
            assert_eq!(nearness(&frame(&computed), &recorded), expected, "{computed:?}");
        }
        // So small that every number is within the tolerance, and yet it points elsewhere.
        assert_eq!(nearness(&frame(&[1e-6, 0.0]), &frame(&[0.0, 1e-6])), Nearness::Far);
    }
}
