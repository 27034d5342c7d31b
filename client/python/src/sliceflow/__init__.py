"""Gradient flows in the space of probability distributions, computed by a sliceflow server.

>>> import sliceflow as sf
>>> spec = sf.FlowSpec(
...     dimension=2,
...     functional=sf.Potential.mixture([[4, 0], [-4, 0]]) + 0.1 * sf.Entropy(),
...     schedule=sf.Schedule(step_size=0.1, num_steps=10),
...     model=sf.Model.real_nvp(couplings=4),
... )

A `Client` submits it and gives a `Job`, whose steps are watched while they are computed:

    with sf.Client("127.0.0.1:50051") as client:
        job = client.submit(spec)
        for step in job.watch():
            print(step.step, step.energy, step.samples.shape)
"""

from sliceflow import errors
from sliceflow._info import Device, DistanceEstimate, ExpressionCheck, JobInfo, ServerInfo
from sliceflow._retry import RetryPolicy
from sliceflow.aio import AsyncClient, AsyncJob, AsyncWatch
from sliceflow.client import Client
from sliceflow.datasets import Dataset
from sliceflow.errors import FieldViolation, SliceflowError
from sliceflow.events import Compacted, EnergyInequality, Event, InnerProgress, JobState, LogEntry, MetricValue, StateChanged, Step
from sliceflow.job import Job, JobStep
from sliceflow.result import Result
from sliceflow.spec._files import JobFileError
from sliceflow.spec.distance import Distance
from sliceflow.spec.distribution import Distribution
from sliceflow.spec.flow import FlowSpec, Output, Schedule
from sliceflow.spec.functional import Functional, Term
from sliceflow.spec.interaction import Interaction
from sliceflow.spec.job import JobLimits, JobSpec
from sliceflow.spec.metric import Metric
from sliceflow.spec.model import GeneratorParameter, Model
from sliceflow.spec.potential import Potential
from sliceflow.spec.solver import Optimizer, Solver
from sliceflow.spec.terms import Entropy, Mmd, PorousMedium, RelativeEntropy, SlicedWasserstein
from sliceflow.watch import Watch

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "AsyncWatch",
    "Client",
    "Compacted",
    "Dataset",
    "Device",
    "Distance",
    "DistanceEstimate",
    "Distribution",
    "EnergyInequality",
    "Entropy",
    "errors",
    "Event",
    "ExpressionCheck",
    "FieldViolation",
    "FlowSpec",
    "Functional",
    "GeneratorParameter",
    "InnerProgress",
    "Interaction",
    "Job",
    "JobFileError",
    "JobInfo",
    "JobLimits",
    "JobSpec",
    "JobState",
    "JobStep",
    "LogEntry",
    "Metric",
    "MetricValue",
    "Mmd",
    "Model",
    "Optimizer",
    "Output",
    "PorousMedium",
    "Potential",
    "RelativeEntropy",
    "Result",
    "RetryPolicy",
    "Schedule",
    "ServerInfo",
    "SlicedWasserstein",
    "SliceflowError",
    "Solver",
    "StateChanged",
    "Step",
    "Term",
    "Watch",
]
