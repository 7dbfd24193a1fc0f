//! The manifest of what was recorded.

use crate::catalogue::{Clip, Piece};
use crate::maqam;
use crate::performance::{Performance, Section};

const HEAD: &str = r#"#:schema ./taqsim.schema.json
# A small dataset of solo oud improvisations. Every sound in it is computed: sources/README.md says how.
# Written by `cargo run --example synthesize`.

[dataset]
name    = "synthetic-taqasim"
version = "0.1.0"
license = "CC0-1.0"               # of the tables; every clip names its own
authors = ["the taqsim developers"]

# The vocabulary: a label that is not here is an error, so that a typing mistake is no new maqam.
[labels]
artist   = "text"
oud      = ["arabic", "iraqi", "turkish"]
section  = ["intro", "development", "resolution"]
tonic_hz = "number"               # the tonic as it is tuned, Hz

[labels.maqam]                    # other spellings are read as the name on the left
"#;

const STEPS: &str = r#"
[normalize]                       # every clip to one rate, one channel, one loudness
sample_rate = 44100               # Hz
channels    = "mono"
loudness    = -23.0               # LUFS, integrated
true_peak   = -1.0                # dBTP

[segment.whole.whole]             # one segment a clip, or one a range

[segment.phrases.silence]         # between breaths: strings ring on, so 60 dB would never be silent
top_db      = 30.0                # dB below the loudest frame
min_silence = 0.3                 # s
min_length  = 1.5                 # s

[segment.breaths.breath]          # where the music breathes, though its strings ring on

[segment.windows.sliding]
length = 5.0                      # s
hop    = 2.5                      # s

[embed.timbre.spectral]           # how it sounds, window by window
of = "windows"

[embed.clip.spectral]             # how it sounds on the whole
of = "whole"

[embed.maqam.pitch]               # the tonic, and what the melody does above it
of = "whole"

[reduce.map.pca]                  # the windows on a plane
of   = "timbre"
dims = 2

[reduce.maqamat.pca]              # the clips by their pitch classes
of = "maqam"

[reduce.clusters.kmeans]          # as many clusters as there are types of oud
of   = "timbre"
k    = 3
seed = 7

[evaluate]                        # is it the maqam that lies together, or the player and the recording?
"#;

/// The text of `taqsim.toml`.
pub(crate) fn text(recorded: &[(&Piece, Performance)]) -> String {
    let mut text = String::from(HEAD);
    for maqam in maqam::ALL {
        let aliases: Vec<String> = maqam.aliases.iter().map(|alias| format!("\"{alias}\"")).collect();
        text += &format!("{:<8} = [{}]\n", maqam.name, aliases.join(", "));
    }
    text += STEPS;
    for (piece, performance) in recorded {
        for clip in piece.clips {
            text += &entry(clip, piece, performance);
        }
    }
    text
}

fn entry(clip: &Clip, piece: &Piece, performance: &Performance) -> String {
    let mut text = format!("\n[[clip]]\nid      = \"{}\"\nsource  = \"sources/{}\"\n", clip.id, piece.file);
    text += "license = \"CC0-1.0\"\norigin  = \"synthesised by examples/synthesize\"\n";
    if !clip.sections.is_empty() {
        let ranges = clip.sections.iter().map(|section| range(performance.sections[*section], clip.labelled));
        text += &format!("ranges  = [\n{}]\n", ranges.collect::<String>());
    }
    text += &format!(
        "labels  = {{ artist = \"{}\", maqam = \"{}\", oud = \"{}\", tonic_hz = {:.2} }}\n",
        piece.player.name,
        piece.maqam.name,
        piece.oud.build().name,
        performance.tonic
    );
    text
}

fn range(section: Section, labelled: bool) -> String {
    let at = format!("{}-{}", clock(section.start), clock(section.end));
    if labelled {
        format!("  {{ at = \"{at}\", section = \"{}\" }},\n", section.name)
    } else {
        format!("  \"{at}\",\n")
    }
}

/// Minutes and seconds, cut to hundredths, so that no range ends behind its source.
fn clock(seconds: f64) -> String {
    let hundredths = (seconds * 100.0) as u64;
    format!("{}:{:02}.{:02}", hundredths / 6000, hundredths / 100 % 60, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_minutes_and_seconds_that_never_round_up() {
        for (seconds, text) in [(0.0, "0:00.00"), (9.999, "0:09.99"), (75.5, "1:15.50"), (119.999, "1:59.99")]
        {
            assert_eq!(clock(seconds), text);
        }
    }

    #[test]
    fn a_range_carries_its_section_where_it_is_labelled() {
        let section = Section { name: "intro", start: 0.0, end: 7.25 };
        assert_eq!(range(section, true), "  { at = \"0:00.00-0:07.25\", section = \"intro\" },\n");
        assert_eq!(range(section, false), "  \"0:00.00-0:07.25\",\n");
    }
}
