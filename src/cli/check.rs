//! `taqsim check`: everything that is wrong, found without building anything.

use std::path::Path;
use std::process::ExitCode;

use super::build::CANCELLED;
use super::findings::{self, Form};
use super::talk::count;
use super::{Global, Talk, audio, project};
use crate::error::Result;
use crate::manifest::{Evenness, Farthest, Finding, Manifest, Outcome, to_json};
use crate::release::{Lock, Move, moves};
use crate::run::{Misfits, Roots, Strangers, files_of, misfits, probe};
use crate::stages::Frame;
use crate::store::DiskStore;
use crate::text::printable;

/// Check the manifest, and that its sources are there and long enough
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How to report
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    /// Look at the manifest only, not at the sources
    #[arg(long)]
    no_sources: bool,
    /// Decode every clip, measure it, and hold it against the limits of `[gate]`; what was measured is kept for `build`
    #[arg(long, conflicts_with = "no_sources")]
    audio: bool,
}

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let folder = project::folder(global)?;
    let mut outcome = project::read(&folder, global)?;
    let manifest_is_right = !outcome.findings.has_errors();
    if let (Some(manifest), false) = (&outcome.manifest, args.no_sources) {
        let findings = look_at_sources(manifest, &Roots::new(&folder, &global.roots)?, &outcome);
        let of_files = look_at_files(manifest, &folder, global, &outcome)?;
        findings.into_iter().chain(of_files).for_each(|finding| outcome.findings.push(finding));
        outcome.findings.sort();
    }
    if let Some(manifest) = &outcome.manifest {
        let findings = look_at_moves(manifest, &folder.join("taqsim.lock"), &outcome);
        findings.into_iter().for_each(|finding| outcome.findings.push(finding));
        outcome.findings.sort();
    }
    let clips = match (outcome.manifest.clone(), args.audio) {
        (Some(manifest), true) => Some(audio::examine(manifest, &mut outcome, global, talk, &CANCELLED)?),
        _ => None,
    };
    talk.data(&data(&outcome, clips.as_ref(), args.format))?;
    if args.format == Form::Human {
        findings::say(&outcome, talk);
    }
    match &outcome.manifest {
        Some(manifest) if !outcome.findings.has_errors() => {
            let dataset = &manifest.dataset;
            let clips = count(manifest.clips.len(), "clip");
            Evenness::of(manifest).iter().flat_map(words).for_each(|line| talk.say(line));
            let found = match outcome.findings.len() + outcome.findings.omitted() {
                0 => "nothing wrong".to_owned(),
                n => count(n, "warning"),
            };
            talk.say(format!("{} {}: {clips}, {found}", dataset.name, dataset.version));
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            talk.error(&findings::summary(&outcome));
            // A source that is missing is the world's fault, not the manifest's.
            Ok(ExitCode::from(if manifest_is_right { 1 } else { 2 }))
        }
    }
}

/// The clips that a new clip moves to another part of the split. A lock that cannot be read is the build's to report.
fn look_at_moves(manifest: &Manifest, lock: &Path, outcome: &Outcome) -> Vec<Finding> {
    let Ok(Some(lock)) = Lock::read(lock) else { return Vec::new() };
    let finding = |found: &Move| {
        let (joining, moved) = (outcome.place(found.joining)?, outcome.place(found.moved)?);
        let id = &manifest.clips[found.moved].id;
        Some(Finding::moves_clips(&joining, (&moved, id), found.n_moved, [&found.from, &found.to]))
    };
    moves(manifest, &lock).iter().filter_map(finding).collect()
}

/// How large the parts of the split came out, and of each label the word that is farthest from even.
fn words(evenness: &Evenness) -> Vec<String> {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut lines = Vec::new();
    for part in &evenness.parts {
        let has = percent(part.n_clips as f64 / evenness.n_clips as f64);
        let (clips, groups) = (count(part.n_clips, "clip"), count(part.n_groups, "group"));
        let asked = percent(part.share);
        lines.push(format!("split: {} has {clips} in {groups}: {has}, asked for {asked}", part.name));
    }
    for counts in &evenness.labels {
        let Some(Farthest { word, part, in_part, in_all }) = evenness.farthest(counts) else { continue };
        let (label, word, part) = (&counts.label, word.unwrap_or("(none)"), &evenness.parts[part].name);
        let (here, all) = (percent(in_part), percent(in_all));
        lines.push(format!("split: {label} `{word}` is {here} of {part}, and {all} of all"));
    }
    lines
}

/// The findings and, where clips were measured, their measures.
fn data(outcome: &Outcome, clips: Option<&Frame>, form: Form) -> String {
    match (form, clips) {
        (Form::Human, Some(clips)) => audio::as_text(clips),
        (Form::Json, Some(clips)) => {
            let mut json = to_json(&outcome.findings, &outcome.texts);
            json["clips"] = audio::as_json(clips);
            format!("{json:#}\n")
        }
        _ => findings::as_data(outcome, form),
    }
}

/// What does not fit between clips and the files that steps name.
fn look_at_files(
    manifest: &Manifest,
    folder: &Path,
    global: &Global,
    outcome: &Outcome,
) -> Result<Vec<Finding>> {
    if files_of(manifest).is_empty() {
        return Ok(Vec::new());
    }
    let (roots, store) =
        (Roots::new(folder, &global.roots)?, DiskStore::open(&project::cache(folder, global))?);
    let mut findings = Vec::new();
    for (step, found) in misfits(manifest, &roots, &store) {
        let Some(place) = outcome.files.get(&step) else { continue };
        match found {
            Err(error) => findings.push(Finding::file_unusable(place.clone(), &error)),
            Ok(misfits) => {
                let words = words_of(&misfits).into_iter();
                findings.extend(words.map(|words| Finding::file_misfits(place.clone(), words)));
            }
        }
    }
    Ok(findings)
}

fn words_of(misfits: &Misfits) -> Vec<String> {
    let few = |n: usize, ids: &[String]| {
        let ids: Vec<String> = ids.iter().map(|id| format!("`{}`", printable(id))).collect();
        format!("{}{}", ids.join(", "), if n > ids.len() { ", ..." } else { "" })
    };
    let Misfits { n_missing, missing, strangers } = misfits;
    let mut words = Vec::new();
    if *n_missing > 0 {
        words.push(format!("it has no row of {}: {}", count(*n_missing, "clip"), few(*n_missing, missing)));
    }
    if let Some(Strangers { n_rows, ids }) = strangers.as_ref().filter(|strangers| strangers.n_rows > 0) {
        words.push(format!("{} in it are of no clip: {}", count(*n_rows, "row"), few(*n_rows, ids)));
    }
    words
}

fn look_at_sources(manifest: &Manifest, roots: &Roots, outcome: &Outcome) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, clip) in manifest.clips.iter().enumerate() {
        let place = || outcome.place(index);
        match probe(roots, &clip.source) {
            Err(error) => findings.extend(place().map(|place| Finding::source_unusable(&place, &error))),
            Ok(probe) => {
                let Some(duration) = probe.duration_s else { continue };
                // A range ends at the nearest frame, so half a frame more than there is still fits.
                let longest = duration + 0.5 / f64::from(probe.sample_rate);
                let past = clip.ranges.iter().enumerate().filter(|(_, range)| range.end > longest);
                for (nth, range) in past {
                    let finding = |place| Finding::range_past_end(&place, nth, range.end, duration);
                    findings.extend(place().map(finding));
                }
            }
        }
    }
    findings
}
