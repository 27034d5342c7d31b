"""CheckExpression: its request and its answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from sliceflow._info import ExpressionCheck
from sliceflow._tensor import Assembler, FloatArray, as_points, chunks
from sliceflow.spec.model import GeneratorParameter
from sliceflow.v1 import server_service_pb2, tensor_pb2


def check_request(
    source: str,
    kind: str,
    dimension: int,
    points: npt.ArrayLike | None,
    noise_dimension: int | None,
    parameters: Sequence[GeneratorParameter],
) -> server_service_pb2.CheckExpressionRequest:
    pieces = [] if points is None else list(chunks(as_points(points)))
    if len(pieces) > 1:
        raise ValueError("an expression is evaluated at no more than 1 MiB of points: 262,144 numbers")
    return server_service_pb2.CheckExpressionRequest(
        kind=kind,
        source=source,
        dimension=dimension,
        points=pieces[0] if pieces else None,
        noise_dimension=noise_dimension,
        parameters=[parameter.to_proto() for parameter in parameters],
    )


def expression_check(answer: server_service_pb2.CheckExpressionResponse) -> ExpressionCheck:
    if answer.HasField("refusal"):
        line = f"line {answer.refusal.line}: " if answer.refusal.line else ""
        return ExpressionCheck(line + answer.refusal.reason, False)
    gradients = _array(answer.gradients) if answer.HasField("gradients") else None
    return ExpressionCheck(None, answer.finite, _array(answer.points), _array(answer.values), gradients)


def _array(chunk: tensor_pb2.TensorChunk) -> FloatArray:
    assembler = Assembler()
    assembler.add(chunk)
    return assembler.take()
