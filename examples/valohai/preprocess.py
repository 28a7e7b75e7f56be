"""Split scikit-learn's handwritten digits into a training, a validation and a test set."""

import valohai
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from digits import Split

seed = valohai.parameters("seed").value

images, labels = load_digits(return_X_y=True)
images /= 16
train_images, rest_images, train_labels, rest_labels = train_test_split(
    images, labels, test_size=0.4, random_state=seed, stratify=labels
)
validation_images, test_images, validation_labels, test_labels = train_test_split(
    rest_images, rest_labels, test_size=0.5, random_state=seed, stratify=rest_labels
)

splits = {
    "train": Split(train_images, train_labels),
    "validation": Split(validation_images, validation_labels),
    "test": Split(test_images, test_labels),
}
with valohai.logger() as logger:
    for name, split in splits.items():
        split.save(valohai.outputs().path(f"digits_{name}.npz"))
        logger.log(f"{name}_images", len(split.labels))
