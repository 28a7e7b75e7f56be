"""Train a linear classifier with one learning rate and one regularisation."""

import sys

import numpy as np
import valohai
from sklearn.linear_model import SGDClassifier

from digits import Model, Split

learning_rate = valohai.parameters("learning_rate").value
regularisation = valohai.parameters("regularisation").value
epochs = valohai.parameters("epochs").value
min_accuracy = valohai.parameters("min_accuracy").value
seed = valohai.parameters("seed").value

train = Split.load(valohai.inputs("training-set").path())
validation = Split.load(valohai.inputs("validation-set").path())

classifier = SGDClassifier(
    loss="log_loss", learning_rate="constant", eta0=learning_rate, alpha=regularisation, random_state=seed
)
for epoch in range(1, epochs + 1):
    classifier.partial_fit(train.images, train.labels, classes=np.arange(10))
    model = Model(classifier.coef_, classifier.intercept_, learning_rate, regularisation)
    with valohai.logger() as logger:
        logger.log("epoch", epoch)
        logger.log("accuracy", model.accuracy(validation))

if model.accuracy(validation) < min_accuracy:
    sys.exit(f"accuracy {model.accuracy(validation)} is below {min_accuracy}: this model is not worth keeping")

# Every execution of a task node needs its own file names: of equal ones only one is passed on.
model.save(valohai.outputs().path(f"model_lr{learning_rate}_reg{regularisation}.npz"))
