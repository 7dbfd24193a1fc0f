//! Evaluate: whether clips with the same label lie together in the rows of an embed step, and whether it is the label.

mod evaluated;
mod probe;
mod rows;
mod scores;
mod targets;
mod trials;
mod truth;

#[cfg(test)]
mod tests;

pub use evaluated::{Confused, Evaluated, Measured, Protocol, Role, Score, Verdict};
pub use truth::{Truth, TruthOfClip};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reduce::Scale;
use super::{Context, Inputs, Outputs, Stage};
use crate::error::{Error, Result};
use crate::signal::evidence::{Question, Questions, compare};
use rows::Row;
use scores::Scorer;
use targets::{Is, Target};
use trials::{Makers, Trialled};

/// `[evaluate]`: whether segments with the same label lie together in the rows of an embed step, and whether it is the
/// label or who played and how it was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Evaluation {
    /// How many of the nearest neighbours vote.
    #[schemars(range(min = 1, max = 200))]
    pub neighbors: u32,
    /// Into how many heaps recordings fall under the protocol `random`.
    #[schemars(range(min = 2, max = 20))]
    pub folds: u32,
    /// How many times recordings change their labels to see how often chance does as well.
    #[schemars(range(min = 999, max = 99_999))]
    pub permutations: u32,
    /// How many samples of recordings make a 95 % interval.
    #[schemars(range(min = 999, max = 99_999))]
    pub resamples: u32,
    /// Into how many bins of equal size measures of the recordings fall.
    #[schemars(range(min = 2, max = 20))]
    pub bins: u32,
    /// At most so many segments are compared, as many of each recording.
    #[schemars(range(min = 100, max = 100_000))]
    pub rows: u32,
    /// What is done to the columns first.
    pub scale: Scale,
    /// The seed of the random numbers.
    pub seed: u64,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self {
            neighbors: 5,
            folds: 5,
            permutations: 999,
            resamples: 999,
            bins: 4,
            rows: 20_000,
            scale: Scale::Zscore,
            seed: 0,
        }
    }
}

impl Stage for Evaluation {
    fn version(&self) -> u32 {
        2
    }

    fn reads(&self) -> &'static [&'static str] {
        &["features", "spans", "ranges", "measures", "rows"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        let truth = Truth::read(inputs.one("labels")?)?;
        let n_clips = truth.clips.len();
        if ["features", "spans", "ranges", "measures"].iter().any(|name| inputs.all(name).len() != n_clips) {
            return Err(Error::world("cannot evaluate: some clips lack what others have"));
        }
        let rows = rows::rows(inputs, &truth, self.rows as usize, self.seed)?;
        let evaluated = self.evaluated(inputs, &truth, &rows, context)?;
        Ok(vec![("evaluation", evaluated.to_bytes())])
    }
}

impl Evaluation {
    fn evaluated(
        &self,
        inputs: &Inputs,
        truth: &Truth,
        rows: &[Row],
        context: &Context,
    ) -> Result<Evaluated> {
        let numbers = rows::numbers(inputs.all("features"), rows, self.scale, context)?;
        let targets = targets::targets(truth, inputs.all("measures"), rows, self.bins as usize)?;
        let makers = makers(truth, rows, &targets);
        let trials: Vec<Vec<Trialled>> =
            targets.iter().map(|target| Trialled::all(target, &makers, self)).collect();
        let positions: Vec<f64> = rows.iter().map(|row| row.position).collect();
        let possible: Vec<&Trialled> = trials.iter().flatten().filter(|trial| trial.is_possible).collect();
        let known: Vec<Vec<bool>> =
            possible.iter().map(|trial| trial.classes.iter().map(Option::is_some).collect()).collect();
        let neighbours = possible.iter().zip(&known);
        let questions = Questions {
            k: self.neighbors as usize,
            neighbours: neighbours.map(|(trial, known)| Question { known, folds: &trial.folds }).collect(),
            labellings: targets.iter().map(|target| target.classes.as_slice()).collect(),
            performances: &makers.recordings,
            positions: &positions,
        };
        let answers = compare(&numbers, &questions, || context.check())?;
        let scorer = Scorer { params: self, numbers: &numbers, makers: &makers, context };
        let mut evaluated = Evaluated::default();
        let nearest = scores::dealt(&answers, &trials);
        for (at, target) in targets.iter().enumerate() {
            context.check()?;
            let silhouette = answers.silhouettes[at];
            scorer.of_target(target, &trials[at], &nearest[at], silhouette, &mut evaluated)?;
        }
        for (step, clusters) in inputs.all("rows").iter().enumerate() {
            let clusters = scores::clusters(clusters, rows.iter().map(|row| row.of_all))?;
            targets.iter().for_each(|target| scorer.of_clusters(target, &clusters, step, &mut evaluated));
        }
        let recordings = targets.iter().find(|target| target.is == Is::Recording);
        recordings.iter().for_each(|it| scorer.of_cohesion(it, &answers.cohesion, &mut evaluated));
        Ok(evaluated)
    }
}

fn makers(truth: &Truth, rows: &[Row], targets: &[Target]) -> Makers {
    let artist = targets.iter().find(|target| target.is == Is::Artist);
    Makers {
        recordings: rows.iter().map(|row| row.recording).collect(),
        artists: artist.map(|artist| artist.classes.clone()),
        artist: truth.artist.and_then(|at| truth.labels.get(at)).cloned().unwrap_or_default(),
    }
}
