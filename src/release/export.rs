//! Exports: what a map was fitted to, with names for its rows.

use super::build::read_steps;
use super::segments::segments_of;
use super::tables::Joiner;
use super::{Built, Options, Project};
use crate::error::{Error, Result};
use crate::plan::Step;
use crate::run::{MapFile, read_map};
use crate::stages::{Context, Frame, Input, Inputs, Pieces, Spans};
use crate::store::DiskStore;

/// What the map of a reduce step was fitted to, with everything that it takes to make it; draft and lock stay as they are. None
/// where clips or steps fail: `see` hears of it.
///
/// # Errors
/// When there is no such step, it makes no map, the user interrupted it, or the disk fails.
pub fn export_map(
    project: &Project,
    store: &DiskStore,
    options: &Options,
    name: &str,
    see: impl Fn(&Built),
) -> Result<Option<MapFile>> {
    let step = format!("reduce.{name}");
    read_steps(project, store, options, (|it: &Step| it.name == step, see), |joiner| {
        joiner.map_file(name, project, &Context::new(options.cancelled))
    })
}

impl Joiner<'_> {
    fn map_file(&self, name: &str, project: &Project, context: &Context) -> Result<MapFile> {
        let reduce = self.manifest.reduce.get(name);
        let reduce = reduce.ok_or_else(|| Error::usage(format!("there is no `reduce.{name}`")))?;
        let map = Frame::read(&self.value(&format!("reduce.{name}"), None, "rows")?)?;
        let mut inputs = Inputs::default();
        if let Some(fit) = reduce.kind.fit() {
            inputs.push("map", Input::bytes(read_map(fit, &project.roots)?.fitted.to_bytes()));
        }
        let mut ids = Vec::new();
        for clip in self.clips_of(&reduce.of) {
            let features = self.value(&format!("embed.{}", reduce.of), Some(clip), "features")?;
            inputs.push("features", features);
            ids.extend(self.ids_of(&reduce.of, clip)?);
        }
        Ok(MapFile { fitted: reduce.kind.fitted(&inputs, &map, context)?, ids })
    }

    /// The ids of the segments that an embed step has rows of, in their order.
    fn ids_of(&self, embed: &str, clip: usize) -> Result<Vec<String>> {
        let segmenter = self.manifest.embed.get(embed).map_or("", |embed| &embed.of);
        let pieces = Pieces::read(&self.value("normalize", Some(clip), "ranges")?)?;
        let of = self.step_of_spans(embed, segmenter, clip);
        let spans = Spans::read(&self.value(&of, Some(clip), "spans")?)?.spans;
        let segments = segments_of(&self.manifest.clips[clip].id, segmenter, &pieces, &spans, &[])?;
        Ok(segments.into_iter().map(|segment| segment.id).collect())
    }
}
