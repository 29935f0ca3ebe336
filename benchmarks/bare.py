"""The peer of the gateway: one bare Starlette route that reads JSON and answers JSON."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def _heartbeat(request: Request) -> JSONResponse:
    message = await request.json()
    return JSONResponse({"sent_at": message["sent_at"], "directives": {}})


application = Starlette(
    routes=[Route("/api/v1/agents/{agent_id}/heartbeat", _heartbeat, methods=["POST"])]
)
