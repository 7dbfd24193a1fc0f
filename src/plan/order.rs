//! The order of a dataset-wide task's rows: by content, so that renaming a clip moves none of them.

use crate::manifest::Manifest;

use super::Results;

/// The clips (by index) whose normalize results are known, ordered by the digests of their audio and of their
/// ranges. Clips of equal content are interchangeable; their ids only make the order total.
pub fn content_order(manifest: &Manifest, results: &Results) -> Vec<usize> {
    let mut clips: Vec<_> = (0..manifest.clips.len())
        .filter_map(|clip| {
            let outputs = results.of("normalize", Some(clip))?;
            Some((*outputs.get("audio")?, *outputs.get("ranges")?, &manifest.clips[clip].id, clip))
        })
        .collect();
    clips.sort();
    clips.into_iter().map(|(.., clip)| clip).collect()
}

/// The clips (by index) whose fingerprints are known, ordered by their digests: another master moves none of them.
pub(super) fn fingerprint_order(manifest: &Manifest, results: &Results) -> Vec<usize> {
    let fingerprint = |clip: usize| results.of("normalize", Some(clip))?.get("fingerprint").copied();
    let clips = 0..manifest.clips.len();
    let mut clips: Vec<_> =
        clips.filter_map(|clip| Some((fingerprint(clip)?, &manifest.clips[clip].id, clip))).collect();
    clips.sort();
    clips.into_iter().map(|(.., clip)| clip).collect()
}
