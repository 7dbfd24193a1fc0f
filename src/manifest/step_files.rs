//! Files that steps name: paths inside the manifest's folder, of a kind that the step reads.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use super::findings::{Finding, Findings};
use super::hub::hub_parts;
use super::names::quoted;
use super::tree::{Node, table};
use super::{Manifest, paths};
use crate::stages::Embed;

/// What a file of vectors may be.
const VECTORS: [&str; 4] = ["parquet", "csv", "tsv", "npy"];

/// Where files stand that steps name, by the name of the step.
type Places = BTreeMap<String, Range<usize>>;

/// Checks the files that steps name, and makes their paths normal; where they stand.
pub(super) fn read(tree: &DeTable<'_>, manifest: &mut Manifest, findings: &mut Findings) -> Places {
    let mut places = read_maps(tree, manifest, findings);
    places.extend(read_imports(tree, manifest, findings));
    places
}

/// Checks the vectors that steps import.
fn read_imports(tree: &DeTable<'_>, manifest: &mut Manifest, findings: &mut Findings) -> Places {
    let mut places = Places::new();
    for (step, embed) in &mut manifest.embed {
        let kind = embed.kind.kind();
        let node = |key: &str| node_of(tree, ["embed", step, kind], key);
        if let Some(weights) = embed.kind.weights_mut() {
            match node("weights") {
                Some(place) => *weights = model(weights, place, findings),
                None => missing(
                    tree,
                    [step, kind, "weights"],
                    "the model, a folder or `hf:org/name@revision`",
                    findings,
                ),
            }
        }
        let Embed::Import(import) = &mut embed.kind else { continue };
        let Some(file) = node("file") else {
            missing(tree, [step, kind, "file"], "the file that has the vectors", findings);
            continue;
        };
        places.insert(format!("embed.{step}"), file.span());
        import.file = path(&import.file, file, findings);
        if !VECTORS.contains(&extension(&import.file)) {
            let message = format!("{} is no file of vectors that can be read", quoted(&import.file));
            let finding = Finding::error("T0407", file.span(), message)
                .label("not `.parquet`, `.csv`, `.tsv` or `.npy`");
            findings.push(finding);
        }
        match (extension(&import.file) == "npy", node("ids")) {
            (true, Some(ids)) => import.ids = path(&import.ids, ids, findings),
            (true, None) => {
                let finding =
                    Finding::error("T0407", file.span(), "a `.npy` file does not say whose its rows are");
                findings.push(
                    finding
                        .label("no ids")
                        .hint("name with `ids` a file that has an id for each row, in their order"),
                );
            }
            (false, Some(ids)) if !import.ids.is_empty() => {
                let finding = Finding::error(
                    "T0407",
                    ids.span(),
                    "`ids` is for `.npy` files: others have a column of ids",
                );
                findings.push(
                    finding.label("not for this file").hint("name the column with `id`, or leave it out"),
                );
            }
            (false, _) => {}
        }
    }
    places
}

/// Checks the maps that steps place rows on.
fn read_maps(tree: &DeTable<'_>, manifest: &mut Manifest, findings: &mut Findings) -> Places {
    let mut places = Places::new();
    for (step, reduce) in &mut manifest.reduce {
        let kind = reduce.kind.kind();
        let Some(fit) = reduce.kind.fit_mut().filter(|fit| !fit.is_empty()) else { continue };
        let Some(node) = node_of(tree, ["reduce", step, kind], "fit") else { continue };
        places.insert(format!("reduce.{step}"), node.span());
        *fit = path(fit, node, findings);
        if extension(fit) != "parquet" {
            let message = format!("{} is no map", quoted(fit));
            let finding = Finding::error("T0407", node.span(), message).label("not `.parquet`");
            findings.push(finding.hint("`taqsim export map` writes one"));
        }
    }
    places
}

/// Reports a step that does not name what it reads.
fn missing(tree: &DeTable<'_>, [step, kind, key]: [&str; 3], what: &str, findings: &mut Findings) {
    let place = table(tree, "embed").and_then(|steps| table(steps, step)?.get(kind));
    if let Some(place) = place {
        let message = format!("missing `{key}`: there is nothing to read");
        let finding = Finding::error("T0105", place.span(), message).label(format!("no `{key}` here"));
        findings.push(finding.hint(format!("add `{key}`: {what}")));
    }
}

/// Checks where a model is, and makes its path normal.
fn model(weights: &str, node: &Node<'_>, findings: &mut Findings) -> String {
    if !weights.starts_with("hf:") {
        return path(weights, node, findings);
    }
    if hub_parts(weights).is_none_or(|(.., file)| !file.is_empty()) {
        let message = format!("{} names no commit of a repository on Hugging Face", quoted(weights));
        findings.push(
            Finding::error("T0407", node.span(), message)
                .label("not `hf:org/name@revision`")
                .hint("write all 40 digits of a commit: a branch or a tag may be moved to other weights"),
        );
    }
    weights.to_owned()
}

fn path(file: &str, node: &Node<'_>, findings: &mut Findings) -> String {
    paths::read_step_file(file, node.span(), findings)
}

fn extension(file: &str) -> &str {
    file.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn node_of<'n, 't>(
    tree: &'n DeTable<'t>,
    [family, step, kind]: [&str; 3],
    key: &str,
) -> Option<&'n Node<'t>> {
    table(table(table(tree, family)?, step)?, kind)?.get(key)
}
