//! The same graph for other build systems: each source is copied, and the copy, four times in a chain.
//!
//! Nothing is copied by them: their outputs and their records are put in place as if they had been, for a build of
//! 400,000 copies by processes takes an hour. Whether they take them for their own is asserted: each says that it has
//! nothing to do.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dataset::{Dataset, N_STEPS, source};
use crate::measure::said;

/// Bytes of a key's recipe: a kind's name, a version, and the digests of two inputs.
const RECIPE_BYTES: usize = 97;

/// The command that does what every build with nothing to do does at least: [`floor`] in a process of its own.
pub(crate) fn floor_command(dataset: &Dataset) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--floor", &dataset.n_clips.to_string()]).current_dir(&dataset.folder);
    command
}

/// Looks at every source, and hashes as many keys as there are tasks.
pub(crate) fn floor(n_clips: usize) {
    let mut recipe = [0; RECIPE_BYTES];
    for clip in 0..n_clips {
        let meta = fs::metadata(source(clip)).unwrap();
        for step in 0..N_STEPS {
            recipe[..8].copy_from_slice(&meta.mtime_nsec().to_le_bytes());
            recipe[8..16].copy_from_slice(&meta.ino().to_le_bytes());
            recipe[16] = step as u8;
            std::hint::black_box(blake3::hash(&recipe));
        }
    }
}

/// A ninja that has nothing to do; none where there is no ninja.
pub(crate) fn ninja(dataset: &Dataset) -> Option<Command> {
    let program = which("ninja")?;
    let folder = dataset.folder.join("ninja");
    fs::create_dir(&folder).unwrap();
    copy_chains(dataset, dataset.n_clips, &folder);
    let mut graph = "rule copy\n  command = cp $in $out\n".to_owned();
    let mut log = "# ninja log v5\n".to_owned();
    for (input, output) in chains(dataset.n_clips) {
        writeln!(graph, "build {output}: copy {input}").unwrap();
        let meta = fs::metadata(folder.join(&output)).unwrap();
        let stamp = meta.mtime() * 1_000_000_000 + meta.mtime_nsec();
        let hash = murmur_hash(format!("cp {input} {output}").as_bytes());
        writeln!(log, "0\t1\t{stamp}\t{output}\t{hash:x}").unwrap();
    }
    fs::write(folder.join("build.ninja"), graph).unwrap();
    fs::write(folder.join(".ninja_log"), log).unwrap();
    let command = move || in_folder(&program, &folder);
    let words = said(command());
    assert!(words.contains("no work to do"), "ninja keeps another log than version 5: {words}");
    Some(command())
}

/// A Snakemake that has nothing to do; none where there is no Snakemake.
pub(crate) fn snakemake(dataset: &Dataset) -> Option<Command> {
    let program = which("snakemake")?;
    let folder = dataset.folder.join("snakemake");
    fs::create_dir(&folder).unwrap();
    copy_chains(dataset, dataset.n_clips, &folder);
    let mut rules = format!(
        "CLIPS = [f\"{{clip // 1000:03}}/{{clip:06}}\" for clip in range({})]\n\
         rule all:\n    input: expand(\"out/{{clip}}.{N_STEPS}\", clip=CLIPS)\n",
        dataset.n_clips
    );
    for step in 1..=N_STEPS {
        let input = if step == 1 { "../sources/{clip}.wav" } else { &format!("out/{{clip}}.{}", step - 1) };
        write!(
            rules,
            "rule copy{step}:\n    input: \"{input}\"\n    output: \"out/{{clip}}.{step}\"\n    shell: \"cp {{input}} {{output}}\"\n"
        )
        .unwrap();
    }
    fs::write(folder.join("Snakefile"), rules).unwrap();
    let mut command = in_folder(&program, &folder);
    command.args(["--cores", "1", "--nolock"]);
    Some(command)
}

/// A `dvc repro` that has nothing to do; none where there is no DVC.
pub(crate) fn dvc(dataset: &Dataset) -> Option<Command> {
    let program = which("dvc")?;
    let folder = dataset.folder.join("dvc");
    fs::create_dir(&folder).unwrap();
    copy_chains(dataset, dataset.n_clips, &folder);
    for clip in 0..dataset.n_clips {
        let own = folder.join(source(clip));
        fs::create_dir_all(own.parent().unwrap()).unwrap();
        fs::copy(dataset.folder.join(source(clip)), own).unwrap();
    }
    let mut init = in_folder(&program, &folder);
    init.args(["init", "--no-scm", "--quiet"]);
    said(init);
    let (mut stages, mut lock) = ("stages:\n".to_owned(), "schema: '2.0'\nstages:\n".to_owned());
    for (number, (input, output)) in chains(dataset.n_clips).enumerate() {
        let input = input.trim_start_matches("../");
        let name = format!("copy{number}");
        writeln!(stages, "  {name}:\n    cmd: cp {input} {output}\n    deps:\n    - {input}\n    outs:\n    - {output}:\n        cache: false").unwrap();
        let [read, written] = [input, &output].map(|path| locked(&folder, path));
        writeln!(lock, "  {name}:\n    cmd: cp {input} {output}\n    deps:\n{read}\n    outs:\n{written}")
            .unwrap();
    }
    fs::write(folder.join("dvc.yaml"), stages).unwrap();
    fs::write(folder.join("dvc.lock"), lock).unwrap();
    let mut command = in_folder(&program, &folder);
    command.arg("repro");
    Some(command)
}

/// What a program says of its version; none where it is absent.
pub(crate) fn version(name: &str) -> Option<String> {
    let mut command = Command::new(which(name)?);
    command.arg("--version");
    Some(said(command).trim().to_owned())
}

/// Every copy of every chain: from where to where.
fn chains(n_clips: usize) -> impl Iterator<Item = (String, String)> {
    (0..n_clips).flat_map(|clip| {
        let output = move |step| format!("out/{:03}/{clip:06}.{step}", clip / 1000);
        let input = move |step| if step == 1 { format!("../{}", source(clip)) } else { output(step - 1) };
        (1..=N_STEPS).map(move |step| (input(step), output(step)))
    })
}

/// Copies link by link, so that what is later in a chain is never older.
fn copy_chains(dataset: &Dataset, n_clips: usize, folder: &Path) {
    for (clip, copies) in chains(n_clips).collect::<Vec<_>>().chunks(N_STEPS).enumerate() {
        let bytes = fs::read(dataset.folder.join(source(clip))).unwrap();
        for (_, output) in copies {
            let output = folder.join(output);
            if clip % 1000 == 0 {
                fs::create_dir_all(output.parent().unwrap()).unwrap();
            }
            fs::write(output, &bytes).unwrap();
        }
    }
}

fn locked(folder: &Path, path: &str) -> String {
    let mut command = in_folder(Path::new("md5sum"), folder);
    command.arg(path);
    let sum = said(command);
    let size = fs::metadata(folder.join(path)).unwrap().len();
    format!("    - path: {path}\n      hash: md5\n      md5: {}\n      size: {size}", &sum[..32])
}

fn in_folder(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// MurmurHash64A (Appleby, 2008) with the seed of ninja's log of version 5: what it knows a command by.
fn murmur_hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = 0xdeca_fbad_deca_fbad ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    let (blocks, rest) = bytes.as_chunks::<8>();
    for block in blocks {
        let mut word = u64::from_le_bytes(*block).wrapping_mul(FACTOR);
        word ^= word >> 47;
        hash = (hash ^ word.wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ (hash >> 47)).wrapping_mul(FACTOR);
    hash ^ (hash >> 47)
}
