//! How a step makes a map: anew, or by placing rows on one that it is given.

use super::fitted::Fitted;
use super::map::{Figures, Map};
use super::matrix::{Rows, Stacked};
use super::{Metric, Scale, Weights};
use crate::error::Result;
use crate::stages::{Context, Frame, Inputs, Params};

/// How rows are made from what an embed step gives, and compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Making<'a> {
    pub(super) scale: Scale,
    pub(super) weights: &'a Weights,
    pub(super) metric: Metric,
}

impl Making<'_> {
    /// A map of rows: they are placed on the one that is given, or a new one is made with the step's seed and those after it.
    /// The rows as they are compared, where they lie, and the map's figures.
    pub(super) fn map(
        self,
        (kind, params): (&str, &Params),
        inputs: &Inputs,
        context: &Context,
        placed_on: impl FnOnce(&Fitted, Stacked) -> Result<(Rows, Map, Figures)>,
        map_of: impl Fn(&Rows, u64, &Context) -> Result<Map>,
    ) -> Result<(Rows, Map, Figures)> {
        let stacked = Stacked::of(inputs.all("features"), self.weights, context)?;
        if let Some(fitted) = Fitted::given(inputs, kind, params)? {
            return placed_on(&fitted, stacked);
        }
        let scaling = stacked.scaling(self.scale);
        let rows = self.metric.prepare(stacked.scaled(self.scale, self.weights, &scaling))?;
        let (map, figures) = Map::seeded(&rows, context, map_of)?;
        Ok((rows, map, figures))
    }

    /// What a map was fitted to that has been made of these inputs.
    pub(super) fn fitted(
        self,
        (kind, params): (&str, &Params),
        inputs: &Inputs,
        map: &Frame,
        context: &Context,
    ) -> Result<Fitted> {
        let stacked = Stacked::of(inputs.all("features"), self.weights, context)?;
        let scaling = match Fitted::given(inputs, kind, params)? {
            Some(fitted) => fitted.scaling,
            None => stacked.scaling(self.scale),
        };
        Fitted::of(kind, params, &stacked, scaling, map)
    }
}
