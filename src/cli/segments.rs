//! `taqsim segments`: where a clip is cut, to look at, to correct by hand, and to put into the manifest.

mod read_back;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use unicode_normalization::UnicodeNormalization;

use super::drawn::{Drawn, micros, to_toml};
use super::progress::Progress;
use super::talk::count;
use super::waveform::{Look, Stretch, draw};
use super::{Format, Global, Talk, build, label_track, project};
use crate::error::{Error, Result};
use crate::manifest::{Clip, Manifest};
use crate::plan::{Plan, Task};
use crate::release::{self, Options, Project, Segment, segments_of};
use crate::stages::{Input, Marks, Master, Measures, Pieces, Spans};
use crate::store::{DiskStore, OutputDigests, Store};
use crate::text::printable;

/// Show where a clip is cut, and turn the cuts into ranges
///
/// On stderr a waveform with the segments of a step, on stdout the same as `ranges` to paste into the clip's entry.
/// Nothing is written but, with --labels, a label track: open it in Audacity beside the source, move and name its
/// labels, and read it back with --from.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  taqsim segments bashir-rast --step phrases                 # look, and get ranges to paste
  taqsim segments bashir-rast --labels rast.txt              # a label track for Audacity
  taqsim segments bashir-rast --from rast.txt --as section   # corrected and named: ranges to paste")]
pub(super) struct Args {
    /// The id of the clip
    clip: String,
    /// The segment step; may be left out where only one step cuts
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// Write the segments as an Audacity label track to FILE, which must not be there yet
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    labels: Option<PathBuf>,
    /// Take the ranges from this label track, not from a step
    #[arg(long, value_name = "FILE", conflicts_with = "step")]
    from: Option<PathBuf>,
    /// The label whose values are the texts of the label track
    #[arg(long = "as", value_name = "LABEL")]
    label: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let project = project::open(global, talk)?;
    let index = index_of(&project.manifest, &args.clip)?;
    let clip = &project.manifest.clips[index];
    check_label(args.label.as_deref(), &project.manifest)?;
    if let Some(track) = &args.from {
        let drawn = read_back::ranges(track, args.label.as_deref(), clip, &project.manifest, talk)?;
        talk.data(&to_toml(&drawn)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let step = step_of(&project.manifest, args.step.as_deref())?;
    build::finish_what_is_running_on_ctrl_c()?;
    let Some(found) = Found::of(&project, index, &step, talk)? else { return Ok(ExitCode::from(1)) };
    if !talk.is_quiet() {
        talk.say(format!("{}: {} of `{step}`", clip.id, count(found.segments.len(), "segment")));
        talk.rendered(&found.picture(talk));
    }
    let drawn = found.drawn(clip);
    match (&args.labels, args.format) {
        (Some(track), _) => write_track(track, &drawn, args.label.as_deref(), talk)?,
        (None, Format::Json) => talk.data(&found.to_json(&step, clip))?,
        (None, Format::Human) => say_ranges(&drawn, talk)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn index_of(manifest: &Manifest, id: &str) -> Result<usize> {
    let id: String = id.nfc().collect();
    let index = manifest.clips.iter().position(|clip| clip.id == id);
    index.ok_or_else(|| {
        Error::usage(format!("no clip is called `{id}`")).hint("list the clips with `taqsim ls`")
    })
}

fn check_label(label: Option<&str>, manifest: &Manifest) -> Result<()> {
    match label {
        Some(label) if !manifest.labels.contains_key(label) => {
            let known: Vec<&str> = manifest.labels.keys().map(String::as_str).collect();
            Err(Error::usage(format!("`[labels]` has no `{label}`"))
                .hint(format!("the labels are {}", known.join(", "))))
        }
        _ => Ok(()),
    }
}

/// The segment step that is meant, without its family.
fn step_of(manifest: &Manifest, name: Option<&str>) -> Result<String> {
    let steps = &manifest.segment;
    let cuts = |kind: &str| kind != "whole" && kind != "ranges";
    let names = || steps.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    if let Some(name) = name {
        let name = name.strip_prefix("segment.").unwrap_or(name);
        let unknown = || Error::usage(format!("no segment step is called `{name}`"));
        return match steps.contains_key(name) {
            true => Ok(name.to_owned()),
            false => Err(unknown().hint(format!("the segment steps are {}", names()))),
        };
    }
    let mut cutting = steps.iter().filter(|(_, step)| cuts(step.kind()));
    match (cutting.next(), cutting.next()) {
        (Some((name, _)), None) => Ok(name.clone()),
        (None, _) => Err(Error::usage("no segment step of the manifest cuts")
            .hint("add one, such as `[segment.phrases.breath]`")),
        (Some(_), Some(_)) => Err(Error::usage("cannot choose between several segment steps")
            .hint(format!("name one with --step: {}", names()))),
    }
}

/// What a segment step found in a clip.
struct Found {
    pieces: Pieces,
    measures: Measures,
    spans: Spans,
    segments: Vec<Segment>,
    /// None where the cache no longer has it.
    master: Option<Master>,
}

impl Found {
    /// Makes what is stale of a clip's segments; none where that failed, which is said.
    fn of(project: &Project, clip: usize, step: &str, talk: &Talk) -> Result<Option<Self>> {
        let task_name = format!("segment.{step}");
        let is_meant = |plan: &Plan, task: Task| {
            let name = &plan.tasks.step(task).name;
            task.clip == Some(clip) && (name == "normalize" || *name == task_name)
        };
        let (_lock, store) = project::store_to_build(project, talk)?;
        let progress = Progress::new(*talk);
        let listener = |event: &crate::run::Event| progress.hear(event);
        let options = Options::new(&build::CANCELLED, &listener);
        release::look(project, &store, &options, is_meant, |built, results| {
            build::say_failures(built, talk);
            let (Some(normalized), Some(found)) =
                (results.of("normalize", Some(clip)), results.of(&task_name, Some(clip)))
            else {
                return Ok(None);
            };
            Self::read(&project.manifest.clips[clip].id, step, &normalized, &found, &store).map(Some)
        })
    }

    fn read(
        id: &str,
        step: &str,
        normalized: &OutputDigests,
        found: &OutputDigests,
        store: &DiskStore,
    ) -> Result<Self> {
        let pieces = Pieces::read(&value(normalized, "ranges", store)?)?;
        let measures = Measures::read(&value(normalized, "measures", store)?)?;
        let spans = Spans::read(&value(found, "spans", store)?)?;
        let marks = match found.get("marks").is_some() {
            true => Marks::read(&value(found, "marks", store)?)?.marks,
            false => Vec::new(),
        };
        let segments = segments_of(id, step, &pieces, &spans.spans, &marks)?;
        let audio = normalized.get("audio").map(|digest| store.read(digest)).transpose()?.flatten();
        let master = audio.map(|audio| Master::read(&audio)).transpose()?;
        Ok(Self { pieces, measures, spans, segments, master })
    }

    fn picture(&self, talk: &Talk) -> String {
        let Some(master) = &self.master else {
            return "no picture: the cache no longer has the audio\n".to_owned();
        };
        let stretches = self.stretches();
        let rate = f64::from(self.pieces.sample_rate);
        let peaks: Vec<_> = stretches
            .iter()
            .map(|&(start, _, first, end)| {
                let frame = move |time: f64| (first + ((time - start) * rate).max(0.0) as u64).min(end);
                move |from: f64, to: f64| {
                    let samples = master.mono(frame(from), frame(to).max(frame(from))).unwrap_or_default();
                    samples.iter().fold(0.0, |peak: f64, sample| peak.max(sample.abs()))
                }
            })
            .collect();
        let drawn: Vec<Stretch> = stretches
            .iter()
            .zip(&peaks)
            .map(|(&(start, end, ..), peak)| Stretch { start, end, peak })
            .collect();
        let segments: Vec<(f64, f64)> = self.segments.iter().map(|it| (it.start_s, it.end_s)).collect();
        draw(&drawn, &segments, Look { width: talk.width(), is_coloured: talk.is_coloured() })
    }

    /// Ranges that touch are drawn as one: start and end in the source (s), first and last frame of the master.
    fn stretches(&self) -> Vec<(f64, f64, u64, u64)> {
        let mut stretches: Vec<(f64, f64, u64, u64)> = Vec::new();
        for piece in self.pieces.pieces.iter().filter(|piece| piece.start < piece.end) {
            let length = (piece.end - piece.start) as f64 / f64::from(self.pieces.sample_rate);
            let end = piece.source_start + length;
            match stretches.last_mut() {
                Some(last) if (piece.source_start - last.1).abs() < 1e-3 => {
                    (last.1, last.3) = (end, piece.end)
                }
                _ => stretches.push((piece.source_start, end, piece.start, piece.end)),
            }
        }
        stretches
    }

    /// The segments as ranges, each with the labels of the range that it lies in.
    fn drawn(&self, clip: &Clip) -> Vec<Drawn> {
        let segments = self.segments.iter().zip(&self.spans.spans).enumerate();
        segments
            .map(|(nth, (segment, span))| {
                let range = clip.ranges.get(segment.range);
                // Frames of the master need not lie on the ends of ranges or of the source.
                let is_last = self.pieces.pieces.get(span.range).is_some_and(|piece| piece.end == span.end);
                let end = if is_last {
                    range.map_or(self.measures.duration_s, |range| range.end)
                } else {
                    segment.end_s
                };
                Drawn {
                    start: micros(segment.start_s),
                    end: micros(end),
                    labels: range.map(|range| range.labels.clone()).unwrap_or_default(),
                    note: note(nth, segment),
                }
            })
            .collect()
    }

    fn to_json(&self, step: &str, clip: &Clip) -> String {
        let segments: Vec<_> = self
            .segments
            .iter()
            .map(|segment| {
                let labels = clip.ranges.get(segment.range).map(|range| &range.labels);
                json!({
                    "segment_id": segment.id, "start_s": segment.start_s, "end_s": segment.end_s,
                    "position": segment.position, "range": segment.range, "labels": labels,
                    "start_confidence": segment.mark.start_confidence,
                    "end_confidence": segment.mark.end_confidence, "section_auto": segment.mark.section,
                })
            })
            .collect();
        let value = json!({
            "schema_version": "1.0", "clip": clip.id, "step": step, "segments": segments,
        });
        format!("{value:#}\n")
    }
}

fn value(outputs: &OutputDigests, name: &str, store: &DiskStore) -> Result<Input> {
    let input = outputs.get(name).map(|digest| store.read(digest)).transpose()?.flatten();
    input.ok_or_else(|| {
        Error::world(format!("the cache no longer has the {name} of this clip")).hint("build again")
    })
}

fn note(nth: usize, segment: &Segment) -> String {
    let mut note = format!("{}: {:.1} s", nth + 1, segment.end_s - segment.start_s);
    if let Some(confidence) = segment.mark.start_confidence {
        note.push_str(&format!(", {confidence:.2} sure of its start"));
    }
    if let Some(section) = &segment.mark.section {
        note.push_str(&format!(", {section}"));
    }
    note
}

fn say_ranges(drawn: &[Drawn], talk: &Talk) -> Result<()> {
    if drawn.is_empty() {
        return Ok(());
    }
    match to_toml(drawn) {
        Ok(ranges) => talk.data(&ranges),
        // They were shown, which is what was asked for first.
        Err(error) => {
            talk.warning(error.message);
            Ok(())
        }
    }
}

/// A label track; a file that is there may be somebody's work, and is left alone.
fn write_track(path: &Path, drawn: &[Drawn], label: Option<&str>, talk: &Talk) -> Result<()> {
    let cannot = |cause| Error::cannot_write(path.display(), cause);
    let texts: Vec<String> = drawn.iter().enumerate().map(|(nth, drawn)| text(nth, drawn, label)).collect();
    let labels = drawn.iter().zip(&texts).map(|(drawn, text)| (drawn.start, drawn.end, text.as_str()));
    let track = label_track::write(labels);
    let mut file = File::create_new(path).map_err(|cause| {
        cannot(cause).hint("corrections by hand are never overwritten: choose another name")
    })?;
    file.write_all(track.as_bytes()).map_err(cannot)?;
    talk.say(format!("wrote {} to {}", count(drawn.len(), "label"), printable(&path.display().to_string())));
    Ok(())
}

/// What a label says: the value of the label asked for, or its number.
fn text(nth: usize, drawn: &Drawn, label: Option<&str>) -> String {
    match label {
        Some(name) => drawn.labels.get(name).map(super::ls::word).unwrap_or_default(),
        None => (nth + 1).to_string(),
    }
}
