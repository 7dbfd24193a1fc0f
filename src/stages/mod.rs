//! What each kind of step does: one kind, one file, one line in the table below.
//!
//! A stage is a pure function from named inputs to named outputs. It knows nothing of the store, of files
//! or of clips. The struct that implements [`Stage`] is its own parameters, as the manifest spells them.

mod duplicates;
mod frame;
mod from_label;
mod input;
#[cfg(feature = "nets")]
mod loaded;
mod master;
mod measures;
mod models;
mod places;
mod values;
mod weights;

pub mod embed;
pub mod evaluate;
pub mod normalize;
pub mod reduce;
pub mod segment;

pub use duplicates::Duplicates;
pub use evaluate::{Evaluated, Evaluation, Truth, TruthOfClip};
pub use frame::{Frame, Values};
pub use from_label::{FromLabel, OrLabel};
pub use input::{Input, Inputs, Reader};
pub use master::Master;
pub use measures::{DUPLICATE, MEASURES, Measure};
pub use models::{MODELS, Model, Speed};
pub use normalize::Normalize;
pub use places::{places_of, seconds_of};
pub use values::{
    Joined, Mark, Marks, Measures, Pairs, Pieces, RangeOfMaster, Span, Spans, WeightFile, WeightFiles,
};
pub use weights::FromWeights;

use std::sync::atomic::{AtomicBool, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::{Error, Result};

/// What the numerics of a stage are whose numbers are the same on all hardware.
pub const EXACT: &str = "exact";

/// The parameters of a task that differ from their defaults, by name, in sorted order.
pub type Params = serde_json::Map<String, serde_json::Value>;

/// The named outputs of a task, as bytes.
pub type Outputs = Vec<(&'static str, Vec<u8>)>;

/// The code that carries out one kind of step; `self` holds the step's parameters.
pub trait Stage: Send + Sync {
    /// Raised by hand whenever an output changes for the same inputs and parameters.
    fn version(&self) -> u32;

    /// `exact` where its numbers are the same on all hardware; otherwise the backend and the class of hardware that their last
    /// bits depend on.
    fn numerics(&self) -> String {
        EXACT.to_owned()
    }

    /// The names of the inputs that it reads. Only these enter the recipe.
    fn reads(&self) -> &'static [&'static str];

    /// Computes the named outputs.
    ///
    /// # Errors
    /// When an input cannot be read or makes no sense, or the user cancelled.
    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs>;
}

/// Hears how much of a task is done, from 0 to 1.
pub type Report<'a> = &'a (dyn Fn(f64) + Sync);

/// What a running stage may ask of the world around it, and tell it.
pub struct Context<'a> {
    cancelled: &'a AtomicBool,
    report: Option<Report<'a>>,
    /// Where the part of the task begins that this context is of, and how much of it that is.
    part: (f64, f64),
}

impl<'a> Context<'a> {
    /// A context that is cancelled once `cancelled` is true.
    pub fn new(cancelled: &'a AtomicBool) -> Self {
        Self { cancelled, report: None, part: (0.0, 1.0) }
    }

    /// The same, with somebody who hears how much is done.
    #[must_use]
    pub fn reporting(self, report: Report<'a>) -> Self {
        Self { report: Some(report), ..self }
    }

    /// The context of the part of the work that is number `nth` (from 0) of `of` equal ones.
    #[must_use]
    pub fn part(&self, nth: u64, of: u64) -> Self {
        let (begin, extent) = (self.part.0, self.part.1 / of.max(1) as f64);
        Self { part: (begin + extent * nth as f64, extent), ..*self }
    }

    /// Call this between pieces of work that takes long: `share` of it is done, 0 to 1.
    ///
    /// # Errors
    /// As [`Context::check`].
    pub fn at(&self, share: f64) -> Result<()> {
        self.check()?;
        self.report.iter().for_each(|report| report(self.part.0 + self.part.1 * share.clamp(0.0, 1.0)));
        Ok(())
    }

    /// Call this between pieces of work.
    ///
    /// # Errors
    /// [`Error::interrupted`] once the user asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::interrupted()) } else { Ok(()) }
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("cancelled", self.cancelled).finish_non_exhaustive()
    }
}

/// One line per kind: its name in the manifest and the struct that implements it.
macro_rules! kinds {
    ($(#[$meta:meta])* $family:ident { $($kind:literal => $stage:ident($path:path)),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub enum $family {
            $(#[allow(missing_docs)] #[serde(rename = $kind)] $stage($path)),+
        }

        impl $family {
            /// One step of every kind, with default parameters, in the order of the table.
            pub fn every_kind() -> Vec<Self> {
                vec![$(Self::$stage(<$path>::default())),+]
            }

            /// The kind's name in the manifest.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$stage(_) => $kind),+ }
            }

            /// The code that carries it out.
            pub fn stage(&self) -> &dyn Stage {
                match self { $(Self::$stage(stage) => stage),+ }
            }

            /// The parameters that differ from their defaults.
            pub fn params(&self) -> Params {
                match self { $(Self::$stage(stage) => non_default_params(stage)),+ }
            }
        }
    };
}

kinds! {
    /// Where the segments of a clip are.
    Segment {
        "whole" => Whole(segment::Whole),
        "ranges" => Ranges(segment::Ranges),
        "sliding" => Sliding(segment::Sliding),
        "silence" => Silence(segment::Silence),
        "breath" => Breath(segment::Breath),
        "sections" => Sections(segment::Sections),
    }
}

kinds! {
    /// How a segment becomes a row of numbers.
    Embed {
        "spectral" => Spectral(embed::Spectral),
        "mfcc" => Mfcc(embed::Mfcc),
        "mel" => Mel(embed::Mel),
        "chroma" => Chroma(embed::Chroma),
        "cqt" => Cqt(embed::ConstantQ),
        "contrast" => Contrast(embed::Contrast),
        "tonnetz" => Tonnetz(embed::Tonnetz),
        "rhythm" => Rhythm(embed::Rhythm),
        "fingerprint" => Fingerprint(embed::Fingerprint),
        "pitch" => Pitch(embed::Pitch),
        "taqsim" => Taqsim(embed::Taqsim),
        "import" => Import(embed::Import),
        "wav2vec2" => Wav2vec2(embed::Wav2vec2),
    }
}

kinds! {
    /// What is computed from all rows of one embed step.
    Reduce {
        "pca" => Pca(reduce::Pca),
        "tsne" => Tsne(reduce::Tsne),
        "umap" => Umap(reduce::Umap),
        "kmeans" => Kmeans(reduce::Kmeans),
        "hdbscan" => Hdbscan(reduce::Hdbscan),
        "neighbors" => Neighbors(reduce::Neighbors),
    }
}

/// The fields of `stage` that differ from those of its default.
///
/// A parameter at its default is in no recipe, so that adding one to a kind makes nothing stale.
pub fn non_default_params<S: Serialize + DeserializeOwned + Default>(stage: &S) -> Params {
    let defaults = as_map(&S::default());
    as_map(stage).into_iter().filter(|(name, value)| defaults.get(name) != Some(value)).collect()
}

fn as_map<S: Serialize>(stage: &S) -> Params {
    match serde_json::to_value(stage) {
        Ok(serde_json::Value::Object(map)) => map,
        _ => Params::new(),
    }
}
