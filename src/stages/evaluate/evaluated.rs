//! What an evaluation came to: its scores, and which classes were taken for which.

use serde::{Deserialize, Serialize};

use super::super::Input;
use crate::error::{Error, Result};

/// What an evaluation of one embed step came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evaluated {
    /// Every score, and every score that there is not, with the reason.
    pub scores: Vec<Score>,
    /// Which classes were taken for which; pairs that do not occur are left out.
    pub confusion: Vec<Confused>,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Score {
    /// The label or the nuisance whose values are the classes.
    pub label: String,
    /// What of the two it is.
    pub role: Role,
    /// Which rows were compared with which.
    pub protocol: Protocol,
    /// What was measured.
    pub measure: Measured,
    /// None where there is none: the reason is in `note`.
    pub value: Option<f64>,
    /// Where the value lies by 95 % bootstrap, drawn from recordings.
    pub interval: Option<(f64, f64)>,
    /// How often chance does as well.
    pub p: Option<f64>,
    /// What chance comes to on average.
    pub chance: Option<f64>,
    /// How many segments have a class.
    pub n: usize,
    /// Of how many recordings they are.
    pub n_recordings: usize,
    /// How many classes there are.
    pub n_classes: usize,
    /// What follows; of the neighbours' accuracy of labels alone.
    pub verdict: Option<Verdict>,
    /// Why there is no value, why nothing follows from it, or what to bear in mind.
    pub note: Option<String>,
}

/// Whether classes are what is looked for, or what must not be mistaken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Role {
    /// What somebody says of the music.
    #[default]
    Label,
    /// What comes of who plays, and of how it was recorded.
    Nuisance,
}

/// Which rows were compared with which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Protocol {
    /// Recordings in a few heaps, drawn by chance: each heap against all others.
    Random,
    /// Each recording against all others.
    LeaveRecordingOut,
    /// Each artist against all others.
    LeaveArtistOut,
    /// All rows with each other.
    #[default]
    All,
    /// The clusters of the reduce step that is read at this place, against the classes.
    Clusters(usize),
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Measured {
    /// Balanced accuracy of the nearest neighbours.
    #[default]
    Knn,
    /// Balanced accuracy of a linear probe.
    Probe,
    /// Mean silhouette.
    Silhouette,
    /// How far label and artist determine each other.
    CramersV,
    /// Adjusted Rand index of clusters and classes.
    AdjustedRand,
    /// Normalized mutual information of clusters and classes.
    MutualInformation,
    /// Mean distance of two segments of one performance.
    Within,
    /// Mean distance of two segments of two performances.
    Between,
    /// The chance that a segment of the same performance is nearer than one of another.
    Nearer,
    /// As `Within`, of segments less than a third of the performance apart.
    WithinNear,
    /// As `Within`, of segments one to two thirds of the performance apart.
    WithinMiddle,
    /// As `Within`, of segments farther apart.
    WithinFar,
}

/// What follows from a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Chance seldom does as well: p is at most 0.05.
    AboveChance,
    /// Chance often does as well.
    NotAboveChance,
    /// Nobody can tell whether it is the label or the artist.
    Refused,
}

/// Rows of one class that were taken for one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confused {
    /// The label or the nuisance.
    pub label: String,
    /// Which rows were compared with which.
    pub protocol: Protocol,
    /// By whom: the neighbours or the probe.
    pub by: Measured,
    /// The true class.
    pub truth: String,
    /// The class that they were taken for; none where nothing could be told.
    pub told: Option<String>,
    /// How many segments.
    pub n: u64,
}

impl Evaluated {
    /// The value as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("these types have only string keys")
    }

    /// Reads the value back.
    ///
    /// # Errors
    /// When the bytes are not this kind of value.
    pub fn read(input: &Input) -> Result<Self> {
        serde_json::from_slice(&input.read()?).map_err(|cause| Error::cannot_read("Evaluated", cause))
    }
}

impl Role {
    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Nuisance => "nuisance",
        }
    }
}

impl Protocol {
    /// Its name in the tables; that of clusters is the name of their step.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::LeaveRecordingOut => "leave-recording-out",
            Self::LeaveArtistOut => "leave-artist-out",
            Self::All => "all",
            Self::Clusters(_) => "clusters",
        }
    }
}

impl Measured {
    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Knn => "knn_balanced_accuracy",
            Self::Probe => "probe_balanced_accuracy",
            Self::Silhouette => "silhouette",
            Self::CramersV => "cramers_v",
            Self::AdjustedRand => "adjusted_rand",
            Self::MutualInformation => "normalized_mutual_information",
            Self::Within => "distance_within",
            Self::Between => "distance_between",
            Self::Nearer => "nearer_within",
            Self::WithinNear => "distance_within_near",
            Self::WithinMiddle => "distance_within_middle",
            Self::WithinFar => "distance_within_far",
        }
    }
}

impl Verdict {
    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::AboveChance => "above chance",
            Self::NotAboveChance => "not above chance",
            Self::Refused => "refused",
        }
    }
}
