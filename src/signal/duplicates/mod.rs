//! Finding recordings that are there twice: digests of samples, and fingerprints that survive coding.

mod fingerprint;
mod pcm;
mod search;

pub use fingerprint::{Fingerprint, Fingerprinter};
pub use pcm::PcmDigest;
pub use search::{LEAST_AGREEMENT, Pair, find_pairs};
