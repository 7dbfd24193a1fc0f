//! `taqsim init`: a new dataset.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Talk, schema};
use crate::error::{Error, Result};

/// Make a new dataset
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder to make it in; its name becomes the dataset's
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The dataset's name, if not the folder's
    #[arg(long)]
    name: Option<String>,
}

const MANIFEST: &str = r#"#:schema ./taqsim.schema.json
# What this dataset is made of. `taqsim check` checks it, `taqsim build` builds it.
# Every section and key: https://github.com/taqsim/taqsim/blob/main/docs/MANIFEST.md

[dataset]
name    = "{name}"
version = "0.1.0"         # semantic version; names the folder under outputs/
license = "CC-BY-4.0"     # of the tables; an SPDX expression
authors = []

[labels]                  # the vocabulary: whatever is not in here is an error
artist = "text"           # or "number", "date", "bool", or a list of words
oud    = ["arabic", "iraqi", "turkish"]

[labels.maqam]            # each word with its other spellings
ajam    = []
bayati  = ["beyati"]
hijaz   = ["hicaz"]
kurd    = ["kurdi"]
nahawand = ["nihavend"]
rast    = []
saba    = []
sikah   = ["segah"]

[normalize]
sample_rate = 44100       # Hz
channels    = "mono"
loudness    = -23.0       # LUFS, ITU-R BS.1770-4

[segment.whole.whole]     # [segment.NAME.KIND]: the name is yours, the kind is taqsim's
[segment.windows.sliding]
length = 20.0             # s
hop    = 5.0

[embed.timbre.spectral]
of = "windows"

[reduce.map.pca]
of = "timbre"

# Add clips with `taqsim add sources/NAME.flac --license CC-BY-4.0 --label maqam=rast`, or by hand:
#
# [[clip]]
# id      = "bashir-rast"
# source  = "sources/munir-bashir-rast.flac"
# license = "CC-BY-NC-4.0"
# origin  = "https://..."        # where it came from; never fetched
# ranges  = ["0:12.5-0:58"]      # without, the whole file
# labels  = { artist = "Munir Bashir", maqam = "rast", oud = "iraqi" }
"#;

const IGNORED: &str = "\
# Can be rebuilt from the sources at any time.
/cache/
# Drafts and releases: share them where you share datasets, not in git.
/outputs/
";

pub(super) fn run(args: &Args, talk: &Talk) -> Result<ExitCode> {
    let folder = &args.folder;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => name_of(folder)?,
    };
    if folder.join("taqsim.toml").exists() {
        return Err(Error::usage(format!("`{}` is a dataset already", folder.join("taqsim.toml").display())));
    }
    let manifest = MANIFEST.replace("{name}", &name);
    make_folder(&folder.join("sources"))?;
    write_new(&folder.join("taqsim.toml"), &manifest)?;
    write_new(&folder.join("taqsim.schema.json"), &schema::text())?;
    write_new(&folder.join(".gitignore"), IGNORED)?;
    talk.say(format!("made `{}`", folder.join("taqsim.toml").display()));
    talk.say("next: put a recording into sources/, then `taqsim add sources/FILE --license LICENCE`");
    Ok(ExitCode::SUCCESS)
}

/// The folder's name as a dataset's name: what a manifest allows.
fn name_of(folder: &Path) -> Result<String> {
    make_folder(folder)?;
    let absolute = folder.canonicalize().map_err(|cause| Error::cannot_read(folder.display(), cause))?;
    let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let fit: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let fit = fit.trim_matches(|c| "-_.".contains(c)).to_owned();
    Ok(if fit.is_empty() { "dataset".to_owned() } else { fit })
}

fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|cause| Error::cannot_write(folder.display(), cause))
}

/// Writes a file that is not there yet; one that is stays as it is.
fn write_new(path: &Path, text: &str) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    fs::write(path, text).map_err(|cause| Error::cannot_write(path.display(), cause))
}
