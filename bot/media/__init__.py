"""Audio: sessions over ICE and DTLS-SRTP, what they send and hear, tones, digits, mixing, recording, speech.

The only part of the bot that imports aiortc, aioice or av.
"""

from bot.media.audio import FRAME, FRAME_SECONDS, SAMPLE_RATE, SILENCE, Pcm, frames_of, level_db, resample
from bot.media.detect import DigitDetector
from bot.media.engine import MediaEngine
from bot.media.mixer import Mixer, MixerPort
from bot.media.options import MediaOptions
from bot.media.path import MediaState
from bot.media.progress import CallProgress, Progress, ProgressEvent, VoiceActivity
from bot.media.recorder import WavRecorder
from bot.media.session import MediaSession
from bot.media.sources import PcmSource, Silence, Source, ToneSource, WavSource, concatenate
from bot.media.speech import Speech
from bot.media.statistics import MediaStats
from bot.media.tones import busy, dominant_frequency, dtmf, hold_music, reorder, ringback, sit, tone_level
from bot.media.wav import read_wav, write_wav

__all__ = [
    "FRAME",
    "FRAME_SECONDS",
    "SAMPLE_RATE",
    "SILENCE",
    "CallProgress",
    "DigitDetector",
    "MediaEngine",
    "MediaOptions",
    "MediaSession",
    "MediaState",
    "MediaStats",
    "Mixer",
    "MixerPort",
    "Pcm",
    "PcmSource",
    "Progress",
    "ProgressEvent",
    "Silence",
    "Source",
    "Speech",
    "ToneSource",
    "VoiceActivity",
    "WavRecorder",
    "WavSource",
    "busy",
    "concatenate",
    "dominant_frequency",
    "dtmf",
    "frames_of",
    "hold_music",
    "level_db",
    "read_wav",
    "reorder",
    "resample",
    "ringback",
    "sit",
    "tone_level",
    "write_wav",
]
