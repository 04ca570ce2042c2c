"""A Gaussian process with a Matern-5/2 kernel and one length a feature, in numpy.

Optuna's GPSampler cannot do this: it takes no run that was stopped, no feature beside the parameters, draws its first
ten points at random and needs PyTorch. The hyperparameters are those of greatest posterior density, found by Rprop
(Riedmiller and Braun, 1993): no line search, no tuning, and the same result for the same data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

ITERATIONS = 40
FIRST_STEP, MIN_STEP, MAX_STEP = 0.2, 1e-3, 0.7
FASTER, SLOWER = 1.2, 0.5
"""Rprop's published constants, and steps in the logarithm of a hyperparameter."""

LENGTH_SPREAD = 1.0
"""Standard deviation of the prior on the logarithm of a length."""

NOISE_MEDIAN, NOISE_SPREAD = 1e-2, 1.5
"""Prior on the variance of the noise, in units of the data's: small, and unsure by a factor of e^1.5."""

MIN_NOISE = 1e-5
SIGNAL_SPREAD = 0.7

Hyperparameters = Values
"""Logarithms: one length a feature, then the variance of the signal, then that of the noise."""


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process over standardised values.

    Attributes:
        inputs: features of the observations, shape [n, f].
        theta: its hyperparameters.
        factor_inverse: inverse of the lower Cholesky factor of the covariance, shape [n, n].
        weights: covariance^-1 values, shape [n].
    """

    inputs: Values
    theta: Hyperparameters
    factor_inverse: Values
    weights: Values

    def predict(self, features: Values) -> tuple[Values, Values]:
        """Return mean and standard deviation of the noise-free function at features of shape [m, f]."""
        covariance = _kernel(features, self.inputs, self.theta)
        mean = covariance @ self.weights
        explained = np.sum((self.factor_inverse @ covariance.T) ** 2, axis=0)
        variance = np.maximum(math.exp(self.theta[-2]) - explained, 1e-12)
        return mean, np.sqrt(variance)

    def leave_one_out(self, values: Values) -> tuple[Values, Values]:
        """Return what each observation would have been expected to be without itself: mean and standard deviation.

        `values` are those that it was conditioned on, shape [n]. In closed form (Rasmussen and Williams, 5.4.2); the
        deviation is that of an observation, its noise included.
        """
        precision = np.sum(self.factor_inverse**2, axis=0)
        return values - self.weights / precision, np.sqrt(1.0 / precision)


def condition(inputs: Values, values: Values, theta: Hyperparameters) -> GaussianProcess:
    """Return the process with known hyperparameters on standardised observations."""
    covariance = _noisy(_kernel(inputs, inputs, theta), theta)
    inverse = np.linalg.inv(np.linalg.cholesky(covariance))
    return GaussianProcess(inputs, theta, inverse, inverse.T @ (inverse @ values))


def fit(inputs: Values, values: Values) -> Hyperparameters:
    """Return the hyperparameters of greatest posterior density by Rprop; `values` are standardised."""
    centre = _prior_centre(inputs.shape[1])
    theta, best, best_density = centre.copy(), centre, -math.inf
    step, before = np.full(theta.shape, FIRST_STEP), np.zeros(theta.shape)
    for _ in range(ITERATIONS):
        density, gradient = _log_density(theta, inputs, values, centre)
        if density > best_density:
            best, best_density = theta, density
        turned = gradient * before
        step = np.clip(step * np.where(turned > 0, FASTER, np.where(turned < 0, SLOWER, 1.0)), MIN_STEP, MAX_STEP)
        before = np.where(turned < 0, 0.0, gradient)
        theta = theta + np.sign(before) * step
    return best


def _prior_centre(features: int) -> Hyperparameters:
    """Return where the prior is centred: longer lengths the more features there are, as distances grow with them."""
    length = math.log(0.5 * math.sqrt(features))
    return np.array([*[length] * features, 0.0, math.log(NOISE_MEDIAN)])


def _log_density(
    theta: Hyperparameters, inputs: Values, values: Values, centre: Hyperparameters
) -> tuple[float, Values]:
    """Return the logarithm of the posterior density up to a constant, and its gradient."""
    scaled = inputs / np.exp(theta[:-2])
    signal = math.exp(theta[-2])
    distance = _distances(scaled, scaled)
    decay = np.exp(-distance)
    kernel = signal * (1 + distance + distance**2 / 3) * decay
    covariance = _noisy(kernel, theta)
    factor = np.linalg.cholesky(covariance)
    inverse_factor = np.linalg.inv(factor)
    inverse = inverse_factor.T @ inverse_factor
    weights = inverse @ values
    outer = np.outer(weights, weights) - inverse
    slope = outer * (signal * 5 / 3 * (1 + distance) * decay)
    lengths = slope.sum(axis=1) @ scaled**2 - np.sum(scaled * (slope @ scaled), axis=0)
    noise = 0.5 * math.exp(theta[-1]) * np.trace(outer)
    spread = np.array([*[LENGTH_SPREAD] * inputs.shape[1], SIGNAL_SPREAD, NOISE_SPREAD])
    density = -0.5 * float(values @ weights) - float(np.sum(np.log(np.diag(factor))))
    prior = -0.5 * float(np.sum(((theta - centre) / spread) ** 2))
    gradient = np.array([*lengths, 0.5 * float(np.sum(outer * kernel)), noise]) - (theta - centre) / spread**2
    return density + prior, gradient


def _noisy(kernel: Values, theta: Hyperparameters) -> Values:
    return np.asarray(kernel + (math.exp(theta[-1]) + MIN_NOISE) * np.eye(len(kernel)))


def _kernel(a: Values, b: Values, theta: Hyperparameters) -> Values:
    lengths = np.exp(theta[:-2])
    distance = _distances(a / lengths, b / lengths)
    return np.asarray(math.exp(theta[-2]) * (1 + distance + distance**2 / 3) * np.exp(-distance))


def _distances(a: Values, b: Values) -> Values:
    """Return sqrt(5) times the distances between scaled features, shape [n, m]."""
    square = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T
    return np.asarray(np.sqrt(5.0 * np.maximum(square, 0.0)))
