// What a page says and hears. The microphone is an oscillator; every remote track of every RTCPeerConnection is
// recorded as 8 kHz mono, so that the test can measure it with the same tools as any other audio.
"use strict";

const audio = (() => {
  const RATE = 8000;
  const RECORDER = `
    registerProcessor("recorder", class extends AudioWorkletProcessor {
      constructor() { super(); this.block = new Float32Array(${RATE / 50}); this.used = 0; }
      process([[channel]]) {
        for (let i = 0; i < 128; i++) {
          this.block[this.used++] = channel ? channel[i] : 0;
          if (this.used === this.block.length) {
            this.port.postMessage(this.block);
            this.block = new Float32Array(${RATE / 50});
            this.used = 0;
          }
        }
        return true;
      }
    });`;

  const speaking = new AudioContext();
  const oscillator = new OscillatorNode(speaking);
  const gain = new GainNode(speaking, { gain: 0 });
  oscillator.connect(gain);
  oscillator.start();

  const listening = new AudioContext({ sampleRate: RATE });
  const ready = listening.audioWorklet.addModule(URL.createObjectURL(new Blob([RECORDER], { type: "text/javascript" })));

  const microphone = new GainNode(speaking); // all that this page says
  gain.connect(microphone);

  function setMicrophone(hertz, level) {
    oscillator.frequency.value = hertz || 1;
    gain.gain.value = hertz ? level : 0;
  }

  // Says 8 kHz samples once, over the tone if there is one; resolves when they were said.
  function say(samples) {
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: RATE });
    buffer.copyToChannel(Float32Array.from(samples, (sample) => sample / 32768), 0);
    const source = new AudioBufferSourceNode(speaking, { buffer });
    source.connect(microphone);
    source.start();
    return new Promise((resolve) => source.addEventListener("ended", () => resolve()));
  }

  navigator.mediaDevices.getUserMedia = async () => {
    const destination = speaking.createMediaStreamDestination();
    microphone.connect(destination);
    return destination.stream;
  };

  // One ear a remote track: keeps what was heard since the last time that somebody asked.
  async function ear(track) {
    await ready;
    const stream = new MediaStream([track]);
    const element = new Audio(); // Chromium decodes a remote track only while an element plays it
    element.muted = true;
    element.srcObject = stream;
    element.play().catch(() => {}); // refused when the call ends before it began
    const recorder = new AudioWorkletNode(listening, "recorder", { numberOfOutputs: 0 });
    const waiting = [];
    recorder.port.onmessage = ({ data }) => {
      for (const listener of waiting.splice(0)) if (!listener(data)) waiting.push(listener);
    };
    listening.createMediaStreamSource(stream).connect(recorder);
    return {
      element, // kept alive with the ear
      // The next `seconds` of sound, as 16-bit samples.
      listen(seconds) {
        const samples = [];
        return new Promise((resolve) => {
          waiting.push((block) => {
            for (const sample of block) samples.push(Math.max(-32768, Math.min(32767, Math.round(sample * 32767))));
            if (samples.length < seconds * RATE) return false;
            resolve(samples);
            return true;
          });
        });
      },
    };
  }

  const ears = new WeakMap(); // RTCPeerConnection -> promise of the ear of its first audio track
  const NativePeer = window.RTCPeerConnection;
  window.RTCPeerConnection = class RTCPeerConnection extends NativePeer {
    constructor(...args) {
      super(...args);
      ears.set(this, new Promise((resolve) => {
        this.addEventListener("track", ({ track }) => track.kind === "audio" && resolve(ear(track)));
      }));
    }
  };

  async function listen(peer, seconds) {
    return (await ears.get(peer)).listen(seconds);
  }

  return { setMicrophone, say, listen };
})();
