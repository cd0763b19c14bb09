"""Trainings without what a test does not look at: each part takes as long as a training of the tests itself.

Each function takes what sets an attribute: that of a `MonkeyPatch`, or the built-in one in a process that ends.
"""


def leave_out_plots(set_attribute=setattr):
    """Let trainings and evaluations draw nothing."""
    from atlas_keras.evaluation.evaluation import Evaluation
    from atlas_keras.evaluation.evaluation_folder import write_evaluation
    from atlas_keras.training import run

    def write(folder, evaluation, metrics, provenance, figures):
        write_evaluation(folder, evaluation, metrics, provenance)

    set_attribute(Evaluation, "plots", lambda self: {})
    set_attribute(run, "write_evaluation", write)


def leave_out_finder(set_attribute=setattr):
    """Let trainings whose learning rate is given look for no other one: they are told of a smooth curve."""
    import numpy as np

    from atlas_keras.training import finder, run

    steps = np.linspace(-1, 1, finder.STEPS)
    rates = finder.suggest(np.geomspace(finder.LOWEST, finder.HIGHEST, finder.STEPS), 1 + (steps - 0.5) ** 2)

    def find_rates(training_setup, rows, config):
        assert config.training.learning_rate is not None
        return rates

    set_attribute(run, "_find_rates", find_rates)
