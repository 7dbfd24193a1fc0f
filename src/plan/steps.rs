//! The steps of a manifest in the order in which they can be carried out.

use std::collections::BTreeMap;

use petgraph::algo::toposort;
use petgraph::graph::DiGraph;

use crate::error::{Error, Result};
use crate::manifest::Manifest;
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
    /// The step at this index.
    Step(usize),
}

impl Step<'_> {
    /// Whether it is one task per clip; otherwise it is one for the whole dataset.
    pub fn is_per_clip(&self) -> bool {
        !matches!(self.work, Work::Reduce(_) | Work::Duplicates)
    }

    /// Family and kind, as recipes name them: `embed.spectral`.
    pub fn kind(&self) -> String {
        match self.work {
            Work::Normalize(_) => NORMALIZE.to_owned(),
            Work::Duplicates => DUPLICATES.to_owned(),
            Work::Segment(segment) => format!("segment.{}", segment.kind()),
            Work::Embed(embed) => format!("embed.{}", embed.kind()),
            Work::Reduce(reduce) => format!("reduce.{}", reduce.kind()),
        }
    }

    /// The parameters that differ from their defaults, without what a clip adds to them.
    pub fn params(&self) -> Params {
        match self.work {
            Work::Normalize(normalize) => non_default_params(normalize),
            Work::Duplicates => Params::new(),
            Work::Segment(segment) => segment.params(),
            // They say where vectors are found: which these are is an input.
            Work::Embed(Embed::Import(_)) => Params::new(),
            Work::Embed(embed) => embed.params(),
            Work::Reduce(reduce) => reduce.params(),
        }
    }

    /// The steps that it reads from, by index, once each.
    pub fn upstream(&self) -> Vec<usize> {
        let from = self.wires.iter().filter_map(|wire| match wire.from {
            From::Step(step) => Some(step),
            From::Source | From::Vectors => None,
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
        }
    }
}

/// A step before its wires are known.
struct Draft<'m> {
    name: String,
    work: Work<'m>,
    of: Option<String>,
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
    let normalize =
        Draft { name: NORMALIZE.to_owned(), work: Work::Normalize(&manifest.normalize), of: None };
    let duplicates =
        Draft { name: DUPLICATES.to_owned(), work: Work::Duplicates, of: Some(NORMALIZE.to_owned()) };
    let segments = manifest.segment.iter().map(|(name, segment)| Draft {
        name: format!("segment.{name}"),
        work: Work::Segment(segment),
        of: Some(NORMALIZE.to_owned()),
    });
    let embeds = manifest.embed.iter().map(|(name, embed)| Draft {
        name: format!("embed.{name}"),
        work: Work::Embed(&embed.kind),
        of: Some(format!("segment.{}", embed.of)),
    });
    let reduces = manifest.reduce.iter().map(|(name, reduce)| Draft {
        name: format!("reduce.{name}"),
        work: Work::Reduce(&reduce.kind),
        of: Some(format!("embed.{}", reduce.of)),
    });
    [normalize, duplicates].into_iter().chain(segments).chain(embeds).chain(reduces).collect()
}

/// What decides which clips a step sees: the gate, where a step sees them all, needs to know what was measured of
/// each, and which sound alike.
fn judges_of(draft: &Draft<'_>) -> &'static [&'static str] {
    if matches!(draft.work, Work::Reduce(_)) { &[NORMALIZE, DUPLICATES] } else { &[] }
}

fn in_order(drafts: Vec<Draft<'_>>) -> Result<Vec<Draft<'_>>> {
    let mut graph = DiGraph::new();
    let nodes: BTreeMap<String, _> =
        drafts.iter().enumerate().map(|(index, draft)| (draft.name.clone(), graph.add_node(index))).collect();
    for draft in &drafts {
        let before = draft.of.iter().map(String::as_str).chain(judges_of(draft).iter().copied());
        for before in before.filter_map(|before| nodes.get(before)) {
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
    step.stage()
        .reads()
        .iter()
        .map(|&input| {
            let from = match input {
                "source" => From::Source,
                "vectors" => From::Vectors,
                "spans" | "features" => from(draft.of.as_deref().unwrap_or("nothing"))?,
                _ => from(NORMALIZE)?,
            };
            Ok(Wire { input, from })
        })
        .collect()
}
