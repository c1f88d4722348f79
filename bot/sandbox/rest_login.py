"""Endpoints for logging in and for becoming a phone: OAuth, the event gateway's token, SIP provisioning."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Header, Request, Response
from pydantic import Field

from bot.sandbox.rest_auth import CLIENT_ID, TOKEN_LIFE, WS_TOKEN_LIFE
from bot.sandbox.rest_errors import RestProblem
from bot.sandbox.rest_limits import Group
from bot.sandbox.rest_platform import Auths, Body, Heavy, Json, The

__all__ = ["router"]

SCOPE = "CallControl ReadAccounts ReadPresence EditPresence VoipCalling WebSocketsSubscription"

router = APIRouter(prefix="/restapi")


class _Transport(Body):
    transport: Literal["WSS", "WS", "TCP", "TLS", "UDP"] = "WSS"


class _Device(Body):
    id: str = ""
    computer_name: str = Field("", alias="computerName")


class _ProvisionRequest(Body):
    sip_info: Annotated[list[_Transport], Field(alias="sipInfo", min_length=1)]
    device: _Device = _Device()


@router.post("/oauth/token")
async def token(
    request: Request,
    response: Response,
    platform: The,
    grant_type: Annotated[str, Form()],
    assertion: Annotated[str, Form()] = "",
    authorization: Annotated[str | None, Header()] = None,
) -> Json:
    """Log in with a JWT (RFC 7523)."""
    user = platform.auth.user(assertion)
    headers = platform.limits.count(user.id if user else CLIENT_ID, Group.AUTH)
    request.state.limit_headers = headers
    response.headers.update(headers)
    login = platform.auth.grant(authorization, grant_type, assertion)
    return {
        "access_token": login.token,
        "token_type": "bearer",
        "expires_in": TOKEN_LIFE,
        "scope": SCOPE,
        "owner_id": login.extension.id,
        "endpoint_id": f"sandbox-{login.extension.id}",
        "session_id": login.token[:12],
    }


@router.post("/oauth/revoke")
async def revoke(
    platform: The, token: Annotated[str, Form()], authorization: Annotated[str | None, Header()] = None
) -> Json:
    """End a session."""
    platform.auth.check_app(authorization)
    platform.auth.revoke(token)
    return {}


@router.post("/oauth/wstoken")
async def ws_token(platform: The, login: Auths) -> Json:
    """A single-use token for the event gateway."""
    uri = platform.url.replace("http", "ws", 1) + "/ws"
    return {"uri": uri, "ws_access_token": platform.auth.ws_token(login), "expires_in": WS_TOKEN_LIFE}


@router.post("/v1.0/client-info/sip-provision")
async def sip_provision(body: _ProvisionRequest, platform: The, login: Heavy) -> Json:
    """The credentials of a web phone."""
    if body.sip_info[0].transport != "WSS":
        raise RestProblem(400, "SPR-120", "Transport is not supported", parameter="sipInfo.transport")
    return platform.device(login.extension, body.device.id)
