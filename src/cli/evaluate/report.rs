//! The report of an evaluation: for each label the embed steps, the best first, and what follows in words.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt::Write;

use crate::cli::talk::count;
use crate::release::Scored;
use crate::stages::evaluate::{Measured, Protocol, Role, Score, Verdict};
use crate::text::printable;

/// A label or a nuisance, with the embed steps in which it was looked for.
pub(super) struct Ranked<'a> {
    pub(super) label: &'a str,
    pub(super) role: Role,
    /// The embed steps, that which shows it best first.
    pub(super) embeds: Vec<&'a str>,
    /// The protocol that leaves the least room for other reasons.
    pub(super) strictest: Protocol,
    scores: Vec<&'a Scored>,
}

/// From the most lenient protocol to the strictest.
const PROTOCOLS: [Protocol; 3] = [Protocol::Random, Protocol::LeaveRecordingOut, Protocol::LeaveArtistOut];

/// The labels and then the nuisances, in the order of the scores.
pub(super) fn ranked(scores: &[Scored]) -> Vec<Ranked<'_>> {
    let mut seen = BTreeSet::new();
    let mut firsts = Vec::new();
    for scored in scores {
        if seen.insert(scored.score.label.as_str()) {
            firsts.push(scored);
        }
    }
    firsts.sort_by_key(|scored| scored.score.role);
    firsts.into_iter().map(|first| Ranked::of(&first.score, scores)).collect()
}

/// The report for people.
pub(super) fn human(ranked: &[Ranked], scores: &[Scored]) -> String {
    let mut text = String::new();
    for of_label in ranked.iter().filter(|it| it.role == Role::Label) {
        text += &of_label.section();
    }
    let nuisances: Vec<&Ranked> = ranked.iter().filter(|it| it.role == Role::Nuisance).collect();
    if !nuisances.is_empty() {
        text += "Nuisances: what must not be mistaken for a label\n\n";
        nuisances.iter().for_each(|nuisance| text += &nuisance.section());
    }
    text + &performances(scores)
}

impl<'a> Ranked<'a> {
    fn of(first: &'a Score, scores: &'a [Scored]) -> Self {
        let scores: Vec<&Scored> = scores.iter().filter(|it| it.score.label == first.label).collect();
        let is_there = |protocol: &Protocol| scores.iter().any(|it| it.score.protocol == *protocol);
        let strictest = PROTOCOLS.into_iter().rfind(is_there).unwrap_or(Protocol::All);
        let embeds: BTreeSet<&str> = scores.iter().map(|it| it.embed.as_str()).collect();
        let (label, role) = (first.label.as_str(), first.role);
        let mut ranked = Self { label, role, embeds: embeds.into_iter().collect(), strictest, scores };
        let mut embeds = std::mem::take(&mut ranked.embeds);
        embeds.sort_by(|a, b| ranked.order(a, b));
        Self { embeds, ..ranked }
    }

    /// What follows in the best embed step.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.score(self.embeds.first()?, self.strictest, Measured::Knn)?.verdict
    }

    /// What follows, in words.
    pub(super) fn conclusion(&self) -> String {
        let (label, Some(embed)) = (self.label, self.embeds.first()) else { return String::new() };
        let Some(score) = self.score(embed, self.strictest, Measured::Knn) else {
            return "no conclusion: nothing was compared".to_owned();
        };
        let found = format!(
            "balanced accuracy {} in `{embed}`, chance {}, p {}",
            number(score.value),
            number(score.chance),
            p_value(score.p)
        );
        let also = match self.strictest {
            Protocol::LeaveArtistOut => "also where their artist is left out",
            _ => "but no label says who plays",
        };
        match score.verdict {
            Some(Verdict::AboveChance) => {
                format!("segments with the same {label} lie together, {also} ({found})")
            }
            Some(Verdict::NotAboveChance) => {
                format!("not shown that segments with the same {label} lie together ({found})")
            }
            _ => {
                let note = score.note.clone().unwrap_or_default();
                if note.starts_with("no conclusion") { note } else { format!("no conclusion: {note}") }
            }
        }
    }

    /// The better step first: by what the strictest protocol found, or else by a more lenient one.
    fn order(&self, a: &str, b: &str) -> Ordering {
        let value = |embed: &str, protocol: Protocol| {
            self.score(embed, protocol, Measured::Knn).and_then(|score| score.value).unwrap_or(-1.0)
        };
        let by = |protocol: &Protocol| value(b, *protocol).total_cmp(&value(a, *protocol));
        PROTOCOLS.iter().rev().map(by).fold(Ordering::Equal, Ordering::then).then(a.cmp(b))
    }

    fn score(&self, embed: &str, protocol: Protocol, measure: Measured) -> Option<&'a Score> {
        let is_meant =
            |it: &&&Scored| it.embed == embed && it.score.protocol == protocol && it.score.measure == measure;
        self.scores.iter().find(is_meant).map(|it| &it.score)
    }

    fn section(&self) -> String {
        let mut text = self.headline();
        if self.scores.iter().any(|it| it.score.measure == Measured::Knn && it.score.value.is_some()) {
            text += &aligned(&self.rows());
        }
        for agreement in self.agreements() {
            let _ = writeln!(text, "  {agreement}");
        }
        for note in self.notes() {
            let _ = writeln!(text, "  {note}");
        }
        if self.role == Role::Label {
            let _ = writeln!(text, "  => {}", printable(&self.conclusion()));
        }
        text + "\n"
    }

    fn headline(&self) -> String {
        let most = self.scores.iter().map(|it| &it.score).max_by_key(|score| score.n);
        let (n_classes, n, n_recordings) =
            most.map_or((0, 0, 0), |score| (score.n_classes, score.n, score.n_recordings));
        let label = printable(self.label);
        let (values, segments) = (count(n_classes, "value"), count(n, "segment"));
        format!("{label}: {values}, up to {segments} of {}\n", count(n_recordings, "recording"))
    }

    /// A row for each embed step, and what chance comes to.
    fn rows(&self) -> Vec<Vec<String>> {
        let protocols: Vec<Protocol> = PROTOCOLS.into_iter().filter(|it| *it <= self.strictest).collect();
        let mut head = vec!["embed step".to_owned()];
        head.extend(protocols.iter().map(|protocol| protocol.name().to_owned()));
        head.extend(["probe".to_owned(), "silhouette".to_owned()]);
        let row = |embed: &&str| {
            let mut row = vec![printable(embed)];
            row.extend(protocols.iter().map(|it| cell(self.score(embed, *it, Measured::Knn))));
            let probe = self.score(embed, self.strictest, Measured::Probe).and_then(|score| score.value);
            let silhouette = self.score(embed, Protocol::All, Measured::Silhouette).and_then(|it| it.value);
            row.extend([number(probe), number(silhouette)]);
            row
        };
        let mut rows = vec![head];
        rows.extend(self.embeds.iter().map(row));
        let chance = |protocol: &Protocol| {
            let scores = self.embeds.iter().filter_map(|embed| self.score(embed, *protocol, Measured::Knn));
            scores
                .filter_map(|score| score.chance)
                .next()
                .map_or_else(|| "-".to_owned(), |it| number(Some(it)))
        };
        rows.push(std::iter::once("(chance)".to_owned()).chain(protocols.iter().map(chance)).collect());
        rows
    }

    /// How far clusters agree with it.
    fn agreements(&self) -> Vec<String> {
        let rand = self.scores.iter().copied().filter(|it| it.score.measure == Measured::AdjustedRand);
        let line = |rand: &Scored| {
            let is_same = |it: &&&Scored| {
                it.score.measure == Measured::MutualInformation
                    && (&it.protocol, &it.embed) == (&rand.protocol, &rand.embed)
            };
            let information = self.scores.iter().find(is_same).map(|it| &it.score)?;
            rand.score.value?;
            Some(format!(
                "{}: adjusted Rand index {}, normalized mutual information {}",
                printable(&rand.protocol),
                with_p(&rand.score),
                with_p(information)
            ))
        };
        rand.filter_map(line).collect()
    }

    /// What is to be borne in mind, once each, with the protocols under which it holds. What is concluded says it already.
    fn notes(&self) -> Vec<String> {
        let mut notes: Vec<(&str, Vec<&str>)> = Vec::new();
        for (protocol, embed) in
            PROTOCOLS.iter().flat_map(|it| self.embeds.iter().map(move |embed| (it, embed)))
        {
            let Some(score) = self.score(embed, *protocol, Measured::Knn) else { continue };
            let is_concluded = *protocol == self.strictest && score.verdict == Some(Verdict::Refused);
            let Some(note) = score.note.as_deref().filter(|_| !is_concluded) else { continue };
            match notes.iter_mut().find(|(known, _)| *known == note) {
                Some((_, protocols)) if protocols.contains(&protocol.name()) => {}
                Some((_, protocols)) => protocols.push(protocol.name()),
                None => notes.push((note, vec![protocol.name()])),
            }
        }
        let line =
            |(note, protocols): &(&str, Vec<&str>)| format!("{}: {}", protocols.join(", "), printable(note));
        notes.iter().map(line).collect()
    }
}

/// Whether performances stay together, for each embed step.
fn performances(scores: &[Scored]) -> String {
    let nearer = scores.iter().filter(|it| it.score.measure == Measured::Nearer);
    let value = |embed: &str, measure: Measured| {
        let is_meant = |it: &&Scored| it.embed == embed && it.score.measure == measure;
        number(scores.iter().find(is_meant).and_then(|it| it.score.value))
    };
    let head = ["embed step", "nearer", "within", "of these < 1/3", "1/3 to 2/3", "> 2/3 apart", "between"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut notes = BTreeSet::new();
    for it in nearer {
        let embed = it.embed.as_str();
        let of = |measure: Measured| value(embed, measure);
        let along = [Measured::WithinNear, Measured::WithinMiddle, Measured::WithinFar].map(of);
        let mut row = vec![printable(embed), cell(Some(&it.score)), of(Measured::Within)];
        row.extend(along);
        row.push(of(Measured::Between));
        rows.push(row);
        notes.extend(it.score.note.iter().map(|note| format!("{embed}: {note}")));
    }
    if rows.len() == 1 {
        return String::new();
    }
    let mut text = "Performances: how often a segment of the same recording is nearer than one of another (0.50: \
                    they do not stay\ntogether), and mean distances, within also by how far apart in the performance\n"
        .to_owned();
    text += &aligned(&rows);
    notes.iter().for_each(|note| text += &format!("  {}\n", printable(note)));
    text
}

/// A value with its interval, and how often chance does as well.
fn cell(score: Option<&Score>) -> String {
    let Some((score, value)) = score.and_then(|score| Some((score, score.value?))) else {
        return "-".to_owned();
    };
    let mut cell = number(Some(value));
    if let Some((low, high)) = score.interval {
        let _ = write!(cell, " [{}, {}]", number(Some(low)), number(Some(high)));
    }
    if score.p.is_some() {
        let _ = write!(cell, " p {}", p_value(score.p));
    }
    cell
}

fn with_p(score: &Score) -> String {
    match score.p {
        Some(_) => format!("{} (p {})", number(score.value), p_value(score.p)),
        None => number(score.value),
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn p_value(p: Option<f64>) -> String {
    p.map_or_else(|| "-".to_owned(), |p| format!("{p:.3}"))
}

/// Columns side by side, all but the first flush right.
fn aligned(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("  {}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
