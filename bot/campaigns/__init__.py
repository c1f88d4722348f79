"""Outbound campaigns: whom to call and when, by the rules of the trade; what happens in a call is a flow."""

from bot.campaigns.actions import KeepsOptOuts, opt_out_action
from bot.campaigns.compliance import DialRules, Reason, Verdict, may_dial
from bot.campaigns.contacts import Rejected
from bot.campaigns.dialer import OnProgress, Progress, RunResult
from bot.campaigns.loader import load_campaigns
from bot.campaigns.model import Campaign, CampaignFile
from bot.campaigns.placing import FlowResult, PlacedCall, Places, RunFlow
from bot.campaigns.report import CampaignReport, ContactReport, report_tables
from bot.campaigns.service import Campaigns

__all__ = [
    "Campaign",
    "CampaignFile",
    "CampaignReport",
    "Campaigns",
    "ContactReport",
    "DialRules",
    "FlowResult",
    "KeepsOptOuts",
    "OnProgress",
    "PlacedCall",
    "Places",
    "Progress",
    "Reason",
    "Rejected",
    "RunFlow",
    "RunResult",
    "Verdict",
    "load_campaigns",
    "may_dial",
    "opt_out_action",
    "report_tables",
]
