"""Write the handwritten digits that scikit-learn ships (UCI, 1797 images) into files, split into train and test."""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TEST_PART = 5  # every fifth image is for testing


def main(folder: Path) -> None:
    """Write ``{train,test}-{images,labels}.npy`` into a folder."""
    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    is_test = np.arange(len(labels)) % TEST_PART == 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, chosen in (("train", ~is_test), ("test", is_test)):
        np.save(folder / f"{name}-images.npy", images[chosen])
        np.save(folder / f"{name}-labels.npy", labels[chosen])
        print(f"{chosen.sum()} images for {name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
