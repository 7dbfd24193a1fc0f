//! `taqsim verify`: is everything what the lock says?

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::ValueEnum;
use serde_json::json;

use super::progress::Progress;
use super::{Global, Talk, project};
use crate::error::{Error, Result};
use crate::release::{self, FileState, Nearness, Options, Project, Report, SourceState};
use crate::run::Event;
use crate::text::printable;

/// Check manifest, sources and tables against the lock
///
/// Computes nothing: compares digests. What is absent is said, and is an error only with --require.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  taqsim verify                             # what is here is what the lock says
  taqsim verify --require sources,tables    # and everything is here
  taqsim verify --rebuild                   # build from nothing, and compare")]
pub(super) struct Args {
    /// What must be there: exit with code 1 where it is absent
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    require: Vec<Required>,
    /// Build everything again in temporary folders, and compare with the lock
    #[arg(long)]
    rebuild: bool,
    /// How to report
    #[arg(long, value_enum, default_value_t)]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Required {
    /// Every source of the lock
    Sources,
    /// Every table of the lock
    Tables,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    #[default]
    Human,
    /// For programs; carries a schema_version
    Json,
    /// Annotations for a pull request on GitHub
    Github,
}

/// Something that is not as the lock says.
struct Problem {
    what: String,
    is_absence: bool,
}

static NEVER: AtomicBool = AtomicBool::new(false);

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let project = project::open(global, talk)?;
    let report = release::verify(&project)?;
    let (differences, absences): (Vec<Problem>, Vec<Problem>) =
        problems(&report, args).into_iter().partition(|problem| !problem.is_absence);
    print(args.format, &differences, &absences, &report, talk)?;
    if !differences.is_empty() {
        return Err(Error::differs(format!("{} not as `taqsim.lock` says", things(differences.len())))
            .hint("build and commit the lock if this was meant; otherwise bring back what was changed"));
    }
    let rebuilt = args.rebuild.then(|| rebuild(&project, talk)).transpose()?;
    if !absences.is_empty() && !args.require.is_empty() {
        return Err(Error::world(format!("{} required but absent", things(absences.len()))));
    }
    let dataset = &project.manifest.dataset;
    talk.say(format!("{} {}: {}", dataset.name, dataset.version, fact(&report, rebuilt.as_deref())));
    Ok(ExitCode::SUCCESS)
}

fn rebuild(project: &Project, talk: &Talk) -> Result<Vec<(String, Nearness)>> {
    let progress = Progress::new(*talk);
    let listener = |event: &Event| progress.hear(event);
    let options = Options { locked: true, ..Options::new(&NEVER, &listener) };
    let (built, findings) = release::rebuild(project, &options)?;
    if built.lock.is_some() {
        return Ok(findings);
    }
    super::build::say_failures(&built, talk);
    Err(Error::world("cannot rebuild what the lock says: see above"))
}

fn problems(report: &Report, args: &Args) -> Vec<Problem> {
    let differs = |what: String| Some(Problem { what, is_absence: false });
    let absent = |what: String, required: Required| {
        args.require.contains(&required).then_some(Problem { what, is_absence: true })
    };
    let manifest = report.manifest.iter().filter_map(|what| differs(format!("taqsim.toml: {what}")));
    let sources = report.sources.iter().filter_map(|(path, state)| match state {
        SourceState::Same => None,
        SourceState::Absent => absent(format!("source `{path}`: absent"), Required::Sources),
        SourceState::Differs => differs(format!("source `{path}`: content differs")),
        SourceState::Unreadable(why) => differs(format!("source `{path}`: {why}")),
    });
    let files = report.files.files.iter().filter_map(|(file, state)| match state {
        FileState::Same => None,
        FileState::Absent => absent(format!("table `{file}`: absent"), Required::Tables),
        FileState::ContentDiffers => differs(format!("table `{file}`: content differs")),
        FileState::OnlyFileDiffers => differs(format!("table `{file}`: only the file differs")),
        FileState::Damaged(why) => differs(format!("table `{file}`: content differs: {why}")),
    });
    let extra =
        report.files.extra.iter().filter_map(|file| differs(format!("table `{file}`: not in the lock")));
    manifest.chain(sources).chain(files).chain(extra).collect()
}

fn print(
    form: Form,
    differences: &[Problem],
    absences: &[Problem],
    report: &Report,
    talk: &Talk,
) -> Result<()> {
    let all = || differences.iter().chain(absences).map(|problem| problem.what.as_str());
    talk.data(&match form {
        Form::Human => all().map(|what| format!("{}\n", printable(what))).collect(),
        Form::Json => format!(
            "{:#}\n",
            json!({
                "schema_version": "1.0",
                "differences": differences.iter().map(|it| &it.what).collect::<Vec<_>>(),
                "absences": absences.iter().map(|it| &it.what).collect::<Vec<_>>(),
                "not_checked": { "sources": n_absent_sources(report), "files": n_absent_files(report) },
            })
        ),
        Form::Github => all().map(annotation).collect(),
    })
}

/// An annotation of the lock, escaped as GitHub's workflow commands ask.
fn annotation(what: &str) -> String {
    let text = printable(what).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    format!("::error file=taqsim.lock,title=taqsim verify::{text}\n")
}

fn n_absent_sources(report: &Report) -> usize {
    report.sources.values().filter(|state| **state == SourceState::Absent).count()
}

fn n_absent_files(report: &Report) -> usize {
    report.files.files.values().filter(|state| **state == FileState::Absent).count()
}

fn things(n: usize) -> String {
    if n == 1 { "one thing is".to_owned() } else { format!("{n} things are") }
}

fn fact(report: &Report, rebuilt: Option<&[(String, Nearness)]>) -> String {
    let (n_sources, n_files) = (report.sources.len(), report.files.files.len());
    let (no_sources, no_files) = (n_absent_sources(report), n_absent_files(report));
    let mut text = format!(
        "the manifest, {} of {n_sources} sources and {} of {n_files} files are as the lock says",
        n_sources - no_sources,
        n_files - no_files,
    );
    if no_sources + no_files > 0 {
        text.push_str("; not checked, for they are not here: ");
        let parts = [(no_sources, "sources"), (no_files, "files")];
        let parts: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        text.push_str(&parts.join(" and "));
    }
    if let Some(findings) = rebuilt {
        text.push_str("; rebuilt from nothing: the same tables");
        findings.iter().for_each(|(step, nearness)| text.extend([", ", &nearness.words(step)]));
    }
    text
}
