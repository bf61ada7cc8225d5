import numpy as np
import pytest

from tests.models_zoo.question_network import (
    OUTPUTS,
    TAIL_LAYERS,
    USED_CLASSES,
    build_question_network,
    disc_images,
    fitted_question_network,
)

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def network():
    return fitted_question_network()


def test_the_tail_is_the_literal_one(network):
    tail = network.layers[-5:]
    assert tuple(layer.name for layer in tail) == TAIL_LAYERS
    assert [type(layer).__name__ for layer in tail] == ["Conv2D", "Conv2DTranspose", "Conv2D", "Conv2D", "Softmax"]
    assert [layer.filters for layer in tail[:4]] == [8, 2, 2, OUTPUTS]
    assert [layer.kernel_size for layer in tail[:4]] == [(3, 3), (2, 2), (3, 3), (1, 1)]
    assert network.output_shape == (None, 32, 32, 10)


def test_it_predicts_unseen_discs_well_and_never_another_class(network):
    images, truth = disc_images(32, seed=4242)
    predicted = network(images, training=False).numpy().argmax(-1)
    assert set(np.unique(predicted)) == set(USED_CLASSES)
    for index in USED_CLASSES:
        both = (predicted == index) & (truth == index)
        either = (predicted == index) | (truth == index)
        assert both.sum() / either.sum() > 0.9


def test_the_unused_outputs_were_pushed_down(network):
    images, _ = disc_images(8, seed=4242)
    probabilities = network(images, training=False).numpy()
    assert probabilities[..., 2:].max() < 0.1


def test_untrained_weights_come_from_the_seed_alone():
    import keras

    def weights(seed):
        return [array.ravel() for array in build_question_network(seed=seed).get_weights()]

    keras.utils.set_random_seed(1)
    first = np.concatenate(weights(0))
    keras.utils.set_random_seed(2)
    np.testing.assert_array_equal(first, np.concatenate(weights(0)))
    assert (first != np.concatenate(weights(1))).mean() > 0.9


def test_any_size():
    images, _ = disc_images(1, 48, seed=0)
    assert build_question_network(None)(images).shape == (1, 48, 48, OUTPUTS)
