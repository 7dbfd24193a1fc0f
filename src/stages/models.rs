//! The directory of models: what can be had, where, on what terms, and what it is good for.

/// A model whose weights others publish.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Model {
    /// What it is called here.
    pub id: &'static str,
    /// The embed kind that runs it.
    pub kind: &'static str,
    /// Its repository on Hugging Face.
    pub repository: &'static str,
    /// The licence of its weights, as its card said in November 2026; none where it said nothing. A build goes by the card that
    /// came with the weights.
    pub license: Option<&'static str>,
    /// Hz.
    pub sample_rate: u32,
    /// What it hears at one time unless the step says otherwise, s.
    pub window: f64,
    /// Numbers of a hidden state, and hidden states.
    pub shape: (usize, usize),
    /// Millions of parameters.
    pub parameters: u32,
    /// How long it takes, by size.
    pub speed: Speed,
    /// What it is good for.
    pub good_for: &'static str,
}

/// How much a model has to compute for a second of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// As a base model of 95 million parameters: about a third of a second on one core.
    Medium,
    /// As a large one of 315 million: about a second.
    Large,
}

impl Speed {
    /// One letter.
    pub fn letter(self) -> char {
        match self {
            Self::Medium => 'M',
            Self::Large => 'L',
        }
    }
}

const BASE: Model = Model {
    id: "",
    kind: "wav2vec2",
    repository: "",
    license: Some("apache-2.0"),
    sample_rate: 16_000,
    window: 10.0,
    shape: (768, 13),
    parameters: 95,
    speed: Speed::Medium,
    good_for: "",
};

const MERT: Model = Model { license: Some("cc-by-nc-4.0"), sample_rate: 24_000, window: 5.0, ..BASE };

const LARGE: Model = Model { shape: (1024, 25), parameters: 315, speed: Speed::Large, ..BASE };

/// All of them, those for music first.
pub const MODELS: [Model; 13] = [
    Model {
        id: "culturemert-95m",
        repository: "ntua-slp/CultureMERT-95M",
        good_for: "makam, Hindustani, Carnatic and Greek music: MERT, trained on with 650 hours of it",
        ..MERT
    },
    Model {
        id: "culturemert-ta-95m",
        repository: "ntua-slp/CultureMERT-TA-95M",
        good_for: "the same, by arithmetic on models of one tradition each",
        ..MERT
    },
    Model {
        id: "mert-v1-95m",
        repository: "m-a-p/MERT-v1-95M",
        good_for: "music: genre, key, pitch, tags; layer 7 for genre",
        ..MERT
    },
    Model {
        id: "mert-v1-330m",
        repository: "m-a-p/MERT-v1-330M",
        license: Some("cc-by-nc-4.0"),
        sample_rate: 24_000,
        window: 5.0,
        good_for: "music, larger: a little better at three times the price",
        ..LARGE
    },
    Model {
        id: "mert-v0",
        repository: "m-a-p/MERT-v0",
        sample_rate: 16_000,
        good_for: "music, the first of them",
        ..MERT
    },
    Model {
        id: "music2vec-v1",
        repository: "m-a-p/music2vec-v1",
        license: Some("cc-by-nc-4.0"),
        good_for: "music, before MERT",
        ..BASE
    },
    Model {
        id: "wav2vec2-base",
        repository: "facebook/wav2vec2-base",
        good_for: "speech; a poor map of music, but known everywhere",
        ..BASE
    },
    Model {
        id: "hubert-base",
        repository: "facebook/hubert-base-ls960",
        good_for: "speech and singing",
        ..BASE
    },
    Model {
        id: "hubert-large",
        repository: "facebook/hubert-large-ll60k",
        good_for: "speech and singing",
        ..LARGE
    },
    Model {
        id: "unispeech-sat-base",
        repository: "microsoft/unispeech-sat-base",
        license: None,
        good_for: "who speaks",
        ..BASE
    },
    Model {
        id: "wavlm-base-plus",
        repository: "microsoft/wavlm-base-plus",
        license: None,
        good_for: "who speaks, and in noise",
        ..BASE
    },
    Model {
        id: "wavlm-large",
        repository: "microsoft/wavlm-large",
        license: None,
        good_for: "who speaks, and in noise",
        ..LARGE
    },
    Model {
        id: "data2vec-audio-base",
        repository: "facebook/data2vec-audio-base",
        good_for: "speech",
        ..BASE
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::Embed;

    #[test]
    fn every_model_has_a_kind_that_runs_it_and_an_id_of_its_own() {
        let kinds: Vec<&str> = Embed::every_kind().iter().map(Embed::kind).collect();
        let mut ids: Vec<&str> = MODELS.iter().map(|model| model.id).collect();
        assert!(MODELS.iter().all(|model| kinds.contains(&model.kind) && !model.good_for.is_empty()));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), MODELS.len());
    }

    #[test]
    fn the_manual_has_the_whole_directory() {
        let manual = include_str!("../../docs/MODELS.md");
        for model in &MODELS {
            let (dim, states) = model.shape;
            let row = format!(
                "| `{}` | `{}` | {} | {} | {} | {} s | {states} x {dim} | {} M | {} | {} |\n",
                model.id,
                model.kind,
                model.repository,
                model.license.unwrap_or("see its card"),
                model.sample_rate,
                model.window,
                model.parameters,
                model.speed.letter(),
                model.good_for
            );
            assert!(manual.contains(&row), "docs/MODELS.md has no row\n{row}");
        }
    }
}
