//! The table of measures: what a column of `clips.parquet` or a limit of `[gate]` may be called, and what it is.

use super::Measures;

/// One number that is known of a clip.
#[derive(Clone, Copy)]
pub struct Measure {
    /// Its name: of its column, of its limit in `[gate]`, and in `gate_flags`.
    pub name: &'static str,
    /// What it is, with its unit, in a few words.
    pub about: &'static str,
    /// Whether it is a whole number.
    pub is_whole: bool,
    /// Its value; none where it has no meaning for the clip.
    pub of: fn(&Measures) -> Option<f64>,
}

/// The measure that normalize does not know: it takes all clips.
pub const DUPLICATE: &str = "duplicate";

/// Every number that normalize finds out about a clip, in the order of the columns.
pub const MEASURES: &[Measure] = &[
    number("duration_s", "length of the clip, s", |m| Some(m.duration_s)),
    whole("sample_rate_hz", "sample rate of the source, Hz", |m| Some(f64::from(m.sample_rate_hz))),
    whole("channels", "channels of the source", |m| Some(f64::from(m.channels))),
    whole("bit_depth", "bits of a sample of the source; none of lossy codecs", |m| {
        m.bit_depth.map(f64::from)
    }),
    whole("used_bits", "bits of them that are ever set", |m| m.quality.used_bits.map(f64::from)),
    number("loudness_lufs", "integrated loudness of the source, LUFS", |m| m.loudness_lufs),
    number("loudness_range_lu", "loudness range of the source, LU", |m| m.loudness_range_lu),
    number("momentary_max_lufs", "largest loudness of 400 ms of the source, LUFS", |m| m.momentary_max_lufs),
    number("short_term_max_lufs", "largest loudness of 3 s of the source, LUFS", |m| m.short_term_max_lufs),
    number("true_peak_dbtp", "true peak of the source, dBTP", |m| m.true_peak_dbtp),
    number("gain_db", "the gain that normalize applied, dB", |m| Some(m.gain_db)),
    number("clipping", "share of samples on flat tops near full scale", |m| Some(m.quality.clipping)),
    number("dc_offset", "mean over root mean square, worst channel", |m| m.quality.dc_offset),
    number("noise_floor_dbfs", "level of the quietest 5 % of frames, dBFS", |m| m.quality.noise_floor_dbfs),
    number("snr_db", "from there to the level of the loudest 5 %, dB", |m| m.quality.snr_db),
    number("silence", "share of frames 60 dB below the loudest", |m| Some(m.quality.silence)),
    number("bandwidth_hz", "highest frequency with sound, Hz", |m| m.quality.bandwidth_hz),
    number("cutoff_hz", "where the spectrum breaks off, Hz; none where it does not", |m| m.quality.cutoff_hz),
    number("cutoff_drop_db", "how far it falls there, dB", |m| m.quality.cutoff_drop_db),
    number("channel_correlation", "between left and right; none of mono", |m| m.quality.channel_correlation),
    number("hum_db", "hum of the mains, dB relative to the mean power; none without", |m| m.quality.hum_db),
    number("hum_hz", "frequency of those mains, Hz", |m| m.quality.hum_hz),
    number("clicks_per_minute", "lone impulses in a minute", |m| Some(m.quality.clicks_per_minute)),
    number("percussion", "share of the energy in strokes", |m| m.quality.percussion),
    number("single_line", "share of loud frames with one pitch", |m| m.quality.single_line),
    number("decay_s", "median time of free decays to fall by 60 dB, s", |m| m.quality.decay_s),
    number("start_level_dbfs", "level of the first 10 ms, dBFS; none of digital silence", |m| {
        m.quality.start_level_dbfs
    }),
    number("end_level_dbfs", "level of the last 10 ms, dBFS; none of digital silence", |m| {
        m.quality.end_level_dbfs
    }),
];

const fn number(name: &'static str, about: &'static str, of: fn(&Measures) -> Option<f64>) -> Measure {
    Measure { name, about, is_whole: false, of }
}

const fn whole(name: &'static str, about: &'static str, of: fn(&Measures) -> Option<f64>) -> Measure {
    Measure { name, about, is_whole: true, of }
}
