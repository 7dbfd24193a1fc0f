"""What librosa and its friends take for the descriptors of one file: CPU seconds, one line `job seconds` each.

usage: descriptors.py SHORT.flac LONG.flac [JOB ...]

SHORT warms up imports, caches and numba; LONG is measured. Every job is written with care: one STFT is shared
by whatever can share it, in float32. Jobs that end in `(call by call)` are the same as users write them.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import sys
import time
import warnings

import librosa
import numpy as np
import pyloudnorm
import soundfile
import soxr

warnings.filterwarnings("ignore")
RATE, HOP, N_FFT = 22050, 512, 2048
C2, C6 = librosa.note_to_hz("C2"), librosa.note_to_hz("C6")


def decode(path):
    return soundfile.read(path, dtype="float32")


def loudness(audio, rate):
    meter = pyloudnorm.Meter(rate)
    return meter.integrated_loudness(audio)


def true_peak(audio, rate):
    return max(np.abs(soxr.resample(audio[:, c], rate, 4 * rate)).max() for c in range(audio.shape[1]))


def resample(audio, rate):
    return soxr.resample(audio.mean(axis=1), rate, RATE)


def stft(y):
    return np.abs(librosa.stft(y, n_fft=N_FFT, hop_length=HOP))


def statistics(*matrices):
    return [(m.mean(axis=-1), m.std(axis=-1)) for m in matrices]


def decibels(magnitudes, n_mels=128):
    mel = librosa.feature.melspectrogram(S=magnitudes**2, sr=RATE, n_mels=n_mels)
    return librosa.power_to_db(mel)


def mfcc(magnitudes):
    m = librosa.feature.mfcc(S=decibels(magnitudes), n_mfcc=20)
    return statistics(m, librosa.feature.delta(m), librosa.feature.delta(m, order=2))


def contrast(magnitudes):
    return statistics(librosa.feature.spectral_contrast(S=magnitudes, sr=RATE))


def shape(y, magnitudes):
    feature = librosa.feature
    centroid = feature.spectral_centroid(S=magnitudes, sr=RATE)
    return statistics(
        centroid,
        feature.spectral_bandwidth(S=magnitudes, sr=RATE, centroid=centroid),
        feature.spectral_rolloff(S=magnitudes, sr=RATE),
        feature.spectral_flatness(S=magnitudes),
        feature.zero_crossing_rate(y),
        feature.rms(y=y),
    )


def spectral(y, magnitudes):
    return mfcc(magnitudes), shape(y, magnitudes), contrast(magnitudes)


def spectral_call_by_call(y):
    feature = librosa.feature
    m = feature.mfcc(y=y, sr=RATE, n_mfcc=20)
    return statistics(
        m,
        feature.delta(m),
        feature.delta(m, order=2),
        feature.spectral_centroid(y=y, sr=RATE),
        feature.spectral_bandwidth(y=y, sr=RATE),
        feature.spectral_rolloff(y=y, sr=RATE),
        feature.spectral_flatness(y=y),
        feature.spectral_contrast(y=y, sr=RATE),
        feature.zero_crossing_rate(y),
        feature.rms(y=y),
    )


def mel(magnitudes):
    return statistics(decibels(magnitudes))


def chroma_stft(magnitudes):
    return statistics(librosa.feature.chroma_stft(S=magnitudes**2, sr=RATE))


def cqt(y):
    return statistics(librosa.amplitude_to_db(np.abs(librosa.cqt(y, sr=RATE)), ref=np.max))


def chroma_cqt(y):
    return librosa.feature.chroma_cqt(y=y, sr=RATE)


def tonnetz(y):
    return statistics(librosa.feature.tonnetz(chroma=chroma_cqt(y), sr=RATE))


def rhythm(magnitudes):
    strength = librosa.onset.onset_strength(S=decibels(magnitudes), sr=RATE)
    median = librosa.onset.onset_strength(S=decibels(magnitudes), sr=RATE, aggregate=np.median)
    onsets = librosa.onset.onset_detect(onset_envelope=strength, sr=RATE)
    tempogram = librosa.feature.tempogram(onset_envelope=strength, sr=RATE).mean(axis=-1)
    return onsets, tempogram, librosa.beat.beat_track(onset_envelope=median, sr=RATE)


def fingerprint(y):
    picture = np.abs(librosa.cqt(y, sr=RATE, hop_length=256)) ** 2
    columns = np.array_split(picture, 32, axis=1)
    return librosa.power_to_db(np.stack([column.mean(axis=1) for column in columns], axis=1))


def yin(y):
    return librosa.yin(y, fmin=55, fmax=1760, sr=RATE, hop_length=256)


def pyin(y):
    return librosa.pyin(y, fmin=55, fmax=1760, sr=RATE, hop_length=256)


def jobs(path):
    audio, rate = decode(path)
    y = resample(audio, rate)
    magnitudes = stft(y)
    first_minute = y[: 60 * RATE]
    return {
        "decode": lambda: decode(path),
        "loudness": lambda: loudness(audio, rate),
        "true peak": lambda: true_peak(audio, rate),
        "resample": lambda: resample(audio, rate),
        "stft": lambda: stft(y),
        "spectral": lambda: spectral(y, magnitudes),
        "spectral (call by call)": lambda: spectral_call_by_call(y),
        "mfcc": lambda: mfcc(magnitudes),
        "mel": lambda: mel(magnitudes),
        "chroma": lambda: chroma_stft(magnitudes),
        "cqt": lambda: cqt(y),
        "contrast": lambda: contrast(magnitudes),
        "tonnetz": lambda: tonnetz(y),
        "rhythm": lambda: rhythm(magnitudes),
        "fingerprint": lambda: fingerprint(y),
        "pitch": lambda: yin(y),
        "pitch (pyin)": lambda: pyin(first_minute),
    }


def timed(job):
    start = time.process_time()
    job()
    return time.process_time() - start


def main():
    short, long, *wanted = sys.argv[1:]
    measured = jobs(long)
    # pYIN is so slow that a minute has to do: it takes as long for every other.
    minutes = soundfile.info(long).duration / 60
    for name, warm_up in jobs(short).items():
        if wanted and name not in wanted:
            continue
        warm_up()
        seconds = timed(measured[name]) * (max(minutes, 1) if name == "pitch (pyin)" else 1)
        print(f"{name}\t{seconds:.4f}", flush=True)


main()
