//! The order of a dataset-wide task's rows: by content, so that renaming a clip moves none of them.

use super::Results;
use super::steps::NORMALIZE;
use crate::manifest::Manifest;
use crate::signal::duplicates::Fingerprint;
use crate::store::Digest;

/// The clips (by index) whose normalize results are known, ordered by the digests of their audio and of their
/// ranges. Clips of equal content are interchangeable; their ids only make the order total.
pub fn content_order(manifest: &Manifest, results: &Results) -> Vec<usize> {
    let mut clips: Vec<_> = (0..manifest.clips.len())
        .filter_map(|clip| {
            let outputs = results.of(NORMALIZE, Some(clip))?;
            Some((*outputs.get("audio")?, *outputs.get("ranges")?, &manifest.clips[clip].id, clip))
        })
        .collect();
    clips.sort();
    clips.into_iter().map(|(.., clip)| clip).collect()
}

/// The clips (by index) whose fingerprints are known and not empty, ordered by their digests: another master moves none
/// of them. A clip that is too short for a fingerprint sounds like no other.
pub(super) fn fingerprint_order(manifest: &Manifest, results: &Results) -> Vec<usize> {
    let empty = Digest::of(&Fingerprint::default().to_bytes());
    let fingerprint = |clip: usize| results.of(NORMALIZE, Some(clip))?.get("fingerprint").copied();
    let clips = (0..manifest.clips.len()).filter_map(|clip| Some((fingerprint(clip)?, clip)));
    let mut clips: Vec<(Digest, usize)> = clips.filter(|(digest, _)| *digest != empty).collect();
    clips.sort_unstable();
    clips.into_iter().map(|(_, clip)| clip).collect()
}
