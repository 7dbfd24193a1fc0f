//! The steps of a manifest in the order in which they can be carried out.

use std::collections::BTreeMap;

use petgraph::algo::toposort;
use petgraph::graph::DiGraph;

use crate::error::{Error, Result};
use crate::manifest::{Evaluate, Manifest, Of};
use crate::stages::{Duplicates, Embed, Normalize, Params, Reduce, Segment, Stage, non_default_params};

/// The name of the step that reads the sources.
pub(super) const NORMALIZE: &str = "normalize";
/// The name of the step that finds clips that sound alike.
pub(super) const DUPLICATES: &str = "duplicates";

/// One step of the manifest, and where its inputs come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<'m> {
    /// `normalize`, or family and name: `embed.timbre`.
    pub name: String,
    /// What the manifest asks for.
    pub work: Work<'m>,
    /// What its stage reads.
    pub wires: Vec<Wire>,
    /// The steps that the gate needs to know of before anybody can say which clips take part, by index.
    pub judged_by: Vec<usize>,
}

/// What a step asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work<'m> {
    /// `[normalize]`.
    Normalize(&'m Normalize),
    /// What finds clips that sound alike; every manifest has it.
    Duplicates,
    /// `[segment.NAME.KIND]`.
    Segment(&'m Segment),
    /// `[embed.NAME.KIND]`.
    Embed(&'m Embed),
    /// `[reduce.NAME.KIND]`.
    Reduce(&'m Reduce),
    /// `[evaluate]`, of one embed step.
    Evaluate(&'m Evaluate),
}

/// One input of a step. Outputs keep their names from stage to stage, so one name is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wire {
    /// The name of the input, and of the output that it is.
    pub input: &'static str,
    /// Where it comes from.
    pub from: From,
}

/// Where an input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The clip's source.
    Source,
    /// The clip's vectors in the file that the step imports.
    Vectors,
    /// The file with the map that the step places rows on.
    Map,
    /// The weights that the step names.
    Weights,
    /// The step at this index.
    Step(usize),
}

impl Step<'_> {
    /// Whether it is one task per clip; otherwise it is one for the whole dataset.
    pub fn is_per_clip(&self) -> bool {
        !matches!(self.work, Work::Reduce(_) | Work::Evaluate(_) | Work::Duplicates)
    }

    /// Family and kind, as recipes name them: `embed.spectral`.
    pub fn kind(&self) -> String {
        match self.work {
            Work::Normalize(_) => NORMALIZE.to_owned(),
            Work::Duplicates => DUPLICATES.to_owned(),
            Work::Segment(segment) => format!("segment.{}", segment.kind()),
            Work::Embed(embed) => format!("embed.{}", embed.kind()),
            Work::Reduce(reduce) => format!("reduce.{}", reduce.kind()),
            Work::Evaluate(_) => "evaluate".to_owned(),
        }
    }

    /// The parameters that differ from their defaults, without what a clip adds to them.
    pub fn params(&self) -> Params {
        match self.work {
            Work::Normalize(normalize) => non_default_params(normalize),
            Work::Duplicates => Params::new(),
            Work::Segment(segment) => segment.params(),
            Work::Embed(embed) => embed.params_of_recipe(),
            Work::Reduce(reduce) => without_path(reduce),
            Work::Evaluate(evaluate) => non_default_params(&evaluate.how),
        }
    }

    /// The steps that it reads from, by index, once each.
    pub fn upstream(&self) -> Vec<usize> {
        let from = self.wires.iter().filter_map(|wire| match wire.from {
            From::Step(step) => Some(step),
            From::Source | From::Vectors | From::Map | From::Weights => None,
        });
        let mut steps: Vec<usize> = from.collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// The steps that have to be done before it, by index, once each.
    pub fn waits_for(&self) -> Vec<usize> {
        let mut steps = [self.upstream(), self.judged_by.clone()].concat();
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// The code that carries it out, without what a clip adds to its parameters.
    pub fn stage(&self) -> &dyn Stage {
        match self.work {
            Work::Normalize(normalize) => normalize,
            Work::Duplicates => &Duplicates,
            Work::Segment(segment) => segment.stage(),
            Work::Embed(embed) => embed.stage(),
            Work::Reduce(reduce) => reduce.stage(),
            Work::Evaluate(evaluate) => &evaluate.how,
        }
    }
}

/// The parameters but for where a map is found: which one it is is an input.
fn without_path(reduce: &Reduce) -> Params {
    let mut params = reduce.params();
    params.remove("fit");
    params
}

/// A step before its wires are known.
struct Draft<'m> {
    name: String,
    work: Work<'m>,
    of: Option<String>,
    /// Where segments come from that it reads besides the rows of them.
    segments: Option<String>,
    /// The steps whose clusters it reads.
    clusters: Vec<String>,
}

impl<'m> Draft<'m> {
    fn new(name: String, work: Work<'m>, of: Option<String>) -> Self {
        Self { name, work, of, segments: None, clusters: Vec::new() }
    }

    /// An embed step, evaluated.
    fn evaluating(of: &str, evaluate: &'m Evaluate, manifest: &'m Manifest) -> Self {
        let segments = manifest.embed.get(of).map(|embed| match embed.kind {
            // It has rows for some of the segments, and says for which.
            Embed::Import(_) => format!("embed.{of}"),
            _ => format!("segment.{}", embed.of),
        });
        let draft =
            Self::new(format!("evaluate.{of}"), Work::Evaluate(evaluate), Some(format!("embed.{of}")));
        Self {
            segments,
            clusters: clusters(manifest, of).map(|name| format!("reduce.{name}")).collect(),
            ..draft
        }
    }

    /// Everything that has to be there before it.
    fn before(&self) -> impl Iterator<Item = &str> {
        let read = self.of.iter().chain(&self.segments).chain(&self.clusters).map(String::as_str);
        read.chain(judges_of(self).iter().copied())
    }
}

/// The names of the reduce steps that find clusters among the rows of an embed step, in order.
pub fn clusters<'m>(manifest: &'m Manifest, embed: &str) -> impl Iterator<Item = &'m str> {
    let is_meant = move |of: &Of<Reduce>| of.of == embed && of.kind.finds_clusters();
    manifest.reduce.iter().filter(move |(_, reduce)| is_meant(reduce)).map(|(name, _)| name.as_str())
}

/// The steps of a manifest, each after the steps that it reads from.
///
/// # Errors
/// When a step reads from one that does not exist, or, in the end, from itself.
pub fn steps(manifest: &Manifest) -> Result<Vec<Step<'_>>> {
    let drafts = in_order(drafts(manifest))?;
    let indices = |name: &str| drafts.iter().position(|draft| draft.name == name);
    drafts
        .iter()
        .map(|draft| {
            let wires = wires(draft, &indices)?;
            let judged_by = judges_of(draft).iter().filter_map(|name| indices(name)).collect();
            Ok(Step { name: draft.name.clone(), work: draft.work, wires, judged_by })
        })
        .collect()
}

fn drafts(manifest: &Manifest) -> Vec<Draft<'_>> {
    let normalize = Draft::new(NORMALIZE.to_owned(), Work::Normalize(&manifest.normalize), None);
    let duplicates = Draft::new(DUPLICATES.to_owned(), Work::Duplicates, Some(NORMALIZE.to_owned()));
    let segments = manifest.segment.iter().map(|(name, segment)| {
        Draft::new(format!("segment.{name}"), Work::Segment(segment), Some(NORMALIZE.to_owned()))
    });
    let embeds = manifest.embed.iter().map(|(name, embed)| {
        Draft::new(format!("embed.{name}"), Work::Embed(&embed.kind), Some(format!("segment.{}", embed.of)))
    });
    let reduces = manifest.reduce.iter().map(|(name, reduce)| {
        Draft::new(format!("reduce.{name}"), Work::Reduce(&reduce.kind), Some(format!("embed.{}", reduce.of)))
    });
    let evaluates = manifest
        .evaluate
        .iter()
        .flat_map(|evaluate| evaluate.of.iter().map(move |of| Draft::evaluating(of, evaluate, manifest)));
    [normalize, duplicates]
        .into_iter()
        .chain(segments)
        .chain(embeds)
        .chain(reduces)
        .chain(evaluates)
        .collect()
}

/// What decides which clips a step sees: the gate, where a step sees them all, needs to know what was measured of
/// each, and which sound alike.
fn judges_of(draft: &Draft<'_>) -> &'static [&'static str] {
    let sees_all = matches!(draft.work, Work::Reduce(_) | Work::Evaluate(_));
    if sees_all { &[NORMALIZE, DUPLICATES] } else { &[] }
}

fn in_order(drafts: Vec<Draft<'_>>) -> Result<Vec<Draft<'_>>> {
    let mut graph = DiGraph::new();
    let nodes: BTreeMap<String, _> =
        drafts.iter().enumerate().map(|(index, draft)| (draft.name.clone(), graph.add_node(index))).collect();
    for draft in &drafts {
        for before in draft.before().filter_map(|before| nodes.get(before)) {
            graph.add_edge(*before, nodes[&draft.name], ());
        }
    }
    let order = toposort(&graph, None).map_err(|cycle| {
        Error::usage(format!("step `{}` reads, in the end, from itself", drafts[graph[cycle.node_id()]].name))
    })?;
    let mut drafts: Vec<Option<Draft<'_>>> = drafts.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|node| drafts[graph[node]].take()).collect())
}

fn wires(draft: &Draft<'_>, index_of: &impl Fn(&str) -> Option<usize>) -> Result<Vec<Wire>> {
    let step = Step { name: draft.name.clone(), work: draft.work, wires: Vec::new(), judged_by: Vec::new() };
    let from = |name: &str| match index_of(name) {
        Some(index) => Ok(From::Step(index)),
        None => Err(Error::usage(format!("step `{}` is of `{name}`, which is no step", draft.name))),
    };
    let of = || draft.of.as_deref().unwrap_or("nothing");
    let mut wires = Vec::new();
    for &input in step.stage().reads() {
        match input {
            "source" => wires.push(Wire { input, from: From::Source }),
            "vectors" => wires.push(Wire { input, from: From::Vectors }),
            "map" => wires.push(Wire { input, from: From::Map }),
            "weights" => wires.push(Wire { input, from: From::Weights }),
            "rows" => {
                for step in &draft.clusters {
                    wires.push(Wire { input, from: from(step)? });
                }
            }
            "spans" => wires.push(Wire { input, from: from(draft.segments.as_deref().unwrap_or_else(of))? }),
            "features" => wires.push(Wire { input, from: from(of())? }),
            _ => wires.push(Wire { input, from: from(NORMALIZE)? }),
        }
    }
    Ok(wires)
}
