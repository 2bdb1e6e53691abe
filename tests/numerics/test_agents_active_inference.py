"""Active inference against closed forms: least squares, evidence, risk and information gain."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trophic.agents import planning, world_model
from trophic.agents.active_inference import ActiveInference

SMALL = {"n_observations": 2, "n_actions": 3, "target": (1.0, 0.0), "width": (0.5, 0.0), "n_blocks": 4, "block_size": 3}


def model_of(**parameters: object) -> ActiveInference:
    return ActiveInference(**{**SMALL, "horizon": 5, "n_policies": 7, "replan": 2, **parameters})


def test_a_block_is_ridge_regression() -> None:
    """Without dropout and forgetting: R = Y^T F (F^T F + I/P_0)^-1 on f = [tanh(A u); u], u = [o; a; 1]."""
    model = model_of(rules=(("dropout", 0.0), ("prior", 2.0)))
    state, rng = model.init(0), np.random.default_rng(0)
    rows, targets = [], []
    for _ in range(40):
        inputs, change = np.append(rng.standard_normal(5), 1.0), rng.standard_normal(3)
        world_model.learn(state.world, inputs, change, model._constants)
        rows.append(np.concatenate([np.tanh(state.sensors[1].T @ inputs), inputs]))
        targets.append(change)
    f, y = np.array(rows), np.array(targets)
    expected = np.linalg.solve(f.T @ f + np.eye(f.shape[1]) / 2.0, f.T @ y).T
    np.testing.assert_allclose(state.readout[1], expected, rtol=1e-6, atol=1e-9)


def test_evidence_of_contexts_is_bayes_rule() -> None:
    model = model_of(n_contexts=2, rules=(("belief_noise", 0.5),))
    state = model.init(0)
    state.belief[:] = [0.3, 0.7]
    error = np.array([[0.2, 0.0, 0.1], [0.4, -0.1, 0.0]])
    world_model.believe(state.world, error, model._constants)
    likelihood = np.exp(-0.5 * (error**2).sum(axis=1) / 0.25)
    np.testing.assert_allclose(state.belief, [0.3, 0.7] * likelihood / ([0.3, 0.7] @ likelihood), rtol=1e-6)


def test_expected_free_energy_is_risk_minus_gain() -> None:
    """One step with a known ensemble: every block adds its own constant to the observation."""
    model = model_of(horizon=1, replan=1)
    state = model.init(0)
    shifts = np.array([0.1, -0.2, 0.4, 0.0])
    state.readout[:, 0, -1] = shifts  # the last feature is 1
    state.noise[:] = 0.01
    goals = np.array([[1.0, 0.0], [0.5, 0.0]])
    bounds = np.array([[-4.0, -4.0], [4.0, 4.0]])
    start, weight = np.array([0.3, 0.2]), 0.7
    g = planning.expected_free_energy(state.world, 0, start, goals, bounds, planning.HOLD, weight, False)
    places = 0.3 + shifts
    risk = np.mean(0.5 * ((places - 1.0) / 0.5) ** 2)
    gain = 0.5 * math.log(1 + places.var() / 0.01)
    assert state.energy[0].tolist() == pytest.approx([risk, gain], rel=1e-9)
    assert g == pytest.approx(risk - weight * gain, rel=1e-9)


def test_reaching_counts_the_steps_before() -> None:
    """Steps of 0.3 from 0 reach 1 with the fourth: three steps of risk."""
    model = model_of(horizon=6, preference="reach")
    state = model.init(0)
    state.readout[:, 0, -1] = 0.3
    goals, bounds = np.array([[1.0, 0.0], [0.5, 0.0]]), np.array([[-4.0, -4.0], [4.0, 4.0]])
    planning.expected_free_energy(state.world, 0, np.zeros(2), goals, bounds, planning.REACH, 0.0, False)
    assert state.energy[0].tolist() == pytest.approx([3.0, 0.0], abs=1e-9)


@pytest.mark.parametrize("policy", ["softmax", "gaussian"])
def test_proposals_are_actions_held_for_a_while_and_a_function_of_the_seed(policy: str) -> None:
    model = model_of(policy=policy, horizon=40, n_policies=50, rules=(("hold", 5.0),))
    plans = []
    for _ in range(2):
        state = model.init(3)
        planning.propose(state.world, 3, int(policy == "gaussian"), 5.0, 2)
        plans.append(state.plans.copy())
    np.testing.assert_array_equal(*plans)
    if policy == "softmax":
        assert set(np.unique(plans[0][1:])) == {0.0, 1.0}
        assert (plans[0].sum(axis=2) == 1).all()
    else:
        assert np.abs(plans[0]).max() <= 1
    changes = (np.diff(plans[0], axis=1) != 0).any(axis=2).sum(axis=1)
    assert (changes >= 40 // 5 - 6).all()
    assert changes.max() < 39


def test_a_cue_is_fetched_for_its_information_only() -> None:
    """The cued T-maze. Of 10 other seeds all took the cue and were right in 96-100 % of episodes 50-100; without the
    epistemic term 40-60 %, which is chance."""
    pytest.importorskip("gymnasium")
    from trophic.agents.control import Control
    from trophic.agents.environments import spaces_of
    from trophic.agents.tasks import CueMaze

    right = {}
    for weight in (0.5, 0.0):
        model = ActiveInference.for_task("CueMaze-v0", spaces_of(CueMaze()), rules=(("epistemic", weight),))
        control = Control(CueMaze(), model, seed=3).run(110)
        right[weight] = np.mean([episode.total > 0 for episode in control.episodes[60:]])
    assert right[0.5] >= 0.9
    assert 0.25 <= right[0.0] <= 0.75


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(ValueError, match="n_contexts must divide n_blocks = 4, got 3"):
        model_of(n_contexts=3)
    with pytest.raises(ValueError, match=r"replan must be in 1..horizon = 5, got 6"):
        model_of(replan=6)
    with pytest.raises(ValueError, match="target must have n_observations = 2 entries, got 1"):
        model_of(target=(1.0,))
    with pytest.raises(ValueError, match="rules has no constant named 'rate'"):
        model_of(rules=(("rate", 1.0),))
