"""What umap-learn, openTSNE and numpy take for one map: `CPU_S WALL_S PEAK_MIB` on stdout.

usage: maps.py umap|tsne|pca FILE N_COLUMNS N_THREADS

FILE has rows of little-endian 32-bit floats. Imports and compilation (a map of 600 of the rows) are not counted; the peak is that of
the whole process.
"""

import os
import sys

KIND, FILE, N_COLUMNS, N_THREADS = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = str(N_THREADS)

import resource
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def umap(rows):
    from umap import UMAP

    # Without a seed it lets threads race, and is fastest.
    return UMAP(n_jobs=N_THREADS).fit_transform(rows)


def tsne(rows):
    from openTSNE import TSNE

    method = {"negative_gradient_method": "fft"} if len(rows) > 600 else {}
    return TSNE(initialization="pca", n_jobs=N_THREADS, random_state=0, **method).fit(rows)


def pca(rows):
    centred = rows.astype(np.float64)
    centred -= centred.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return centred @ axes[:, -2:]


def now():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, time.perf_counter()


work = {"umap": umap, "tsne": tsne, "pca": pca}[KIND]
rows = np.fromfile(FILE, dtype="<f4").reshape(-1, N_COLUMNS)
work(rows[:600])
cpu, wall = now()
work(rows)
after = now()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{after[0] - cpu:.3f} {after[1] - wall:.3f} {peak:.0f}")
