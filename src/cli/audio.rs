//! What the audio itself says of a manifest: measures of every clip, held against the limits of the gate.

use std::fmt::Write;
use std::sync::atomic::AtomicBool;

use serde_json::{Map, Value, json};

use super::progress::Progress;
use super::{Global, Talk, build, project};
use crate::error::Result;
use crate::manifest::{ClipPlace, Finding, Manifest, Outcome};
use crate::plan::Broken;
use crate::release::{MeasureRow, Measured, Options, measure, measure_rows};
use crate::run::Event;
use crate::stages::{Frame, Values};
use crate::text::printable;

/// Measures all clips that can be, as `build` would, and adds a finding for every limit that a clip breaks.
pub(super) fn examine(
    manifest: Manifest,
    outcome: &mut Outcome,
    global: &Global,
    talk: &Talk,
    cancelled: &'static AtomicBool,
) -> Result<Frame> {
    let project = project::project_of(project::folder(global)?, manifest, global)?;
    build::finish_what_is_running_on_ctrl_c()?;
    let (_lock, store) = project::store_to_build(&project, talk)?;
    let progress = Progress::new(*talk);
    let listener = |event: &Event| progress.hear(event);
    let options = Options { locked: true, allow_failed: true, ..Options::new(cancelled, &listener) };
    let measured = measure(&project, &store, &options)?;
    add_findings(&measured, &project.manifest, outcome);
    Ok(measured.clips)
}

fn add_findings(measured: &Measured, manifest: &Manifest, outcome: &mut Outcome) {
    let mut found = Vec::new();
    for (index, clip) in manifest.clips.iter().enumerate() {
        let verdict = measured.verdicts.get(index);
        let broken = verdict.map_or(&[][..], |verdict| &verdict.broken[..]);
        let failure = measured.failed.get(&clip.id);
        if broken.is_empty() && failure.is_none() {
            continue;
        }
        let Some(place) = outcome.place(index) else { continue };
        found.extend(broken.iter().map(|broken| finding(&place, &clip.id, broken)));
        // Of a source that is missing, its probe has said so.
        let is_known = || outcome.findings.iter().any(|finding| finding.span == place.source);
        found.extend(failure.filter(|_| !is_known()).map(|error| Finding::clip_unmeasured(&place, error)));
    }
    found.into_iter().for_each(|finding| outcome.findings.push(finding));
    outcome.findings.sort();
}

fn finding(place: &ClipPlace, id: &str, broken: &Broken) -> Finding {
    Finding::limit_broken(place, id, &broken.name, broken.then, &broken.why)
}

/// The measures for a person: a row a measure.
pub(super) fn as_text(clips: &Frame) -> String {
    let rows = measure_rows(clips);
    let mut text = String::from("measure                 least    median  greatest  clips  flagged\n");
    for row in rows {
        let [least, median, greatest] = shown(&row);
        let (name, n_known, n_flagged) = (row.name, row.n_known, row.n_flagged);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:19} {least:>9} {median:>9} {greatest:>9} {n_known:>6} {n_flagged:>8}");
    }
    let broken = clips.column("gate_flags").zip(clips.column("clip_id"));
    if let Some((Values::Texts(flags), Values::Texts(ids))) = broken {
        for (id, flags) in ids.iter().zip(flags).filter_map(|(id, flags)| id.as_ref().zip(flags.as_ref())) {
            let _ = writeln!(text, "{}: {flags}", printable(id));
        }
    }
    text
}

/// Each value with as many digits as it has, or a dash.
fn shown(row: &MeasureRow) -> [String; 3] {
    match row.spread {
        Some(spread) => spread.map(|value| format!("{}", (value * 1e7).round() / 1e7)),
        None => ["-", "-", "-"].map(str::to_owned),
    }
}

/// The measures for a program: an object for each clip.
pub(super) fn as_json(clips: &Frame) -> Value {
    let object = |row: usize| {
        let values = clips.columns.iter().map(|(name, values)| (name.clone(), value(values, row)));
        Value::Object(values.collect::<Map<_, _>>())
    };
    Value::Array((0..clips.n_rows).map(object).collect())
}

fn value(values: &Values, row: usize) -> Value {
    match values {
        Values::Floats(values) => json!(values[row]),
        Values::Ints(values) => json!(values[row]),
        Values::Texts(values) => json!(values[row]),
        Values::Bools(values) => json!(values[row]),
        Values::Neighbors(values) => json!(values[row]),
        Values::Singles(values) => json!(values[row]),
        Values::Lists { dim, data } => json!(data[row * dim..(row + 1) * dim]),
    }
}
