"""Endpoints for logging in and for becoming a phone: OAuth, the event gateway's token, SIP provisioning."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import Field

from bot.sandbox.rest.auth import CLIENT_ID, TOKEN_LIFE, WS_TOKEN_LIFE
from bot.sandbox.rest.errors import RestProblem
from bot.sandbox.rest.limits import Group
from bot.sandbox.rest.platform import Auths, Body, Heavy, Json, The

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


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form (application/x-www-form-urlencoded), each once."""
    fields = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True, max_num_fields=50)
    return {name: values[-1] for name, values in fields.items()}


Form = Annotated[dict[str, str], Depends(_form)]


@router.post("/oauth/token")
async def token(
    request: Request,
    response: Response,
    platform: The,
    form: Form,
    authorization: Annotated[str | None, Header()] = None,
) -> Json:
    """Log in with a JWT (RFC 7523)."""
    assertion = form.get("assertion", "")
    user = platform.auth.user(assertion)
    headers = platform.limits.count(user.id if user else CLIENT_ID, Group.AUTH)
    request.state.limit_headers = headers
    response.headers.update(headers)
    login = platform.auth.grant(authorization, form.get("grant_type", ""), assertion)
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
async def revoke(platform: The, form: Form, authorization: Annotated[str | None, Header()] = None) -> Json:
    """End a session."""
    platform.auth.check_app(authorization)
    platform.auth.revoke(form.get("token", ""))
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
