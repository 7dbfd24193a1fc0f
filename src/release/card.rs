//! The dataset card: a README.md that people read and that Hugging Face `datasets` loads the tables by.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::weights;
use crate::manifest::{Clip, Evenness, Manifest};
use crate::plan::{SeenWeights, Verdicts};
use crate::text::{markdown, must_escape};

/// Above this many clips the card counts licences instead of naming each clip's.
const MAX_CLIPS: usize = 1_000;

/// Licences that Hugging Face knows by an id which is not the SPDX id in lower case.
const RENAMED: [(&str, &str); 5] = [
    ("odbl-1.0", "odbl"),
    ("odc-by-1.0", "odc-by"),
    ("pddl-1.0", "pddl"),
    ("gpl-3.0-only", "gpl-3.0"),
    ("agpl-3.0-only", "agpl-3.0"),
];

/// Licences that Hugging Face knows by their SPDX id in lower case.
const KNOWN: [&str; 28] = [
    "apache-2.0",
    "bsd-2-clause",
    "bsd-3-clause",
    "cc-by-2.0",
    "cc-by-2.5",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-nc-2.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "cdla-permissive-1.0",
    "cdla-permissive-2.0",
    "cdla-sharing-1.0",
    "isc",
    "mit",
    "mpl-2.0",
    "unlicense",
    "wtfpl",
    "zlib",
];

/// A table as the card lists it.
pub(super) struct Listed<'a> {
    /// `clips`, `segments`, `embed/NAME` or `reduce/NAME`.
    pub(super) name: &'a str,
    /// The pattern that its files match, from the release's folder.
    pub(super) files: String,
    /// Number of rows.
    pub(super) n_rows: u64,
}

/// The card of a release: YAML with one configuration per table, the clips by default, then Markdown.
///
/// All text of the manifest is escaped: it can neither end the YAML nor become Markdown.
pub(super) fn card(
    manifest: &Manifest,
    tables: &[Listed],
    models: &BTreeMap<String, SeenWeights>,
    verdicts: Option<&Verdicts>,
) -> String {
    let dataset = &manifest.dataset;
    let mut card = front_matter(manifest, tables);
    let mut push = |line: String| card.extend([line.as_str(), "\n"]);
    push(format!("\n# {}\n", markdown(&dataset.name)));
    if let Some(description) = &dataset.description {
        push(format!("{}\n", markdown(description)));
    }
    push(format!("Version {}, built with taqsim.", markdown(&dataset.version)));
    if !dataset.authors.is_empty() {
        push(format!("By {}.", markdown(&dataset.authors.join(", "))));
    }
    push(format!("The tables are licensed {}.", markdown(&dataset.license)));
    push("\n## Tables\n\n| table | files | rows |\n|---|---|--:|".to_owned());
    for table in tables {
        let files = markdown(&table.files);
        push(format!("| {} | {files} | {} |", markdown(&config_name(table)), table.n_rows));
    }
    push(loading(tables));
    Evenness::of(manifest).iter().for_each(|evenness| push(split(evenness)));
    push(gate(&manifest.clips, verdicts));
    weights::section(manifest, models).into_iter().for_each(&mut push);
    push(licences(&manifest.clips));
    card
}

fn front_matter(manifest: &Manifest, tables: &[Listed]) -> String {
    let dataset = &manifest.dataset;
    let mut yaml =
        format!("---\npretty_name: {}\n{}", quoted(&dataset.name), license_lines(&dataset.license));
    yaml.push_str("tags:\n- audio\nconfigs:\n");
    for table in tables {
        let (name, files) = (quoted(&config_name(table)), quoted(&table.files));
        let default = if table.name == "clips" { "  default: true\n" } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(yaml, "- config_name: {name}\n  data_files: {files}\n{default}");
    }
    yaml + "---\n"
}

fn license_lines(license: &str) -> String {
    let id = license.to_lowercase();
    let renamed = RENAMED.iter().find(|(spdx, _)| *spdx == id).map(|(_, id)| *id);
    match renamed.or_else(|| KNOWN.iter().find(|known| **known == id).copied()) {
        Some(id) => format!("license: {id}\n"),
        None => format!("license: other\nlicense_name: {}\n", quoted(license)),
    }
}

/// Hugging Face allows no `/` in the name of a configuration.
fn config_name(table: &Listed) -> String {
    table.name.replace('/', ".")
}

fn loading(tables: &[Listed]) -> String {
    let name = tables.last().map_or_else(|| "clips".to_owned(), config_name);
    format!(
        "\n## Loading\n\n```python\nfrom datasets import load_dataset\n\n\
         rows = load_dataset(\"path/to/this/folder\", {}, split=\"train\")\n```\n\n\
         Or read the Parquet files with pyarrow, polars, pandas or DuckDB; join them on `clip_id` and `segment_id`.",
        quoted(&name)
    )
}

/// The parts of the split, and how the words of each label fall on them.
fn split(evenness: &Evenness) -> String {
    let mut text = "\n## Split\n\n| part | asked for | clips | groups |\n|---|--:|--:|--:|\n".to_owned();
    for part in &evenness.parts {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let clips = percent(part.n_clips as f64 / evenness.n_clips as f64);
        let (name, share) = (markdown(&part.name), percent(part.share));
        let _ = writeln!(text, "| {name} | {share} | {} ({clips}) | {} |", part.n_clips, part.n_groups);
    }
    for counts in &evenness.labels {
        let names: Vec<String> = evenness.parts.iter().map(|part| markdown(&part.name)).collect();
        let _ = writeln!(text, "\n| {} | {} |", markdown(&counts.label), names.join(" | "));
        let _ = writeln!(text, "|---|{}", "--:|".repeat(names.len()));
        for (word, of_parts) in &counts.words {
            let word = word.as_deref().map_or_else(|| "(none)".to_owned(), markdown);
            let of_parts: Vec<String> = of_parts.iter().map(usize::to_string).collect();
            let _ = writeln!(text, "| {word} | {} |", of_parts.join(" | "));
        }
    }
    text.pop();
    text
}

/// What the quality gate found: how many clips break a limit on each measure, and which clips are left out.
fn gate(clips: &[Clip], verdicts: Option<&Verdicts>) -> String {
    let mut text =
        "\n## Quality\n\nEvery clip was measured: the columns of `clips`; `gate_flags` names what is beyond a limit.\n"
            .to_owned();
    let mut counts = BTreeMap::<&str, usize>::new();
    let broken = verdicts.into_iter().flat_map(Verdicts::iter).flat_map(|(_, verdict)| &verdict.broken);
    broken.for_each(|broken| *counts.entry(&broken.name).or_default() += 1);
    if counts.is_empty() {
        return text + "\nNo clip is beyond any.";
    }
    text.push_str("\n| beyond a limit on | clips |\n|---|--:|\n");
    counts.iter().for_each(|(name, n)| text.push_str(&format!("| {} | {n} |\n", markdown(name))));
    text + &left_out(clips, verdicts)
}

fn left_out(clips: &[Clip], verdicts: Option<&Verdicts>) -> String {
    let all = verdicts.into_iter().flat_map(Verdicts::iter);
    let out: Vec<_> = all.filter(|(clip, _)| verdicts.is_some_and(|it| it.is_left_out(*clip))).collect();
    if out.is_empty() {
        return "\nNo clip is left out.".to_owned();
    }
    let mut text = format!("\nIn no table but `clips`: {}.\n\n| clip | why |\n|---|---|\n", out.len());
    for (clip, verdict) in out.into_iter().take(MAX_CLIPS) {
        let (id, why) = (markdown(&clips[clip].id), markdown(&verdict.reason()));
        text.push_str(&format!("| {id} | {why} |\n"));
    }
    text.pop();
    text
}

fn licences(clips: &[Clip]) -> String {
    let mut text = "\n## Licences of the recordings\n".to_owned();
    let rows: Vec<(String, String)> = if clips.len() <= MAX_CLIPS {
        text.push_str("\n| clip | licence |\n|---|---|\n");
        clips.iter().map(|clip| (markdown(&clip.id), markdown(&clip.license))).collect()
    } else {
        text.push_str("\n| licence | clips |\n|---|--:|\n");
        let mut counts = BTreeMap::<_, usize>::new();
        clips.iter().for_each(|clip| *counts.entry(&clip.license).or_default() += 1);
        counts.iter().map(|(license, count)| (markdown(license), count.to_string())).collect()
    };
    rows.iter().for_each(|(left, right)| text.extend(["| ", left, " | ", right, " |\n"]));
    text.pop();
    text
}

/// A double-quoted string of YAML 1.2, whose escapes are those of JSON.
fn quoted(text: &str) -> String {
    let mut yaml = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => yaml.extend(['\\', c]),
            c if must_escape(c) => yaml.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => yaml.push(c),
        }
    }
    yaml + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fixture;

    #[test]
    fn text_of_the_manifest_stays_text() {
        let mut manifest = fixture::manifest();
        manifest.dataset.name = "a\"\n---\nb: |<script>".into();
        manifest.dataset.description = Some("[x](javascript:y) \u{202e} ``` \n# not a heading".into());
        let card = card(&manifest, &[], &BTreeMap::new(), None);
        assert!(card.starts_with("---\npretty_name: \"a\\\"\\u000a---\\u000ab: |<script>\"\nlicense: "));
        assert!(card.contains("# a\" --- b: \\|&lt;script&gt;"));
        assert!(card.contains("\\[x\\]\\(javascript:y\\) \u{fffd} \\`\\`\\`  \\# not a heading\n"));
    }

    #[test]
    fn licences_are_named_as_hugging_face_names_them() {
        let cases = [
            ("CC-BY-4.0", "license: cc-by-4.0\n"),
            ("ODbL-1.0", "license: odbl\n"),
            ("MIT OR Apache-2.0", "license: other\nlicense_name: \"MIT OR Apache-2.0\"\n"),
            ("LicenseRef-letter", "license: other\nlicense_name: \"LicenseRef-letter\"\n"),
        ];
        for (license, lines) in cases {
            assert_eq!(license_lines(license), lines);
        }
    }

    #[test]
    fn the_parts_are_counted_with_the_words_of_every_label() {
        use crate::manifest::{Counts, PartCount};
        let part = |name: &str, n_clips| PartCount { name: name.into(), share: 0.5, n_groups: 1, n_clips };
        let words = vec![(None, vec![1, 0]), (Some("a|b".to_owned()), vec![0, 3])];
        let labels = vec![Counts { label: "maqam".into(), words }];
        let text = split(&Evenness { n_clips: 4, parts: vec![part("test", 1), part("train", 3)], labels });
        assert!(text.contains("| train | 50.0 % | 3 (75.0 %) | 1 |\n"), "{text}");
        assert!(
            text.ends_with("| maqam | test | train |\n|---|--:|--:|\n| (none) | 1 | 0 |\n| a\\|b | 0 | 3 |"),
            "{text}"
        );
    }

    #[test]
    fn what_the_gate_says_is_counted_and_who_is_left_out_is_named() {
        let manifest = fixture::manifest();
        let text = gate(&manifest.clips, Some(&fixture::verdicts()));
        for words in
            ["| snr\\_db | 2 |", "In no table but `clips`: 1.", "| b | \\`snr\\_db\\` is 1, below 2 |"]
        {
            assert!(text.contains(words), "{words}\n{text}");
        }
        assert!(gate(&manifest.clips, None).contains("No clip is beyond any."));
    }

    #[test]
    fn many_clips_are_counted_by_licence() {
        let clip = fixture::manifest().clips[0].clone();
        let text = licences(&vec![clip; MAX_CLIPS + 1]);
        assert!(text.contains("| 1001 |"), "{text}");
    }
}
