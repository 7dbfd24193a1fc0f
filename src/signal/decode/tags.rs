//! What a source's tags say of it: the few that a clip's entry could use.

use symphonia::core::formats::FormatReader;
use symphonia::core::meta::{MetadataRevision, StandardTag, Tag};

use crate::text::must_escape;

/// What somebody wrote into a source: never checked, on one line each and short.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tags {
    /// Who plays.
    pub artist: Option<String>,
    /// What the track is called.
    pub title: Option<String>,
    /// When it was recorded, or else released.
    pub date: Option<String>,
    /// The address of its licence, or else its licence or copyright notice.
    pub license: Option<String>,
}

/// Characters of the longest tag that is believed to be one.
const LONGEST: usize = 200;

/// Reads the tags that came before the first packet.
pub(super) fn read(container: &mut dyn FormatReader) -> Tags {
    let mut tags = Tags::default();
    let (mut released, mut notice) = (None, None);
    let mut metadata = container.metadata();
    loop {
        for tag in metadata.current().into_iter().flat_map(all) {
            let Some(standard) = &tag.std else { continue };
            match standard {
                StandardTag::Artist(text) => keep(&mut tags.artist, text),
                StandardTag::TrackTitle(text) => keep(&mut tags.title, text),
                StandardTag::RecordingDate(text) | StandardTag::OriginalRecordingDate(text) => {
                    keep(&mut tags.date, text);
                }
                StandardTag::RecordingYear(year) => keep(&mut tags.date, &year.to_string()),
                StandardTag::ReleaseDate(text) => keep(&mut released, text),
                StandardTag::ReleaseYear(year) => keep(&mut released, &year.to_string()),
                StandardTag::License(text) | StandardTag::UrlCopyright(text) => keep(&mut tags.license, text),
                StandardTag::Copyright(text) => keep(&mut notice, text),
                _ => {}
            }
        }
        if metadata.pop().is_none() {
            break;
        }
    }
    tags.date = tags.date.or(released);
    tags.license = tags.license.or(notice);
    tags
}

fn all(revision: &MetadataRevision) -> impl Iterator<Item = &Tag> {
    let of_tracks = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
    revision.media.tags.iter().chain(of_tracks)
}

/// The first of several tags counts.
fn keep(slot: &mut Option<String>, text: &str) {
    let one_line: String = text.chars().map(|c| if must_escape(c) { ' ' } else { c }).take(LONGEST).collect();
    let one_line = one_line.trim();
    if slot.is_none() && !one_line.is_empty() {
        *slot = Some(one_line.to_owned());
    }
}
