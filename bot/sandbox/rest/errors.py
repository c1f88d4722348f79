"""Errors of the REST interface, all with the platform's body: `{errorCode, message, errors[…]}`."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

__all__ = ["RestProblem", "error_body", "install"]


class RestProblem(Exception):
    """A refusal: HTTP `status`, the platform's `code`, and the parameter that was wrong, if one was.

    `oauth_error` is the name that RFC 6749 §5.2 gives to it; the login endpoints send it beside the code.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        parameter: str = "",
        oauth_error: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.parameter = parameter
        self.oauth_error = oauth_error
        self.headers = dict(headers or {})


def error_body(problem: RestProblem) -> dict[str, object]:
    inner = {"errorCode": problem.code, "message": problem.message}
    if problem.parameter:
        inner["parameterName"] = problem.parameter
    body: dict[str, object] = {"errorCode": problem.code, "message": problem.message, "errors": [inner]}
    if problem.oauth_error:
        body |= {"error": problem.oauth_error, "error_description": problem.message}
    return body


def _respond(request: Request, problem: RestProblem) -> JSONResponse:
    limits: Mapping[str, str] = getattr(request.state, "limit_headers", {})
    return JSONResponse(error_body(problem), problem.status, {**limits, **problem.headers})


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RestProblem)
    return _respond(request, error)


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    parameter = ".".join(str(part) for part in first["loc"][1:])
    message = f"Parameter [{parameter}] value is invalid: {first['msg']}"
    return _respond(request, RestProblem(400, "CMN-101", message, parameter=parameter))


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "CMN-102", 405: "CMN-104"}.get(error.status_code, "CMN-203")
    return _respond(request, RestProblem(error.status_code, code, str(error.detail)))


async def _on_fault(request: Request, _error: Exception) -> JSONResponse:
    return _respond(request, RestProblem(500, "CMN-211", "Internal server error"))


def install(app: FastAPI) -> None:
    """Make `app` answer every error with the platform's body."""
    app.add_exception_handler(RestProblem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_fault)
