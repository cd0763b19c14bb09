"""Count the masses of the two leading jets of every event of compressed NanoAOD, file by file on a Dask cluster.

python docs/dijet_mass.py small/*.akc
"""

import sys

import awkward as ak
import dask
import numpy as np
import vector
from distributed import Client, LocalCluster

import atlas_keras

EDGES = np.linspace(0, 1000, 51)  # GeV
COLUMNS = ["Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass"]


def count(columns):
    """Count the dijet masses of events with the columns of NanoAOD."""
    jets = vector.zip({name.partition("_")[2]: columns[name] for name in COLUMNS})
    jets = jets[ak.argsort(jets.pt, axis=1, ascending=False)]
    jets = jets[ak.num(jets) >= 2]
    masses = (jets[:, 0] + jets[:, 1]).mass
    return np.histogram(ak.to_numpy(masses), EDGES)[0]


@dask.delayed
def count_file(path):
    """Count those of a file, block by block; no other columns are read."""
    with atlas_keras.open_compressed(path) as events:
        return sum(map(count, events.iterate(COLUMNS)), np.zeros(len(EDGES) - 1, int))


def main(paths):
    """Count those of all files."""
    return sum(dask.compute(*map(count_file, paths)))


if __name__ == "__main__":
    with LocalCluster(n_workers=4, threads_per_worker=1) as cluster, Client(cluster):
        try:
            counts = main(sys.argv[1:])
        except atlas_keras.AtlasKerasError as error:  # such as a file without these columns
            sys.exit(str(error))
        for low, n in zip(EDGES, counts, strict=False):
            print(f"{low:6.0f} GeV {n:>10,}")
