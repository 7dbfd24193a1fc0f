//! `taqsim add`: a recording becomes a clip of the manifest.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use unicode_normalization::UnicodeNormalization;

use super::toml_text::{key, quoted};
use super::{Global, Talk, findings, project};
use crate::error::{Error, Result};
use crate::manifest::{Finding, Outcome, Severity};
use crate::run::{Roots, plain, probe, tags};
use crate::signal::decode::Tags;

/// Add recordings to the manifest, a clip each
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  taqsim add sources/bashir-rast.flac --license CC-BY-4.0 --label maqam=rast --label artist='Munir Bashir'
  taqsim add sources/*.flac --license CC0-1.0")]
pub(super) struct Args {
    /// The recordings, inside the project's folder
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Their licence: an SPDX expression, or LicenseRef-... for a permission of your own
    #[arg(long, value_name = "SPDX")]
    license: String,
    /// A label, NAME=VALUE; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Where the recording came from; never fetched
    #[arg(long, value_name = "TEXT")]
    origin: Option<String>,
    /// A piece of the recording, such as 0:12.5-0:58; may be given several times
    #[arg(long = "range", value_name = "START-END")]
    ranges: Vec<String>,
    /// The clip's id, if not the file's name without its ending
    #[arg(long)]
    id: Option<String>,
}

/// What `[labels]` says of each label, where that is one word: `text`, `number`, `date` or `bool`.
type LabelTypes = BTreeMap<String, String>;

fn label(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, such as maqam=rast".to_owned()),
    }
}

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    if args.files.len() > 1 && (args.id.is_some() || !args.ranges.is_empty()) {
        return Err(
            Error::usage("cannot give one --id or --range to several files").hint("add them one by one")
        );
    }
    let folder = project::folder(global)?;
    let path = folder.join(project::MANIFEST);
    let before = fs::read_to_string(&path)
        .map_err(|cause| Error::usage(format!("cannot read `taqsim.toml`: {cause}")))?;
    let types = label_types(&before);
    let roots = Roots::new(&folder, &global.roots)?;
    let mut text = before.clone();
    let mut added = Vec::new();
    for file in &args.files {
        let source = source_of(file, &folder)?;
        // Whatever is no audio is refused here, where the user looks, and not in the middle of a build.
        let duration = probe(&roots, &source)?.duration_s;
        let id = args.id.clone().unwrap_or_else(|| id_of(&source));
        let tags = tags(&roots, &source)?;
        text.push_str(&entry(&id, &source, args, &types));
        text.push_str(&offer(&tags, args));
        added.push((id, duration, tags != Tags::default()));
    }
    let parse = |manifest: &str| project::parse(manifest.as_bytes(), &folder, global);
    refuse_what_would_be_wrong(parse(&text)?, || parse(&before), talk)?;
    write(&path, &text)?;
    for (id, duration, is_tagged) in added {
        let length = duration.map_or_else(String::new, |seconds| format!(" ({seconds:.1} s)"));
        let tagged = if is_tagged { "; what its tags say stands below it as comments" } else { "" };
        talk.say(format!("added clip `{id}`{length}{tagged}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The path of a recording as the manifest spells it: from its folder, with `/`, in NFC.
fn source_of(file: &Path, folder: &Path) -> Result<String> {
    let cannot = |cause| Error::cannot_read(file.display(), plain(&cause));
    let base = folder.canonicalize().map_err(cannot)?;
    let absolute = std::path::absolute(file).map_err(cannot)?;
    let parent = absolute.parent().unwrap_or(&absolute).canonicalize().map_err(cannot)?;
    let name = absolute.file_name().unwrap_or_default();
    let full = parent.join(name);
    fs::metadata(&full).map_err(cannot)?;
    let outside = || {
        Error::world(format!("cannot add `{}`: it is not in the project's folder", file.display()))
            .hint("copy it into sources/ first")
    };
    let relative = full.strip_prefix(&base).map_err(|_| outside())?;
    let parts: Option<Vec<&str>> = relative
        .components()
        .map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect();
    let parts = parts
        .ok_or_else(|| Error::world(format!("cannot add `{}`: its name is not Unicode", file.display())))?;
    Ok(parts.join("/").nfc().collect())
}

/// Read loosely: a manifest without clips is not right yet, but its labels count.
fn label_types(manifest: &str) -> LabelTypes {
    let table: toml::Table = toml::from_str(manifest).unwrap_or_default();
    let labels = table.get("labels").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    let words = labels.into_iter().filter_map(|(name, words)| Some((name, words.as_str()?.to_owned())));
    words.collect()
}

fn id_of(source: &str) -> String {
    let name = source.rsplit('/').next().unwrap_or(source);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).trim().to_owned()
}

/// The clip as TOML, to stand at the end of the manifest.
fn entry(id: &str, source: &str, args: &Args, types: &LabelTypes) -> String {
    let mut text = format!(
        "\n[[clip]]\nid      = {}\nsource  = {}\nlicense = {}\n",
        quoted(id),
        quoted(source),
        quoted(&args.license)
    );
    if let Some(origin) = &args.origin {
        text.push_str(&format!("origin  = {}\n", quoted(origin)));
    }
    if !args.ranges.is_empty() {
        let ranges: Vec<String> = args.ranges.iter().map(|range| quoted(range)).collect();
        text.push_str(&format!("ranges  = [{}]\n", ranges.join(", ")));
    }
    if !args.labels.is_empty() {
        let labels: Vec<String> = args
            .labels
            .iter()
            .map(|(name, value)| format!("{} = {}", key(name), literal(name, value, types)))
            .collect();
        text.push_str(&format!("labels  = {{ {} }}\n", labels.join(", ")));
    }
    text
}

/// What the recording's tags say, as comments: nobody has checked them, and the vocabulary may not have them.
fn offer(tags: &Tags, args: &Args) -> String {
    let given = |label: &str| args.labels.iter().any(|(name, _)| name == label);
    let labels = [("artist", &tags.artist), ("title", &tags.title), ("date", &tags.date)];
    let labels: Vec<String> = labels
        .into_iter()
        .filter(|(name, _)| !given(name))
        .filter_map(|(name, text)| Some(format!("{name} = {}", quoted(text.as_ref()?))))
        .collect();
    let mut text = String::new();
    if !labels.is_empty() {
        text.push_str(&format!("# tags:   labels  = {{ {} }}\n", labels.join(", ")));
    }
    if let Some(license) = &tags.license {
        text.push_str(&format!("# tags:   license = {}\n", quoted(license)));
    }
    text
}

/// A number or truth value stands without quotes, if that is what the label is.
fn literal(name: &str, value: &str, types: &LabelTypes) -> String {
    let is_bare = match types.get(name).map(String::as_str) {
        Some("number") => value.parse::<f64>().is_ok_and(f64::is_finite),
        Some("bool") => value == "true" || value == "false",
        _ => false,
    };
    if is_bare { value.to_owned() } else { quoted(value) }
}

/// A manifest that was right stays right; in one that was wrong, at least nothing is added to it.
fn refuse_what_would_be_wrong(
    after: Outcome,
    before: impl Fn() -> Result<Outcome>,
    talk: &Talk,
) -> Result<()> {
    if !after.findings.has_errors() {
        return Ok(());
    }
    let before = before()?;
    findings::say(&after, talk);
    // A dataset without clips is wrong, and right once it has one.
    let was_wrong = errors(&after).any(|error| errors(&before).any(|other| other.message == error.message));
    let because = if was_wrong { "the manifest is wrong as it is" } else { "the manifest would be wrong" };
    Err(Error::usage(format!("cannot add this: {because}; nothing was written")))
}

fn errors(outcome: &Outcome) -> impl Iterator<Item = &Finding> {
    outcome.findings.iter().filter(|finding| finding.severity == Severity::Error)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let cannot = |cause: std::io::Error| Error::cannot_write("taqsim.toml", cause);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(cannot)?;
    if let Ok(old) = fs::metadata(path) {
        fs::set_permissions(file.path(), old.permissions()).map_err(cannot)?;
    }
    file.persist(path).map_err(|error| cannot(error.error))?;
    Ok(())
}
