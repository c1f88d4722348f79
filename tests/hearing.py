"""A listener for tests: tells which of a few phrases was spoken."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pocketsphinx

from bot.media import SAMPLE_RATE, Pcm, resample

_RATE = 16000


@lru_cache(maxsize=32)
def _decoder(phrases: tuple[str, ...]) -> pocketsphinx.Decoder:
    alternatives = " | ".join(phrases)
    # Wide beams: the model expects wide-band speech of people, this is narrow-band speech of a machine.
    decoder = pocketsphinx.Decoder(
        samprate=_RATE, loglevel="FATAL", beam=1e-120, pbeam=1e-120, wbeam=1e-100, bestpath=False, cmn="batch"
    )
    decoder.add_jsgf_string("phrases", f"#JSGF V1.0; grammar heard; public <phrase> = {alternatives};")
    decoder.activate_search("phrases")
    return decoder


def phrase_heard(pcm: Pcm, grammar_phrases: Sequence[str]) -> str:
    """Which of `grammar_phrases` (words in lower case, no punctuation) is spoken in `pcm` (8 kHz); "" for none.

    Something is nearly always matched, so give several phrases of a few words each that differ well. All words must
    be in the English dictionary of pocketsphinx.
    """
    sound = resample(pcm, SAMPLE_RATE, _RATE)
    sound = np.pad(sound, _RATE // 4)
    # Digital silence has no spectrum to normalise by: a little noise, the same each time.
    noisy = sound + np.random.default_rng(0).normal(0, 10, len(sound))
    decoder = _decoder(tuple(grammar_phrases))
    decoder.start_utt()
    decoder.process_raw(np.clip(noisy, -32768, 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return str(hypothesis.hypstr) if hypothesis else ""
