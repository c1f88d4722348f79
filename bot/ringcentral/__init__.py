"""The platform's REST interface and event gateway."""

from bot.ringcentral.gateway import Gateway
from bot.ringcentral.http import RestClient
from bot.ringcentral.provision import Provision, Provisioner

__all__ = ["Gateway", "Provision", "Provisioner", "RestClient"]
